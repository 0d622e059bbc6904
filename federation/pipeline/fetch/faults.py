"""Why a fetch fails, in sentences for a partner and words for the program. Must never show a secret of an address."""

from __future__ import annotations

from enum import Enum
from urllib.parse import urlsplit, urlunsplit

from federation.errors import PartnerError, PeerError
from federation.model import Text


class Fault(Enum):
    """Why a fetch failed, for whoever decides about trying again."""

    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    CUT = "cut"
    STATUS = "http-status"
    REDIRECT = "redirect"
    PRIVATE = "private-address"
    TOO_LARGE = "too-large"
    ENCODING = "content-encoding"
    GONE = "gone"  # 410: the source is to be paused
    ROBOTS = "robots"
    BUDGET = "visit-limit"


class _Told:
    """What both kinds of failure carry. ``rule`` groups findings; ``status`` and ``retry_after`` as the server said."""

    fault: Fault
    text: Text
    status: int | None
    retry_after: str | None

    @property
    def rule(self) -> str:
        return f"fetch:{self.fault.value}"


class FetchFailed(_Told, PeerError):
    """The server cannot be reached, is too slow, or broke off: trying again later may help."""

    def __init__(
        self, fault: Fault, fr: str, en: str, status: int | None = None, retry_after: str | None = None
    ) -> None:
        PeerError.__init__(self, en)
        self.fault, self.text, self.status, self.retry_after = fault, {"fr": fr, "en": en}, status, retry_after


class FetchRefused(_Told, PartnerError):
    """The address does not give a feed, or not one that we may take: somebody must change something first."""

    def __init__(self, fault: Fault, fr: str, en: str, status: int | None = None) -> None:
        PartnerError.__init__(self, en)
        self.fault, self.text, self.status, self.retry_after = fault, {"fr": fr, "en": en}, status, None


def shown(url: str) -> str:
    """Give an address as messages may show it: without user name, password and query, where secrets travel."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "…" if parts.query else "", ""))


def bad_status(url: str, status: int, retry_after: str | None) -> FetchFailed | FetchRefused:
    """Explain an HTTP status that brings no feed."""
    where = shown(url)
    if status >= 500 or status in (408, 425, 429):
        return FetchFailed(
            Fault.STATUS,
            f"{where} répond par l'erreur {status} : panne ou surcharge chez le partenaire. C'est souvent passager.",
            f"{where} answers with error {status}: a fault or overload at the partner's. This often passes.",
            status,
            retry_after,
        )
    fr, en = {
        401: ("demande une identification", "asks for credentials"),
        403: ("refuse l'accès", "denies access"),
        404: ("n'existe pas ou plus", "does not, or no longer, exist"),
        410: ("a été supprimée pour de bon", "is gone for good"),
    }.get(status, (f"répond par le statut {status}", f"answers with status {status}"))
    return FetchRefused(
        Fault.GONE if status == 410 else Fault.STATUS,
        f"L'adresse {where} {fr} ({status}). Vérifiez `url` auprès du partenaire.",
        f"The address {where} {en} ({status}). Check `url` with the partner.",
        status,
    )


def private(url: str, addresses: str) -> FetchRefused:
    """The host has only addresses that are not on the public network."""
    return FetchRefused(
        Fault.PRIVATE,
        f"{shown(url)} mène à une adresse privée ou locale ({addresses}) : refusé. Un intranet se permet par le "
        "réglage "
        "fetch_private.",
        f"{shown(url)} leads to a private or local address ({addresses}): refused. The setting fetch_private allows an "
        "intranet.",
    )


def cut(where: str) -> FetchFailed:
    """The body stopped before its end."""
    return FetchFailed(
        Fault.CUT,
        f"La réponse de {where} est coupée : elle s'arrête avant la fin annoncée. Rien n'en a été repris.",
        f"The answer of {where} was cut: it stops before its announced end. Nothing was taken from it.",
    )


def too_large(where: str, limit: int) -> FetchRefused:
    """The body has more decoded bytes than allowed."""
    return FetchRefused(
        Fault.TOO_LARGE,
        f"{where} dépasse {limit} octets. Si c'est voulu, relevez [limits] bytes dans le fichier de la source.",
        f"{where} exceeds {limit} bytes. If that is expected, raise [limits] bytes in the source file.",
    )


def invalid_address(url: str) -> FetchRefused:
    """What is written is no address: a bad port, a bracket that is not closed."""
    where = url.partition("?")[0].rpartition("@")[2]
    return FetchRefused(Fault.REDIRECT, f"L'adresse {where} n'est pas valable.", f"The address {where} is not valid.")


def disallowed(url: str) -> FetchRefused:
    """The robots.txt of the host does not want us at this address."""
    where = shown(url)
    return FetchRefused(
        Fault.ROBOTS,
        f"Le fichier robots.txt du site interdit {where} à notre robot. Ajoutez « User-agent: Carrefour » et « Allow » "
        "pour cette adresse, ou indiquez-en une autre.",
        f"The site's robots.txt forbids {where} to our robot. Add “User-agent: Carrefour” and “Allow” for this "
        "address, or state another one.",
    )


def robots_unknown(url: str, error: FetchFailed) -> FetchFailed:
    """The robots.txt cannot be had for now, so that nothing may be asked (RFC 9309, section 2.3.1.4)."""
    where = shown(url)
    return FetchFailed(
        Fault.ROBOTS,
        f"{where} répond par l'erreur {error.status} : tant qu'il est en panne, les règles du site nous interdisent "
        "d'en lire davantage. C'est souvent passager.",
        f"{where} answers with error {error.status}: as long as it is out of order, we may not read any more of the "
        "site. This often passes.",
        error.status,
        error.retry_after,
    )


def too_long(seconds: float) -> FetchFailed:
    """The whole visit took its time."""
    return FetchFailed(
        Fault.BUDGET,
        f"La visite a duré plus de {seconds:g} secondes : elle s'arrête là.",
        f"The visit took more than {seconds:g} seconds: it stops here.",
    )


def too_many_pages(limit: int) -> FetchFailed:
    """The list goes on after as many pages as a source may have."""
    return FetchFailed(
        Fault.BUDGET,
        f"La liste continue après {limit} pages. Si c'est voulu, relevez [limits] pages dans le fichier de la source.",
        f"The list goes on after {limit} pages. If that is expected, raise [limits] pages in the source file.",
    )


def too_much(limit: int) -> FetchFailed:
    """All pages of the visit together have more bytes than allowed."""
    return FetchFailed(
        Fault.BUDGET,
        f"Les pages dépassent ensemble {limit} octets. Si c'est voulu, relevez [limits] bytes dans le fichier de la "
        "source.",
        f"The pages together exceed {limit} bytes. If that is expected, raise [limits] bytes in the source file.",
    )
