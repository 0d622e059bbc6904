"""An instance that takes in what its inbox has kept: a real ledger and graph, and other servers that a test plays."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "pipeline"))

from made_up import BASE
from pushing import ACTOR, HOST, PEER, Pushing, contents
from years import Instance

from federation.activitypub import proofs
from federation.activitypub.authority import Purpose
from federation.activitypub.contexts import bundled
from federation.activitypub.deciding import Decider
from federation.activitypub.directory import Directory
from federation.activitypub.exchange import RemoteBody, RemoteFault
from federation.activitypub.expand import Expander
from federation.activitypub.follows import Relations
from federation.activitypub.graphs import Graphs
from federation.activitypub.hiding import Hiding
from federation.activitypub.intake import Intake
from federation.activitypub.keys import PublicKey
from federation.activitypub.names import Names
from federation.activitypub.proofs import ProofKey
from federation.activitypub.refusal import Unauthorised
from federation.activitypub.relay import Relay
from federation.activitypub.remote import RemoteDocument
from federation.activitypub.resolve import Resolver
from federation.activitypub.sending import Sender
from federation.ledger.ap_inbox import InboxRow, Received
from federation.ledger.ap_peers import BindingRow, SyncRow
from federation.ledger.times import to_text
from federation.vocabulary import Vocabulary

PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
AS2 = "https://www.w3.org/ns/activitystreams"
COMMONS = f"{BASE}/actors/commons"


class World:
    """Other servers: documents and bodies by address, or why there is none."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any] | RemoteFault] = {}
        self.bodies: dict[str, tuple[str, bytes] | RemoteFault] = {}
        self.asked: list[str] = []

    def fetch_document(self, url: str, **_how: object) -> RemoteDocument:
        """An AS2 document."""
        self.asked.append(url)
        found = self.documents.get(url, RemoteFault("remote:status", remote_status=404))
        if isinstance(found, RemoteFault):
            raise found
        return RemoteDocument(found["id"], url, found, orjson.dumps(found))

    def fetch_bytes(self, url: str, **_how: object) -> RemoteBody:
        """Another body."""
        self.asked.append(url)
        found = self.bodies.get(url, RemoteFault("remote:status", remote_status=404))
        if isinstance(found, RemoteFault):
            raise found
        return RemoteBody(url, found[1], found[0])


class KeyRing:
    """The keys of others by their ids."""

    def __init__(self) -> None:
        self.keys: dict[str, PublicKey] = {}

    def check(self, key_id: str, owner: str, _purpose: Purpose, verify: Any) -> None:
        """Verify with a key that its owner lists."""
        if key_id not in self.keys or not key_id.startswith(f"{owner}#"):
            raise Unauthorised("key:owner")
        verify(self.keys[key_id])


class IntakeDesk:
    """The intake of an instance, whose partner ``p`` pushes as ``ACTOR`` if it is bound."""

    def __init__(self, folder: Path, vocabulary: Vocabulary, days: int = 0) -> None:
        self.here = Instance(folder, vocabulary, days)
        self.pushing = Pushing(self.here)
        self.ledger, self.clock = self.here.ledger, self.here.clock
        self.world, self.keys, self.names = World(), KeyRing(), Names(BASE)
        self.expander = Expander(bundled(vocabulary))
        self.sender = Sender(self.ledger, self.names, self.clock, os.urandom)
        self.relations = Relations(self.ledger, self.names, self.sender, self.clock)
        self.directory = Directory(self.ledger, self.world, self.clock)
        resolver = Resolver(self.world, self.keys, self.expander, self.clock)
        self.decider = Decider(self.ledger, self.names, self.relations, self.directory, resolver)
        self.graphs = Graphs(self.ledger, self.names, self.sender, Relay(self.names, self.sender), self.clock)
        self.intake = self.made_anew()
        self.number = 0

    def made_anew(self) -> Intake:
        """The intake of a process that has just begun."""
        return Intake(self.ledger, self.decider, self.graphs, Hiding(self.ledger), self.clock, "me", threads=2)

    def close(self) -> None:
        """Let go of everything."""
        self.intake.close()
        self.expander.close()
        self.here.close()

    def bind(self, actor: str = ACTOR, source: str = "s") -> None:
        """Bind an actor to the partner of a source."""
        self.ledger.ap_bindings.add(BindingRow(actor, "p", source, "ana", to_text(self.clock())))

    def actor(self, id_: str, kind: str = "Organization", **more: Any) -> str:
        """An actor that its server serves."""
        self.world.documents[id_] = {"@context": AS2, "id": id_, "type": kind, "inbox": f"{id_}/inbox", **more}
        return id_

    def page(self, key: str, minutes: float = -5, owner: str = ACTOR, **more: Any) -> dict[str, Any]:
        """A page of a partner's."""
        host = owner.rpartition("/")[0]
        return {
            "id": f"{host}/pages/{key}", "type": "Page", "attributedTo": owner, "url": f"{host}/pages/{key}.html",
            "name": f"Projet {key}", "content": "<p>Un projet</p>", "updated": self.at(minutes), "to": [PUBLIC], **more,
        }  # fmt: skip

    def activity(self, kind: str, thing: Any, actor: str = ACTOR, **more: Any) -> dict[str, Any]:
        """An activity, addressed to everybody."""
        self.number += 1
        host = actor.rpartition("/")[0]
        return {
            "@context": AS2, "id": f"{host}/activities/{self.number}", "type": kind, "actor": actor, "object": thing,
            "to": [PUBLIC], **more,
        }  # fmt: skip

    def keep(self, document: Mapping[str, Any], method: str = "http") -> str:
        """Keep an activity, as the inbox does after it has been proved (or not: ``unproved``)."""
        raw = orjson.dumps(document)
        thing = document.get("object")
        named = thing.get("id") if isinstance(thing, Mapping) else thing
        host = str(document["actor"]).split("/")[2]
        verdict = {"method": method, "key": f"{document['actor']}#main-key"}
        sha256 = hashlib.sha256(raw).hexdigest()
        row = Received(
            str(document["id"]), str(document["actor"]), host, str(document["type"]), named, raw, (), verdict,
            "public", sha256, sha256,
        )  # fmt: skip
        self.ledger.ap_inbox.keep([row], self.clock())
        return str(document["id"])

    def work(self) -> None:
        """Take in all that is due."""
        while self.intake.take(self.pushing.writer):
            pass

    def give(self, document: Mapping[str, Any]) -> InboxRow:
        """Keep an activity, take in what is due, and give what became of it."""
        id_ = self.keep(document)
        self.work()
        return self.row(id_)

    def row(self, activity: str) -> InboxRow:
        """A kept activity."""
        row = self.ledger.ap_inbox.by_activity(activity)
        assert row is not None
        return row

    def online(self) -> set[str]:
        """The keys of the partner's records that are online."""
        return self.here.online("s")

    def text(self) -> str:
        """All that the record graphs say."""
        return "".join(self.here.graphs().values())

    def sent(self) -> list[dict[str, Any]]:
        """What our actors have said, in order."""
        jobs = self.ledger.ap_jobs.claim("test", self.clock(), self.clock() + timedelta(days=900), 1000)
        rows = [self.ledger.ap_activities.get(job.activity) for job in jobs]
        return [orjson.loads(row.document) for row in rows if row is not None]

    def at(self, minutes: float) -> str:
        """A time: so many minutes from now."""
        moment: datetime = self.clock() + timedelta(minutes=minutes)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def fault(self, status: int) -> RemoteFault:
        """What a server answers in place of a document."""
        return RemoteFault("remote:status", remote_status=status)

    def turn(self, **how: float) -> None:
        """Let time pass."""
        self.clock.turn(timedelta(**how))


class Peer:
    """Another Carrefour that we follow, with one partner ``p``; it signs what its partner says by proof."""

    def __init__(self, desk: IntakeDesk) -> None:
        self.desk, self.group, self.owner = desk, f"{PEER}/actors/commons", f"{PEER}/actors/p"
        desk.actor(self.group, "Group")
        desk.actor(self.owner, name="Réseau P", url=f"{PEER}/contributeur/p")
        desk.ledger.ap_syncs.put(SyncRow(self.group, PEER))
        self._key = Ed25519PrivateKey.generate()
        desk.keys.keys[f"{self.owner}#ed25519-key"] = self._key.public_key()
        self._lines = _a_record(desk)

    def announce(self, kind: str, key: str, minutes: float) -> dict[str, Any]:
        """An Announce of a Create or an Update of a record, with its data where its link says."""
        record = f"{PEER}/records/p/{key}"
        body = "".join(sorted(self._lines.replace("RECORD", record).splitlines(keepends=True))).encode()
        self.desk.world.bodies[f"{record}.nt"] = ("application/n-triples", body)
        thing = {
            "id": f"{PEER}/objects/p/{key}", "type": "Page", "attributedTo": self.owner, "name": "Projet",
            "to": [PUBLIC], "updated": self.desk.at(minutes), "recordData": f"{record}.nt",
            "recordDigest": f"sha-256:{hashlib.sha256(body).hexdigest()}",
        }  # fmt: skip
        self.desk.world.documents[thing["id"]] = {"@context": AS2, **thing}
        return self.passed_on(self.inner(kind, thing))

    def inner(self, kind: str, thing: Any) -> dict[str, Any]:
        """What the partner says, with its proof."""
        document = self.desk.activity(kind, thing, self.owner)
        return proofs.create(document, key=ProofKey(f"{self.owner}#ed25519-key", self._key), created=self.desk.clock())

    def passed_on(self, inner: dict[str, Any]) -> dict[str, Any]:
        """The same as the Group passes it on."""
        return self.desk.activity("Announce", inner, self.group)


def _a_record(desk: IntakeDesk) -> str:
    """The N-Triples of a record, where RECORD stands for its IRI and the peer's names for ours."""
    here = Instance(desk.here.folder.parent / "peer", desk.here.vocabulary)
    pushing = Pushing(here)
    pushing.push(pushing.made("1", pushing.at(-60)))
    ((key, text),) = contents(here).items()
    here.close()
    return text.replace(f"{PEER}/records/p/{key}", "RECORD")


__all__ = ["ACTOR", "AS2", "BASE", "COMMONS", "HOST", "PEER", "PUBLIC", "IntakeDesk", "Peer", "World"]
