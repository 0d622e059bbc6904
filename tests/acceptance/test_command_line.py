"""The command line as its users meet it: help, exit codes, formats, and a server that follows harvests beside it."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import pyoxigraph as ox
import pytest
from running import (
    BASE,
    COMMAND,
    GARDENS,
    GARDENS_FEED,
    ROOT,
    SECONDS,
    SMALL,
    carrefour,
    changed,
    export,
    files_of,
    make_instance,
    own_process,
    rows,
    status,
)

from federation.cli import group
from federation.engines import SearchRequest
from federation.platform import open_platform
from federation.settings import load_settings

COMMANDS = sorted(group.commands)
ALL_QUADS = "SELECT * { GRAPH ?g { ?s ?p ?o } }"
NAME_OF_ALL = "SELECT ?name { ?p a <https://w3id.org/carrefour/vocab#Project> ; <http://schema.org/name> ?name }"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration, made and harvested as the README says."""
    folder = tmp_path_factory.mktemp("demo") / "instance"
    assert carrefour(folder, "init", "--demo").code == 0
    config = folder / "carrefour.toml"
    config.write_text(config.read_text("utf-8") + SMALL, "utf-8")
    assert carrefour(folder, "harvest").code == 1
    return folder


@pytest.fixture
def gardens(tmp_path: Path) -> Path:
    """A small instance of one source that is all right, not yet harvested."""
    return make_instance(tmp_path / "instance")


# -- help ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_explains_itself(command: str, flag: str, tmp_path: Path) -> None:
    """Help says what the command does and what every option of it means; it needs no instance."""
    result = carrefour(tmp_path, command, flag)
    text = result.out.decode()

    assert result.code == 0
    assert text.startswith(f"Usage: carrefour {command}")
    assert len(text.split("\n\n")[1].strip()) > 30
    for parameter in group.commands[command].params:
        if parameter.param_type_name == "option":
            assert parameter.opts[0] in text
            assert getattr(parameter, "help", None), f"{command} {parameter.opts[0]}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_manual(command: str) -> None:
    """docs/commands.md has a section with the exit codes of each command."""
    manual = (ROOT / "docs" / "commands.md").read_text("utf-8")
    section = manual.partition(f"## `carrefour {command}`")[2].partition("\n## ")[0]

    assert "Exit codes: 0" in section


def test_the_first_help_teaches_a_whole_day(tmp_path: Path) -> None:
    """Without a command, and with --help: every command, an order in which to use them, the exit codes."""
    text = carrefour(tmp_path, "--help").out.decode()

    assert [command for command in COMMANDS if f"carrefour {command}" not in text and f"  {command}" not in text] == []
    for code in ("0 done", "1 done, with rejected", "2 wrong usage", "4 incomplete", "75 another process"):
        assert code in text


def test_the_version_is_told(tmp_path: Path) -> None:
    """A bug report needs it."""
    assert re.fullmatch(rb"carrefour, version \d+\.\d+\S*\n", carrefour(tmp_path, "--version").out)


# -- exit codes ----------------------------------------------------------------------------------------------


def test_zero_is_done(gardens: Path) -> None:
    """A harvest in which every record is accepted."""
    assert carrefour(gardens, "harvest").code == 0


def test_one_is_done_with_rejects(gardens: Path) -> None:
    """A harvest, its repetition, a preview and a check of a feed with a row that is refused."""
    feed = gardens / "feeds" / "jardins.csv"
    feed.write_text(f"{GARDENS_FEED}4;;Sans nom.;Jardinage;25000;Besançon\n", "utf-8")

    previewed = carrefour(gardens, "preview", "jardins")
    harvested, again = carrefour(gardens, "harvest"), carrefour(gardens, "harvest")
    checked = carrefour(gardens, "check", str(feed), "--source", "jardins")

    assert [result.code for result in (previewed, harvested, again, checked)] == [1, 1, 1, 1]
    assert "ligne 5" in harvested.said
    assert "Titre" in harvested.said


@pytest.mark.parametrize(
    "arguments",
    [
        ["harvets"],
        ["harvest", "--jsn"],
        ["harvest", "jardin"],
        ["preview"],
        ["preview", "jardin"],
        ["check", "nulle-part.csv"],
        ["query", "SELECT * {"],
        ["query", "ASK {}", "--format", "yaml"],
        ["query", "@nulle-part.rq"],
        ["query", "INSERT DATA { <a:a> <a:b> <a:c> }"],
        ["serve", "--port", "huit"],
        ["export", "-o", "nulle-part/x.nq"],
    ],
    ids=" ".join,
)
def test_two_is_a_mistake_of_whoever_called(gardens: Path, arguments: list[str]) -> None:
    """Wrong command, option, source, file, query: said in a line, without a traceback, and nothing is written."""
    before = files_of(gardens)

    result = carrefour(gardens, *arguments)

    assert result.code == 2, result.said
    assert result.err
    assert "Traceback" not in result.said
    assert {name for name in files_of(gardens) if not name.startswith("data/")} == set(before)


def test_an_unknown_source_is_answered_with_the_known_ones(gardens: Path) -> None:
    """The list of sources helps more than the path that does not exist."""
    result = carrefour(gardens, "harvest", "jardin", lang="en")

    assert "no source `jardin`" in result.err
    assert "Known sources: jardins" in result.err


def test_four_is_a_failure(gardens: Path) -> None:
    """A feed that cannot be read; exit code 75 is proved where the second process is."""
    (gardens / "feeds" / "jardins.csv").write_bytes(b"%PDF-1.7 oops")

    result = carrefour(gardens, "harvest")

    assert result.code == 4
    assert "PDF" in result.said


def test_the_reason_of_a_failure_is_told_in_the_language_of_the_call(gardens: Path) -> None:
    """Later, too, when `status` reads it from the ledger; once only when it is told beside the findings."""
    (gardens / "feeds" / "jardins.csv").write_bytes(b"%PDF-1.7 oops")
    harvested = carrefour(gardens, "harvest", lang="fr").said

    french, english = (carrefour(gardens, "status", lang=lang).said for lang in ("fr", "en"))
    (told,) = status(gardens)["sources"]["jardins"]["findings"]

    assert told["message"]["fr"] in french
    assert told["message"]["en"] not in french
    assert told["message"]["en"] in english
    assert harvested.count(told["message"]["fr"]) == 1
    assert told["message"]["en"] not in harvested


def test_status_says_what_is_not_harvested_and_why(gardens: Path) -> None:
    """A source that is paused, with its reason, and a source file with a fault: in words and as JSON."""
    assert carrefour(gardens, "harvest").code == 0
    assert carrefour(gardens, "source", "pause", "jardins", "--reason", "export en travaux").code == 0
    (gardens / "sources" / "autre.toml").write_text('[source]\nid = "autre"\nurl = \n', "utf-8")

    french, english = (carrefour(gardens, "status", lang=lang).said for lang in ("fr", "en"))
    said = status(gardens)

    assert "en pause (export en travaux)" in french
    assert "paused (export en travaux)" in english
    assert "Fichier de source à corriger : autre.toml" in french
    assert "Source file to correct: autre.toml" in english
    assert said["states"]["jardins"] == {"state": "paused", "note": "export en travaux"}
    assert set(said["faults"]["autre"]) == {"fr", "en"}


@pytest.mark.slow
def test_messages_follow_the_language(gardens: Path) -> None:
    """French and English reports; French unless the locale says English."""
    french, english = carrefour(gardens, "status", lang="fr"), carrefour(gardens, "status", lang="en")
    line = [*COMMAND, "--instance", str(gardens), "status"]
    told = [
        subprocess.run(line, capture_output=True, cwd=ROOT, env={**os.environ, "LC_ALL": locale}, check=True).stdout
        for locale in ("C.UTF-8", "en_GB.UTF-8")
    ]

    assert french.out.startswith(b"0 projet de 0 contributeur")
    assert english.out.startswith(b"0 projects from 0 partners")
    assert told == [french.out, english.out]


# -- what machines read --------------------------------------------------------------------------------------


def test_harvest_prints_one_json_object_per_run(demo: Path) -> None:
    """State, counts that add up, and findings with both languages."""
    result = carrefour(demo, "harvest", "--json")
    runs = result.runs()

    assert sorted(runs) == sorted(path.stem for path in (demo / "sources").glob("*.toml"))
    for run in runs.values():
        counts = run["counts"]
        parts = ("accepted", "held", "rejected", "excluded", "merged")
        assert counts["read"] == sum(counts[part] for part in parts)
        assert all(set(finding["message"]) == {"fr", "en"} for finding in run["findings"])


def test_status_and_preview_and_check_print_json(demo: Path) -> None:
    """Each prints one value, and nothing else, on standard output."""
    said = status(demo)
    preview = carrefour(demo, "preview", "departements-solidaires", "--json").json()
    check = carrefour(demo, "check", str(demo / "feeds" / "huit-exemples.jsonld"), "--json").json()

    assert (said["projects"], said["partners"]) == (71, 7)
    assert set(said["sources"]) == {path.stem for path in (demo / "sources").glob("*.toml")}
    assert preview["counts"]["read"] > 0
    assert preview["sample"] == []  # nothing new: all is harvested
    assert check["read"] >= check["accepted"]


# -- check and preview ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["instance", "nowhere"])
@pytest.mark.parametrize("kind", ["jsonld", "csv", "ttl", "nq"])
def test_check_works_with_and_without_an_instance(demo: Path, tmp_path: Path, where: str, kind: str) -> None:
    """JSON-LD explains itself, CSV needs the file of its source, Turtle and N-Quads are record graphs."""
    folder = demo if where == "instance" else tmp_path / "vide"
    graph = ox.NamedNode(f"{BASE}/records/zero-chomeur/villeurbanne-saint-jean")
    quads = [quad for quad in ox.parse(export(demo), ox.RdfFormat.N_QUADS) if quad.graph_name == graph]
    source = str(demo / "sources" / "departements-solidaires.toml")
    if kind == "jsonld":
        arguments = [str(demo / "feeds" / "lettre-collectivites.jsonld")]
    elif kind == "csv":
        arguments = [str(demo / "feeds" / "departements-solidaires.csv"), "--source", source]
    else:
        written = tmp_path / f"fiche.{kind}"
        if kind == "nq":
            written.write_bytes(ox.serialize(quads, format=ox.RdfFormat.N_QUADS) or b"")
        else:
            written.write_bytes(ox.serialize([quad.triple for quad in quads], format=ox.RdfFormat.TURTLE) or b"")
        arguments = [str(written)]
    before = files_of(folder) if folder.exists() else {}

    result = carrefour(folder, "check", *arguments, "--json")

    said = result.json()
    blocked = any(finding["severity"] == "violation" for finding in said["findings"])
    assert result.code == (1 if blocked else 0)
    assert blocked == (kind in {"csv", "jsonld"})  # faults that the demonstration has on purpose
    assert said["read"] >= 1
    assert said["accepted"] >= 1
    assert (files_of(folder) if folder.exists() else {}) == before


def test_check_names_what_is_wrong_in_a_graph(demo: Path, tmp_path: Path) -> None:
    """A record without a name is refused, in Turtle as in a feed; a syntax error is told with its line."""
    bad = tmp_path / "fiche.ttl"
    bad.write_text("@prefix schema: <http://schema.org/> .\n<a:r> schema:name ;\n", "utf-8")

    syntax = carrefour(tmp_path, "check", str(bad), lang="en")
    bad.write_text(
        "@prefix dcat: <http://www.w3.org/ns/dcat#> .\n<https://c.example/r> a dcat:CatalogRecord .\n", "utf-8"
    )
    shape = carrefour(tmp_path, "check", str(bad))

    assert syntax.code == 4
    assert "line 2" in syntax.said
    assert shape.code == 1
    assert "Bloquant" in shape.said


def test_check_guesses_a_mapping_where_words_do_not_explain_themselves(demo: Path, tmp_path: Path) -> None:
    """A bare CSV: its rows are counted, the columns taken are named, and how to correct them."""
    result = carrefour(tmp_path, "check", str(demo / "feeds" / "departements-solidaires.csv"))

    assert result.code in {0, 1}, result.said
    assert "carrefour source suggest departements-solidaires.csv" in result.said
    assert "name = " in result.said
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_check_says_what_to_do_with_what_is_no_feed(tmp_path: Path) -> None:
    """A page of a web site, or bytes that nobody can read: no traceback, a way out in the user's words."""
    page, noise = tmp_path / "page.html", tmp_path / "photo.bin"
    page.write_text("<!DOCTYPE html><html><title>Accueil</title><body><p>Bonjour</p></body></html>", "utf-8")
    noise.write_bytes(bytes(range(256)) * 20)

    told, lost = carrefour(tmp_path, "check", str(page)), carrefour(tmp_path, "check", str(noise))

    assert (told.code, "--source" in told.err) == (2, True)
    assert lost.code in {2, 4}
    assert "Traceback" not in told.said + lost.said


@pytest.mark.parametrize("source", ["departements-solidaires", "huit-exemples", "accompagnateurs"])
def test_preview_writes_nothing(demo: Path, source: str) -> None:
    """Every byte of the instance is as before, even when the feed has changed."""
    feed = next(path for path in (demo / "feeds").iterdir() if path.stem == source)
    altered = feed.read_bytes().replace(b"2017", b"2016") if feed.suffix != ".xlsx" else feed.read_bytes()
    with changed(feed, altered):
        before = files_of(demo)
        result = carrefour(demo, "preview", source)
        after = files_of(demo)

    assert result.code in (0, 1)
    assert "Rien n'a été écrit" in result.said
    assert [name for name in {*before, *after} if before.get(name) != after.get(name)] == []


def test_preview_says_what_the_harvest_then_does(gardens: Path) -> None:
    """The same counts and the same findings, and the first records whole."""
    previewed = carrefour(gardens, "preview", "jardins", "--json").json()
    harvested = carrefour(gardens, "harvest", "--json").runs()["jardins"]

    assert previewed["counts"] == harvested["counts"]
    assert previewed["findings"] == harvested["findings"]
    assert len(previewed["sample"]) == 3


# -- query and export ----------------------------------------------------------------------------------------


def test_rows_come_in_four_formats(demo: Path) -> None:
    """JSON, XML, CSV and TSV hold the same 71 names."""
    told = {form: carrefour(demo, "query", NAME_OF_ALL, "--format", form) for form in ("json", "xml", "csv", "tsv")}
    from_json = [row["name"]["value"] for row in told["json"].json()["results"]["bindings"]]
    spaces = {"s": "http://www.w3.org/2005/sparql-results#"}
    from_xml = [node.text for node in ElementTree.fromstring(told["xml"].out).iterfind(".//s:literal", spaces)]  # noqa: S314 - our own
    from_csv = [row["name"] for row in csv.DictReader(io.StringIO(told["csv"].out.decode(), newline=""))]
    lines = told["tsv"].out.decode().splitlines()

    assert len(set(from_json)) >= 70
    assert sorted(from_json) == sorted(from_csv) == sorted(map(str, from_xml))
    assert lines[0] == "?name"
    assert len(lines) == len(from_json) + 1
    assert any("é" in name for name in from_json)


def test_graphs_come_in_four_formats(demo: Path) -> None:
    """Turtle, N-Triples, RDF/XML and JSON-LD hold the same triples."""
    query = "CONSTRUCT { ?s ?p ?o } WHERE { GRAPH ?g { ?s ?p ?o } }"
    kinds = {
        "turtle": ox.RdfFormat.TURTLE,
        "nt": ox.RdfFormat.N_TRIPLES,
        "xml": ox.RdfFormat.RDF_XML,
        "json": ox.RdfFormat.JSON_LD,
    }
    triples = {
        form: {str(quad.triple) for quad in ox.parse(carrefour(demo, "query", query, "--format", form).out, kind)}
        for form, kind in kinds.items()
    }

    assert len(triples["nt"]) > 1500
    assert all(found == triples["nt"] for found in triples.values())


def test_a_question_of_yes_or_no_is_answered(demo: Path) -> None:
    """ASK gives a boolean in the formats that have one."""
    assert carrefour(demo, "query", "ASK { ?s ?p ?o }", "--format", "json").json()["boolean"] is True


def test_a_query_may_come_from_a_file_or_from_standard_input(demo: Path, tmp_path: Path) -> None:
    """`@file.rq` and `-` ask the same as the text itself."""
    (tmp_path / "noms.rq").write_text(NAME_OF_ALL, "utf-8")
    line = [*COMMAND, "--instance", str(demo), "query", "-"]
    piped = subprocess.run(line, input=NAME_OF_ALL.encode(), capture_output=True, cwd=ROOT, check=True).stdout

    asked, from_file = carrefour(demo, "query", NAME_OF_ALL), carrefour(demo, "query", f"@{tmp_path / 'noms.rq'}")

    assert sorted(asked.out.splitlines()) == sorted(from_file.out.splitlines()) == sorted(piped.splitlines())


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT ?x WHERE {\n  ?x a ?y .\n  FILTER(?z >)\n}", ("Line 3", "column 14")),
        ("SELECT * { SERVICE <http://x.example/> { ?s ?p ?o } }", ("SERVICE",)),
        ("LOAD <http://x.example/>", ()),
        ("DELETE WHERE { ?s ?p ?o }", ()),
    ],
)
def test_a_refused_query_says_where_and_why(demo: Path, query: str, words: tuple[str, ...]) -> None:
    """Exit code 2, with line and column for syntax; nothing is changed."""
    before = export(demo)

    result = carrefour(demo, "query", query, lang="en")

    assert result.code == 2
    assert [word for word in words if word not in result.err] == [], result.err
    assert result.out == b""
    assert export(demo) == before


def test_a_runaway_query_is_stopped_at_its_time(demo: Path) -> None:
    """A product of everything with everything ends at the limit that was given, and says which one."""
    runaway = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"

    result = carrefour(demo, "query", runaway, "--seconds", "0.5")

    assert result.code == 2
    assert "0.5" in result.err


def test_export_is_sorted_and_the_same_each_time(demo: Path, tmp_path: Path) -> None:
    """Packed or not, written or printed: equal data gives equal bytes, with every quad of the store."""
    paths = [tmp_path / name for name in ("a.nq.gz", "b.nq.gz", "c.nq")]
    for path in paths:
        assert carrefour(demo, "export", "-o", str(path)).code == 0
    packed, again, plain = (path.read_bytes() for path in paths)
    lines = plain.splitlines()

    assert packed == again
    assert gzip.decompress(packed) == plain == export(demo)
    assert lines == sorted(set(lines))
    assert sum(1 for _ in ox.parse(plain, ox.RdfFormat.N_QUADS)) == len(lines)
    named = [quad for quad in ox.parse(plain, ox.RdfFormat.N_QUADS) if quad.graph_name != ox.DefaultGraph()]
    assert len(named) == len(rows(demo, ALL_QUADS))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nq.gz", "b.nq.gz", "c.nq"]


def test_a_reader_who_leaves_early_is_no_failure(demo: Path) -> None:
    """`carrefour export | head -1` ends quietly."""
    line = " ".join([sys.executable, "-c", f"'{COMMAND[2]}'", "--instance", str(demo), "export"])
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line} | head -n 1"],
        capture_output=True,
        cwd=ROOT,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 0
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 1


# -- rebuild and init ----------------------------------------------------------------------------------------


def test_rebuild_gives_the_same_graph_and_the_same_search(demo: Path) -> None:
    """The merged view and the index are only replicas: made again, they are what they were."""
    before, searched = export(demo), _searches(demo)

    result = carrefour(demo, "rebuild")

    assert result.code == 0
    assert "71" in result.said
    assert export(demo) == before
    assert _searches(demo) == searched
    assert searched[0][1] == 71


def test_rebuild_mends_a_lost_index(demo: Path) -> None:
    """With the folder of the index gone, search is as before after a rebuild."""
    searched = _searches(demo)
    shutil.rmtree(demo / "data" / "index")

    assert carrefour(demo, "rebuild").code == 0
    assert _searches(demo) == searched


def _searches(folder: Path) -> list[tuple[tuple[str, ...], int, dict[str, dict[str, int]]]]:
    platform = open_platform(load_settings(folder, {}))
    facets = ("theme", "partner", "domain")
    found = []
    for text in ("", "emploi", "chômeur", '"zéro chômeur"', "-emploi", "rien du tout"):
        page = platform.search.search(SearchRequest(text, facets=facets, limit=100, seed="2026-11-21"))
        found.append((page.ids, page.total, {name: dict(counts) for name, counts in page.facets.items()}))
    platform.close()
    return found


def test_init_twice_changes_nothing(tmp_path: Path) -> None:
    """The second time is refused, or silently fine if so asked; no file is touched either way."""
    folder = tmp_path / "neuf"
    first = carrefour(folder, "init", "--demo")
    (folder / "carrefour.toml").write_text('base_url = "https://nous.example"\n', "utf-8")
    before = files_of(folder)

    second = carrefour(folder, "init", "--demo", lang="en")
    third = carrefour(folder, "init", "--demo", "--exist-ok")

    assert (first.code, second.code, third.code) == (0, 2, 0)
    assert "Nothing was changed" in second.err
    assert files_of(folder) == before


def test_init_does_not_need_an_empty_or_existing_folder(tmp_path: Path) -> None:
    """Deep new folders are made; a file in the way is named."""
    (tmp_path / "fichier").write_text("", "utf-8")

    deep, blocked = carrefour(tmp_path / "a" / "b", "init"), carrefour(tmp_path / "fichier" / "x", "init")

    assert deep.code == 0
    assert (tmp_path / "a" / "b" / "carrefour.toml").is_file()
    assert blocked.code == 2
    assert "fichier" in blocked.err


def test_a_wrong_setting_is_named_with_the_nearest_word(gardens: Path) -> None:
    """A slip in carrefour.toml stops every command with the file and the key."""
    with (gardens / "carrefour.toml").open("a", encoding="utf-8") as config:
        config.write("query_second = 3\n")

    result = carrefour(gardens, "status", lang="en")

    assert result.code == 2
    assert "carrefour.toml" in result.err
    assert "`query_seconds`" in result.err


# -- serve ---------------------------------------------------------------------------------------------------


class Served:
    """``carrefour serve`` in a process of its own, on a free port."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [*COMMAND, "--instance", str(folder), "--lang", "fr", "serve", "--port", str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        watch = threading.Timer(SECONDS, self.process.kill)
        watch.start()
        self.greeting = self.process.stdout.readline() + self.process.stdout.readline()
        watch.cancel()

    def get(self, path: str, accept: str = "text/html") -> tuple[int, str]:
        """Status and body."""
        request = urllib.request.Request(f"{self.address}{path}", headers={"Accept": accept})  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def end(self, with_signal: signal.Signals) -> tuple[int, str]:
        """Exit code and everything printed to standard error."""
        self.process.send_signal(with_signal)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@pytest.fixture
def served(gardens: Path) -> Iterator[Served]:
    """The gardens, harvested and served."""
    assert carrefour(gardens, "harvest").code == 0
    server = Served(gardens)
    yield server
    if server.process.poll() is None:
        server.process.kill()
        server.process.communicate()


@pytest.mark.slow
def test_a_server_follows_a_harvest_beside_it_and_ends_when_asked(gardens: Path, served: Served) -> None:
    """Home, records and SPARQL answer; what another process harvests shows without a restart; Ctrl+C ends it."""
    query = "/sparql?query=" + quote("SELECT (COUNT(DISTINCT ?g) AS ?n) { GRAPH ?g { ?s ?p ?o } }")

    def count() -> int:
        answer = json.loads(served.get(query, "application/sparql-results+json")[1])
        return int(answer["results"]["bindings"][0]["n"]["value"])

    assert f"SPARQL : {served.address}/sparql" in served.greeting
    first = (served.get("/")[0], count(), served.get("/records/jardins/4", "text/turtle")[0])
    (gardens / "feeds" / "jardins.csv").write_text(
        f"{GARDENS_FEED}4;Un verger à soi;Des pommes pour qui passe.;Jardinage;59000;Lille\n", "utf-8"
    )
    beside = own_process(gardens, "harvest")
    second = (served.get("/")[0], count(), served.get("/records/jardins/4", "text/turtle")[0])
    listed = served.get("/projets?q=verger")[1]
    health = json.loads(served.get("/healthz")[1])
    code, errors = served.end(signal.SIGINT)

    assert served.greeting.startswith("3 projets de 1 contributeur")
    assert f"{served.address}/" in served.greeting
    assert beside.code == 0
    assert first == (200, 3, 404)
    assert second == (200, 4, 200)
    assert "Un verger à soi" in listed
    assert health["projects"] == 4
    assert health["store"] == health["index"] == status(gardens)["seq"]
    assert code == 0
    assert "Traceback" not in errors


def test_a_server_ends_cleanly_when_a_supervisor_stops_it(served: Served) -> None:
    """SIGTERM, as systemd sends it: no traceback, no process left over."""
    status_of_query, _ = served.get("/sparql?query=ASK%7B%7D", "application/sparql-results+json")
    children = [os.pidfd_open(child) for child in _children(served.process.pid)]

    code, errors = served.end(signal.SIGTERM)

    assert status_of_query == 200
    assert children
    assert code == 0
    assert "Traceback" not in errors
    for child in children:
        assert select.select([child], [], [], 10)[0], "a worker outlives its server"
        os.close(child)


@pytest.mark.slow
def test_a_server_stopped_in_the_middle_of_a_query_leaves_nothing_open(gardens: Path, served: Served) -> None:
    """A stop, asked for twice, does not wait for an endless query: its worker ends, and every file is closed."""
    endless = quote("SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . FILTER(?a != ?g) }")
    asking = threading.Thread(target=_ask_in_vain, args=(served, f"/sparql?query={endless}"), daemon=True)
    asking.start()
    while not any(_ticks(child) > 20 for child in _children(served.process.pid)):
        served.get("/healthz")  # each answer gives the query a little time to be at work
    children = [os.pidfd_open(child) for child in _children(served.process.pid)]

    served.process.send_signal(signal.SIGTERM)
    code, errors = served.end(signal.SIGTERM)
    asking.join(SECONDS)

    assert code == 0
    assert "Traceback" not in errors
    assert children
    for child in children:
        assert select.select([child], [], [], 10)[0], "a worker outlives its server"
        os.close(child)
    assert not asking.is_alive()
    assert list((gardens / "data" / "ledger").glob("*-wal")) == []  # SQLite's: its last user has closed it
    assert carrefour(gardens, "rebuild").code == 0


def _ask_in_vain(served: Served, path: str) -> None:
    with contextlib.suppress(OSError):
        served.get(path, "application/sparql-results+json")


def _ticks(pid: int) -> int:
    """Processor time that a process has used, in clock ticks; 0 if it has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def test_two_servers_cannot_share_a_port(gardens: Path, served: Served) -> None:
    """The second one says which port is taken and how to choose another."""
    result = own_process(gardens, "serve", "--port", str(served.port))

    assert result.code == 2
    assert str(served.port) in result.err
    assert "--port" in result.err


def _children(pid: int) -> list[int]:
    """Process numbers of the children of a process, by /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(entry.parent.name))
    return found


def test_the_default_source_is_what_the_documentation_shows() -> None:
    """The gardens of these tests are written as docs/sources.md teaches: every key of theirs is explained there."""
    manual = (ROOT / "docs" / "sources.md").read_text("utf-8")
    keys = {line.split("=")[0].strip() for line in GARDENS.splitlines() if "=" in line and not line.startswith('"')}

    assert [key for key in keys if key.rpartition(".")[2] not in manual] == []
