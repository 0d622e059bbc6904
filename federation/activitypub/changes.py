"""What keeps other Carrefours in step with us: change feed, digest, manifest, dump (design, section 6, Backfill).

Reads the public graph and the ledger. Must never show a record of another Carrefour, nor anything that is not public.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from federation.activitypub.actors import AS2, Document
from federation.activitypub.names import Names
from federation.activitypub.objects import record_data, record_digest
from federation.catalogue.values import CRF, FOAF, SCHEMA
from federation.engines import GraphReader
from federation.ledger import Ledger
from federation.ledger.ap_digests import DigestRow, Entry, TallyRow
from federation.ledger.times import to_text
from federation.model import Action

PAGE = 500
"""Numbers of the change log on one page of the feed: page ``n`` holds those from ``(n - 1) * PAGE + 1``."""

PART = 1_000
"""Records of one part of the manifest."""

DUMP_PART = 200
"""Records of one part of the dump, at most: fewer if they are large."""

_DUMP_BYTES = 4 * 1024 * 1024

_TREE = "https://w3id.org/tree#"
_CONTEXT: Sequence[Any] = (
    AS2,
    {
        "tree": _TREE,
        "ldes": "https://w3id.org/ldes#",
        "seq": f"{SCHEMA}position",
        "record": {"@id": f"{FOAF}primaryTopic", "@type": "@id"},
        "digest": f"{CRF}recordDigest",
        "stream": {"@reverse": "tree:view"},
        "member": {"@id": "tree:member", "@type": "@id"},
        "node": {"@id": "tree:node", "@type": "@id"},
        "path": {"@id": "tree:path", "@type": "@id"},
        "relation": "tree:relation",
        "value": "tree:value",
    },
)
_KINDS: Mapping[Action, str] = {Action.CREATE: "Create", Action.UPDATE: "Update", Action.DELETE: "Delete"}


def page_of(seq: int) -> int:
    """The page of the feed that holds the change with this number (from 1)."""
    return (seq - 1) // PAGE + 1


class Changes:
    """The change log as anybody may read it. Safe for threads: it keeps nothing of a question."""

    def __init__(self, origin: str, ledger: Ledger, reader: Callable[[], GraphReader]) -> None:
        self._names = Names(origin)
        self._home = f"{origin}/records/"
        self._base = f"{origin}/changes"
        self._ledger = ledger
        self._reader = reader

    # -- the feed

    def feed(self) -> Document:
        """The change feed as an AS2 collection, an LDES at once: its oldest and its newest page."""
        seq = self._ledger.ap_digests.seq()
        return {
            "@context": list(_CONTEXT),
            "id": self._base,
            "type": ["OrderedCollection", "ldes:EventStream"],
            "attributedTo": self._names.commons,
            "seq": seq,
            "first": f"{self._base}/page/1",
            "last": f"{self._base}/page/{page_of(max(seq, 1))}",
            "tree:view": {"@id": f"{self._base}/page/1"},
        }

    def page(self, number: int) -> Document | None:
        """One page of it, the oldest change first; None after the newest.

        An entry carries the digest of its record if that has not changed since; a later entry tells of what has.
        """
        seq = self._ledger.ap_digests.seq()
        first, last = (number - 1) * PAGE + 1, min(number * PAGE, seq)
        if number < 1 or (first > seq and number > 1):
            return None
        entries = [self._entry(one) for one in self._ledger.ap_digests.entries(first, last, self._home)]
        made: dict[str, Any] = {
            "@context": list(_CONTEXT),
            "id": f"{self._base}/page/{number}",
            "type": ["OrderedCollectionPage", "tree:Node"],
            "partOf": self._base,
            "seq": seq,
            "orderedItems": entries,
            "stream": {"id": self._base, "type": "ldes:EventStream", "member": [one["id"] for one in entries]},
        }
        if number > 1:
            made["prev"] = f"{self._base}/page/{number - 1}"
        if number * PAGE < seq:
            after = f"{self._base}/page/{number + 1}"
            relation = {
                "type": "tree:GreaterThanOrEqualToRelation",
                "node": after,
                "path": f"{SCHEMA}position",
                "value": number * PAGE + 1,
            }
            made |= {"next": after, "relation": relation}
        return made

    def _entry(self, entry: Entry) -> Document:
        change = entry.change
        made: Document = {
            "id": f"{self._base}/page/{page_of(change.seq)}#{change.seq}",
            "type": _KINDS[change.action],
            "seq": change.seq,
            "published": to_text(change.time),
            "record": change.record,
            "object": entry.object or self._names.object(change.record),
            "actor": self._names.partner(self._slug(change.record)),
            "updated": to_text(change.time),
        }
        return made if entry.digest is None else {**made, "digest": f"sha-256:{entry.digest}"}

    # -- the digest

    def digest(self) -> Document:
        """The change up to which it is complete and when that was; of each partner who it is, count and XOR."""
        seq, tallies = self._ledger.ap_digests.state()
        return {**self._head(seq), "partners": [self._tally(one) for one in tallies]}

    def _tally(self, tally: TallyRow) -> Document:
        return {**self._partner(tally.partner), "count": tally.records, "xor": tally.xor}

    def _head(self, seq: int) -> Document:
        last = self._ledger.changes.since(seq - 1, 1) if seq else []
        return {"seq": seq, "updated": to_text(last[0].time) if last else None}

    def _partner(self, slug: str) -> Document:
        known = self._ledger.sources.partner(slug)
        made: Document = {"actor": self._names.partner(slug), "name": slug if known is None else known.name}
        return made if known is None or known.url is None else {**made, "url": known.url}

    # -- the manifest

    def manifest(self) -> Document:
        """The same, and where the manifest of each partner begins."""
        seq, tallies = self._ledger.ap_digests.state()
        listed = [{**self._tally(one), "first": f"{self._base}/manifest/{one.partner}"} for one in tallies]
        return {**self._head(seq), "partners": listed}

    def manifest_part(self, slug: str, after: str = "") -> Document:
        """Some records of a partner in byte order of their IRIs, from after a key: IRI, object id, digest, updated.

        A partner that has none, or that nobody knows, has an empty manifest.
        """
        seq = self._ledger.ap_digests.seq()
        rows = self._rows(slug, after, PART)
        there = self._ledger.ap_digests.objects(row.record for row in rows)
        listed = [
            {
                "record": row.record,
                "id": there.get(row.record) or self._names.object(row.record),
                "digest": f"sha-256:{row.digest}",
                "updated": row.updated,
            }
            for row in rows
        ]
        made = {**self._head(seq), "actor": self._names.partner(slug), "records": listed}
        return self._continued(made, "manifest", slug, rows, len(rows) == PART)

    def _rows(self, slug: str, after: str, limit: int) -> list[DigestRow]:
        return self._ledger.ap_digests.page(slug, f"{self._home}{slug}/{after}" if after else "", limit)

    def _continued(self, made: Document, kind: str, slug: str, rows: Sequence[DigestRow], more: bool) -> Document:
        if not more or not rows:
            return made
        return {**made, "next": f"{self._base}/{kind}/{slug}/{rows[-1].record.rpartition('/')[2]}"}

    # -- the dump

    def seq(self) -> int:
        """The change up to which all of this is complete."""
        return self._ledger.ap_digests.seq()

    def dump_part(self, slug: str, after: str = "") -> Document:
        """Some records of a partner, whole, in the form that our reader ``carrefour`` takes; in order, from a key on.

        Complete to ``seq`` at least: what changes while somebody reads part by part is in the feed after the first.
        """
        head = self._head(self._ledger.ap_digests.seq())
        reader, records, taken, size = self._reader(), [], [], 0
        rows = self._rows(slug, after, DUMP_PART)
        there = self._ledger.ap_digests.objects(row.record for row in rows)
        for row in rows:
            taken.append(row)
            given = self._record(row, reader)
            if given is not None:
                records.append({"object": there.get(row.record) or self._names.object(row.record), **given})
                size += len(given["data"])
            if size > _DUMP_BYTES:
                break
        made = {**head, "actor": self._names.partner(slug), "records": records}
        return self._continued(made, "dump", slug, taken, len(taken) < len(rows) or len(rows) == DUMP_PART)

    def _record(self, row: DigestRow, reader: GraphReader) -> dict[str, str] | None:
        """A record as it is now, which may be later than its row."""
        data = record_data(reader.graph(row.record))
        if not data:
            return None
        digest, updated = record_digest(data), row.updated
        if digest != f"sha-256:{row.digest}":
            last = self._ledger.changes.latest(row.record)
            updated = updated if last is None else to_text(last.time)
        return {
            "record": row.record,
            "owner": self._names.partner(row.partner),
            "updated": updated,
            "data": data.decode(),
            "digest": digest,
        }

    def dump(self) -> Iterator[bytes]:
        """All public records as one body, a JSON object on each line.

        The first says to which change it is complete, each of the others is a record as in :meth:`dump_part`.
        """
        seq, tallies = self._ledger.ap_digests.state()
        partners = [self._tally(one) for one in tallies]
        yield orjson.dumps({**self._head(seq), "partners": partners}) + b"\n"
        for tally in tallies:
            after: str | None = ""
            while after is not None:
                part = self.dump_part(tally.partner, after)
                yield b"".join(orjson.dumps(record) + b"\n" for record in part["records"])
                after = part["next"].rpartition("/")[2] if "next" in part else None

    def _slug(self, record: str) -> str:
        return record[len(self._home) :].partition("/")[0]
