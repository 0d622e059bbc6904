"""Findings at the terminal: grouped, causes first, each value with what is said of it and of no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from federation.cli.reports import count_line, finding_lines, run_line
from federation.model import Counts, Finding, RunReport, RunState, Severity


def unknown(word: str, near: str | None, where: str) -> Finding:
    """A word that nobody knows, as the mapping tells it."""
    hint = f" Le plus proche : {near}." if near else ""
    message = {"fr": f"« {word} » n'est pas un mot connu.{hint}", "en": f'"{word}" is not known.'}
    return Finding("unknown-word", Severity.INFO, message, where, "Thèmes", "theme", word, near)


def test_each_unknown_word_stands_with_its_own_suggestion() -> None:
    """Three words under one message: the nearest concept of the first is not said of the others."""
    words = [
        unknown("Jardinnage", "Agriculture (AGR)", "ligne 3"),
        unknown("Zorglubisme", None, "ligne 5"),
        unknown("Recyclage", "Déchets (DEC)", "ligne 7"),
    ]

    (line,) = finding_lines(words, "fr")

    assert "Le plus proche : Agriculture (AGR). (ligne 3)" in line
    assert "« Zorglubisme » → rien de proche (ligne 5)" in line
    assert "« Recyclage » → Déchets (DEC) (ligne 7)" in line


def width(cells: int, where: str) -> Finding:
    """A row of so many cells, of which its sentence tells, as the reader of tables says it."""
    message = {"fr": f"{cells} cellules au lieu de 14.", "en": f"{cells} cells instead of 14."}
    return Finding("cell-count", Severity.VIOLATION, message, where, value=f"ligne à {cells} cellules")


def test_a_sentence_is_said_of_the_rows_it_is_true_of() -> None:
    """Rows of 13 and of 15 cells stand under their own sentence; of many sentences the rest is counted."""
    findings = [width(13, "ligne 2"), width(15, "ligne 3"), width(13, "ligne 4")]

    narrow, wide = finding_lines(findings, "en")

    assert (narrow.count("13 cells"), narrow.count("(2)")) == (1, 1)
    assert (wide.count("15 cells"), "Likewise" in wide) == (1, False)
    assert "de la même sorte" in finding_lines([width(n, f"ligne {n}") for n in range(1, 9)], "fr")[-1]


def test_a_suggestion_that_all_share_is_said_once() -> None:
    """The longest length that is allowed belongs to the rule, not to a value."""
    message = {"fr": "le texte a plus de 300 caractères", "en": "the text has more than 300 characters"}
    long = [
        Finding("too-long", Severity.WARNING, message, f"ligne {n}", "Résumé", "abstract", f"texte {n}", "300")
        for n in (1, 2)
    ]

    assert "→" not in finding_lines(long, "fr")[0]


@pytest.mark.parametrize("limit", [None, 1])
def test_a_column_that_is_not_there_is_told_first(limit: int | None) -> None:
    """A cause, even a mild one, comes before the refusals that follow from it, and is not cut off."""
    refused = Finding("shape:name:minCount", Severity.VIOLATION, {"fr": "vide.", "en": "empty."}, "ligne 2", "Titre")
    missing = Finding("column-missing", Severity.WARNING, {"fr": "Aucune ligne…", "en": "No row…"}, "s", "Titre")

    assert "Aucune ligne" in finding_lines([refused, refused, missing], "fr", limit)[0]


@pytest.mark.parametrize(("lang", "why"), [("fr", "motifs des rejets :"), ("en", "why rows are refused:")])
def test_refusals_that_are_not_told_again_say_where_their_reasons_are(lang: str, why: str) -> None:
    """An unchanged feed with refused rows names the command that explains; with its findings it need not."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    refused = Finding("shape:name:minCount", Severity.VIOLATION, {"fr": "vide.", "en": "empty."}, "ligne 2")
    again = RunReport("r", "s", "p", RunState.UNCHANGED, now, now, Counts(read=3, accepted=2, rejected=1, unchanged=2))
    first = RunReport("r", "s", "p", RunState.WITH_REJECTS, now, now, again.counts, (refused,))

    listed = replace(first, findings=())  # as a list of runs has it

    assert f"{why} carrefour preview s" in run_line(again, lang)
    assert f"{why} carrefour run show r" in run_line(listed, lang)
    assert why not in run_line(first, lang)


@pytest.mark.parametrize(
    ("rows", "places"),
    [
        (["https://j.example/potager/", "https://j.example/?p=7"], "(potager, ?p=7)"),
        (["page 1, https://j.example/7", "page 2, https://j.example/8/"], "(page 1, 7 ; page 2, 8)"),
        (["page 1, élément 1"], "(page 1, élément 1)"),
    ],
)
def test_every_row_has_a_name_and_one_that_has_two_parts_stays_one(rows: list[str], places: str) -> None:
    """An address that ends with a slash, as of WordPress, is told by what comes before it."""
    empty = {"fr": "vide.", "en": "empty."}
    found = [Finding("shape:name:minCount", Severity.VIOLATION, empty, where, "Titre") for where in rows]

    assert finding_lines(found, "fr")[0].endswith(f"vide. {places}")


@pytest.mark.parametrize(("lang", "kept"), [("fr", "mais gardées en ligne"), ("en", "but kept online")])
def test_absent_records_that_are_withdrawn_are_not_said_to_be_kept(lang: str, kept: str) -> None:
    """While none is withdrawn they are all kept online; afterwards the number of those that went follows."""
    counts = Counts(read=7, accepted=7, unchanged=7, missing=6)

    assert kept in count_line(counts, lang)
    assert kept not in count_line(replace(counts, withdrawn=6), lang)


def test_rows_are_named_in_the_language_of_the_call() -> None:
    """Readers keep them in French; a name or an address of the partner's own stays as it is."""
    empty = {"fr": "vide.", "en": "empty."}
    places = ["ligne 2", "page 1, élément 3", "Jardin de la ligne 4"]
    found = [Finding("shape:name:minCount", Severity.VIOLATION, empty, where, "Titre") for where in places]

    (english,), (french,) = finding_lines(found, "en"), finding_lines(found, "fr")

    assert english.endswith("(line 2 ; page 1, item 3 ; Jardin de la ligne 4)")
    assert french.endswith("(ligne 2 ; page 1, élément 3 ; Jardin de la ligne 4)")


def test_a_run_that_took_nothing_did_not_succeed() -> None:
    """All rows refused: the state says so; with one row taken it is a success with rejects."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    refused = RunReport("r", "s", "p", RunState.WITH_REJECTS, now, now, Counts(read=3, rejected=3))

    assert run_line(refused, "fr").startswith("s : aucune fiche acceptée")
    assert run_line(refused, "en").startswith("s: no record accepted")
    some = replace(refused, counts=Counts(read=3, accepted=1, rejected=2))
    assert run_line(some, "en").startswith("s: succeeded with rejects")


def test_an_interrupted_run_that_was_taken_up_says_by_which() -> None:
    """Before that, that somebody will."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    cut = RunReport("r", "s", "p", RunState.ABANDONED, now, now, Counts())

    assert "takes it up again" in run_line(cut, "en")
    assert "run 01NEXT has followed" in run_line(cut, "en", later="01NEXT")
    assert "le passage 01NEXT a pris la suite" in run_line(cut, "fr", later="01NEXT")
