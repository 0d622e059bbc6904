"""What the parts of federation need of remote.Remote: how another server is asked, so that tests may play one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from federation.activitypub.exchange import FetchBudget, RemoteBody, Sign
from federation.activitypub.remote import RemoteDocument


class Documents(Protocol):
    """Fetches AS2 documents."""

    def fetch_document(
        self,
        url: str,
        *,
        sign: Sign | None = None,
        budget: FetchBudget | None = None,
        seconds: float = ...,
        limit: int = ...,
        wait: float = ...,
    ) -> RemoteDocument:
        """Fetch an AS2 document from the origin its id names. Raises RemoteFault, Busy, Refused."""


class Bodies(Protocol):
    """Fetches what is no AS2 document."""

    def fetch_bytes(
        self,
        url: str,
        *,
        accept: str,
        takes: Callable[[str], bool],
        limit: int,
        sign: Sign | None = None,
        budget: FetchBudget | None = None,
        seconds: float = ...,
        wait: float = ...,
    ) -> RemoteBody:
        """Fetch a body of another kind under the same guard. Raises RemoteFault, Busy, Refused."""


class Fetcher(Documents, Bodies, Protocol):
    """Fetches both."""
