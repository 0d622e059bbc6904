"""An instance to which partners push, and the records of another Carrefour that it may be given."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from made_up import BASE
from years import Instance

from federation.catalogue.words import Words
from federation.engines.search_memory import MemorySearch
from federation.model import RunReport, to_lines
from federation.pipeline import Workshop
from federation.pipeline.peering import PeerPartner
from federation.pipeline.pushed import PushedActivity, PushedRecord, Received
from federation.pipeline.sources import Source, load_source
from federation.writer import Indexer, Writer

HOST = "https://partner.example"
ACTOR = f"{HOST}/actor"
PEER = "https://a.example"
OWNER = PeerPartner(f"{PEER}/actors/p", "Réseau P")

SOURCE = f"""[source]
id = "s"
partner = "p"
url = "{HOST}/outbox"
profile = "activitypub"
licence = "https://creativecommons.org/licenses/by/4.0/"
"""


class Pushing:
    """The writer of an instance, and a partner ``p`` that pushes to its source ``s``."""

    def __init__(self, here: Instance) -> None:
        self.here = here
        (here.settings.sources_dir / "s.toml").write_text(SOURCE, "utf-8")
        self.ended: list[RunReport] = []
        self.open()

    def open(self) -> None:
        """Open the writer of the instance as it is open now."""
        here = self.here
        indexer = Indexer(MemorySearch(), Words.of(here.vocabulary))
        self.shop: Workshop = replace(here.shop, follow=indexer.follow)
        self.writer = Writer(
            self.shop, indexer, here.store.reader(), here.source, lambda report, _: self.ended.append(report)
        )

    @property
    def source(self) -> Source:
        """The source, as its file says."""
        return load_source(self.here.settings.sources_dir / "s.toml", self.here.vocabulary)

    def push(self, *activities: PushedActivity) -> RunReport:
        """Take activities in."""
        return self.writer.push(self.source, activities)

    def take(self, *records: PushedRecord, owner: PeerPartner = OWNER) -> RunReport:
        """Take records of a peer in."""
        return self.writer.push_records(owner, records)

    def received(self, activity: str = "") -> Received:
        """What came just now."""
        return Received(HOST, "http-signature", self.here.clock(), f"{ACTOR}#main-key", activity, "ab" * 32)

    def at(self, minutes: float) -> str:
        """A time of the partner's: so many minutes from now."""
        return stamp(self.here.clock() + timedelta(minutes=minutes))

    def made(
        self, key: str, updated: str, text: str = "Un projet", kind: str = "Create", **more: Any
    ) -> PushedActivity:
        """A Create or an Update of a page of the partner's."""
        page = {
            "id": f"{HOST}/pages/{key}", "type": "Page", "attributedTo": ACTOR, "url": f"{HOST}/pages/{key}.html",
            "name": f"Projet {key}", "content": f"<p>{text}</p>", "updated": updated, **more,
        }  # fmt: skip
        document = {"id": f"{HOST}/activities/{key}", "type": kind, "actor": ACTOR}
        return PushedActivity(document, page, self.received(document["id"]))

    def gone(self, key: str, deleted: str) -> PushedActivity:
        """A Delete of a page of the partner's."""
        document = {"id": f"{HOST}/activities/d{key}", "type": "Delete", "actor": ACTOR, "published": deleted}
        return PushedActivity(document, f"{HOST}/pages/{key}", self.received(document["id"]))

    def peer_record(
        self, key: str, content: str, updated: str, owner: PeerPartner = OWNER, **other: Any
    ) -> PushedRecord:
        """A record of a peer's partner; ``other`` replaces what it says of itself."""
        start = owner.actor.replace("/actors/", "/records/")
        digest = f"sha-256:{hashlib.sha256(content.encode()).hexdigest()}"
        record = PushedRecord(f"{start}/{key}", owner.actor, updated, self.received(), content, digest)
        return replace(record, **other)

    def peer_gone(self, key: str, updated: str, owner: PeerPartner = OWNER) -> PushedRecord:
        """The withdrawal of a record of a peer's partner."""
        start = owner.actor.replace("/actors/", "/records/")
        return PushedRecord(f"{start}/{key}", owner.actor, updated, self.received())

    def online(self, source: str = "s") -> set[str]:
        """The keys of the records that are online."""
        return self.here.online(source)

    def graph(self, record: str) -> str:
        """The content of a record as readers see it."""
        return to_lines(self.here.store.reader().graph(record))


def stamp(at: datetime) -> str:
    """A time as ActivityStreams writes it."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def contents(there: Instance, origin: str = PEER, slug: str = "p") -> dict[str, str]:
    """The records of an instance by key, as one at ``origin`` would give them."""
    reader, found = there.store.reader(), {}
    for key, state in there.states("s").items():
        text = to_lines(reader.graph(state.record)).replace(f"{BASE}/", f"{origin}/")
        text = text.replace(f"{origin}/actors/p>", f"{origin}/actors/{slug}>")
        text = text.replace(f"{origin}/records/p/", f"{origin}/records/{slug}/")
        found[key] = "".join(sorted(f"{line}\n" for line in text.split("\n") if line))
    return found
