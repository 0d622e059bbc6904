"""Requests to join: taken from a public form, decided by an operator, whose yes writes a source file.

Must never write a source file without a person's decision, nor over one that is there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from federation.errors import CarrefourError, ConfigError, os_reason
from federation.ledger import Ledger
from federation.ledger.audit import Act, AuditLine
from federation.ledger.candidacies import Candidacy, CandidacyState
from federation.ledger.runs import ulid
from federation.ledger.sources import PartnerRow, SourceRow
from federation.model import Text
from federation.pipeline.proposal import source_text
from federation.pipeline.sources import RESERVED_SLUGS, Source, SourceShelf, parse_source
from federation.pipeline.trial import TrialRefused, check_address
from federation.pipeline.trial.visitor import NOWHERE, visitor_source
from federation.pipeline.visitors import Pace, Visitors
from federation.settings import Settings
from federation.vocabulary import Vocabulary, fold

CHARTER = "2026-11"
"""The version of the charter that the form shows: raised when its text changes what somebody agrees to."""

_PER_DAY = 5
_ALL_PER_DAY = 100
_DAY = timedelta(days=1)
_MAIL = re.compile(r"[^@\s<>\"']{1,64}@[^@\s<>\"']{1,190}\.[^@\s<>\"'.]{2,60}")
_TOKEN = re.compile(r"(?:.*/essayer/)?([A-Za-z0-9_-]{43})/?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """One filled form. ``feed``: the address of a feed, or the secret link of a trial. ``trap``: what only robots fill.

    ``address``: of the feed whose file was tried by upload.
    ``stamp``: what the form was given out with (visitors.py). ``lang``: the language of the page, ``fr`` or ``en``.
    """

    name: str = ""
    url: str = ""
    contact: str = ""
    feed: str = ""
    licence: str = ""
    charter: bool = False
    trap: str = ""
    stamp: str = ""
    lang: str = "fr"
    address: str = ""


class JoinRefused(CarrefourError):
    """The visitor must act: what is wrong, by field of the form (``name``, ``url``, …; ``stamp`` for the whole)."""

    def __init__(self, faults: Mapping[str, Text]) -> None:
        super().__init__(" ".join(said["en"] for said in faults.values()), " ".join(s["fr"] for s in faults.values()))
        self.faults = faults


class JoiningDesk:
    """Takes requests to join, and lets an operator decide on them."""

    def __init__(
        self,
        settings: Settings,
        vocabulary: Vocabulary,
        ledger: Ledger,
        visitors: Visitors,
        clock: Callable[[], datetime],
        randomness: Callable[[int], bytes],
    ) -> None:
        self._settings, self._vocabulary, self._ledger = settings, vocabulary, ledger
        self._visitors, self._clock, self._randomness = visitors, clock, randomness

    def stamp(self) -> str:
        """What a form must carry when it is given out."""
        return self._visitors.stamp()

    def submit(self, asked: JoinRequest, client: str) -> str:
        """Keep a request, and give its reference. A robot is given one, too, and nothing is kept.

        Raises JoinRefused (naming fields), TooOften, EngineUnavailable.
        """
        now = self._clock()
        reference = ulid(now, self._randomness(10))
        if asked.trap:
            return reference
        if faults := self._faults(asked):
            raise JoinRefused(faults)
        detail = self._detail(asked)
        self._visitors.take("join", client, _PER_DAY, _ALL_PER_DAY, _DAY)
        self._ledger.candidacies.add(
            Candidacy(reference, asked.name, asked.url, asked.contact, detail, CandidacyState.OPEN, now)
        )
        return reference

    def uploaded(self, feed: str) -> bool:
        """Whether ``feed`` is the link of a trial of an uploaded file, of which nobody knows where its feed lies."""
        tried = self._tried(feed)
        return tried is not None and not tried.get("url")

    def all(self, state: CandidacyState | None = None) -> list[Candidacy]:
        """Every request, or those in one state, the oldest first."""
        return self._ledger.candidacies.all(state)

    def find(self, reference: str) -> Candidacy:
        """One request. Raises ConfigError if there is none of this reference."""
        found = self._ledger.candidacies.find(reference)
        if found is None:
            raise ConfigError(
                f"There is no request {reference}. `carrefour candidates` lists them.",
                f"Il n'y a pas de demande {reference}. « carrefour candidates » les montre.",
            )
        return found

    def propose(self, reference: str, token: str) -> None:
        """Give an open request that came without a source file the one of a trial of its feed, for a person to read.

        Raises ConfigError (no such request, decided already).
        """
        request = self._open(reference)
        tried = self._ledger.trials.find(token, self._clock())
        if tried is not None and not request.detail.get("toml"):
            self._ledger.candidacies.describe(reference, {**request.detail, **_proposal(tried)})

    def approve(self, reference: str, by: str, identity: str | None = None, text: str | None = None) -> Path:
        """Accept a request: write its source file, and give its path. It is harvested by hand until ``schedule`` says
        otherwise.

        ``identity``: the id of the source, else made from the network's name. ``text``: a source file to use instead of
        the proposed one. Raises ConfigError (decided already, no source file proposed, or one for an uploaded file that
        lies nowhere yet, one of this id is there, a fault in it).
        """
        request = self._open(reference)
        proposal = text or request.detail.get("toml")
        if proposal is None:
            raise _unproposed(reference, request)
        chosen = identity or _slug(request.name)
        written = source_text(proposal, request, chosen)
        if text is None:
            source = visitor_source(written, self._vocabulary)
            if source.url.startswith(f"{NOWHERE}/"):
                raise _nowhere(reference, request)
        else:
            source = parse_source(written, f"{chosen}.toml", self._vocabulary, self._settings.sources_dir)
        path = self._settings.sources_dir / f"{chosen}.toml"
        if chosen in SourceShelf(self._settings.sources_dir, self._vocabulary).all():
            raise _there(path)
        _write_new(path, written)
        if not self._ledger.candidacies.decide(reference, CandidacyState.APPROVED, by, None, self._clock()):
            path.unlink()
            raise _decided(reference)
        self._declare(source)
        self._ledger.audit.add(AuditLine(self._clock(), by, Act.ACCEPT, source.id, None, reference))
        return path

    def refuse(self, reference: str, by: str, reason: str) -> None:
        """Decline a request with a reason. Raises ConfigError (no such request, decided already, no reason)."""
        self._open(reference)
        if not reason.strip():
            raise ConfigError(
                "A refusal needs a reason: the request keeps it.",
                "Dites pourquoi : la demande garde la raison du refus.",
            )
        if not self._ledger.candidacies.decide(reference, CandidacyState.REFUSED, by, reason.strip(), self._clock()):
            raise _decided(reference)
        self._ledger.audit.add(AuditLine(self._clock(), by, Act.DECLINE, "", None, f"{reference} : {reason.strip()}"))

    def _declare(self, source: Source) -> None:
        """Note a source before its first harvest, so that operators can ask for that on its page."""
        partner = PartnerRow(source.partner.slug, source.partner.name, source.partner.url)
        row = SourceRow(source.id, partner.slug, source.name, source.url, source.licence, source.version)
        self._ledger.sources.declare(partner, replace(row, lang=source.lang))

    def _open(self, reference: str) -> Candidacy:
        request = self.find(reference)
        if request.state is not CandidacyState.OPEN:
            raise _decided(reference)
        return request

    def _faults(self, asked: JoinRequest) -> dict[str, Text]:
        found: dict[str, Text] = {}
        if not 2 <= len(asked.name) <= 200 or not asked.name.isprintable():
            found["name"] = _said("Donnez le nom de votre réseau (2 à 200 caractères).", "Give your network's name.")
        elif _slug(asked.name) in RESERVED_SLUGS:
            found["name"] = _said(
                f"« {asked.name} » est le nom du commun lui-même : donnez le vôtre en entier.",
                f'"{asked.name}" is the name of the commons itself: give yours in full.',
            )
        if _no_address(asked.url):
            found["url"] = _said("Donnez l'adresse de votre site (https://…).", "Give your site's address (https://…).")
        if not _MAIL.fullmatch(asked.contact):
            found["contact"] = _said(
                "Donnez une adresse électronique où l'on peut vous répondre.", "Give an e-mail address to answer to."
            )
        if (said := self._feed_fault(asked.feed)) is not None:
            found["feed"] = said
        if asked.address and _no_address(asked.address):
            found["address"] = _said(
                "Donnez l'adresse de votre flux (https://…), ou laissez ce champ vide.",
                "Give the address of your feed (https://…), or leave this field empty.",
            )
        if asked.licence not in self._vocabulary.open_licences:
            found["licence"] = _said("Choisissez une licence ouverte.", "Choose an open licence.")
        if not asked.charter:
            found["charter"] = _said(
                "Pour rejoindre le carrefour, il faut accepter la charte.", "To join, the charter must be accepted."
            )
        if not found and (pace := self._visitors.pace(asked.stamp)) is not Pace.FINE:
            found["stamp"] = _PACES[pace]
        return found

    def _feed_fault(self, feed: str) -> Text | None:
        if _TOKEN.fullmatch(feed):
            if self._tried(feed) is not None:
                return None
            return _said(
                "Ce lien d'essai n'existe pas ou plus (il dure sept jours). Refaites l'essai, ou donnez l'adresse.",
                "This trial link does not exist any more (it lasts seven days). Try again, or give the address.",
            )
        if _no_address(feed):
            return _said(
                "Donnez l'adresse de votre flux (https://…), ou le lien d'un essai.",
                "Give the address of your feed (https://…), or the link of a trial.",
            )
        return None

    def _tried(self, feed: str) -> Mapping[str, object] | None:
        match = _TOKEN.fullmatch(feed)
        return self._ledger.trials.find(match[1], self._clock()) if match else None

    def _detail(self, asked: JoinRequest) -> dict[str, object]:
        tried = self._tried(asked.feed)
        detail: dict[str, object] = {"licence": asked.licence, "charter": CHARTER, "lang": asked.lang}
        if tried is None:
            return detail | {"feed": asked.feed}
        detail["feed"] = tried.get("url") or asked.address or tried.get("name")
        return detail | _proposal(tried)


def _proposal(tried: Mapping[str, object]) -> dict[str, object]:
    """What a trial gives a request: the source file by which the feed was read, and what came of it."""
    found = {"counts": tried["counts"]} if tried.get("counts") else {}
    return found | ({"toml": tried["toml"]} if tried.get("state") == "read" and tried.get("toml") else {})


def _said(fr: str, en: str) -> Text:
    return {"fr": fr, "en": en}


_PACES: Mapping[Pace, Text] = {
    Pace.TOO_FAST: _said(
        "Le formulaire est revenu en moins de trois secondes. Relisez-le, puis envoyez-le encore.",
        "The form came back in less than three seconds. Read it again, then send it again.",
    ),
    Pace.TOO_OLD: _said(
        "Le formulaire était ouvert depuis trop longtemps. Envoyez-le encore.",
        "The form had been open for too long. Send it again.",
    ),
}


def _no_address(address: str) -> bool:
    try:
        check_address(address)
    except TrialRefused:
        return True
    return False


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", fold(name)).strip("-")[:60].strip("-") or "source"


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise _there(path) from error
    except OSError as error:
        why = os_reason(error)
        raise ConfigError(
            f"{path} cannot be written: {why['en']}.", f"{path} ne peut pas être écrit : {why['fr']}."
        ) from error


def _there(path: Path) -> ConfigError:
    return ConfigError(
        f"A source `{path.stem}` is there already ({path.parent}); nothing was written. Choose another id.",
        f"Il y a déjà une source « {path.stem} » ({path.parent}) ; rien n'a été écrit. Choisissez un autre "
        "identifiant.",
    )


def _nowhere(reference: str, request: Candidacy) -> ConfigError:
    return ConfigError(
        f"The network tried an uploaded file ({request.detail.get('feed')}): where its feed lies is not known. Ask "
        f"{request.contact}, write the address into the proposed file, and give that: `carrefour candidate approve "
        f"{reference} --source FILE`.",
        f"Le réseau a essayé un fichier téléversé ({request.detail.get('feed')}) : l'adresse de son flux n'est pas "
        f"connue. Demandez-la à {request.contact}, écrivez-la dans le fichier proposé, et donnez-le : « carrefour "
        f"candidate approve {reference} --source FICHIER ».",
    )


def _unproposed(reference: str, request: Candidacy) -> ConfigError:
    suggest = f"carrefour source suggest {shlex.quote(str(request.detail.get('feed')))} > "
    approve = f"carrefour candidate approve {reference} --source "
    return ConfigError(
        f"Request {reference} came without a source file. Have one proposed: `{suggest}FILE`; read it, then give it: "
        f"`{approve}FILE`.",
        f"La demande {reference} n'a pas de fichier de source. Faites-en proposer un : « {suggest}FICHIER » ; "
        f"relisez-le, puis donnez-le : « {approve}FICHIER ».",
    )


def _decided(reference: str) -> ConfigError:
    return ConfigError(f"Request {reference} has been decided already.", f"La demande {reference} est déjà tranchée.")
