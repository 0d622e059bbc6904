"""`carrefour runs`, `run`, `forget` and `source pause|resume|retire`: what people do about runs, on small instances."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from running import BASE, GARDENS, Result, carrefour, export, make_instance, own_process
from test_command_line import Served

from federation.platform import open_platform
from federation.settings import load_settings
from federation.web import create_app

ALL = range(1, 11)
PRIVATE = GARDENS.replace("[crosswalk.theme]", 'contact.email = "Courriel"\n\n[crosswalk.theme]')


def feed(numbers: Any = ALL, said: str = "Un jardin où l'on cultive à plusieurs") -> str:
    """A feed of gardens."""
    rows = [f"{n};Le potager numéro {n};{said}, le {n}e de la liste.;Jardinage;25000;Besançon" for n in numbers]
    return "\n".join(["n°;Titre;Texte;Thème;CP;Ville", *rows]) + "\n"


@pytest.fixture
def gardens(tmp_path: Path) -> Path:
    """An instance that has harvested ten gardens."""
    folder = make_instance(tmp_path, feeds={"jardins.csv": feed()})
    assert carrefour(folder, "harvest").code == 0
    return folder


def harvest(folder: Path, content: str | None = None) -> Result:
    """Harvest the gardens, with another feed if it is given."""
    if content is not None:
        (folder / "feeds" / "jardins.csv").write_text(content, "utf-8")
    return carrefour(folder, "harvest", "jardins", "--json")


def latest(folder: Path) -> dict[str, Any]:
    """The newest run."""
    listed = carrefour(folder, "runs", "--limit", "1", "--json")
    assert listed.code == 0, listed.said
    found: dict[str, Any] = listed.json()
    return found


def data(folder: Path) -> list[bytes]:
    """The public graph without what it says about runs."""
    return [line for line in export(folder).splitlines() if not re.match(rb"<[^>]*/runs/", line)]


def online(folder: Path) -> set[str]:
    """The keys of the gardens that have a graph of their own."""
    graphs = re.findall(rf"<{BASE}/records/jardins/([^>#]+)> \.$", export(folder).decode("utf-8"), re.MULTILINE)
    return set(graphs)


def ledger(folder: Path, statement: str, *values: object) -> list[Any]:
    """What a statement gives in the ledger."""
    with sqlite3.connect(ledger_file(folder)) as connection:
        return connection.execute(statement, values).fetchall()


def ledger_file(folder: Path) -> Path:
    """The file of the ledger."""
    return next(
        path for path in sorted((folder / "data").rglob("*")) if path.is_file() and path.read_bytes()[:6] == b"SQLite"
    )


def test_a_preview_says_what_a_harvest_would_hold(gardens: Path) -> None:
    """Half of the list is gone, one is new: the preview tells it as the harvest does, and ends with the same code."""
    (gardens / "feeds" / "jardins.csv").write_text(feed([*range(1, 6), 90]), "utf-8")
    previewed, harvested = carrefour(gardens, "preview", "jardins"), carrefour(gardens, "harvest", "jardins")
    (held,) = [line for line in previewed.out.decode().splitlines() if line.startswith("  Retenu : ")]

    assert (previewed.code, harvested.code) == (3, 3)
    assert held.removeprefix("  Retenu : ").rstrip(".") in harvested.out.decode()


def outlast_grace(folder: Path) -> None:
    """Let what is missing have been so for years: the next harvest is the last that counts."""
    absent = "UPDATE record_state SET missing_since = '2001' || substr(missing_since, 5), misses = 2, "
    ledger(folder, absent + "missed_at = '2001' || substr(missed_at, 5) WHERE state = 'missing'")


# -- held runs ------------------------------------------------------------------------------------------------------


def test_a_feed_that_loses_half_is_held_and_the_run_tells_it(gardens: Path) -> None:
    """Exit code 3; figure, limit and the records that wait, in both languages and as JSON."""
    assert harvest(gardens, feed(range(1, 6))).code == 3
    run = latest(gardens)
    assert (run["state"], run["holds"]) == (
        "held",
        [{"rule": "shrink", "figure": 5, "limit": 2, "parts": ["withdrawals"]}],
    )

    french = carrefour(gardens, "run", "show", run["run"])
    assert french.code == 0
    assert "5 fiches absentes sur 10, limite 2" in french.said
    assert "Fiches en attente de retrait : 5" in french.said
    assert f"{BASE}/records/jardins/7" in french.said
    assert "ou, règle par règle : --ceiling shrink=5" in french.said
    english = carrefour(gardens, "run", "show", run["run"], lang="en")
    assert "5 of 10 gone, limit 2. Waiting for approval: withdrawals for absence." in english.said

    shown = carrefour(gardens, "run", "show", run["run"], "--json").json()
    assert (shown["waiting"]["total"], shown["approvals"], shown["holds"]) == (5, [], run["holds"])
    assert len(online(gardens)) == 10


@pytest.mark.slow
def test_an_approved_loss_waits_for_its_grace(gardens: Path) -> None:
    """Approval alone withdraws nothing; once the grace is over, the next harvest does."""
    harvest(gardens, feed(range(1, 6)))
    held = latest(gardens)["run"]

    approved = carrefour(gardens, "run", "approve", held, "--yes")

    assert approved.code == 0, approved.said
    assert len(online(gardens)) == 10
    (given,) = carrefour(gardens, "run", "show", held, "--json").json()["approvals"]
    assert (given["rule"], given["ceiling"]) == ("shrink", 5)
    outlast_grace(gardens)
    assert harvest(gardens).code == 0
    assert online(gardens) == {"1", "2", "3", "4", "5"}


def test_a_loss_that_the_partner_confirms_is_applied_at_once(gardens: Path) -> None:
    """`--absent-now`; who did it is noted."""
    harvest(gardens, feed(range(1, 6)))

    approved = carrefour(gardens, "run", "approve", latest(gardens)["run"], "--absent-now", "--yes")

    assert approved.code == 0, approved.said
    assert online(gardens) == {"1", "2", "3", "4", "5"}
    assert latest(gardens)["counts"]["withdrawn"] == 5


def test_a_feed_that_changes_as_a_whole_is_held_then_applied(gardens: Path) -> None:
    """Nothing changes before approval; a figure below the run's own does not do."""
    before = data(gardens)
    assert harvest(gardens, feed(said="Tout est réécrit")).code == 3
    held = latest(gardens)
    assert [hold["rule"] for hold in held["holds"]] == ["change"]
    assert data(gardens) == before

    assert carrefour(gardens, "run", "approve", held["run"], "--ceiling", "change=9", "--yes").code == 3
    assert data(gardens) == before
    again = latest(gardens)["run"]
    assert carrefour(gardens, "run", "approve", again, "--ceiling", "change=10", "--yes").code == 0
    assert "Tout est réécrit".encode() in b"".join(data(gardens))


def test_nothing_is_approved_unasked(gardens: Path) -> None:
    """Without --yes and without anybody to answer; a rule that did not fire; a word that is no ceiling; no such run."""
    harvest(gardens, feed(said="Tout est réécrit"))
    held = latest(gardens)["run"]
    for words in (
        (held,),
        (held, "--ceiling", "shrink=3", "--yes"),
        (held, "--ceiling", "change", "--yes"),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "--yes"),
    ):
        assert carrefour(gardens, "run", "approve", *words).code == 2, words
    assert latest(gardens)["run"] == held
    assert carrefour(gardens, "run", "show", held, "--json").json()["approvals"] == []


def test_a_held_run_that_a_later_one_has_replaced_is_refused_at_once(gardens: Path) -> None:
    """Nothing is announced that will not be done."""
    harvest(gardens, feed(range(1, 6)))
    held = latest(gardens)["run"]
    harvest(gardens, feed(range(1, 5)))

    refused = carrefour(gardens, "run", "approve", held, "--yes")

    assert refused.code == 2
    assert ("une autre l'a remplacée" in refused.said, "jusqu'à" in refused.said) == (True, False)


# -- undo, replay ---------------------------------------------------------------------------------------------------


def test_an_undone_run_leaves_the_graph_as_before(gardens: Path) -> None:
    """New, changed and withdrawn records are as they were; the source is paused, and can be resumed."""
    before = data(gardens)
    changed = feed([*range(2, 11), 11]).replace("numéro 3;", "numéro trois;")
    harvest(gardens, changed)
    outlast_grace(gardens)
    harvest(gardens, changed.replace("numéro 4;", "numéro quatre;"))
    assert online(gardens) == {str(n) for n in range(2, 12)}
    for run in [json.loads(line)["run"] for line in carrefour(gardens, "runs", "--json").out.splitlines()][:2]:
        undone = carrefour(gardens, "run", "undo", run)
        assert undone.code == 0, undone.said

    assert data(gardens) == before
    assert harvest(gardens).code == 2
    assert carrefour(gardens, "source", "resume", "jardins").code == 0
    assert harvest(gardens).code == 0
    assert "numéro quatre".encode() in b"".join(data(gardens))


def test_a_run_is_undone_once(gardens: Path) -> None:
    """The second time there is nothing to do: it is said, no run is made, and the source is not paused again."""
    harvest(gardens, feed(range(1, 12)))
    bad = latest(gardens)["run"]
    assert carrefour(gardens, "run", "undo", bad).code == 0
    undone = latest(gardens)["run"]
    assert carrefour(gardens, "source", "resume", "jardins").code == 0

    again = carrefour(gardens, "run", "undo", bad)

    assert (again.code, "déjà annulée" in again.said, undone in again.said) == (2, True, True)
    assert latest(gardens)["run"] == undone
    assert harvest(gardens).code == 0
    once_more = carrefour(gardens, "run", "undo", bad)
    assert (once_more.code, undone in once_more.said) == (2, True), "not after another harvest either"
    assert harvest(gardens).code == 0, "the source is not paused"


def test_a_replay_for_a_paused_source_says_what_comes_back(gardens: Path) -> None:
    """Undone records are online again, so it is told that the source is paused, and why."""
    harvest(gardens, feed(range(1, 12)))
    bad = latest(gardens)["run"]
    assert carrefour(gardens, "run", "undo", bad).code == 0

    replayed = carrefour(gardens, "run", "replay", bad)

    assert (replayed.code, "en pause" in replayed.err, f"undone: {bad}" in replayed.err) == (0, True, True)
    assert "11" in online(gardens)


def test_what_a_later_run_changed_is_left_and_listed(gardens: Path) -> None:
    """The later word on a record stands."""
    harvest(gardens, feed().replace("numéro 3;", "numéro trois;").replace("numéro 4;", "numéro quatre;"))
    middle = latest(gardens)["run"]
    harvest(gardens, feed().replace("numéro 3;", "numéro III;").replace("numéro 4;", "numéro quatre;"))

    undone = carrefour(gardens, "run", "undo", middle)

    assert "plus récente" in undone.said
    found = carrefour(gardens, "run", "show", latest(gardens)["run"], "--json").json()
    assert [each["record"] for each in found["findings"]] == [f"{BASE}/records/jardins/3"]
    graph = b"".join(data(gardens)).decode("utf-8")
    assert ("numéro III" in graph, "numéro quatre" in graph, "numéro 4" in graph) == (True, False, True)


def test_a_paused_source_is_left_out_of_a_harvest_of_all(gardens: Path) -> None:
    """`harvest` says so and goes on; with its name it is refused."""
    assert carrefour(gardens, "source", "pause", "jardins", "--reason", "travaux").code == 0
    run = latest(gardens)["run"]

    every = carrefour(gardens, "harvest")

    assert (every.code, "en pause" in every.err) == (0, True)
    assert latest(gardens)["run"] == run
    assert carrefour(gardens, "source", "pause", "jardins", "--reason", "travaux").code == 2
    assert carrefour(gardens, "source", "pause", "verger", "--reason", "travaux").code == 2


def test_a_replay_of_the_same_bytes_changes_nothing(gardens: Path) -> None:
    """Not even by a line."""
    before = data(gardens)

    replayed = carrefour(gardens, "run", "replay", latest(gardens)["run"])

    assert replayed.code == 0, replayed.said
    counts = latest(gardens)["counts"]
    assert (counts["new"], counts["changed"], counts["unchanged"], latest(gardens)["kind"]) == (0, 0, 10, "replay")
    assert data(gardens) == before


def test_runs_are_listed_newest_first(gardens: Path) -> None:
    """Of one source if it is named; as many as asked for."""
    harvest(gardens, feed(range(1, 10)))
    listed = [json.loads(line) for line in carrefour(gardens, "runs", "jardins", "--json").out.splitlines()]

    assert [each["counts"]["missing"] for each in listed] == [1, 0]
    text = carrefour(gardens, "runs", "--limit", "1")
    assert (listed[0]["run"] in text.said, listed[1]["run"] in text.said) == (True, False)
    assert carrefour(gardens, "runs", "verger").code == 2


@pytest.mark.slow
def test_orders_on_runs_are_left_to_a_server_that_writes(tmp_path: Path) -> None:
    """Approve, undo, replay, forget and retire end as if done here; bytes that were erased cannot be replayed."""
    manual = GARDENS.replace('format = "csv"', 'format = "csv"\nschedule = "manual"')
    folder = make_instance(tmp_path / "i", {"jardins": manual}, {"jardins.csv": feed()})
    harvest(folder)
    before = data(folder)
    harvest(folder, feed(range(1, 6)))
    held = latest(folder)["run"]
    server = Served(folder)
    try:
        approved = own_process(folder, "run", "approve", held, "--absent-now", "--yes")
        after = online(folder)
        applied = latest(folder)["run"]
        undone = own_process(folder, "run", "undo", applied)
        restored = data(folder)
        replayed = own_process(folder, "run", "replay", applied)
        forgotten = own_process(folder, "forget", f"{BASE}/records/jardins/1", "--yes")
        retired = own_process(folder, "source", "retire", "jardins", "--yes")
        code, errors = server.end(signal.SIGTERM)
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()

    assert "lui sont laissés" in approved.err
    assert (approved.code, undone.code, replayed.code, retired.code) == (0, 0, 0, 0)
    assert after == {"1", "2", "3", "4", "5"}
    assert restored == before
    assert (forgotten.code, "lui est laissé" in forgotten.err) == (0, True)
    assert online(folder) == set()
    assert (code, "Traceback" in errors) == (0, False)


def test_a_run_whose_process_was_killed_is_said_to_be_interrupted(gardens: Path) -> None:
    """Under way as long as another process holds the lock; then cut, with the cause and who takes it up again."""
    ledger(gardens, "UPDATE run SET state = 'running', ended = NULL")
    hold = (
        "import fcntl, sys; file = open(sys.argv[1], 'r+'); fcntl.lockf(file, fcntl.LOCK_EX); "
        "print('held', flush=True); sys.stdin.read()"
    )
    (lock,) = (gardens / "data").rglob("store/lock")
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        alive = carrefour(gardens, "status")
        holder.communicate()
    killed = carrefour(gardens, "status")
    as_json = carrefour(gardens, "status", "--json").json()["sources"]["jardins"]["state"]
    assert carrefour(gardens, "rebuild").code == 0
    noted = carrefour(gardens, "runs")

    assert ("en cours" in alive.said, "interrompue" in alive.said) == (True, False)
    for told in (killed, noted):
        assert "jardins : interrompue" in told.said
        assert "arrêté ou tué ; carrefour serve ou worker la reprend" in told.said
    assert as_json == "abandoned"


# -- records and sources that leave ---------------------------------------------------------------------------------


def test_a_forgotten_record_is_gone_for_good(gardens: Path) -> None:
    """From export, pages, ledger and stored bytes; the next harvest does not bring it back, nor does undo."""
    first = latest(gardens)["run"]
    harvest(gardens, feed().replace("numéro 3;", "numéro trois;"))
    record = f"{BASE}/records/jardins/3"
    assert carrefour(gardens, "forget", record).code == 2
    assert "3" in online(gardens)

    done = carrefour(gardens, "forget", record, "--yes")

    assert done.code == 0, done.said
    assert "octets gardés" in done.said
    assert list((gardens / "data").rglob("*.gz")) == []
    assert b"num\xc3\xa9ro trois" not in export(gardens)
    assert b"num\xc3\xa9ro 3" not in export(gardens)
    platform = open_platform(load_settings(gardens))
    try:
        answer = create_app(platform).test_client().get("/records/jardins/3", headers={"Accept": "text/html"})
    finally:
        platform.close()
    assert answer.status_code == 410
    assert carrefour(gardens, "run", "replay", first).code == 4
    assert harvest(gardens, feed()).code == 0
    assert "3" not in online(gardens)
    assert carrefour(gardens, "run", "undo", latest(gardens)["run"]).code == 0
    assert "3" not in online(gardens)
    assert carrefour(gardens, "forget", record, "--yes").code == 2


def test_a_retired_source_withdraws_all(gardens: Path) -> None:
    """Only with --yes; no record is left, and it is harvested no more."""
    assert carrefour(gardens, "source", "retire", "jardins").code == 2
    assert len(online(gardens)) == 10

    retired = carrefour(gardens, "source", "retire", "jardins", "--yes")

    assert retired.code == 0, retired.said
    assert "10 fiches retirées" in retired.said
    assert online(gardens) == set()
    assert harvest(gardens).code == 2
    assert carrefour(gardens, "source", "retire", "jardins", "--yes").code == 2
    assert carrefour(gardens, "source", "resume", "jardins").code == 0
    assert harvest(gardens).code == 0
    assert len(online(gardens)) == 10


def test_a_restricted_field_follows_the_feed(tmp_path: Path) -> None:
    """Also when nothing that is open data has changed."""
    lines = feed([1, 2, 3]).splitlines()
    with_mail = [f"{lines[0]};Courriel", *(f"{line};a@jardins.example" for line in lines[1:])]
    folder = make_instance(tmp_path, {"jardins": PRIVATE}, {"jardins.csv": "\n".join(with_mail) + "\n"})
    assert carrefour(folder, "harvest").code == 0

    harvest(folder, "\n".join(with_mail).replace("a@", "b@") + "\n")

    kept = "".join(str(row) for row in ledger(folder, "SELECT data FROM restricted"))
    assert ("b@jardins.example" in kept, "a@jardins.example" in kept) == (True, False)
