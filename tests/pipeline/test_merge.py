"""Apply: graphs, ledger and change log move together, whatever fails in between."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from consistency import check
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from made_up import BASE, CRF, SINGLE_VALUED, Clock, make_record, record_iri

from federation.engines import GraphWrite
from federation.engines.store_oxigraph import CheckpointReader, OxigraphStore, open_reader, open_store
from federation.errors import EngineUnavailable
from federation.ledger import Ledger, open_ledger
from federation.ledger.sources import PartnerRow, SourceRow
from federation.linking import mint
from federation.model import Action, Counts, Reason, Record, RunReport, RunState, Tier, to_lines
from federation.pipeline.merge import AppliedBatch, Item, Merger, project_iri, removal

PARTNERS = ("a", "b", "c")
TERM = "https://w3id.org/carrefour/theme/AGR"


class Crash(Exception):
    """Stands for a kill at one instant."""


@dataclass
class House:
    """A store, a ledger, a merger between them, and a public reader."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    store: OxigraphStore = field(init=False)
    ledger: Ledger = field(init=False)
    merger: Merger = field(init=False)
    reader: CheckpointReader = field(init=False)

    def __post_init__(self) -> None:
        self.open()
        for slug in PARTNERS:
            partner = PartnerRow(slug, f"Partenaire {slug}", f"https://{slug}.example")
            self.merger.declare(partner, SourceRow(slug, slug, f"Source {slug}"), "fr")

    def open(self) -> None:
        """Open everything and finish what was cut."""
        self.store = open_store(self.folder / "store")
        self.ledger = open_ledger("", self.folder)
        self.merger = Merger(self.store, self.ledger, BASE, self.clock, SINGLE_VALUED)
        self.reader = open_reader(self.folder / "store")
        self.merger.recover()

    def restart(self) -> None:
        """Drop everything as a crash would, and open again."""
        self.close()
        self.open()

    def close(self) -> None:
        """Let go of the folder."""
        self.store.close()
        self.ledger.close()

    def apply(self, *records: Record, action: Action = Action.CREATE, tier: Tier = Tier.FULL) -> AppliedBatch:
        """Apply records as one batch."""
        return self.merger.apply("01RUN", "m1", [Item(action, record, tier) for record in records])

    def withdraw(self, *records: Record) -> AppliedBatch:
        """Withdraw records that are known."""
        states = self.ledger.records.get(record.iri for record in records)
        return self.merger.apply("01RUN", "m1", [removal(states[record.iri], Reason.EXPLICIT) for record in records])

    def check(self) -> dict[str, str]:
        """Assert that everything agrees."""
        return check(self.store.reader(), self.ledger, SINGLE_VALUED)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An empty house."""
    opened = House(tmp_path)
    yield opened
    opened.close()


def project_of(record: Record) -> str:
    """The project that a record is the home of."""
    return project_iri(BASE, mint(record.iri, "", lambda _: False).pid)


def report(run: str, source: str = "a", **counts: int) -> RunReport:
    """A made-up account."""
    clock = Clock()
    return RunReport(run, source, source, RunState.SUCCEEDED, clock(), clock(), Counts(**counts), (), "f" * 64, "m1")


def test_a_new_record_is_in_its_graph_its_project_and_the_log(house: House) -> None:
    """One batch writes all of it, and says what followed."""
    record = make_record("a", "1")

    applied = house.apply(record)

    graphs = house.check()
    assert graphs == {record.iri: record.content}
    assert [(c.seq, c.action, c.record, c.digest, c.project) for c in applied.changes] == [
        (1, Action.CREATE, record.iri, record.digest, project_of(record))
    ]
    assert set(applied.projects) == {project_of(record)}
    described = to_lines(house.store.reader().describe([project_of(record)])[project_of(record)])
    assert described == applied.projects[project_of(record)]


def test_our_words_on_a_record_change_only_with_it(house: House) -> None:
    """First sight and digest are in the default graph; a new version keeps the one and renews the other."""
    record, newer = make_record("a", "1"), make_record("a", "1", version=1)
    house.apply(record)
    before = house.store.reader().describe([record.iri])[record.iri]
    house.apply(newer, action=Action.UPDATE)
    after = house.store.reader().describe([record.iri])[record.iri]

    assert (f"<{record.iri}>", f"<{CRF}recordDigest>", f'"{record.digest}"') in before
    assert (f"<{record.iri}>", f"<{CRF}recordDigest>", f'"{newer.digest}"') in after
    assert [o for _, p, o in before if p == f"<{CRF}firstSeen>"] == [o for _, p, o in after if p == f"<{CRF}firstSeen>"]
    assert len(after) == len(before) == 5  # with three shapes


def test_a_changed_record_is_replaced_everywhere(house: House) -> None:
    """No triple of the old version stays; the first sight stays."""
    house.apply(make_record("a", "1"), make_record("a", "2"))
    first_seen = house.ledger.records.states("a")["1"].first_seen

    applied = house.apply(make_record("a", "1", version=1), action=Action.UPDATE)

    graphs = house.check()
    assert graphs[record_iri("a", "1")] == make_record("a", "1", version=1).content
    assert [change.action for change in applied.changes] == [Action.UPDATE]
    assert house.ledger.records.states("a")["1"].first_seen == first_seen


def test_another_tier_alone_is_noted_and_announced_to_nobody(house: House) -> None:
    """Same content: the record's graph and the change log stay, the shapes it conforms to change."""
    house.apply(make_record("a", "1", run="01OLD"))

    applied = house.apply(make_record("a", "1", run="01NEW"), action=Action.UPDATE, tier=Tier.BASIC)

    graphs = house.check()
    assert graphs[record_iri("a", "1")] == make_record("a", "1", run="01OLD").content
    assert applied.changes == ()
    shapes = house.store.reader().describe([record_iri("a", "1")])[record_iri("a", "1")]
    assert sorted(o for _, p, o in shapes if "conformsTo" in p) == [
        "<https://w3id.org/carrefour/shapes/basic>",
        "<https://w3id.org/carrefour/shapes/essential>",
    ]


def test_a_withdrawn_record_leaves_the_graph_and_revives_under_its_iri(house: House) -> None:
    """Its graph and project go, its project IRI stays its own."""
    record = make_record("a", "1")
    house.apply(record)

    gone = house.withdraw(record)
    house.check()
    back = house.apply(record)

    house.check()
    assert [(change.action, change.project) for change in gone.changes] == [(Action.DELETE, project_of(record))]
    assert gone.projects == {project_of(record): None}
    assert [(change.action, change.project) for change in back.changes] == [(Action.CREATE, project_of(record))]


def test_two_partners_with_one_page_make_one_project(house: House) -> None:
    """The second record joins the first one's project; its own project IRI says by what it is replaced."""
    page = "https://projet.example/page"
    first, second = make_record("a", "1", page=page), make_record("b", "1", claims=(page,))
    house.apply(first)

    applied = house.apply(second)

    house.check()
    assert set(applied.projects) == {project_of(first)}
    replaced = house.store.reader().describe([project_of(second)])[project_of(second)]
    assert [(p, o) for _, p, o in replaced] == [("<http://purl.org/dc/terms/isReplacedBy>", f"<{project_of(first)}>")]
    derived = house.store.reader().describe([project_of(first)])[project_of(first)]
    assert sum("wasDerivedFrom" in p for _, p, _ in derived) == 2


def test_a_merge_of_two_known_projects_tells_of_both(house: House) -> None:
    """Followers of the log hear of the project that went and of the one that grew."""
    page = "https://projet.example/page"
    first, second = make_record("a", "1", page=page), make_record("b", "1")
    house.apply(first)
    house.apply(second)

    applied = house.apply(make_record("b", "1", claims=(page,), version=1), action=Action.UPDATE)

    house.check()
    assert {change.project for change in applied.changes} == {project_of(first), project_of(second)}
    assert applied.changes[-1].project == project_of(first)
    assert applied.projects[project_of(second)] is None


def test_a_split_gives_the_old_iri_back(house: House) -> None:
    """When the link goes, each record answers under its own project again, and both are told of."""
    page = "https://projet.example/page"
    first, second = make_record("a", "1", page=page), make_record("b", "1", claims=(page,))
    house.apply(first)
    house.apply(second)

    applied = house.apply(make_record("a", "1", version=1), action=Action.UPDATE)

    house.check()
    assert set(applied.projects) == {project_of(first), project_of(second)}
    assert {change.project for change in applied.changes} == {project_of(first), project_of(second)}
    assert {change.record for change in applied.changes} == {first.iri, second.iri}


def test_a_third_record_that_voids_a_page_splits_what_it_linked(house: House) -> None:
    """A page that several records of one source name is no identity any more, for records already merged either."""
    page = "https://projet.example/"
    first, second = make_record("a", "1", page=page), make_record("b", "1", page=page)
    house.apply(first)
    house.apply(second)

    applied = house.apply(make_record("a", "2", page=page))

    house.check()
    assert {record for record, state in house.ledger.records.get([first.iri, second.iri]).items() if state.pid} == {
        first.iri,
        second.iri,
    }
    assert set(applied.projects) >= {project_of(first), project_of(second)}


def test_a_project_keeps_its_iri_when_its_home_is_withdrawn(house: House) -> None:
    """The home-record rule: withdrawn or not, the oldest identifier answers."""
    page = "https://projet.example/page"
    first, second = make_record("a", "1", page=page), make_record("b", "1", claims=(page,))
    house.apply(first)
    house.apply(second)

    house.withdraw(first)

    house.check()
    assert house.ledger.records.get([second.iri])[second.iri].pid == project_of(first).rpartition("/")[2]


def test_a_page_named_by_hundreds_costs_no_more_than_others(house: House) -> None:
    """Hundreds of records with the same page are no project and are not even read."""
    house.apply(*(make_record("a", str(n), page="https://a.example/") for n in range(250)))
    house.apply(*(make_record("b", str(n), page="https://a.example/") for n in range(5)))

    house.check()
    assert house.ledger.records.projects() == 255


def test_a_batch_with_a_record_twice_or_of_another_source_is_refused(house: House) -> None:
    """Both are defects of the caller, found before anything is written."""
    house.apply(make_record("a", "1"))

    with pytest.raises(ValueError, match="twice"):
        house.apply(make_record("a", "2"), make_record("a", "2"))
    with pytest.raises(ValueError, match="belongs to the source a"):
        house.apply(make_record("a", "1", source="b"), action=Action.UPDATE)

    assert list(house.check()) == [record_iri("a", "1")]


def test_restricted_fields_never_reach_the_graph(house: House) -> None:
    """They are in the ledger, replaced with the record and gone with it."""
    record = make_record("a", "1")
    secret = Record(**{**_fields(record), "restricted": {"contact.email": "secret@a.example"}})

    house.apply(secret)
    kept = house.ledger.records.restricted(record.iri)
    house.withdraw(secret)

    assert kept == {"contact.email": "secret@a.example"}
    assert house.ledger.records.restricted(record.iri) == {}
    assert b"secret@" not in b"".join(house.store.reader().dump())


def _fields(record: Record) -> dict[str, object]:
    return {name: getattr(record, name) for name in Record.__slots__}


def test_readers_get_a_checkpoint_at_most_once_a_second_and_at_the_end(tmp_path: Path) -> None:
    """Batches in the same second are published together; finishing publishes the rest."""
    house = House(tmp_path)
    house.clock.step = timedelta(milliseconds=1)
    house.clock.now += timedelta(seconds=5)
    seen = []
    for key in "123":
        house.apply(make_record("a", key))
        seen.append(house.reader.seq)

    house.merger.finish(report("01RUN", new=3))

    assert seen == [1, 1, 1]
    assert house.reader.seq == 3
    house.close()


def test_a_run_that_wrote_is_described_and_one_that_did_not_is_not(house: House) -> None:
    """The public graph says when a run was, what it read and what it counted; idle runs leave no trace there."""
    run, idle = (f"{BASE}/runs/{name}" for name in ("01RUN", "01IDLE"))
    house.apply(make_record("a", "1"))

    house.merger.finish(report("01RUN", new=1, accepted=1))
    house.merger.finish(report("01IDLE"))

    described = house.reader.describe([run, idle])
    assert (f"<{run}>", "<http://www.w3.org/ns/prov#used>", f"<{BASE}/sources/a>") in described[run]
    assert any(o == f'"{"f" * 64}"' for _, _, o in described[run])
    assert (f"<{run}>", f"<{CRF}runState>", '"succeeded"') in described[run]
    assert (f"<{run}>", f"<{CRF}counts>", '"accepted=1 new=1"') in described[run]
    assert {s for s, _, _ in described[run]} == {f"<{run}>", f"<{run}#input>", f"<{run}#mapping>"}
    assert described[idle] == ()


def test_what_a_whole_list_had_was_seen(house: House) -> None:
    """At the end of a whole run; a missing record keeps the run that saw it last."""
    house.apply(make_record("a", "1"), make_record("a", "2"))
    run = house.ledger.runs.start("a", "a", house.clock(), 1)
    house.ledger.records.note([house.ledger.records.states("a")["2"]._replace(state="missing")])

    house.merger.finish(report(run), whole=True)

    states = house.ledger.records.states("a")
    assert [(states[key].state, states[key].last_run) for key in "12"] == [("live", run), ("missing", "01RUN")]
    house.check()


def test_a_description_changes_without_traces_of_the_old_one(house: House) -> None:
    """A partner's new name replaces the old one; saying the same again writes nothing."""
    before = house.reader.describe([f"{BASE}/actors/a"])

    house.merger.declare(PartnerRow("a", "Nouveau nom", None), SourceRow("a", "a", "Source a"), "fr")
    house.merger.declare(PartnerRow("a", "Nouveau nom", None), SourceRow("a", "a", "Source a"), "fr")
    house.merger.publish()

    after = house.reader.describe([f"{BASE}/actors/a"])[f"{BASE}/actors/a"]
    assert [o for _, p, o in after if p.endswith("name>")] == ['"Nouveau nom"']
    assert not any(p.endswith("url>") for _, p, _ in after)
    assert len(before) == 1


def test_the_vocabulary_is_replaced_when_it_changes(house: House) -> None:
    """A term that is no more leaves no triple behind; the same vocabulary again writes nothing."""
    iri = "https://w3id.org/carrefour/theme/{}".format
    line = '<{}> <http://www.w3.org/2004/02/skos/core#prefLabel> "{}"@fr .\n'.format
    house.merger.describe_vocabulary(
        "1", {iri("AGR"): line(iri("AGR"), "Agriculture"), iri("OLD"): line(iri("OLD"), "x")}
    )

    house.merger.describe_vocabulary("2", {iri("AGR"): line(iri("AGR"), "Alimentation")})
    house.merger.describe_vocabulary("2", {iri("AGR"): line(iri("AGR"), "Alimentation")})

    described = house.reader.describe([iri("AGR"), iri("OLD")])
    assert to_lines(described[iri("AGR")]) == line(iri("AGR"), "Alimentation")
    assert described[iri("OLD")] == ()


def test_a_rebuild_makes_the_same_store_again(house: House) -> None:
    """Projects, records, redirects, partners, sources, runs and vocabulary are as merge left them, step by step."""
    page = "https://projet.example/page"
    house.merger.describe_vocabulary("1", {TERM: f'<{TERM}> <http://schema.org/name> "t" .\n'})
    run = house.ledger.runs.start("a", "a", house.clock(), 1)
    items = [Item(Action.CREATE, make_record("a", str(n), page=f"{page}{n}"), Tier.BASIC) for n in range(5)]
    house.merger.apply(run, "m1", items)
    house.apply(*(make_record("b", str(n), claims=(f"{page}{n}",)) for n in range(3)))
    house.withdraw(make_record("a", "1"))
    house.withdraw(make_record("a", "4"))
    house.merger.finish(report(run, new=8))
    before = sorted(b"".join(house.reader.dump()).splitlines())

    projects = house.merger.rebuild()

    assert sorted(b"".join(house.reader.dump()).splitlines()) == before
    assert projects == house.ledger.records.projects() == 4
    house.apply(make_record("c", "1"))
    house.check()


def _crash_in_store(house: House, monkeypatch: pytest.MonkeyPatch, half: bool) -> None:
    write = house.store.write

    def crashing(writes: Sequence[GraphWrite]) -> None:
        if half:
            write(writes[: len(writes) // 2])
        raise Crash

    monkeypatch.setattr(house.store, "write", crashing)


def _crash_after_store(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def crashing(*_: object) -> None:
        raise Crash

    monkeypatch.setattr(house.ledger.journal, "close", crashing)


CRASHES: dict[str, Callable[[House, pytest.MonkeyPatch], None]] = {
    "after the journal": lambda house, patch: _crash_in_store(house, patch, half=False),
    "in the middle of the store's write": lambda house, patch: _crash_in_store(house, patch, half=True),
    "before the last commit": _crash_after_store,
}


@pytest.mark.fault(33)
@pytest.mark.parametrize("instant", CRASHES)
@pytest.mark.parametrize("first", [True, False])
def test_a_batch_cut_by_a_crash_is_finished_at_the_next_start(
    house: House, monkeypatch: pytest.MonkeyPatch, instant: str, first: bool
) -> None:
    """Whatever was written of it, the restart ends with exactly what an uncut batch leaves."""
    page = "https://projet.example/page"
    old = [make_record("a", str(n), page=f"{page}{n}") for n in range(6)]
    new = [make_record("a", str(n), 1, page=f"{page}{n}") for n in range(9)] if not first else old
    if not first:
        house.apply(*old)
        house.apply(*(make_record("b", str(n), claims=(f"{page}{n}",)) for n in range(4)))
    with monkeypatch.context() as patch:
        CRASHES[instant](house, patch)
        with suppress(Crash):
            house.apply(*new, action=Action.CREATE if first else Action.UPDATE)

    house.restart()

    graphs = house.check()
    assert {record.iri: graphs[record.iri] for record in new} == {record.iri: record.content for record in new}
    assert house.reader.seq == house.ledger.changes.last_seq()
    assert house.ledger.journal.pending() == []


@pytest.mark.fault(33)
def test_a_crash_in_a_withdrawal_is_finished_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tombstone is rolled forward like everything else."""
    record = make_record("a", "1")
    house.apply(record, make_record("a", "2"))
    with monkeypatch.context() as patch:
        _crash_after_store(house, patch)
        with suppress(Crash):
            house.withdraw(record)

    house.restart()

    assert list(house.check()) == [record_iri("a", "2")]


def test_a_run_cut_by_a_crash_is_abandoned_and_described(house: House) -> None:
    """It no longer blocks its source; what it wrote says which run that was."""
    run = house.ledger.runs.start("a", "a", house.clock(), 1)
    house.merger.apply(run, "m1", [Item(Action.CREATE, make_record("a", "1", run=run), Tier.FULL)])

    house.restart()

    last = house.ledger.runs.last("a")
    assert last is not None
    assert last.state is RunState.ABANDONED
    assert house.reader.describe([f"{BASE}/runs/{run}"])[f"{BASE}/runs/{run}"] != ()
    house.ledger.runs.start("a", "a", house.clock(), 1)


@pytest.mark.fault(34)
def test_after_a_failed_write_nothing_more_is_written_until_a_restart(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is pending; a second one on top of it would see half a state."""
    with monkeypatch.context() as patch:

        def full(_: Sequence[GraphWrite]) -> None:
            raise EngineUnavailable("The disk is full")

        patch.setattr(house.store, "write", full)
        with pytest.raises(EngineUnavailable, match="disk is full"):
            house.apply(make_record("a", "1"))
    with pytest.raises(EngineUnavailable, match="Start again"):
        house.apply(make_record("a", "2"))

    house.restart()

    assert list(house.check()) == [record_iri("a", "1")]


def _checkpoints(house: House) -> set[str]:
    return {path.name for path in (house.folder / "store" / "checkpoints").iterdir()}


def test_a_start_with_nothing_open_publishes_nothing(house: House) -> None:
    """What the newest checkpoint holds is not copied again, however often the instance is opened."""
    house.apply(make_record("a", "1"))
    house.merger.finish(report("01RUN", new=1))
    house.restart()
    before = _checkpoints(house)

    house.restart()

    assert _checkpoints(house) == before
    assert house.reader.seq == 1


def test_a_description_written_after_the_last_checkpoint_is_published_at_the_next_start(house: House) -> None:
    """It has no change number: the journal tells that readers have not seen it."""
    house.apply(make_record("a", "1"))
    house.merger.publish()
    house.merger.declare(PartnerRow("a", "Nouveau nom", None), SourceRow("a", "a", "Source a"), "fr")
    unseen = house.reader.describe([f"{BASE}/actors/a"])[f"{BASE}/actors/a"]

    house.restart()

    seen = house.reader.describe([f"{BASE}/actors/a"])[f"{BASE}/actors/a"]
    assert '"Nouveau nom"' not in {o for _, _, o in unseen}
    assert '"Nouveau nom"' in {o for _, _, o in seen}


def test_lost_checkpoints_are_made_again_at_the_next_start(house: House) -> None:
    """The note in the ledger alone proves nothing: the newest checkpoint must be of the last change, too."""
    house.apply(make_record("a", "1"))
    house.merger.finish(report("01RUN", new=1))
    house.close()
    shutil.rmtree(house.folder / "store" / "checkpoints")

    house.open()

    assert house.reader.seq == 1
    assert list(house.check()) == [record_iri("a", "1")]


def test_a_rebuild_cut_before_its_checkpoint_is_published_at_the_next_start(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No number changes in a rebuild: the sign that one was under way stays until readers see it."""
    house.apply(make_record("a", "1"))
    house.merger.finish(report("01RUN", new=1))
    house.restart()
    before = _checkpoints(house)

    with monkeypatch.context() as patch:

        def crashing(_: int) -> None:
            raise Crash

        patch.setattr(house.store, "_publish", crashing)
        with suppress(Crash):
            house.merger.rebuild()
    house.restart()

    assert _checkpoints(house) - before
    house.check()


def test_a_record_withdrawn_twice_still_moves_with_its_project(house: House) -> None:
    """A second withdrawal says nothing new of the record, but its project may answer under another IRI since."""
    page = "https://projet.example/page"
    oldest, gone, other = make_record("c", "1"), make_record("c", "2", page=page), make_record("b", "2", page=page)
    house.apply(oldest)
    house.apply(gone)
    house.withdraw(gone)
    house.apply(other)

    again = removal(house.ledger.records.states("c")["2"], Reason.EXPLICIT)
    linked = Item(Action.UPDATE, make_record("c", "1", claims=(page,), version=1), Tier.FULL)
    house.merger.apply("01RUN", "m1", [again, linked])

    house.check()
    states = house.ledger.records.get([oldest.iri, gone.iri, other.iri])
    assert {project_iri(BASE, str(state.pid)) for state in states.values()} == {project_of(oldest)}


_Steps = list[list[tuple[str, str, int, str, str, str]]]


_STEPS = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(PARTNERS),
            st.sampled_from("12"),
            st.integers(0, 2),
            st.sampled_from(["", "p1", "p2", "p3"]),
            st.sampled_from(["", "p1", "p2", "p3"]),
            st.sampled_from(["write", "write", "write", "withdraw"]),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda step: step[:2],
    ),
    max_size=6,
)


# Without shrinking: a failure prints a blob and its steps at once; cutting them down may take many minutes.
_BOUNDED = settings(
    deadline=None,
    report_multiple_bugs=False,
    print_blob=True,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.mark.slow
@settings(_BOUNDED, max_examples=12, derandomize=True)
@given(_STEPS)
def test_whatever_happens_step_by_step_is_what_all_at_once_would_give(
    tmp_path_factory: pytest.TempPathFactory, steps: _Steps
) -> None:
    """Creations, updates, withdrawals, links and splits, the same at each run: all agrees after each batch."""
    _live_through(tmp_path_factory, steps)


@pytest.mark.slow
@settings(_BOUNDED, max_examples=300)
@given(_STEPS)
def test_whatever_happens_at_random_step_by_step_is_what_all_at_once_would_give(
    tmp_path_factory: pytest.TempPathFactory, steps: _Steps
) -> None:
    """The same with many more sequences, others at each run."""
    _live_through(tmp_path_factory, steps)


def _live_through(tmp_path_factory: pytest.TempPathFactory, steps: _Steps) -> None:
    """Carry out batches in order; assert after each that store, ledger and log agree, and that the log told enough."""
    house = House(tmp_path_factory.mktemp("house"))
    index: dict[str, str] = {}
    for batch in steps:
        by_source: dict[str, list[Item]] = {}
        for partner, key, version, page, named, what in batch:
            known = house.ledger.records.states(partner).get(key)
            if what == "withdraw":
                item = removal(known, Reason.EXPLICIT) if known else None
            else:
                pages = {name: f"https://pages.example/{name}" for name in (page, named) if name}
                claims = (pages[named],) if named else ()
                record = make_record(partner, key, version, page=pages.get(page), claims=claims)
                item = Item(Action.UPDATE if known else Action.CREATE, record, list(Tier)[version])
            if item:
                by_source.setdefault(partner, []).append(item)
        for items in by_source.values():
            applied = house.merger.apply("01RUN", "m1", items)
            index.update({iri: content or "" for iri, content in applied.projects.items()})
            followed = {change.project for change in applied.changes}
            changed = {iri for iri, content in applied.projects.items() if content is None}
            assert not {iri for iri in changed if index.get(iri)} - followed
        house.check()
    reader = house.store.reader()
    rows = reader.select("SELECT ?p WHERE { ?p a <https://w3id.org/carrefour/vocab#Project> }")
    assert {iri for iri, content in index.items() if content} == {row["p"][1:-1] for row in rows}
    house.close()
