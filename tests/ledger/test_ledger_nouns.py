"""What the ledger remembers, noun by noun."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from federation.errors import DataFolderBusy, EngineUnavailable
from federation.ledger import Ledger, open_ledger
from federation.ledger.changes import NewChange
from federation.ledger.identities import ClaimRow, Minted
from federation.ledger.records import IN_LIST, RecordState, RecordStatus
from federation.ledger.revisions import Revision
from federation.ledger.runs import ulid
from federation.ledger.sources import PartnerRow, SourceRow
from federation.ledger.times import from_text, to_seconds, to_text
from federation.model import Action, Counts, Finding, RunReport, RunState, Severity

NOW = datetime(2026, 11, 21, 2, 14, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    opened = open_ledger("", tmp_path)
    yield opened
    opened.close()


def state(key: str, source: str = "avise", pid: str = "p", status: str = "live", seen: datetime = NOW) -> RecordState:
    """A made-up record state."""
    record = f"https://commons.example/records/{source}/{key}"
    return RecordState(
        record, source, key, source, "d" * 64, "r" * 64, "m1", "full", status, to_text(seen), "RUN1", None, pid
    )


def report(run: str, source: str = "avise", status: RunState = RunState.SUCCEEDED) -> RunReport:
    """A made-up account of a run."""
    return RunReport(
        run, source, source, status, NOW, NOW + timedelta(seconds=3), Counts(read=2, rejected=2), (), "a", "m"
    )


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements that any database is asked meanwhile."""
    asked: list[str] = []

    def note(_c: object, _k: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield asked
    event.remove(Engine, "before_cursor_execute", note)


def test_times_keep_their_order_as_text() -> None:
    """Times are UTC text of constant width, whatever zone they came in; a time without a zone is refused."""
    paris = datetime.fromisoformat("2026-11-21T03:14:00+01:00")

    assert to_text(paris) == "2026-11-21T02:14:00.000000Z" == to_text(NOW)
    assert from_text(to_text(NOW)) == NOW
    assert to_seconds(paris) == "2026-11-21T02:14:00Z"
    with pytest.raises(ValueError, match="zone"):
        to_text(datetime(2026, 1, 1))


def test_run_names_sort_by_time() -> None:
    """A ULID has 26 characters, and a later one sorts after."""
    first, second = ulid(NOW, b"\xff" * 10), ulid(NOW + timedelta(milliseconds=1), b"\0" * 10)

    assert len(first) == len(second) == 26
    assert first < second


def test_one_run_of_a_source_at_a_time(ledger: Ledger) -> None:
    """A second start is refused with the holder's number; other sources and later runs are not."""
    first = ledger.runs.start("avise", "avise", NOW, holder=4242)

    with pytest.raises(DataFolderBusy, match="4242"):
        ledger.runs.start("avise", "avise", NOW, holder=1)
    ledger.runs.start("autre", "autre", NOW, holder=1)
    ledger.runs.finish(report(first))

    assert ledger.runs.start("avise", "avise", NOW, holder=1) != first


def test_a_finished_run_is_read_back_as_it_was_reported(ledger: Ledger) -> None:
    """The account of a run survives its way through the ledger; the last one is found by source and state."""
    run = ledger.runs.start("avise", "avise", NOW, holder=1)
    given = report(run, status=RunState.WITH_REJECTS)

    ledger.runs.finish(given)

    assert ledger.runs.get(run) == given == ledger.runs.last("avise", [RunState.WITH_REJECTS])
    assert ledger.runs.last("avise", [RunState.FAILED]) is None
    assert ledger.runs.recent() == [given]


def test_runs_left_open_by_a_crash_are_abandoned(ledger: Ledger) -> None:
    """At the next start they end, with their state, and the source can run again."""
    run = ledger.runs.start("avise", "avise", NOW, holder=1)

    abandoned = ledger.runs.abandon_open(NOW + timedelta(minutes=1))

    assert [(each.run, each.state, each.ended) for each in abandoned] == [
        (run, RunState.ABANDONED, NOW + timedelta(minutes=1))
    ]
    assert ledger.runs.abandon_open(NOW) == []
    ledger.runs.start("avise", "avise", NOW, holder=1)


def test_a_new_source_file_makes_a_new_version(ledger: Ledger) -> None:
    """The version counts the files seen; the runs noted stay."""
    who = PartnerRow("avise", "Avise", "https://avise.example")

    first = ledger.sources.declare(who, SourceRow("avise", "avise", "Avise", file_hash="a"))
    ledger.sources.note_run("avise", "RUN1")
    ledger.sources.note_run("avise", "RUN2")
    same = ledger.sources.declare(who, SourceRow("avise", "avise", "Avise", file_hash="a"))
    other = ledger.sources.declare(who, SourceRow("avise", "avise", "Avise 2", file_hash="b"))

    assert [first.version, same.version, other.version] == [1, 1, 2]
    assert (other.first_run, other.last_run, other.name) == ("RUN1", "RUN2", "Avise 2")
    assert (ledger.sources.get("avise"), ledger.sources.all(), ledger.sources.partners()) == (other, [other], [who])


def test_states_are_replaced_but_the_first_sight_stays(ledger: Ledger) -> None:
    """Writing a state again changes all but when the record was first seen."""
    ledger.records.put([state("1"), state("2")])

    ledger.records.put([state("1", status="held", seen=NOW + timedelta(days=1))])

    states = ledger.records.states("avise")
    assert states["1"] == state("1", status="held")
    assert states["2"] == state("2")


def test_absent_records_are_missing_and_come_back(ledger: Ledger) -> None:
    """A whole run notes that what is not missing was seen; a later sight makes a missing one live again."""
    ledger.records.put([state("1"), state("2"), state("3", status="withdrawn")])

    ledger.records.note([state("2")._replace(state=RecordStatus.MISSING.value)])
    ledger.records.end_run("avise", "RUN2")
    after = ledger.records.states("avise")
    ledger.records.note([after["2"]._replace(state=RecordStatus.LIVE.value, last_run="RUN3")])

    assert [after[key].state for key in "123"] == ["live", "missing", "withdrawn"]
    assert [after[key].last_run for key in "123"] == ["RUN2", "RUN1", "RUN1"]
    assert ledger.records.states("avise")["2"].state == "live"


def test_counts_and_membership(ledger: Ledger) -> None:
    """Records are counted by partner and state, projects by their identifier; keys of other sources are known."""
    other = state("9", source="autre", pid="p")._replace(partner="avise")
    ledger.records.put([state("1", pid="p"), state("2", pid="q"), state("3", pid="z", status="withdrawn"), other])

    assert ledger.records.counts() == {("avise", "live"): 3, ("avise", "withdrawn"): 1}
    assert ledger.records.projects() == 2
    assert set(ledger.records.members(["p"])) == {state("1").record, other.record}
    assert ledger.records.keys_elsewhere("avise", "avise") == {"9"}
    assert [[each.key for each in group] for group in ledger.records.by_project()] == [["9", "1"], ["2"], ["3"]]


def test_restricted_fields_live_in_the_ledger_only_as_long_as_given(ledger: Ledger) -> None:
    """They are replaced with the record, and go when the record has none any more."""
    ledger.records.restrict({"r1": {"contact.email": "a@b.example"}, "r2": {}})
    first = ledger.records.restricted("r1")

    ledger.records.restrict({"r1": {}})

    assert first == {"contact.email": "a@b.example"}
    assert ledger.records.restricted("r1") == {} == ledger.records.restricted("r2")


def test_bodies_are_kept_once_and_read_back(ledger: Ledger, tmp_path: Path) -> None:
    """The same bytes make one compressed file; a damaged one is noticed; a lost one is a LookupError."""
    content = "é".encode() * 10_000

    kept = ledger.bodies.keep(content, "avise", NOW, content_type="text/csv", etag='"1"')
    ledger.bodies.keep(content, "autre", NOW)
    files = [path for path in (tmp_path / "bodies").rglob("*") if path.is_file()]

    assert ledger.bodies.read(kept.sha256) == content
    assert ledger.bodies.latest("avise") == kept
    assert len(files) == 1
    assert files[0].stat().st_size < 1000
    files[0].write_bytes(files[0].read_bytes()[:-9])
    with pytest.raises(EngineUnavailable, match=kept.sha256):
        ledger.bodies.read(kept.sha256)
    with pytest.raises(LookupError):
        ledger.bodies.read("0" * 64)


def test_old_bodies_go_but_the_last_good_ones_stay(ledger: Ledger) -> None:
    """Pruning forgets by age, save what is asked to stay; a file goes when no source needs it."""
    old, good, new = (
        ledger.bodies.keep(each, "avise", NOW + timedelta(days=at)) for at, each in ((0, b"o"), (1, b"g"), (99, b"n"))
    )

    removed = ledger.bodies.prune("avise", NOW + timedelta(days=90), keep=[good.sha256])

    assert removed == 1
    assert (ledger.bodies.read(good.sha256), ledger.bodies.read(new.sha256)) == (b"g", b"n")
    with pytest.raises(LookupError):
        ledger.bodies.read(old.sha256)


def test_bytes_that_two_sources_share_go_with_the_last_of_them(ledger: Ledger) -> None:
    """Pruning one source leaves the file that another one still needs."""
    kept = ledger.bodies.keep(b"same", "avise", NOW)
    ledger.bodies.keep(b"same", "colibris", NOW)

    assert ledger.bodies.prune("avise", NOW + timedelta(days=1)) == 1
    assert ledger.bodies.read(kept.sha256) == b"same"
    assert ledger.bodies.sources() == ["colibris"]
    assert ledger.bodies.prune("colibris", NOW + timedelta(days=1)) == 1
    assert ledger.bodies.sweep() == 0


def test_a_file_that_no_row_names_is_swept_away(ledger: Ledger, tmp_path: Path) -> None:
    """A crash between the row and its file leaves a file too many; the next sweep takes it, and nothing else."""
    kept = ledger.bodies.keep(b"mine", "avise", NOW)
    folder = next(path for path in tmp_path.rglob("bodies"))
    (folder / "ab").mkdir(exist_ok=True)
    (folder / "ab" / "stray.gz").write_bytes(b"")

    assert ledger.bodies.sweep() == 1
    assert ledger.bodies.read(kept.sha256) == b"mine"


def test_a_run_loses_all_of_its_revisions_or_none(ledger: Ledger) -> None:
    """An undoing by halves would be worse than none: one old batch goes only with the others of its run."""
    with ledger.write() as tx:
        for run, day in (("a", 0), ("b", 0), ("b", 5), ("c", 5)):
            ledger.revisions.add(run, "avise", NOW + timedelta(days=day), [Revision("r", None, None, {})], tx)

    assert ledger.revisions.prune(NOW + timedelta(days=3), keep={"b"}) == 1
    assert [len(list(ledger.revisions.of_run(run))) for run in "abc"] == [0, 2, 1]


def test_what_has_expired_is_forgotten_on_its_day(ledger: Ledger) -> None:
    """Trials, sessions and tries go when their time is over, also if nobody comes any more."""
    ledger.trials.keep("token", {}, NOW, NOW + timedelta(days=7))
    ledger.throttles.take("trial:x", 1, timedelta(hours=1), NOW)
    ledger.attempts.begin("ana", "192.0.2.1", NOW)
    soon, later = NOW + timedelta(hours=23), NOW + timedelta(days=8)

    assert (ledger.trials.prune(soon), ledger.throttles.prune(soon)) == (0, 0)
    assert (ledger.trials.prune(later), ledger.throttles.prune(later)) == (1, 3)


def test_the_change_log_is_numbered_without_gaps(ledger: Ledger) -> None:
    """Changes of a transaction that fails leave no hole; followers read on from where they were."""
    new = [NewChange(Action.CREATE, f"r{n}", "d", "p") for n in range(3)]
    with ledger.write() as tx:
        ledger.changes.append(new[:2], NOW, tx)
    with pytest.raises(RuntimeError), ledger.write() as tx:
        _append_and_fail(ledger, new, tx)

    with ledger.write() as tx:
        appended = ledger.changes.append(new[2:], NOW, tx)

    assert [change.seq for change in appended] == [3]
    assert [change.seq for change in ledger.changes.since(0)] == [1, 2, 3]
    assert ledger.changes.since(1, limit=1)[0].record == "r1"
    assert ledger.changes.last_seq() == 3
    assert ledger.changes.of_record("r2") == appended


def _append_and_fail(ledger: Ledger, new: list[NewChange], tx: object) -> None:
    ledger.changes.append(new, NOW, tx)  # type: ignore[arg-type]
    raise RuntimeError


def test_the_journal_holds_a_batch_until_it_is_closed(ledger: Ledger) -> None:
    """A pending batch is there with its payload; a closed one is not, but its run is known to have written."""
    first = ledger.journal.add("RUN1", b"payload 1")
    second = ledger.journal.add("RUN1", b"payload 2")

    with ledger.write() as tx:
        ledger.journal.close(first, tx)

    assert ledger.journal.pending() == [(second, "RUN1", b"payload 2")]
    assert (ledger.journal.wrote("RUN1"), ledger.journal.wrote("RUN2")) == (True, False)


def test_cursors_and_facts(ledger: Ledger) -> None:
    """Each consumer has its own place in the log, 0 at first; small facts are kept by name."""
    ledger.cursors.set("index", 4)
    ledger.cursors.set("index", 9)
    ledger.cursors.set_fact("base_url", "https://commons.example")

    assert (ledger.cursors.get("index"), ledger.cursors.get("dumps")) == (9, 0)
    assert (ledger.cursors.fact("base_url"), ledger.cursors.fact("none")) == ("https://commons.example", None)


def test_findings_are_kept_whole_and_grouped(ledger: Ledger) -> None:
    """Every finding of a run comes back as it was, in order, and counted by rule."""
    made = [
        Finding(
            f"rule-{n % 2}", Severity.WARNING, {"fr": "é", "en": "e"}, f"ligne {n}", "Colonne", "name", "x", "y", "r"
        )
        for n in range(3)
    ]

    ledger.findings.add("RUN1", made)

    assert ledger.findings.of_run("RUN1") == made
    assert ledger.findings.of_run("RUN1", rule="rule-1") == made[1:2]
    assert list(ledger.findings.by_rule("RUN1").items()) == [
        (("rule-0", Severity.WARNING), 2),
        (("rule-1", Severity.WARNING), 1),
    ]


def test_claims_are_found_by_what_is_named(ledger: Ledger) -> None:
    """Who names an IRI is counted and listed; a record's new claims replace its old ones."""
    with ledger.write() as tx:
        ledger.identities.replace_claims(
            ["r1", "r2"], [ClaimRow("h", "r1", "a", True, True), ClaimRow("h", "r2", "b", False, True)], tx
        )
        ledger.identities.mint([Minted("r1", "pid1", to_text(NOW))], tx)
    with ledger.write() as tx:
        ledger.identities.replace_claims(["r2"], [ClaimRow("i", "r2", "b", False, True)], tx)

    assert ledger.identities.named_by(["h", "i", "j"]) == {"h": 1, "i": 1}
    assert ledger.identities.claims_on(["h"]) == [ClaimRow("h", "r1", "a", True, True)]
    assert ledger.identities.claims_of(["r2"]) == [ClaimRow("i", "r2", "b", False, True)]
    assert ledger.identities.of_pids(["pid1"]) == ledger.identities.of_homes(["r1", "r2"])


def test_threads_share_a_ledger(ledger: Ledger) -> None:
    """Writers wait for each other instead of failing, and nothing is lost."""

    def write(number: int) -> None:
        for each in range(20):
            ledger.cursors.set(f"consumer {number} {each}", each + 1)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(ledger.cursors.get(f"consumer {number} 19") == 20 for number in range(4))


def test_a_full_disk_is_said_plainly_and_undone(tmp_path: Path) -> None:
    """When the ledger cannot grow, EngineUnavailable says so, and the transaction left nothing."""
    code = (
        "import resource, sys; from pathlib import Path; from federation.ledger import open_ledger;\n"
        "from federation.errors import EngineUnavailable\n"
        "ledger = open_ledger('', Path(sys.argv[1])); ledger.journal.add('RUN1', b'small')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "import os\n"
        "try: ledger.journal.add('RUN2', os.urandom(1_000_000))\n"
        "except EngineUnavailable as error: print(error)\n"
        "try: ledger.bodies.keep(os.urandom(1_000_000), 'avise', __import__('datetime').datetime.now().astimezone())\n"
        "except EngineUnavailable as error: print(error)\n"
    )

    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)

    told = done.stdout.splitlines()
    reopened = open_ledger("", tmp_path)
    pending = [(each.run, each.payload) for each in reopened.journal.pending()]
    reopened.close()
    assert "full or failing" in told[0]
    assert "cannot be kept" in told[1]
    assert pending == [("RUN1", b"small")]
    assert not list((tmp_path / "bodies").rglob("*.part"))


def test_all_states_of_a_large_source_are_read_by_one_statement(ledger: Ledger) -> None:
    """However many there are: more than one statement may name, and none of another source."""
    mine = [state(str(number)) for number in range(IN_LIST + 1)]
    ledger.records.put([*mine, state("0", source="fonda")])

    with statements() as asked:
        states = ledger.records.states("avise")

    assert states == {each.key: each for each in mine}
    assert [each.split()[0] for each in asked if each != "BEGIN"] == ["SELECT"]
