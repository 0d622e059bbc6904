"""What anybody may read of us by ActivityPub: actors, collections, activities, objects, discovery.

Reads the public graph and the ledger, and makes each document anew: what was withdrawn is a Tombstone everywhere.
Must never show a relation between two actors, nor anything that the public graph does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from federation import __version__
from federation.activitypub import activities, actors, collections, nodeinfo, notes, objects, webfinger
from federation.activitypub.activities import Saying
from federation.activitypub.actors import Document, Profile, PublicKeys
from federation.activitypub.memory import Keyring, Memory
from federation.activitypub.names import COMMONS, INSTANCE, Names
from federation.activitypub.objects import Facts, Prove
from federation.catalogue.records import Catalogue
from federation.catalogue.values import CRF, DCTERMS, by_subject, one_iri, one_literal
from federation.catalogue.words import Words
from federation.engines import GraphReader
from federation.ledger.ap_activities import ActivityRow
from federation.ledger.changes import erased_name
from federation.ledger.times import from_text
from federation.model import Action, Reason, partner_of
from federation.settings import Settings

_DEPTH = 3  # activities within activities: an Announce of a Create is two


@dataclass(frozen=True, slots=True)
class Answer:
    """A document to serve. ``page``: its address here for people, from the first slash on, if there is one.

    ``gone``: it is a Tombstone (410). ``settled``: it never changes. ``moved``: it is at this address now; no body.
    """

    body: bytes = b""
    page: str | None = None
    gone: bool = False
    settled: bool = False
    moved: str | None = None


@dataclass(frozen=True, slots=True)
class _Thing:
    """An object as it is embedded now: a Page or a Tombstone, since when, and whose it is."""

    document: Document
    since: datetime
    owner: str
    page: str | None = None

    @property
    def gone(self) -> bool:
        return bool(self.document["type"] == "Tombstone")


class Desk:
    """The read side of ActivityPub. Safe for threads: it keeps nothing of a question."""

    def __init__(
        self, settings: Settings, memory: Memory, reader: Callable[[], GraphReader], words: Words, keyring: Keyring
    ) -> None:
        self.names = Names(settings.base_url)
        self._name = settings.name
        self._memory = memory
        self._reader = reader
        self._words = words
        self._keyring = keyring

    # -- actors -------------------------------------------------------------------------------------------------

    def actor(self, username: str) -> Answer | None:
        """An actor by its user name; None if there is none, or if it has no keys yet."""
        made = self.actor_document(username)
        return None if made is None else self._found(made, self._path(str(made["url"])))

    def moderators(self) -> Answer:
        """The collection of those who may post in the Group."""
        slugs = [partner.slug for partner in self._memory.sources.partners()]
        return self._found(actors.moderators(self.names, slugs), "/contributeurs")

    def actor_document(self, username: str, keys: PublicKeys | None = None) -> Document | None:
        """The document of an actor. ``keys``: those to show in place of the current ones, for a rotation."""
        keys = keys or self._keyring.public(self.names.actor(username))
        if keys is None:
            return None
        if username == INSTANCE:
            return actors.instance_actor(self.names, self._instance_profile(), keys)
        if username == COMMONS:
            return actors.commons_actor(self.names, self._commons_profile(), keys)
        profile = self._partner_profile(username)
        return None if profile is None else actors.partner_actor(self.names, username, profile, keys)

    def _instance_profile(self) -> Profile:
        said = f"Le serveur de {self._name} : il signe ce que demande et suit ce commun. / The server of {self._name}."
        return Profile(self._name, said, f"{self.names.origin}/", self._memory.sources.since())

    def _commons_profile(self) -> Profile:
        said = (
            f"Tous les projets de {self._name}, à mesure que les contributeurs les publient. / "
            f"Every project of {self._name}, as contributors publish them."
        )
        return Profile(self._name, said, f"{self.names.origin}/projets", self._memory.sources.since())

    def _partner_profile(self, slug: str) -> Profile | None:
        known = self._memory.sources.partner(slug)
        if known is None:
            return None
        said = (
            f"Les projets que {known.name} publie dans {self._name}. / Projects that {known.name} publishes in "
            f"{self._name}."
        )
        since = self._memory.sources.since(slug)
        return Profile(known.name, said, f"{self.names.origin}/contributeur/{slug}", since)

    def _is_actor(self, username: str) -> bool:
        return username in {INSTANCE, COMMONS} or self._memory.sources.partner(username) is not None

    # -- collections --------------------------------------------------------------------------------------------

    def outbox(self, username: str) -> Answer | None:
        """The outbox of an actor."""
        if not self._is_actor(username):
            return None
        actor = self.names.actor(username)
        return self._found(collections.outbox(actor, self._memory.outbox.total(actor)))

    def outbox_page(self, username: str, number: int) -> Answer | None:
        """One page of it; None after the newest."""
        if not self._is_actor(username):
            return None
        actor = self.names.actor(username)
        ulids = self._memory.outbox.page(actor, number)
        if not ulids and number > 1:
            return None
        ids = [self.names.activity(ulid) for ulid in ulids]
        made = collections.outbox_page(actor, number, ids)
        return self._found(made, settled=len(ids) == collections.PAGE_SIZE)

    def followers(self, username: str) -> Answer | None:
        """How many follow an actor."""
        if not self._is_actor(username):
            return None
        actor = self.names.actor(username)
        return self._found(collections.followers(actor, self._memory.relations.followers(actor)))

    def following(self, username: str) -> Answer | None:
        """How many an actor follows."""
        if not self._is_actor(username):
            return None
        actor = self.names.actor(username)
        return self._found(collections.following(actor, self._memory.relations.following(actor)))

    def context(self, pid: str) -> Answer | None:
        """The objects of one project; moved if it has become part of another, gone if all of it was withdrawn."""
        catalogue = self._catalogue()
        project = f"{self.names.origin}/id/projet/{pid}"
        content = catalogue.thing(project)
        if content is None:
            return self._gone_context(pid, project)
        survivor = one_iri(by_subject(content.triples).get(project, {}), DCTERMS + "isReplacedBy")
        if survivor is not None and survivor.startswith(f"{self.names.origin}/id/projet/"):
            return Answer(moved=self.names.context(survivor.rpartition("/")[2]))
        items = [named for record in catalogue.records_of(content) if (named := self.object_of(record)) is not None]
        return self._found(collections.project_context(self.names, pid, items), f"/projet/{pid}")

    def _gone_context(self, pid: str, project: str) -> Answer | None:
        last = self._memory.changes.latest(project)
        if last is None or last.action is not Action.DELETE:
            return None
        made = actors.tombstone_actor(self.names.context(pid), "OrderedCollection", last.time)
        return self._found(made, f"/projet/{pid}", gone=True)

    # -- objects ------------------------------------------------------------------------------------------------

    def object_of(self, record: str) -> str | None:
        """The object id of a record: ours, or the one of the partner who pushed it."""
        return self._memory.elsewhere(record) or self.names.object(record)

    def project_document(self, pid: str) -> str:
        """Where the AS2 view of a project is: its single record's object, else its context (interface design, 1)."""
        catalogue = self._catalogue()
        content = catalogue.thing(f"{self.names.origin}/id/projet/{pid}")
        return self.view_of(pid, [] if content is None else catalogue.records_of(content))

    def view_of(self, pid: str, records: Sequence[str]) -> str:
        """The same, where the records of the project are known."""
        only = self.object_of(records[0]) if len(records) == 1 else None
        return only or self.names.context(pid)

    def object(self, rid: str) -> Answer | None:
        """A record as a Page, with its own proof; gone if it was withdrawn, moved if its partner pushed it."""
        object_id = f"{self.names.origin}/objects/{rid}"
        record = f"{self.names.origin}/records/{rid}"
        if (there := self._memory.elsewhere(record)) is not None:
            return Answer(moved=there)
        thing = self._thing(object_id)
        if thing is None:
            return None
        prove = self._prover(thing.owner, thing.since)
        return self._found(objects.served(self.names, thing.document, prove), thing.page, gone=thing.gone)

    def embedded(self, record: str) -> Document | None:
        """What an activity about a record embeds now: its Page or its Tombstone; None if it never was."""
        object_id = self.names.object(record)
        thing = None if object_id is None else self._thing(object_id)
        return None if thing is None else thing.document

    def _thing(self, object_id: str) -> _Thing | None:
        record = self.names.record(object_id)
        if record is None:
            return None
        catalogue = self._catalogue()
        content, project = catalogue.record(record), catalogue.project_of(record)
        owner = self.names.partner(partner_of(record, self.names.origin))
        if content is None or project is None:
            return self._tombstone(record, object_id, owner)
        last = self._memory.changes.latest(record, catalogue.seq)
        beside = by_subject(content.beside).get(record, {})
        first = one_literal(beside, CRF + "firstSeen")
        seen = from_text(first) if first else None
        updated = last.time if last is not None else seen
        if updated is None:
            return None
        facts = Facts(project.rpartition("/")[2], seen or updated, updated)
        document = objects.project_object(self.names, record, content.triples, facts, self._words)
        return _Thing(document, updated, owner, f"/projet/{facts.pid}")

    def _tombstone(self, record: str, object_id: str, owner: str) -> _Thing | None:
        last = self._memory.changes.latest(record)
        if last is None or last.action is not Action.DELETE:
            return None
        kept = self._memory.records.get([record, erased_name(record)]).values()
        reason = next((Reason(state.reason) for state in kept if state.reason), None)
        page = self._path(record)
        return _Thing(objects.tombstone(object_id, last.time, reason), last.time, owner, page)

    # -- activities ---------------------------------------------------------------------------------------------

    def activity(self, ulid: str) -> Answer | None:
        """An activity that was said to everybody, with its object as it is now; None for any other."""
        row = self._memory.outbox.get(ulid)
        if row is None:
            return None
        if not row.document:  # its object was erased at a person's request
            made = actors.tombstone_actor(self.names.activity(ulid), row.kind, from_text(row.made))
            return self._found(made, gone=True)
        body = self._activity(row, _DEPTH)
        return None if body is None else Answer(body)

    def note(self, ulid: str) -> Answer | None:
        """A Note about a record, made of what the record says now; gone with it."""
        row = self._memory.outbox.get(ulid)
        if row is None or row.kind != notes.CREATED:
            return None
        thing = self._thing(row.object or "")
        if thing is None or not row.document:
            made = actors.tombstone_actor(self.names.note(ulid), "Note", from_text(row.made))
            return self._found(made, gone=True)
        said = notes.note(self.names, Saying(row.id, row.actor, from_text(row.made)), thing.document)
        return self._found({"@context": actors.AS2, **said}, thing.page, gone=thing.gone)

    def _activity(self, row: ActivityRow, depth: int) -> bytes | None:
        if row.object is None or depth == 0:
            return None
        say = Saying(row.id, row.actor, from_text(row.made))
        if row.kind == notes.DELETED:
            return row.document  # it says nothing but which Note is gone
        if row.kind == "Announce":
            return self._announce(row.object, say, depth)
        made: Document | None = None
        if row.object == row.actor:
            made = self._update_of_actor(row, say)
        elif row.kind == notes.CREATED:
            if (thing := self._thing(row.object)) is not None:
                made = notes.activity(self.names, row.kind, say, notes.note(self.names, say, thing.document))
        elif row.kind in activities.ABOUT_RECORDS:
            thing = self._thing(row.object)
            if thing is not None:
                prove = self._prover(row.actor, max(say.at, thing.since))
                made = activities.ABOUT_RECORDS[row.kind](self.names, say, thing.document, prove)
        return None if made is None else activities.serialise(made)

    def _update_of_actor(self, row: ActivityRow, say: Saying) -> Document | None:
        actor = self.actor_document(self.names.username(row.actor) or "")
        if actor is None or row.kind != "Update":
            return None
        return activities.update_actor(self.names, say, actor, self._prover(row.actor, say.at))

    def _announce(self, about: str, say: Saying, depth: int) -> bytes:
        """The inner activity of ours is made anew, too; one of another's is named, for its origin to tell."""
        ulid = self.names.ulid(about)
        row = None if ulid is None else self._memory.outbox.get(ulid)
        inner = None if row is None else self._activity(row, depth - 1)
        if inner is None:
            return activities.serialise(activities.announce_object(self.names, say, about))
        return activities.announce_activity(self.names, say, inner)

    # -- discovery ----------------------------------------------------------------------------------------------

    def webfinger(self, resource: str, relations: Collection[str] = ()) -> Document | None:
        """The descriptor of a resource; None if it is nobody here."""
        asked = webfinger.read_resource(self.names, resource)
        if asked is None:
            return None
        if asked.username is None:
            return webfinger.origin_answer(self.names, relations)
        actor = self.actor_document(asked.username)
        return None if actor is None else webfinger.actor_answer(self.names, actor, relations)

    def node_links(self) -> Document:
        """Where NodeInfo is."""
        return nodeinfo.well_known(self.names)

    def node_info(self) -> Document:
        """NodeInfo itself."""
        return nodeinfo.node_info(__version__, self._name)

    # -- what all of it needs -----------------------------------------------------------------------------------

    def _catalogue(self) -> Catalogue:
        return Catalogue(self._reader(), self._words, self.names.origin)

    def _prover(self, actor: str, created: datetime) -> Prove | None:
        if self._keyring.public(actor) is None:
            return None
        return lambda document: self._keyring.prove(actor, document, created)

    def _path(self, address: str) -> str | None:
        path = address.removeprefix(self.names.origin)
        return path if path != address else None

    def _found(
        self, document: Document, page: str | None = None, *, gone: bool = False, settled: bool = False
    ) -> Answer:
        return Answer(activities.serialise(document), page, gone, settled)
