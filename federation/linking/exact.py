"""The exact rule for projects (linking.md section 3): one record names the other's page or record as its own identity.

Pure. Nothing else than such a name links here: no registration number, no shared site.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from federation.ledger.identities import ClaimRow
from federation.linking.clusters import Link, Member

NAMED_AT_MOST = 200  # records that may name one IRI before it is no identity any more, whoever they are


def normal_form(iri: str) -> str:
    """The form in which names are compared: without scheme and final slash, host in lower case (harvesting.md 6)."""
    scheme, separator, rest = iri.strip().partition("://")
    if not separator or scheme.lower() not in {"http", "https"}:
        return iri.strip()
    for at, character in enumerate(rest):
        if character in "/?#":
            return f"{rest[:at].lower()}{rest[at:]}".rstrip("/")
    return rest.lower()


def claims_of(record: str, page: str, named: Iterable[str]) -> dict[str, bool]:
    """Hashes of all that a record names; True for its own names: its IRI, its project node, its page."""
    claims = {_hash(iri): False for iri in named if iri}
    claims.update({_hash(iri): True for iri in (record, f"{record}#project", page) if iri})
    return claims


def exact_links(rows: Iterable[ClaimRow], members: Mapping[str, Member]) -> Iterator[Link]:
    """Links that the claims on one IRI make: its owners with all others who name it, across partners."""
    naming = sorted(effective(rows))
    for owner in naming:
        for other in naming if owner.own else ():
            apart = members[owner.record].partner != members[other.record].partner
            if apart and (owner.live or other.live):
                yield Link(min(owner.record, other.record), max(owner.record, other.record))


def effective(rows: Iterable[ClaimRow]) -> list[ClaimRow]:
    """The claims on one IRI that count: none if several live records of one source name it.

    Withdrawn records cannot make an IRI void, or a partner that renumbers its records would lose its links; several
    of one source say nothing either.
    """
    rows = list(rows)
    per_source = Counter((row.source, row.live) for row in rows)
    if len(rows) > NAMED_AT_MOST or any(count > 1 and live for (_, live), count in per_source.items()):
        return []
    return [row for row in rows if per_source[row.source, row.live] == 1]


def _hash(iri: str) -> str:
    return hashlib.sha256(normal_form(iri).encode()).hexdigest()[:24]
