"""Reports of runs over HTTP: page, JSON, SHACL, table; history, news, badge, quality; no value that is not open."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import html5lib
import pytest
from flask.testing import FlaskClient
from rdflib import Graph
from rdflib.namespace import RDF, SH
from sample_commons import BASE, RUN, SCRIPT, Sample, make_platform, sample_run

from federation.ledger.qualities import QualityRow
from federation.ledger.sources import PartnerRow, SourceRow
from federation.model import Counts, Finding, Hold, Openness, Part, Rule, RunReport, RunState, Severity
from federation.platform import Platform, open_platform
from federation.settings import load_settings
from federation.web import create_app

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ATOM = "{http://www.w3.org/2005/Atom}"
SVG = "{http://www.w3.org/2000/svg}"
EMAIL = "jeanne@secret.example"
QUALITY = {
    "records": 40,
    "lacking": {"place": 37, "image": 2},
    "same_title": 30,
    "title_as_description": 0,
}


def finding(rule: str, value: str | None, term: str | None, **more: object) -> Finding:
    """A finding whose message quotes its value."""
    text = {"fr": f"« {value} » ne convient pas.", "en": f'"{value}" is not right.'}
    return replace(Finding(rule, Severity.WARNING, text, "ligne 60", term=term, value=value), **more)  # type: ignore[arg-type]


@pytest.fixture
def told() -> Sample:
    """The sample, whose run has something to say."""
    made = make_platform()
    made.ledger.runs[RUN] = replace(
        sample_run(), holds=(Hold(Rule.SHRINK, 60, 42, frozenset({Part.WITHDRAWALS})),), live=214
    )
    made.ledger.said[RUN] = [
        finding("id-missing", None, None, severity=Severity.VIOLATION, field="Nom du projet"),
        finding("date-unreadable", "31/02/2024", "startDate", field="Date de début"),
        finding("iri-unreadable", EMAIL, "contact.email", field="Courriel"),
        finding("text-damaged", SCRIPT, "name", field=SCRIPT),
        *[finding("unknown-word", "Épicerie", "theme", suggestion="Agriculture (AGR)", severity=Severity.INFO)] * 12,
    ]
    made.ledger.scores["avise-fiches"] = QualityRow("avise-fiches", RUN, 71, QUALITY)
    return made


@pytest.fixture
def reader(told: Sample) -> FlaskClient:
    """A client of that sample."""
    return create_app(told).test_client()


def said(client: FlaskClient, path: str, status: int = 200) -> str:
    """The words of a page, parsed strictly."""
    response = client.get(path, headers={"Accept": BROWSER})
    assert response.status_code == status
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(response.get_data(as_text=True))
    return " ".join("".join(tree.find("body").itertext()).split())


def test_a_run_that_took_nothing_is_no_success(told: Sample, reader: FlaskClient) -> None:
    """All rows refused: the page says that no record was accepted; rows have their name in the page's language."""
    told.ledger.runs[RUN] = replace(sample_run(), counts=Counts(read=3, rejected=3))

    french, english = said(reader, f"/runs/{RUN}"), said(reader, f"/en/runs/{RUN}")

    assert ("aucune fiche acceptée" in french, "réussie" in french, "ligne 60" in french) == (True, False, True)
    assert ("no record accepted" in english, "line 60" in english, "ligne 60" in english) == (True, True, False)


def test_a_run_is_told_in_the_partners_words(reader: FlaskClient) -> None:
    """State, account, hold with figure and limit, causes by severity with column, row and value, unknown words."""
    page = said(reader, f"/runs/{RUN}")

    for part in (
        "réussie avec rejets",
        "3 lignes lues = 2 acceptées + 1 rejetée.",
        "60 fiches absentes sur 212, limite 42.",
        "En attente d'un accord : les retraits pour absence.",
        "Bloquant 1",
        "Colonne « Nom du projet »",
        "À corriger 3",
        "« 31/02/2024 » ne convient pas.",
        "ligne 60 · 31/02/2024",
        "Épicerie12Agriculture (AGR)[crosswalk.theme]",
        '"Épicerie" = "AGR"',
    ):
        assert part in page
    english = said(reader, f"/en/runs/{RUN}")
    for part in (
        "succeeded with rejects",
        "3 rows read = 2 accepted + 1 rejected.",
        "60 of 212 gone, limit 42.",
        "Unknown words",
    ):
        assert part in english


def test_the_page_is_inert(reader: FlaskClient) -> None:
    """A partner who writes scripts in columns and values gets them shown as text."""
    body = reader.get(f"/runs/{RUN}", headers={"Accept": BROWSER}).get_data(as_text=True)

    assert "<script" not in body.lower().replace("&lt;script", "")


@pytest.mark.parametrize("suffix", ["", ".json", ".csv", ".jsonld", ".ttl", ".nt", ".rdf", ".trig"])
@pytest.mark.parametrize("prefix", ["", "/en"])
def test_no_form_of_a_report_shows_what_is_not_open(told: Sample, prefix: str, suffix: str) -> None:
    """A contact's address is in no representation; nor is a name once its source has closed that field."""
    client = create_app(told).test_client()
    before = client.get(f"{prefix}/runs/{RUN}{suffix}", headers={"Accept": BROWSER}).get_data(as_text=True)
    told.levels = {"startDate": Openness.COMMONS}
    after = client.get(f"{prefix}/runs/{RUN}{suffix}", headers={"Accept": BROWSER}).get_data(as_text=True)

    assert EMAIL not in before + after
    assert "31/02/2024" in before
    assert "31/02/2024" not in after
    assert "Courriel" in before


def test_json_has_the_grouped_report(reader: FlaskClient) -> None:
    """Counts, holds, causes with examples and remedies, words with the line to copy, where the whole table is."""
    response = reader.get(f"/runs/{RUN}.json")
    data = json.loads(response.data)

    assert response.mimetype == "application/json"
    assert (data["state"], data["counts"]["read"], data["findings"]) == ("with-rejects", 3, 16)
    assert data["holds"][0]["withheld"] == ["withdrawals"]
    assert data["causes"][0]["rule"] == "id-missing"
    assert data["causes"][0]["remedy"]["en"].startswith("Correct these rows")
    assert data["unknownWords"][0]["line"] == '"Épicerie" = "AGR"'
    assert data["table"] == f"{BASE}/runs/{RUN}.csv"


def test_linked_data_has_the_validation_report(reader: FlaskClient) -> None:
    """What the store says of the run, and a SHACL report that it generated."""
    graph = Graph().parse(data=reader.get(f"/runs/{RUN}.ttl").data, format="turtle")

    (report,) = graph.subjects(RDF.type, SH.ValidationReport)
    assert len(list(graph.objects(report, SH.result))) == 16
    assert "3 lignes" not in str(graph)
    assert len(list(graph.objects(None, SH.focusNode))) == 16


def test_the_table_is_for_spreadsheets(reader: FlaskClient) -> None:
    """A mark and commas, or what is asked for; a name to save it under; all findings."""
    whole = reader.get(f"/runs/{RUN}.csv")
    plain = reader.get(f"/en/runs/{RUN}.csv?bom=0&sep=;")

    assert whole.mimetype == "text/csv"
    assert whole.data.startswith(b"\xef\xbb\xbfgravit")
    assert "avise-fiches-2026-01-02" in whole.headers["Content-Disposition"]
    assert plain.data.startswith(b"severity;rule;")
    assert len(list(csv.reader(io.StringIO(whole.get_data(as_text=True))))) == 17


def test_reports_are_not_sent_twice(told: Sample) -> None:
    """Every form has a strong ETag and answers 304; another separator, language or openness has another one."""
    client = create_app(told).test_client()
    for suffix in ("", ".json", ".csv", ".ttl"):
        tag = client.get(f"/runs/{RUN}{suffix}", headers={"Accept": BROWSER}).headers["ETag"]
        again = client.get(f"/runs/{RUN}{suffix}", headers={"Accept": BROWSER, "If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
    tags = {client.get(path).headers["ETag"] for path in (f"/runs/{RUN}.csv", f"/en/runs/{RUN}.csv")}
    tags.add(client.get(f"/runs/{RUN}.csv?sep=;").headers["ETag"])
    told.levels = {"name": Openness.COMMONS}
    tags.add(client.get(f"/runs/{RUN}.csv").headers["ETag"])
    assert len(tags) == 4


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.QUEUED])
def test_a_run_under_way_says_so(told: Sample, state: RunState) -> None:
    """Its page and data tell the state only; there is no table yet."""
    told.ledger.runs["01NEW"] = RunReport(
        "01NEW", "avise-fiches", "avise", state, datetime(2026, 1, 3, tzinfo=UTC), None, Counts()
    )
    told.ledger.said["01NEW"] = [finding("x", "1", "name")]
    client = create_app(told).test_client()

    assert "Cette moisson n'est pas finie" in said(client, "/runs/01NEW")
    assert json.loads(client.get("/runs/01NEW.json").data)["findings"] == 0
    assert b"ValidationReport" not in client.get("/runs/01NEW.ttl").data
    assert client.get("/runs/01NEW.csv").status_code == 404


@pytest.mark.parametrize("path", ["/runs/01NONE", "/runs/01NONE.csv", "/runs/01NONE.json", "/runs/.csv", "/runs/csv"])
def test_an_unknown_run_is_not_found(reader: FlaskClient, path: str) -> None:
    """404, whatever the form."""
    assert reader.get(path).status_code == 404


@pytest.mark.fault(46)
def test_ten_thousand_findings_make_a_small_page_and_a_whole_table(told: Sample) -> None:
    """The page stays light, the table has every row."""
    told.ledger.said[RUN] = [
        finding("date-unreadable", f"{n}", "startDate", where=f"ligne {n}", field=f"col {n % 4}") for n in range(10_000)
    ]
    client = create_app(told).test_client()

    page = client.get(f"/runs/{RUN}", headers={"Accept": BROWSER})
    rows = client.get(f"/runs/{RUN}.csv").get_data(as_text=True).splitlines()

    assert len(page.data) < 20_000
    assert len(rows) == 10_001


# -- history, feed, badge, quality ----------------------------------------------------------------------------------


def several(told: Sample) -> FlaskClient:
    """Five runs: fine, fine, held, held, fine."""
    first = datetime(2026, 1, 2, 3, tzinfo=UTC)
    states = [RunState.SUCCEEDED, RunState.UNCHANGED, RunState.HELD, RunState.HELD, RunState.SUCCEEDED]
    told.ledger.runs = {}
    for number, state in enumerate(states):
        at = first + timedelta(days=number)
        told.ledger.runs[f"01R{number}"] = RunReport(
            f"01R{number}", "avise-fiches", "avise", state, at, at, Counts(read=2, accepted=2)
        )
    told.ledger.runs[RUN] = replace(sample_run(), started=first, ended=first, state=RunState.ABANDONED)
    return create_app(told).test_client()


def test_a_partner_sees_its_runs(told: Sample) -> None:
    """Newest first, with state and account, each leading to its report; 404 for a partner that nobody knows."""
    client = several(told)
    page = said(client, "/contributeur/avise/passages")

    assert page.index("6 janvier 2026, 03:00 UTC") < page.index("2 janvier 2026, 03:00 UTC")
    assert page.count("2 lignes lues = 2 acceptées.") == 5
    assert client.get("/contributeur/nobody/passages").status_code == 404
    assert client.get("/contributeur/nobody/passages.atom").status_code == 404
    assert client.get("/contributeur/nobody/badge.svg").status_code == 404


def test_the_news_feed_tells_changes_only(told: Sample) -> None:
    """Atom (RFC 4287): fine, held, fine again; ids are the runs', nothing twice; one source may be chosen."""
    client = several(told)
    response = client.get("/contributeur/avise/passages.atom")
    feed = ElementTree.fromstring(response.data)  # noqa: S314 - our own

    assert response.mimetype == "application/atom+xml"
    ids = [entry.findtext(f"{ATOM}id") for entry in feed.findall(f"{ATOM}entry")]
    assert ids == [f"{BASE}/runs/01R4", f"{BASE}/runs/01R2", f"{BASE}/runs/01R0"]
    assert feed.findtext(f"{ATOM}updated") == "2026-01-06T03:00:00+00:00"
    for needed in ("id", "title", "updated", "author"):
        assert feed.find(f"{ATOM}{needed}") is not None
    assert [entry.findtext(f"{ATOM}title") for entry in feed.findall(f"{ATOM}entry")] == [
        "Fiches de l'Avise : en ligne",
        "Fiches de l'Avise : en attente d'un accord",
        "Fiches de l'Avise : en ligne",
    ]
    assert client.get("/contributeur/avise/passages.atom?source=avise-fiches").status_code == 200
    assert client.get("/contributeur/avise/passages.atom?source=other").status_code == 404
    assert b"waiting for approval" in client.get("/en/contributeur/avise/passages.atom").data


def test_a_held_run_is_told_with_rule_figures_and_who_decides(told: Sample) -> None:
    """A partner who reads the feed need not open the run to learn why nothing moves."""
    client = several(told)
    hold = Hold(Rule.SHRINK, 7, 1, frozenset({Part.WITHDRAWALS}))
    told.ledger.runs["01R2"] = replace(told.ledger.runs["01R2"], holds=(hold,), live=12)

    feed = client.get("/contributeur/avise/passages.atom").get_data(as_text=True)

    assert "7 fiches absentes sur 12, limite 1. En attente d&#39;un accord : les retraits pour absence." in feed
    assert "Une personne du carrefour décide" in feed
    assert "A person of the commons decides" in client.get("/en/contributeur/avise/passages.atom").get_data(
        as_text=True
    )
    assert feed.count("Une personne") == 1  # the runs that went through say what became of their rows, as before


def test_a_feed_without_news_is_a_feed(told: Sample) -> None:
    """No run yet: a valid feed without entries, and a badge that says so."""
    told.ledger.runs = {}
    client = create_app(told).test_client()

    assert ElementTree.fromstring(client.get("/contributeur/avise/passages.atom").data).tag == f"{ATOM}feed"  # noqa: S314
    assert "jamais moissonnée" in client.get("/contributeur/avise/badge.svg").get_data(as_text=True)


def test_the_badge_says_state_and_quality(told: Sample) -> None:
    """A small SVG of its own, in both languages, named for screen readers; no address of others, no script."""
    client = several(told)
    response = client.get("/contributeur/avise/badge.svg")
    tree = ElementTree.fromstring(response.data)  # noqa: S314 - our own

    assert (response.mimetype, tree.tag, tree.get("role")) == ("image/svg+xml", f"{SVG}svg", "img")
    assert tree.findtext(f"{SVG}title") == "Carrefour, Avise : en ligne · qualité 79/100"
    assert "online · quality 79/100" in client.get("/en/contributeur/avise/badge.svg").get_data(as_text=True)
    assert response.data.count(b"http") == 1  # the namespace
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert len(response.data) < 2000
    hostile = client.get("/contributeur/malin/badge.svg").data
    assert ElementTree.fromstring(hostile).find(f".//{SVG}script") is None  # noqa: S314 - that is the question


def test_quality_is_explained_where_the_partner_looks(reader: FlaskClient) -> None:
    """On the partner's and the source's page: score, what helps most, every part, what is not measured, patterns."""
    for path in ("/contributeur/avise", "/sources/avise-fiches"):
        page = said(reader, path)
        for part in (
            "Qualité : 79 sur 100 · le plus utile : placer 37 fiches sur la carte (+21)",
            "30 fiches sur 40 portent le même titre",
            "Les liens ne sont pas encore vérifiés",
            "Sur 40 fiches en ligne.",
        ):
            assert part in page
    assert "put 37 records on the map" in said(reader, "/en/contributeur/avise")


@pytest.mark.parametrize("path", ["/actors/avise.ttl", "/sources/avise-fiches.ttl"])
def test_quality_is_linked_data(reader: FlaskClient, path: str) -> None:
    """As DQV in the documents of partner and source."""
    query = (
        "SELECT ?v WHERE { ?n a <http://www.w3.org/ns/dqv#QualityMeasurement> ; <http://www.w3.org/ns/dqv#value> ?v }"
    )
    graph = Graph().parse(data=reader.get(path).data, format="turtle")

    assert "79" in {str(row[0]) for row in graph.query(query)}  # type: ignore[index]


# -- over a real ledger ---------------------------------------------------------------------------------------------

SOURCE = """
[source]
url = "feed.csv"
format = "csv"
licence = "CC0"
partner = "recycleries"
[records]
id = "id"
page = "page"
[fields]
name = "nom"
startDate = "debut"
holder.name = "porteur"
{access}
[openness]
holder.name = "private"
"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[tuple[Platform, Path]]:
    """A real platform on a new instance with one source file."""
    (tmp_path / "carrefour.toml").write_text('base_url = "https://commons.example"\n', "utf-8")
    (tmp_path / "sources").mkdir()
    file = tmp_path / "sources" / "recycleries.toml"
    file.write_text(SOURCE.replace("{access}", ""), "utf-8")
    platform = open_platform(load_settings(tmp_path, {}))
    yield platform, file
    platform.close()


def plant(platform: Platform, findings: list[Finding]) -> str:
    """A run in the ledger, with findings."""
    ledger: Any = platform._ledger
    at = datetime(2026, 11, 21, 2, tzinfo=UTC)
    ledger.sources.declare(PartnerRow("recycleries", "Fédération"), SourceRow("recycleries", "recycleries", "Flux"))
    run: str = ledger.runs.start("recycleries", "recycleries", at, 1)
    ledger.findings.add(run, findings)
    ledger.runs.finish(RunReport(run, "recycleries", "recycleries", RunState.WITH_REJECTS, at, at, Counts(read=1)))
    return run


def test_the_real_ledger_keeps_what_is_not_open(instance: tuple[Platform, Path]) -> None:
    """[openness], a refused licence, a record's own consent, a source file that is gone: each hides what it must."""
    platform, file = instance
    record = "https://commons.example/records/recycleries/{}"
    run = plant(
        platform,
        [
            finding("date-unreadable", "open-value", "startDate", record=record.format("1")),
            finding("text-damaged", "private-holder", "holder.name", record=record.format("1")),
            finding("date-unreadable", "no-licence", "startDate", record=record.format("2")),
            finding(
                "licence-not-open", "all-rights", "license", record=record.format("2"), severity=Severity.VIOLATION
            ),
        ],
    )
    client = create_app(platform).test_client()

    def shown() -> set[str]:
        body = client.get(f"/runs/{run}.csv").get_data(as_text=True) + client.get(f"/runs/{run}.nt").get_data(True)
        return {one for one in ("open-value", "private-holder", "no-licence", "all-rights") if one in body}

    assert shown() == {"open-value"}
    file.write_text(SOURCE.replace("{access}", 'access = "droits"'), "utf-8")
    assert shown() == set()
    file.write_text(SOURCE.replace("{access}", ""), "utf-8")
    assert shown() == {"open-value"}
    file.unlink()
    assert shown() == set()
    assert b"run" in client.get(f"/runs/{run}").data
