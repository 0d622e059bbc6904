"""Actors of other servers: found by address or by name, fetched from their own origin, kept as their documents say.

Must never take a name for an identity: the id is, and a name counts only if it leads to the id and back (abuse 46).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from federation.activitypub.actors import RFC_9421, SYNC_PROFILE
from federation.activitypub.authority import Actor, Document, changed_members, check_actor, origin_of
from federation.activitypub.exchange import FetchBudget, RemoteFault, Sign
from federation.activitypub.fetching import Fetcher
from federation.activitypub.hearing import implements
from federation.activitypub.refusal import Refused
from federation.activitypub.remote import is_as2
from federation.activitypub.strictjson import MAX_JSONLD_BYTES, parse
from federation.activitypub.webfinger import JRD
from federation.ledger import Ledger
from federation.ledger.ap_peers import ActorRow
from federation.ledger.times import from_text, to_text

BELIEVED = timedelta(days=1)
_JRD_BYTES = 64 * 1024
_SECONDS = 5.0
_FETCHES = 6
_TOLD = ("key_ids", "keys", "inbox", "shared_inbox")
"""What operators are to hear of when it changes: by whoever has it, an actor can be taken over (abuse 23)."""
_log = logging.getLogger(__name__)
_NAME = re.compile(r"@?(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?)@(?P<host>[^@/?#\s]{1,255})", re.ASCII)


class Directory:
    """Safe for threads. ``sign``: as the instance. ``private``: names may also be asked for by http (tests, intranets).

    ``forget_keys`` is told of every actor whose keys have changed, ``declares`` of hosts that declare RFC 9421.
    """

    def __init__(
        self,
        ledger: Ledger,
        remote: Fetcher,
        clock: Callable[[], datetime],
        sign: Sign | None = None,
        private: bool = False,
        forget_keys: Callable[[str], None] = lambda _actor: None,
        declares: Callable[[str], None] = lambda _host: None,
    ) -> None:
        self._ledger, self._remote, self._clock, self._sign = ledger, remote, clock, sign
        self._schemes = ("https", "http") if private else ("https",)
        self._forget_keys, self._declares = forget_keys, declares

    def now(self) -> datetime:
        """The clock of this instance."""
        return self._clock()

    def actor(self, id_: str, budget: FetchBudget | None = None) -> ActorRow:
        """An actor as it is known, fetched if that was more than a day ago. Raises RemoteFault, Busy, Refused."""
        known = self._ledger.ap_actors.get(id_)
        if known is not None and known.gone is None and self._clock() - from_text(known.fetched) < BELIEVED:
            return known
        return self.fetch(id_, budget)

    def fetch(self, id_: str, budget: FetchBudget | None = None) -> ActorRow:
        """Fetch an actor from its id, and keep it. Raises RemoteFault, Busy, Refused (not an actor, another id)."""
        got = self._remote.fetch_document(
            id_, sign=self._sign, budget=budget or FetchBudget(_FETCHES), seconds=_SECONDS, limit=MAX_JSONLD_BYTES
        )
        actor = check_actor(got.document)
        if actor.id != id_:
            _log.warning("actor %s names itself %s: not taken", id_, actor.id[:300])
            raise Refused("actor:id")
        before = self._ledger.ap_actors.get(id_)
        row = ActorRow(
            actor.id, origin_of(id_).authority, actor.type, actor.inbox, actor.shared_inbox, _kept(got.document),
            to_text(self._clock()),
        )  # fmt: skip
        if before is not None and (moved := [name for name in changes(before, actor, got.document) if name in _TOLD]):
            _log.warning("actor %s has changed its %s; inbox now %s", id_, ", ".join(moved), actor.inbox[:300])
            if not {"key_ids", "keys"}.isdisjoint(moved):
                self._forget_keys(id_)
        self._ledger.ap_actors.put(row)
        if implements(got.document, RFC_9421):
            self._declares(row.host)
        if row.type == "Application":  # it speaks for its host: no single user can keep others' post from them
            self._note_sync(row.host, implements(got.document, SYNC_PROFILE))
        return row

    def _note_sync(self, host: str, sync: bool) -> None:
        """Note whether a host keeps in step with us: what is sent to it depends on that (design, section 4)."""
        if self._ledger.ap_hosts.get(host).sync is not sync:
            self._ledger.ap_hosts.declares_sync(host, sync)

    def is_gone(self, id_: str) -> bool:
        """Whether the origin of an actor says that it is gone (410; 404 says nothing). Raises a passing RemoteFault."""
        try:
            self._remote.fetch_document(id_, sign=self._sign, budget=FetchBudget(_FETCHES), seconds=_SECONDS)
        except RemoteFault as fault:
            if fault.passing:
                raise
            return fault.remote_status == HTTPStatus.GONE
        except Refused:
            return False
        return False

    def find(self, named: str) -> ActorRow:
        """An actor by its address, or by ``@name@host``. Raises RemoteFault, Busy, Refused (``webfinger:…``)."""
        if named.startswith(("http://", "https://")):
            return self.fetch(named)
        found = _NAME.fullmatch(named.strip().removeprefix("acct:"))
        if found is None:
            raise Refused("webfinger:name")
        return self._by_name(found["name"].lower(), found["host"].lower())

    def _by_name(self, name: str, host: str) -> ActorRow:
        """Follow a name to an actor whose own document, or whose own host, leads back to the name."""
        row = self.fetch(self._self_link(name, host))
        claimed = row.document.get("webfinger")
        if isinstance(claimed, str) and claimed.lower().removeprefix("@") == f"{name}@{host}":
            return row
        username = row.document.get("preferredUsername")
        if not isinstance(username, str):
            raise Refused("webfinger:loop")
        if row.host == host and username.lower() == name:
            return row
        raise Refused("webfinger:loop")

    def _self_link(self, name: str, host: str) -> str:
        """Where a host says that a name leads to. Raises RemoteFault, Busy, Refused."""
        acct = f"acct:{name}@{host}"
        jrd = self._jrd(host, acct)
        subject = jrd.get("subject")
        if not isinstance(subject, str) or subject.lower() != acct:
            raise Refused("webfinger:subject")
        links = jrd.get("links")
        for link in links if isinstance(links, list) else []:
            if isinstance(link, Mapping) and link.get("rel") == "self" and is_as2(str(link.get("type", ""))):
                href = link.get("href")
                origin_of(href)
                return str(href)
        raise Refused("webfinger:self")

    def _jrd(self, host: str, acct: str) -> dict[str, Any]:
        *others, last = self._schemes
        path = f"://{host}/.well-known/webfinger?resource={quote(acct, safe='')}"
        for scheme in others:
            try:
                return self._read(f"{scheme}{path}")
            except RemoteFault:
                continue  # the next scheme, where a setting allows more than one
        return self._read(f"{last}{path}")

    def _read(self, url: str) -> dict[str, Any]:
        got = self._remote.fetch_bytes(
            url, accept=f"{JRD}, application/json", takes=_is_jrd, limit=_JRD_BYTES, budget=FetchBudget(_FETCHES),
            seconds=_SECONDS,
        )  # fmt: skip
        document = parse(got.body, _JRD_BYTES)
        if not isinstance(document, dict):
            raise Refused("webfinger:form")
        return document


def changes(before: ActorRow, after: Actor, document: Document) -> tuple[str, ...]:
    """What an actor has moved since it was last fetched, for the log. ``keys``: other keys, under the same ids too."""
    same = all(before.document.get(name) == document.get(name) for name in ("publicKey", "assertionMethod"))
    keys = () if same else ("keys",)
    try:
        return (*changed_members(check_actor(before.document), after), *keys)
    except Refused:  # the old document was not in order
        return ("key_ids",)


def _kept(document: Document) -> dict[str, Any]:
    """Of an actor's document what decisions and pages need: a stranger's document may be large."""
    names = (
        *("id", "type", "name", "preferredUsername", "webfinger", "url", "inbox", "outbox", "followers", "endpoints"),
        *("publicKey", "assertionMethod", "generator", "attributedTo"),
    )
    return {name: document[name] for name in names if name in document}


def _is_jrd(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() in {JRD, "application/json"}
