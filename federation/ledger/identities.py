"""Which records may be of one project: the identifiers minted for ever, and the claims that link records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, select

from federation.ledger.database import Database
from federation.ledger.records import in_parts
from federation.ledger.schema import claim, identity


class ClaimRow(NamedTuple):
    """A record names an IRI (by its hash). ``own``: as its own page or name; else as another page of its project.

    ``live`` is False for a record that was withdrawn: it still keeps its old project IRI, but links nothing.
    """

    hash: str
    record: str
    source: str
    own: bool
    live: bool


class Minted(NamedTuple):
    """The identifier of the project that a record is the home of, and when it was minted."""

    home: str
    pid: str
    minted: str


class Identities:
    """The tables ``identity`` and ``claim``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_homes(self, records: Iterable[str], tx: Connection | None = None) -> dict[str, Minted]:
        """The identifiers minted for some records, by record IRI."""
        return self._identities(identity.c.home, records, tx)

    def of_pids(self, pids: Iterable[str], tx: Connection | None = None) -> dict[str, Minted]:
        """The identities of some identifiers, by home record IRI."""
        return self._identities(identity.c.pid, pids, tx)

    def _identities(self, column: object, values: Iterable[str], tx: Connection | None) -> dict[str, Minted]:
        query = select(identity.c.home, identity.c.pid, identity.c.minted)
        found: dict[str, Minted] = {}
        with self._database.read(tx) as connection:
            for part in in_parts(values):
                where = identity.c.home.in_(part) if column is identity.c.home else identity.c.pid.in_(part)
                for row in connection.execute(query.where(where)):
                    found[row[0]] = Minted._make(row)
        return found

    def mint(self, identities: Sequence[Minted], tx: Connection) -> None:
        """Note new identifiers. They are never changed or removed."""
        self._database.put_rows(tx, insert(identity), identities)

    def claims_of(self, records: Iterable[str], tx: Connection | None = None) -> list[ClaimRow]:
        """What some records name."""
        with self._database.read(tx) as connection:
            return [
                ClaimRow._make(row)
                for part in in_parts(records)
                for row in connection.execute(select(claim).where(claim.c.record.in_(part)))
            ]

    def named_by(self, hashes: Iterable[str], tx: Connection | None = None) -> dict[str, int]:
        """How many records name each of some IRIs; those that nobody names are absent."""
        query = select(claim.c.hash, func.count()).group_by(claim.c.hash)
        with self._database.read(tx) as connection:
            return {
                row[0]: row[1]
                for part in in_parts(hashes)
                for row in connection.execute(query.where(claim.c.hash.in_(part)))
            }

    def claims_on(self, hashes: Iterable[str], tx: Connection | None = None) -> list[ClaimRow]:
        """Who names some IRIs. Ask :meth:`named_by` first: one IRI may be named by thousands."""
        with self._database.read(tx) as connection:
            return [
                ClaimRow._make(row)
                for part in in_parts(hashes)
                for row in connection.execute(select(claim).where(claim.c.hash.in_(part)))
            ]

    def replace_claims(self, records: Iterable[str], claims: Sequence[ClaimRow], tx: Connection) -> None:
        """Put ``claims`` in place of all that ``records`` named."""
        for part in in_parts(records):
            tx.execute(delete(claim).where(claim.c.record.in_(part)))
        self._database.put_rows(tx, insert(claim), claims)
