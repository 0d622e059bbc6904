"""Try a feed: what would become of a visitor's address or file, with nothing published and nothing harvested.

Must never write anything but the account of the trial; nor read a visitor's bytes outside a confined process.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from federation import __version__
from federation.errors import CarrefourError
from federation.ledger import Ledger
from federation.pipeline.fetch import Fault, Fetched, FetchFailed, FetchRefused, FetchRequest, fetch, shown
from federation.pipeline.trial.places import place
from federation.pipeline.trial.process import run_apart
from federation.pipeline.trial.tasks import (
    FETCH_SECONDS,
    SECONDS,
    TOML_BYTES,
    UPLOAD_BYTES,
    Result,
    Task,
    TrialRefused,
    TrialRequest,
    Upload,
)
from federation.pipeline.visitors import TooOften, Visitors
from federation.settings import Settings
from federation.vocabulary import Vocabulary

__all__ = ["KEPT", "UPLOAD_BYTES", "Result", "TooOften", "TrialDesk", "TrialRefused", "TrialRequest", "Upload"]

KEPT = timedelta(days=7)
_WINDOW = timedelta(hours=1)
_CLOSED = 24 * 3600
_ALL_TOGETHER = 10  # times the number of one client
_PORTS = range(1024, 65536)
"""Ports beside 80 and 443 that a form may name: below are services that are no web servers."""


class TrialDesk:
    """Takes trials, and gives their accounts back to whoever has the secret link."""

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

    def run(self, asked: TrialRequest, client: str | None) -> str:
        """Try a feed for somebody at the network address ``client``, and give the token of the secret link.

        ``client`` is None for operators: what visitors may do in an hour does not bound them.

        Raises TrialRefused (the form cannot be used, or its address not be fetched), TooOften, EngineUnavailable.
        """
        _check(asked, self._vocabulary)
        if client is not None and not self._settings.trials_per_hour:
            raise TooOften(_CLOSED, "Cette instance ne prend pas d'essais.", "This instance takes no trials.")
        ends = time.monotonic() + SECONDS
        with place(self._settings.data_dir):
            if client is not None:
                most = self._settings.trials_per_hour
                self._visitors.take("trial", client, most, most * _ALL_TOGETHER, _WINDOW)
            fetched, name = self._body(asked)
            task = Task(
                name=name,
                content_type=fetched.content_type,
                charset=fetched.charset,
                url=fetched.final_url,
                length_proved=fetched.length_proved,
                toml=asked.toml,
                profile=asked.profile,
                lang=asked.lang,
                base_url=self._settings.base_url,
                headers=dict(fetched.headers),
            )
            account = run_apart(task, fetched.body, ends - time.monotonic())
        account |= {"name": name, "url": asked.address, "bytes": len(fetched.body)}
        now = self._clock()
        token = base64.urlsafe_b64encode(self._randomness(32)).decode().rstrip("=")
        self._ledger.trials.keep(token, account | {"made": now.isoformat(timespec="seconds")}, now, now + KEPT)
        return token

    def result(self, token: str) -> Result | None:
        """The account behind a secret link; None if there is none, or not any more."""
        return self._ledger.trials.find(token, self._clock())

    def _body(self, asked: TrialRequest) -> tuple[Fetched, str]:
        if asked.upload is not None:
            upload = asked.upload
            return Fetched(upload.body, "", "", 200, upload.content_type), upload.name
        request = FetchRequest(
            url=asked.address,
            max_bytes=self._settings.fetch_bytes,
            max_seconds=min(self._settings.fetch_seconds, FETCH_SECONDS),
            allow_private=self._settings.fetch_private,
            user_agent=f"Carrefour/{__version__} (+{self._settings.base_url}/essayer)",
        )
        try:
            fetched = fetch(request)
        except (FetchFailed, FetchRefused) as error:
            raise _unfetched(error, asked.address, self._settings.fetch_bytes) from error
        return fetched, urlsplit(fetched.final_url).path.rpartition("/")[2] or urlsplit(fetched.final_url).netloc


def _check(asked: TrialRequest, vocabulary: Vocabulary) -> None:
    if asked.upload is None and not asked.address:
        raise TrialRefused("address", "Donnez une adresse, ou choisissez un fichier.", "Give an address, or a file.")
    if asked.upload is not None and asked.address:
        raise TrialRefused(
            "address", "Donnez une adresse ou un fichier, pas les deux.", "Give an address or a file, not both."
        )
    if asked.upload is not None and len(asked.upload.body) > UPLOAD_BYTES:
        raise too_large_upload()
    if asked.upload is None:
        check_address(asked.address)
    if len(asked.toml.encode()) > TOML_BYTES:
        raise TrialRefused("toml", "Ce fichier de source dépasse 64 Ko.", "This source file exceeds 64 kB.")
    if asked.profile and asked.profile not in vocabulary.profiles:
        raise TrialRefused("profile", "Il n'y a pas de tel profil.", "There is no such profile.")
    if asked.profile and asked.toml:
        raise TrialRefused(
            "profile",
            "Donnez un fichier de source ou un profil, pas les deux : un fichier de source nomme son profil.",
            "Give a source file or a profile, not both: a source file names its profile.",
        )


def too_large_upload() -> TrialRefused:
    """The file is over the limit of uploads."""
    most = UPLOAD_BYTES // 1024**2
    return TrialRefused(
        "file",
        f"Ce fichier dépasse {most} Mo. Essayez avec les premières fiches, ou donnez son adresse.",
        f"This file exceeds {most} MB. Try with its first records, or give its address.",
    )


def check_address(address: str) -> None:
    """Refuse what is no public web address by its form. Raises TrialRefused.

    Where its name leads is checked when it is fetched, at every redirect.
    """
    try:
        parts = urlsplit(address)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if scheme not in {"http", "https"} or not host or len(address) > 2000 or not address.isprintable():
        raise TrialRefused(
            "address",
            "Une adresse web est attendue : elle commence par https:// ou http://.",
            "A web address is expected: it begins with https:// or http://.",
        )
    if parts.username is not None or parts.password is not None:
        raise TrialRefused(
            "address",
            "N'écrivez ni nom ni mot de passe dans l'adresse : un essai ne lit que ce qui est public.",
            "Write no name and no password in the address: a trial reads only what is public.",
        )
    if port is not None and port not in {80, 443} and port not in _PORTS:
        raise TrialRefused("address", f"Le port {port} n'est pas celui d'un site.", f"Port {port} is not a web site's.")


def _unfetched(error: FetchFailed | FetchRefused, address: str, limit: int) -> CarrefourError:
    """Why an address brought nothing, for a visitor, who cannot change settings and need not know our network."""
    if error.fault is Fault.PRIVATE:
        fr = f"{shown(address)} mène à un réseau privé ou local : refusé. Donnez une adresse que tous peuvent lire."
        en = f"{shown(address)} leads to a private or local network: refused. Give an address that everybody can read."
    elif error.fault is Fault.TOO_LARGE:
        fr = f"{shown(address)} dépasse {limit // 1024**2} Mo. Essayez avec un extrait."
        en = f"{shown(address)} exceeds {limit // 1024**2} MB. Try with an extract."
    else:
        fr, en = error.text["fr"], error.text["en"]
    return TrialRefused("address", fr, en)
