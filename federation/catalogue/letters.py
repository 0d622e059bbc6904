"""The letters to partners and to the operator: plain text in French, then in English, with the grouped report.

Reads the ledger, sends nothing. A letter says no more than the public page that it leads to: mail travels unprotected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from federation.catalogue.disclosure import Disclosure
from federation.catalogue.reports import SEVERITIES, Cause, Report, report_of
from federation.engines.mail import Mail
from federation.errors import PeerError
from federation.ledger import Ledger
from federation.ledger.notices import NoticeRow
from federation.model import RunReport, Severity, Text, place_in
from federation.settings import Settings

CAUSES = 15  # of each severity; the page has all
WORDS = 15
_PLACES = 3
_RULE = "\n" + "-" * 60 + "\n"

_SUBJECTS: Mapping[str, Text] = {
    "started": {"fr": "vos fiches sont en ligne", "en": "your records are online"},
    "failing": {"fr": "la moisson échoue depuis deux nuits", "en": "the harvest has failed for two nights"},
    "held": {"fr": "une partie de la moisson attend un accord", "en": "a part of the harvest waits for approval"},
    "rejects": {"fr": "des fiches sont refusées", "en": "some records are refused"},
    "gone": {"fr": "le flux n'est plus à son adresse", "en": "the feed is no longer at its address"},
    "recovered": {"fr": "tout est rentré dans l'ordre", "en": "all is well again"},
    "digest": {"fr": "toujours à corriger", "en": "still to be corrected"},
}
_OPENINGS: Mapping[str, Text] = {
    "started": {
        "fr": "Votre flux a été lu pour la première fois et vos fiches sont en ligne. Merci !",
        "en": "Your feed has been read for the first time and your records are online. Thank you!",
    },
    "failing": {
        "fr": "Votre flux n'a pas pu être lu, pour la deuxième nuit de suite. Ce qui était en ligne y reste.",
        "en": "Your feed could not be read, for the second night in a row. What was online stays online.",
    },
    "held": {
        "fr": "Votre flux a changé plus que d'habitude. Par prudence, une partie attend qu'une personne confirme ; "
        "rien n'est perdu.",
        "en": "Your feed has changed more than usual. To be safe, a part of it waits until a person confirms; nothing "
        "is lost.",
    },
    "rejects": {
        "fr": "Des fiches de votre flux n'ont pas pu être prises. Les autres sont en ligne.",
        "en": "Some records of your feed could not be taken. The others are online.",
    },
    "gone": {
        "fr": "Votre flux n'est plus à son adresse. La source est mise en pause, vos fiches restent en ligne. "
        "Donnez-nous la nouvelle adresse, ou dites-nous quand elle répond de nouveau.",
        "en": "Your feed is no longer at its address. The source is paused, your records stay online. Please tell us "
        "the new address, or when it answers again.",
    },
    "recovered": {
        "fr": "Le problème que nous vous avions signalé est résolu : tout est en ligne.",
        "en": "The problem that we told you of is solved: everything is online.",
    },
    "digest": {
        "fr": "Ce que nous vous avions signalé vaut toujours. Nous ne vous le rappelons qu'une fois par semaine.",
        "en": "What we told you of still holds. We remind you of it once a week only.",
    },
}
_SEE: Text = {"fr": "Le compte rendu complet, ligne par ligne :", "en": "The whole report, row by row:"}
_END: Text = {
    "fr": "Pour recevoir moins de messages, ou ne plus en recevoir, écrivez à la personne qui tient ce site",
    "en": "To get fewer of these messages, or none, write to whoever runs this site",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """Subject and body, in French and English."""

    subject: str
    body: str


def letter(kind: str, report: Report, source: str, base: str, name: str, contact: str) -> Letter:
    """Write to a partner about a run. ``source``: the name of its feed; ``name``, ``contact``: of this instance."""
    said = _SUBJECTS[kind]
    bodies = []
    for language, start in (("fr", ""), ("en", "/en")):
        parts = [
            _OPENINGS[kind][language],
            *_account(report, language),
            f"{_SEE[language]}\n{base}{start}/runs/{report.run.run}",
            f"{_END[language]}{f' ({contact})' if contact else ''}.",
        ]
        bodies.append("\n\n".join(parts))
    return Letter(f"[{name}] {source} : {said['fr']} / {said['en']}", _RULE.join(bodies) + "\n")


def _account(report: Report, language: str) -> list[str]:
    parts = [report.told[language]] if report.told else []
    parts.append(report.account[language])
    parts += [hold[language] for hold in report.holds]
    for severity in (Severity.VIOLATION, Severity.WARNING):
        if causes := report.of(severity):
            lines = [_cause(cause, language) for cause in causes[:CAUSES]]
            lines += [f"- … (+{len(causes) - CAUSES})"] if len(causes) > CAUSES else []
            parts.append("\n".join([f"{SEVERITIES[severity][language]} ({report.count(severity)})", *lines]))
    if report.words:
        title = "Mots inconnus" if language == "fr" else "Unknown words"
        near = "le plus proche" if language == "fr" else "the nearest"
        lines = [
            f"- « {one.word} » ×{one.count}{f' ({near} : {one.nearest})' if one.nearest else ''}"
            for one in report.words[:WORDS]
        ]
        parts.append("\n".join([title, *lines]))
    return parts


def _cause(cause: Cause, language: str) -> str:
    places = [place_in(one.where, language) for one in cause.examples if one.where][:_PLACES]
    more = " …" if cause.count > len(places) else ""
    colon = " :" if language == "fr" else ":"
    where = f" ({', '.join(places)}{more})" if places else ""
    return f"- ×{cause.count} {cause.label[language]}{colon} {cause.message[language]}{where}"


def fleet_letter(rules: Sequence[str], sources: Sequence[str], base: str, name: str) -> Letter:
    """Write to the operator: too many sources fell on one rule, so partners have not been written to."""
    listed = "\n".join(f"- {source}" for source in sources)
    said = ", ".join(rules)
    french = (
        f"{len(sources)} sources sont tombées le même jour sur la même règle : {said}.\nLa cause est sans doute chez "
        "nous (réglage, vocabulaire, réseau). Les lettres aux contributeurs sont retenues ; elles partiront si le "
        f"problème reste à une source.\n\n{listed}\n\n{base}/contributeurs"
    )
    english = (
        f"{len(sources)} sources fell on the same rule on one day: {said}.\nThe cause is most likely ours (a setting, "
        "the vocabulary, the network). Letters to partners are held back; they leave if the problem stays with a "
        f"source.\n\n{listed}\n\n{base}/en/contributeurs"
    )
    subject = f"[{name}] {len(sources)} sources, {said} : lettres retenues / letters held back"
    return Letter(subject, _RULE.join((french, english)) + "\n")


def mail_of(
    notice: NoticeRow, ledger: Ledger, disclosure: Callable[[RunReport], Disclosure], settings: Settings
) -> Mail:
    """Write the letter of a notice, of what is public only. Raises PeerError if its run is not known any more."""
    made = _fleet(notice, settings) if not notice.source else _of_run(notice, ledger, disclosure, settings)
    host = urlsplit(settings.base_url).hostname or "localhost"
    return Mail(notice.recipient, made.subject, made.body, f"notice-{notice.id}@{host}", notice.made)


def _fleet(notice: NoticeRow, settings: Settings) -> Letter:
    return fleet_letter(notice.detail["rules"], notice.detail["sources"], settings.base_url, settings.name)


def _of_run(
    notice: NoticeRow, ledger: Ledger, disclosure: Callable[[RunReport], Disclosure], settings: Settings
) -> Letter:
    run, source = ledger.runs.get(notice.run), ledger.sources.get(notice.source)
    if run is None:
        raise PeerError(
            f"The run {notice.run} that a letter was about is gone.",
            f"Le passage {notice.run} dont une lettre devait parler n'existe plus.",
        )
    report = report_of(run, ledger.findings.alike, disclosure(run))
    name = source.name if source is not None else notice.source
    return letter(notice.kind, report, name, settings.base_url, settings.name, settings.contact)
