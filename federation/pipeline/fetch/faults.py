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
            f"{where} répond par l'erreur {status} : panne ou surcharge chez le partenaire. Nous réessaierons.",
            f"{where} answers with error {status}: a fault or overload at the partner's. It will be tried again.",
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
        Fault.STATUS,
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
