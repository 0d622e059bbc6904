"""A run in words: causes grouped, every row accounted for, holds with figure and limit, values that stay inside."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rdflib import Graph, Literal, URIRef
from rdflib.namespace import RDF, SH

from federation.catalogue.disclosure import OPERATOR, Disclosure
from federation.catalogue.report_rdf import MAX_RESULTS, report_triples, run_triples
from federation.catalogue.report_table import harmless, table
from federation.catalogue.reports import account, hold_words, make_report
from federation.model import (
    Counts,
    Finding,
    Hold,
    Openness,
    Part,
    Rule,
    RunReport,
    RunState,
    Severity,
    to_lines,
)
from federation.vocabulary import load

BASE = "https://commons.example"
START = datetime(2026, 11, 21, 2, 14, tzinfo=UTC)
FIELDS = load().fields
SECRET = "jeanne@secret.example"


def a_run(**more: object) -> RunReport:
    """A run that has ended."""
    run = RunReport("01RUN", "recycleries", "fedrec", RunState.WITH_REJECTS, START, START, Counts(read=3, accepted=3))
    return replace(run, **more)  # type: ignore[arg-type]


def said(rule: str, value: str | None, term: str | None, **more: object) -> Finding:
    """A finding whose message quotes its value, as those of the mapping do."""
    message = {"fr": f"« {value} » ne convient pas.", "en": f'"{value}" is not right.'}
    finding = Finding(rule, Severity.WARNING, message, where="ligne 14", term=term, value=value)
    return replace(finding, **more)  # type: ignore[arg-type]


@pytest.mark.fault(46)
def test_ten_thousand_findings_are_a_few_causes() -> None:
    """10,000 findings are grouped by rule and column, with a few examples and the number of the others."""
    findings = (
        said("date-unreadable", f"3{n}/02", "startDate", where=f"ligne {n}", field="Début" if n % 2 else "Fin")
        for n in range(10_000)
    )

    report = make_report(a_run(), findings, OPERATOR)

    assert [(cause.field, cause.count, len(cause.examples), cause.more) for cause in report.causes] == [
        ("Début", 5000, 5, 4995),
        ("Fin", 5000, 5, 4995),
    ]
    assert report.total == 10_000
    assert report.causes[0].label == {"fr": "colonne « Début »", "en": 'column "Début"'}


def test_the_gravest_and_most_frequent_causes_come_first() -> None:
    """Blocking before advice, many before few; a finding that stands for many rows counts for all of them."""
    findings = [
        said("b", "1", "name", severity=Severity.INFO, count=50),
        said("a", "1", "name"),
        said("c", "1", "name", count=9),
        said("id-missing", None, None, severity=Severity.VIOLATION),
    ]

    report = make_report(a_run(), findings, OPERATOR)

    assert [(cause.rule, cause.count) for cause in report.causes] == [("id-missing", 1), ("c", 9), ("a", 1), ("b", 50)]
    assert report.count(Severity.WARNING) == 10


def test_a_cause_without_a_column_is_named_all_the_same() -> None:
    """By our field, by the record, or by the feed; what is missing says how to map it, and never None."""
    text = {"fr": "Manque.", "en": "Missing."}
    findings = [
        Finding("shape:location:minCount", Severity.WARNING, text, "ligne 1", term="location", count=3),
        Finding("shape:where:minCount", Severity.WARNING, text, "ligne 1", count=2),
        Finding("empty-body", Severity.WARNING, text),
    ]

    causes = make_report(a_run(), findings, OPERATOR).causes

    assert [cause.label["en"] for cause in causes] == ['field "location"', "the record", "the feed"]
    assert causes[0].remedy["en"].endswith('then map it: location = "your column".')
    assert causes[1].remedy["fr"].endswith("puis reliez-la à l'un de nos champs.")
    assert "None" not in repr([(cause.label, cause.remedy) for cause in causes])


def test_unknown_words_are_counted_with_the_line_to_copy() -> None:
    """Each word once, most frequent first, with the nearest concept and the crosswalk line; quotes are escaped."""
    near = "Agriculture, alimentation (AGR)"
    findings = [said("unknown-word", "Épicerie", "theme", suggestion=near)] * 12
    findings += [said("unknown-word", 'Le "bar"', "theme")]

    words = make_report(a_run(), findings, OPERATOR).words

    assert [(word.word, word.count, word.nearest, word.table, word.line) for word in words] == [
        ("Épicerie", 12, near, "[crosswalk.theme]", '"Épicerie" = "AGR"'),
        ('Le "bar"', 1, None, "[crosswalk.theme]", '"Le \\"bar\\"" = false'),
    ]


def test_every_row_is_accounted_for_in_words() -> None:
    """read = accepted + held + rejected + excluded + merged; what is zero is left out."""
    counts = Counts(read=214, accepted=208, held=1, rejected=2, excluded=3)

    assert account(counts) == {
        "fr": "214 lignes lues = 208 acceptées + 1 refusée, dont la dernière bonne version reste + 2 rejetées + 3 "
        "écartées par un choix de la source.",
        "en": "214 rows read = 208 accepted + 1 refused, whose last good version stays + 2 rejected + 3 left out by "
        "choice.",
    }
    assert account(Counts())["en"] == "No row was read."


@pytest.mark.parametrize("rule", Rule)
def test_every_rule_of_the_guard_is_explained(rule: Rule) -> None:
    """Figure, limit and what is withheld, in both languages, for each rule."""
    run = a_run(holds=(Hold(rule, 60, 42, frozenset({Part.WITHDRAWALS, Part.NEW})),), live=214)

    (text,) = hold_words(run)

    for said in text.values():
        assert "60" in said
        assert ("42" in said) is (rule is not Rule.EMPTY)  # an empty list needs no limit
    assert "les retraits pour absence" in text["fr"]
    assert "the new records" in text["en"]


def test_a_shrink_is_said_with_figure_and_limit() -> None:
    """60 of 214 gone, limit 42."""
    (text,) = hold_words(a_run(holds=(Hold(Rule.SHRINK, 60, 42, frozenset({Part.WITHDRAWALS})),), live=214))

    assert text["en"] == "60 of 214 gone, limit 42. Waiting for approval: withdrawals for absence."
    assert text["fr"].startswith("60 fiches absentes sur 214, limite 42. En attente d'un accord")


def test_a_loss_beside_new_records_is_said_of_what_was_online() -> None:
    """All 60 are gone and 57 came under new ids: that is no half."""
    held = (Hold(Rule.SHRINK, 60, 23, frozenset({Part.WITHDRAWALS})),)
    (text,) = hold_words(a_run(holds=held, live=117, counts=Counts(read=57, accepted=57, new=57, missing=60)))

    assert text["fr"].startswith("60 fiches absentes sur 60, limite 23.")
    assert text["en"].startswith("60 of 60 gone, limit 23.")


# -- secrecy --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("disclosure", "term"),
    [
        (Disclosure(FIELDS, {}), "contact.email"),
        (Disclosure(FIELDS, {}), "contact"),
        (Disclosure(FIELDS, {}), "budget.value"),
        (Disclosure(FIELDS, {}), "invented"),
        (Disclosure(FIELDS, {}), None),
        (Disclosure(FIELDS, {"location": Openness.COMMONS}), "location.address.postalCode"),
        (Disclosure(FIELDS, {"holder.name": Openness.PRIVATE}), "holder.name"),
        (Disclosure(FIELDS, None), "name"),
        (Disclosure(FIELDS, {}, Openness.COMMONS), "name"),
        (Disclosure(FIELDS, {}, closed=frozenset({f"{BASE}/records/a/1"})), "name"),
    ],
)
def test_a_value_that_is_not_open_data_is_shown_nowhere(disclosure: Disclosure, term: str | None) -> None:
    """By the vocabulary, the source's [openness], the source's level or the record's: value, suggestion, message."""
    finding = said("iri-unreadable", SECRET, term, suggestion=f"https://{SECRET}", record=f"{BASE}/records/a/1")

    shown = disclosure(finding)

    assert SECRET not in repr(shown)
    assert (shown.where, shown.rule, shown.count) == ("ligne 14", "iri-unreadable", 1)
    assert SECRET not in repr(make_report(a_run(), [finding], disclosure))
    assert SECRET not in b"".join(table(map(disclosure, [finding]), "fr")).decode()
    assert SECRET not in to_lines(report_triples(BASE, a_run(), map(disclosure, [finding]), 1, FIELDS))


def test_open_values_are_shown_and_operators_see_all() -> None:
    """What is open data stays whole; the flag for operators lets everything through."""
    public = Disclosure(FIELDS, {})

    for term in ("name", "startDate", "location.address.postalCode"):
        assert public(said("x", "31/02", term)).value == "31/02"
    assert public(said("shape:address.postalCode:pattern", "6300", "address.postalCode")).value == "6300"
    assert OPERATOR(said("x", SECRET, "contact.email")).value == SECRET
    assert public(said("id-duplicate", "12", None)).value == "12"


def test_the_address_of_a_feed_is_told_without_its_path() -> None:
    """A message about the feed names the host: the path may hold a key, and a file's path somebody's machine."""
    text = "L'adresse https://u:p@feed.example/k3y/x?t=1 n'existe plus (/srv/key/feed.csv). Voir http://a.example."
    finding = Finding("fetch:http-status", Severity.VIOLATION, {"fr": text, "en": text}, where="recycleries")

    shown = Disclosure(FIELDS, {})(finding).message["fr"]

    assert shown == "L'adresse https://feed.example/… n'existe plus (…). Voir http://a.example."


def test_what_may_be_shown_has_a_fingerprint() -> None:
    """It changes with levels and closed records, so that nobody keeps an old table."""
    prints = {
        Disclosure(FIELDS, {}).fingerprint,
        Disclosure(FIELDS, None).fingerprint,
        Disclosure(FIELDS, {"name": Openness.PRIVATE}).fingerprint,
        Disclosure(FIELDS, {}, closed=frozenset({"x"})).fingerprint,
        OPERATOR.fingerprint,
    }

    assert len(prints) == 5
    assert Disclosure(FIELDS, {}).fingerprint == Disclosure(FIELDS, {}).fingerprint


# -- table ----------------------------------------------------------------------------------------------------------


@pytest.mark.fault(46)
def test_the_table_is_whole_and_streamed() -> None:
    """10,000 findings are 10,000 rows, in pieces, readable as CSV, with a byte order mark."""
    findings = (said("date-unreadable", f"le {n}, « x »;\n", "startDate", where=f"ligne {n}") for n in range(10_000))

    pieces = list(table(findings, "fr"))

    assert len(pieces) > 10
    text = b"".join(pieces).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert pieces[0].startswith(b"\xef\xbb\xbf")
    assert (len(rows), rows[7]["ligne"], rows[7]["valeur"]) == (10_000, "ligne 7", "le 7, « x »;\n")


def test_the_table_may_leave_the_mark_out_and_use_semicolons() -> None:
    """For programs, and for French spreadsheets; English heads in English."""
    first = next(table([said("x", "1", "name")], "en", bom=False, separator=";"))

    assert first.startswith(b"severity;rule;row;")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start: str) -> None:
    """A value that would begin a formula gets an apostrophe; every cell of a finding goes through it."""
    evil = f'{start}HYPERLINK("http://evil.example")'
    finding = Finding(evil, Severity.INFO, {"fr": evil, "en": evil}, evil, evil, evil, evil, evil, evil)
    text = b"".join(table([finding], "fr", bom=False)).decode()

    (row,) = list(csv.reader(io.StringIO(text, newline="")))[1:]

    assert harmless(evil) == f"'{evil}"
    assert [cell for cell in row if cell.startswith(start)] == []


# -- RDF ------------------------------------------------------------------------------------------------------------


def graph_of(run: RunReport, findings: list[Finding]) -> Graph:
    """The report of a run as a graph, read by another library."""
    triples = [*run_triples(BASE, run), *report_triples(BASE, run, findings, len(findings), FIELDS)]
    return Graph().parse(data=to_lines(triples), format="nt")


def test_the_report_is_a_shacl_validation_report() -> None:
    """One report, made by the run; each result has focus node, severity, component, both messages, and our field."""
    record = f"{BASE}/records/fedrec/1"
    findings = [
        said("shape:location.address.postalCode:pattern", "6300", "location.address.postalCode", record=record),
        said("unknown-word", "Épicerie", "theme", field="tags", suggestion="Agriculture (AGR)", record=record),
        Finding("feed-unreadable", Severity.VIOLATION, {"fr": "Coupé.", "en": "Cut."}, where="recycleries"),
    ]
    graph = graph_of(a_run(), findings)
    (report,) = graph.subjects(RDF.type, SH.ValidationReport)
    results = sorted(URIRef(str(one)) for one in graph.objects(report, SH.result))

    assert str(next(graph.objects(report, SH.conforms))) == "false"
    assert (report, URIRef("http://www.w3.org/ns/prov#wasGeneratedBy"), URIRef(f"{BASE}/runs/01RUN")) in graph
    for result in results:
        assert (result, RDF.type, SH.ValidationResult) in graph
        for single in (SH.focusNode, SH.resultSeverity, SH.sourceConstraintComponent):
            assert len(list(graph.objects(result, single))) == 1
        texts = [text for text in graph.objects(result, SH.resultMessage) if isinstance(text, Literal)]
        assert sorted(str(text.language) for text in texts) == ["en", "fr"]
    assert graph.value(results[0], SH.sourceShape) == URIRef(FIELDS["location.address.postalCode"].shape)
    assert graph.value(results[0], SH.sourceConstraintComponent) == SH.PatternConstraintComponent
    assert graph.value(results[1], SH.resultPath) == URIRef(FIELDS["theme"].property)
    assert str(graph.value(results[1], URIRef("https://w3id.org/carrefour/vocab#partnerField"))) == "tags"
    assert graph.value(results[2], SH.focusNode) == URIRef(f"{BASE}/sources/recycleries")
    assert graph.value(results[2], SH.resultSeverity) == SH.Violation


def test_every_term_of_the_report_is_explained() -> None:
    """Whatever of ours a report says is in the ontology."""
    graph = graph_of(a_run(), [said("unknown-word", "x", "theme", field="tags", suggestion="y", count=3)])
    ours = {
        str(term) for triple in graph for term in triple[1:] if str(term).startswith("https://w3id.org/carrefour/v")
    }

    assert {term for term in ours if term not in load().terms} == set()


def test_a_clean_run_conforms_and_a_long_report_says_its_length() -> None:
    """No finding: it conforms. More than the document takes: the number of all is said."""
    count = URIRef("https://w3id.org/carrefour/vocab#findingCount")
    clean = graph_of(a_run(), [])
    long = graph_of(a_run(), [said("x", str(n), "name") for n in range(MAX_RESULTS + 5)])

    assert "true" in {str(value) for value in clean.objects(None, SH.conforms)}
    assert len(list(long.objects(None, SH.result))) == MAX_RESULTS
    assert int(str(next(long.objects(None, count)))) == MAX_RESULTS + 5


def test_what_keeps_no_value_out_does_not_say_that_one_is_missing() -> None:
    """A value that cannot be read is left out; a text that is short, or a file in another charset, is published."""
    text = {"fr": "Trop court.", "en": "Too short."}
    findings = [
        Finding("shape:description:minLength", Severity.WARNING, text, "ligne 1", "Texte", "description", "Bref."),
        Finding("charset-guessed", Severity.WARNING, text, value="N°"),
        Finding("date-unreadable", Severity.WARNING, text, "ligne 2", "Début", "startDate", "31/02/2016"),
    ]

    said = {cause.rule: cause.remedy["en"] for cause in make_report(a_run(), findings, OPERATOR).causes}

    assert "without this value" in said.pop("date-unreadable")
    assert all("no record is kept back" in remedy for remedy in said.values())


def test_a_remark_on_the_form_of_a_file_is_public_without_what_it_quotes() -> None:
    """Too many cells, or another charset: the message counts, so all may read it; the row it quotes stays closed."""
    text = {"fr": "20 cellules au lieu de 19.", "en": "20 cells instead of 19."}
    findings = [
        Finding(rule, Severity.WARNING, text, "ligne 19", value="a@b.example")
        for rule in ("cell-count", "charset-guessed")
    ]

    for finding in findings:
        shown = Disclosure(levels={})(finding)
        assert (shown.message, shown.value) == (text, None)


def test_an_example_that_says_another_sentence_says_it_itself() -> None:
    """Rows of 13 and of 15 cells are one cause; a value that only fills in the same sentence is not told twice."""
    wide = {"fr": "15 cellules au lieu de 14.", "en": "15 cells instead of 14."}
    narrow = {"fr": "13 cellules au lieu de 14.", "en": "13 cells instead of 14."}
    findings = [said("cell-count", None, None, message=text) for text in (narrow, wide, narrow)]
    findings += [said("date-unreadable", value, "startDate") for value in ("31/02", "32/02")]

    causes = {cause.rule: cause for cause in make_report(a_run(), findings, OPERATOR).causes}

    assert [one.own for one in causes["cell-count"].examples] == [False, True, False]
    assert [one.own for one in causes["date-unreadable"].examples] == [False, False]


def test_rows_are_named_in_the_language_of_the_table() -> None:
    """Readers keep "ligne 14", which an English reader gets as "line 14"."""
    finding = said("iri-unreadable", "x", "url")

    french, english = (b"".join(table([finding], language)).decode() for language in ("fr", "en"))

    assert (",ligne 14," in french, ",line 14," in english) == (True, True)
