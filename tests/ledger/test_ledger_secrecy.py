"""Nothing of the ledger gets into the public graph: a secret in every table is looked for in every byte of it."""

from __future__ import annotations

from pathlib import Path

from made_up import BASE, SINGLE_VALUED, Clock, make_record
from planting import SECRET, plant

from federation.engines.store_oxigraph import open_reader, open_store
from federation.ledger import open_ledger
from federation.ledger.schema import metadata
from federation.ledger.sources import PartnerRow, SourceRow
from federation.model import Action, Counts, RunReport, RunState, Tier
from federation.pipeline.merge import Item, Merger


def test_a_secret_in_every_table_stays_out_of_the_store(tmp_path: Path) -> None:
    """Harvesting, publishing and recovering beside planted rows puts no byte of them into graphs or store files."""
    open_ledger("", tmp_path / "ledger").close()
    planted = plant(tmp_path / "ledger" / "ledger.sqlite")
    store, ledger, clock = open_store(tmp_path / "store"), open_ledger("", tmp_path / "ledger"), Clock()
    merger = Merger(store, ledger, BASE, clock, SINGLE_VALUED)

    merger.recover()
    merger.declare(
        PartnerRow("a", "Partenaire"), SourceRow("a", "a", "Source", url=f"https://a.example/?key={SECRET}"), "fr"
    )
    run = ledger.runs.start("a", "a", clock(), 1)
    secret = {"contact.email": f"{SECRET}@a.example"}
    record = make_record("a", "1")
    record = type(record)(**{**{name: getattr(record, name) for name in record.__slots__}, "restricted": secret})
    merger.apply(run, SECRET, [Item(Action.CREATE, record, Tier.FULL)])
    merger.finish(RunReport(run, "a", "a", RunState.SUCCEEDED, clock(), clock(), Counts(), message=SECRET))

    dump = b"".join(open_reader(tmp_path / "store").dump())
    store.close()
    ledger.close()
    files = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert sorted(planted) == sorted(metadata.tables)
    assert b"Projet 1" in dump
    assert SECRET.encode() not in dump
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
