"""One delivery: signed in the dialect that the host is known to read, and once more in the other if it does not.

Must never keep anything: what is learnt goes back to whoever asked (design, section 4, dialect).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Protocol

from federation.activitypub.activities import CONTENT_TYPE
from federation.activitypub.authority import address_of, origin_of
from federation.activitypub.exchange import RemoteFault
from federation.activitypub.refusal import Refused
from federation.activitypub.remote import Answer
from federation.activitypub.retries import Verdict, retry_after, verdict
from federation.activitypub.signatures import Dialect, Message


class Signer(Protocol):
    """Our keys: see keyring.py."""

    def sign(self, actor: str, message: Message, origin: str, dialect: Dialect) -> Message:
        """Sign a request to ``origin`` by an actor of ours. Raises LookupError."""


class Carrier(Protocol):
    """The way out: see remote.py."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Deliver a signed body. Raises RemoteFault, Refused."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. ``status``: HTTP, None without an answer; ``rule``: why not, in short; ``after``: not before.

    ``learnt``: the dialect that the host turned out to read, if that was not known.
    """

    verdict: Verdict
    status: int | None = None
    rule: str | None = None
    after: datetime | None = None
    learnt: Dialect | None = None


@dataclass(frozen=True, slots=True)
class Knock:
    """Delivers. Safe for threads."""

    signer: Signer
    carrier: Carrier
    clock: Callable[[], datetime]

    def deliver(self, actor: str, inbox: str, body: bytes, known: Dialect | None) -> Outcome:
        """Deliver a body by an actor of ours. ``known``: the dialect remembered of this host."""
        first = known or Dialect.CAVAGE
        try:
            answer = self._post(actor, inbox, body, first)
            judged = verdict(answer.status)
            if judged is Verdict.UNSIGNED and _may_be_dialect(answer.status, known):
                other = Dialect.RFC9421 if first is Dialect.CAVAGE else Dialect.CAVAGE
                second = self._post(actor, inbox, body, other)
                if verdict(second.status) is not Verdict.UNSIGNED:
                    return self._outcome(second, other)
                return self._outcome(second, None)
            prefers = Dialect.RFC9421 if answer.accept_signature else first
            return self._outcome(answer, prefers if known is None and judged is Verdict.TAKEN else None)
        except RemoteFault as fault:
            return Outcome(Verdict.FAILED if fault.passing else Verdict.REFUSED, rule=fault.rule)
        except Refused as fault:
            return Outcome(Verdict.REFUSED, rule=fault.rule)
        except LookupError:
            return Outcome(Verdict.REFUSED, rule="no-key")

    def _post(self, actor: str, inbox: str, body: bytes, dialect: Dialect) -> Answer:
        """Sign for the very address that will be asked, and post."""
        address = address_of(inbox)
        origin = str(origin_of(address))
        message = Message("POST", address[len(origin) :], (("Content-Type", CONTENT_TYPE),), body)
        signed = self.signer.sign(actor, message, origin, dialect)
        return self.carrier.post(address, body, dict(signed.headers))

    def _outcome(self, answer: Answer, learnt: Dialect | None) -> Outcome:
        judged = verdict(answer.status)
        judged = Verdict.REFUSED if judged is Verdict.UNSIGNED else judged
        rule = None if judged is Verdict.TAKEN else f"status-{answer.status}"
        return Outcome(judged, answer.status, rule, retry_after(answer.retry_after, self.clock()), learnt)


def _may_be_dialect(status: int, known: Dialect | None) -> bool:
    """A host whose dialect is known means something else by 400."""
    return known is None or status != HTTPStatus.BAD_REQUEST
