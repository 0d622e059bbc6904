"""What the web needs from the platform: only these attributes, only these calls. Must never name an engine."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from federation.activitypub.desk import Answer
from federation.activitypub.inbox import Answer as Receipt
from federation.activitypub.peers import Peers
from federation.activitypub.signatures import Message
from federation.catalogue.disclosure import Disclosure
from federation.engines import GraphReader, PublicQueries, SearchIndex
from federation.ledger.audit import AuditLine
from federation.ledger.candidacies import Candidacy, CandidacyState
from federation.ledger.gate import Login
from federation.ledger.operations import RunSheet, SourceState, Withheld
from federation.ledger.sessions import Session
from federation.model import Counts, Finding, Rule, RunKind, RunReport, RunState
from federation.pipeline.joining import JoinRequest
from federation.pipeline.trial import Result, TrialRequest
from federation.settings import Settings
from federation.vocabulary import Vocabulary


class SourceLine(Protocol):
    """A declared source of a partner, as its page shows it. ``licence`` is an IRI."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def licence(self) -> str | None: ...
    @property
    def url(self) -> str | None: ...


class PassageLine(Protocol):
    """One run in short. ``live``: records of the source that were online at its end."""

    @property
    def run(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def state(self) -> RunState: ...
    @property
    def kind(self) -> RunKind: ...
    @property
    def started(self) -> datetime: ...
    @property
    def ended(self) -> datetime | None: ...
    @property
    def counts(self) -> Counts: ...
    @property
    def live(self) -> int: ...


class QualityLine(Protocol):
    """The quality of a source after a run: plain values, see catalogue/quality.py."""

    @property
    def run(self) -> str: ...
    @property
    def detail(self) -> Mapping[str, Any]: ...


class RunBook(Protocol):
    """The little that pages may know of the ledger."""

    def sources_of(self, partner: str) -> Sequence[SourceLine]:
        """Declared sources of a partner, by slug."""

    def last_run(self, source: str) -> RunReport | None:
        """The latest finished run of a source, by id."""

    def run(self, name: str) -> RunReport | None:
        """One run by its ULID, without its findings; None if there is none."""

    def findings(self, run: str) -> Iterator[Finding]:
        """Every finding of a run, values that are not public included: take them through a Disclosure."""

    def findings_alike(
        self,
        run: str,
        examples: int,
        words: Sequence[str],
        closed: Collection[str] = frozenset(),
        message: str | None = None,
    ) -> Iterator[Finding]:
        """What a report shows of the findings of a run, with those that are alike as one: see Findings.alike."""

    def passages(self, partner: str, limit: int, source: str | None = None) -> Sequence[PassageLine]:
        """The latest runs of a partner's sources, or of one of them, newest first."""

    def qualities(self, sources: Sequence[str]) -> Mapping[str, QualityLine]:
        """The quality of some sources, by id; those that have none are absent."""

    def withdrawn(self, iri: str) -> datetime | None:
        """When a record or a project was withdrawn; None if it was not."""

    def changed(self, iri: str, seq: int) -> datetime | None:
        """When a record or a project last changed, up to change ``seq``; None if nothing is known of it."""


class Gate(Protocol):
    """Logging in and out."""

    def login(self, name: str, password: str, address: str) -> Login:
        """Try to log in from a client's address."""

    def session(self, token: str) -> Session | None:
        """The session of a token, if it still holds."""

    def logout(self, token: str) -> None:
        """End a session."""


class Operations(Protocol):
    """What operators look at and ask for. Orders are noted; whoever writes carries them out.

    Methods that name a run or a source raise LookupError if there is none, and Refused if it cannot be done.
    """

    def sources(self) -> Sequence[SourceState]:
        """Every source, by id."""

    def source(self, name: str) -> SourceState | None:
        """One source; None if there is none."""

    def idle(self) -> frozenset[str]:
        """The ids of sources that are paused or retired."""

    def source_ids(self) -> Sequence[str]:
        """The ids of all sources, in order."""

    def runs(
        self, source: str | None = None, state: RunState | None = None, page: int = 1, size: int = 50
    ) -> tuple[Sequence[RunReport], int]:
        """One page of runs, newest first, and how many there are."""

    def run(self, name: str) -> RunSheet | None:
        """One run with what was asked and approved; None if there is none."""

    def progress(self, name: str) -> Mapping[str, Any]:
        """How far a running run is: ``stage``, ``done``, ``total``."""

    def queue(self) -> Sequence[RunReport]:
        """Runs under way or waiting, oldest first."""

    def held(self) -> Sequence[RunReport]:
        """Runs that wait for a person, oldest first."""

    def withheld(self, limit: int = 200) -> Sequence[Withheld]:
        """Runs that would withdraw records, with these records."""

    def withheld_of(self, report: RunReport, limit: int = 200) -> Withheld:
        """The records whose withdrawal a held run withholds, at most ``limit`` of each kind."""

    def audit(self, limit: int = 200) -> Sequence[AuditLine]:
        """What operators asked for, newest first."""

    def queue_harvest(self, source: str, by: str) -> str:
        """Ask for a harvest; the run that will do it."""

    def approve(self, name: str, ceilings: Mapping[Rule, int], confirm_absent: bool, by: str) -> str:
        """Let a held run pass up to these figures; the run that will apply."""

    def undo(self, name: str, by: str) -> str:
        """Ask that a run be undone; the run that will do it."""

    def replay(self, name: str, by: str) -> str:
        """Ask that stored bytes be mapped again; the run that will do it."""

    def pause(self, source: str, reason: str, by: str) -> None:
        """Stop harvesting a source."""

    def resume(self, source: str, by: str) -> None:
        """Harvest a paused source again."""


class TrialDesk(Protocol):
    """Where visitors try their feeds. Raises TrialRefused, TooOften."""

    def run(self, asked: TrialRequest, client: str | None) -> str:
        """Try a feed for a network address, None for operators, and give the token of the secret link."""

    def result(self, token: str) -> Result | None:
        """The account behind a secret link; None if there is none, or not any more."""


class JoiningDesk(Protocol):
    """Where networks ask to join. Raises JoinRefused, TooOften."""

    def stamp(self) -> str:
        """What a form must carry when it is given out."""

    def submit(self, asked: JoinRequest, client: str) -> str:
        """Keep a request for a network address, and give its reference."""

    def uploaded(self, feed: str) -> bool:
        """Whether ``feed`` is the link of a trial of an uploaded file."""

    def all(self, state: CandidacyState | None = None) -> Sequence[Candidacy]:
        """Every request, or those in one state, the oldest first."""

    def find(self, reference: str) -> Candidacy:
        """One request. Raises ConfigError if there is none."""

    def propose(self, reference: str, token: str) -> None:
        """Give a request without a source file the one of a trial. Raises ConfigError (decided already)."""

    def approve(self, reference: str, by: str, identity: str | None = None) -> Path:
        """Accept a request: the source file that was written. Raises ConfigError if that cannot be."""

    def refuse(self, reference: str, by: str, reason: str) -> None:
        """Decline a request. Raises ConfigError (decided already, no reason)."""


class Federation(Protocol):
    """The read side of ActivityPub: what anybody may read of our actors. ``username``: see activitypub/names.py.

    None: there is no such thing.
    """

    def actor(self, username: str) -> Answer | None:
        """An actor: the instance, the commons, a partner."""

    def moderators(self) -> Answer:
        """Who may post in the commons."""

    def outbox(self, username: str) -> Answer | None:
        """The outbox of an actor."""

    def outbox_page(self, username: str, number: int) -> Answer | None:
        """One page of it; numbered from 1, the oldest."""

    def followers(self, username: str) -> Answer | None:
        """How many follow an actor."""

    def following(self, username: str) -> Answer | None:
        """How many an actor follows."""

    def activity(self, ulid: str) -> Answer | None:
        """One activity that was said to everybody."""

    def note(self, ulid: str) -> Answer | None:
        """One Note about a record."""

    def object(self, rid: str) -> Answer | None:
        """A record, by what stands behind ``/records/`` in its IRI."""

    def context(self, pid: str) -> Answer | None:
        """The records of one project."""

    def object_of(self, record: str) -> str | None:
        """The address of the object of a record, whether there is one or not; None for a foreign record."""

    def project_document(self, pid: str) -> str:
        """Where the view of a project is: its single record's object, else its context, whether it is or not."""

    def view_of(self, pid: str, records: Sequence[str]) -> str:
        """The same, where the records of the project are known."""

    def webfinger(self, resource: str, relations: Collection[str] = ()) -> Mapping[str, Any] | None:
        """The descriptor of a resource (RFC 7033)."""

    def node_links(self) -> Mapping[str, Any]:
        """Where NodeInfo is."""

    def node_info(self) -> Mapping[str, Any]:
        """NodeInfo 2.1."""


class Readers(Protocol):
    """Who may read ActivityStreams documents in secure mode."""

    def refusal(self, message: Message, client: str) -> Receipt | None:
        """What to answer in place of a document to a GET from a client address; None if it may be read."""


class Inbox(Protocol):
    """Where other servers send their activities."""

    def receive(self, message: Message, client: str) -> Receipt:
        """Take one raw request from a client address; 202 only once it is durable. Never raises for its content."""


class ChangeFeed(Protocol):
    """What keeps other Carrefours in step with us: plain documents, see activitypub/changes.py."""

    def feed(self) -> Mapping[str, Any]:
        """The change feed as a collection."""

    def page(self, number: int) -> Mapping[str, Any] | None:
        """One page of it, numbered from the oldest; None after the newest."""

    def digest(self) -> Mapping[str, Any]:
        """Count and combined digest of each partner's records."""

    def manifest(self) -> Mapping[str, Any]:
        """Where the manifest of each partner begins."""

    def manifest_part(self, slug: str, after: str = "") -> Mapping[str, Any]:
        """Some records of a partner, from after a key: address, digest, date."""

    def seq(self) -> int:
        """The change up to which all of this is complete."""

    def dump_part(self, slug: str, after: str = "") -> Mapping[str, Any]:
        """Some records of a partner, whole, from after a key."""

    def dump(self) -> Iterator[bytes]:
        """All public records, line by line."""


class Platform(Protocol):
    """The composition root, as the web sees it. ``reader`` is asked anew for each request."""

    @property
    def settings(self) -> Settings: ...
    @property
    def vocabulary(self) -> Vocabulary: ...
    @property
    def reader(self) -> GraphReader: ...
    @property
    def search(self) -> SearchIndex: ...
    @property
    def queries(self) -> PublicQueries: ...
    @property
    def ledger(self) -> RunBook: ...
    @property
    def trials(self) -> TrialDesk: ...
    @property
    def joining(self) -> JoiningDesk: ...
    @property
    def federation(self) -> Federation: ...
    @property
    def changes(self) -> ChangeFeed: ...
    @property
    def inbox(self) -> Inbox: ...
    @property
    def readers(self) -> Readers: ...
    @property
    def peers(self) -> Peers: ...

    def disclosure(self, run: RunReport) -> Disclosure:
        """What of the findings of a run anybody may read."""

    @property
    def gate(self) -> Gate: ...
    @property
    def operations(self) -> Operations: ...
