"""What a preview says of the demonstration feeds, exactly: every row, every refusal, every unknown word."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

from federation.model import Counts, Finding, RunReport, RunState, Severity
from federation.pipeline.preview import Preview, preview
from federation.pipeline.sources import load_source, parse_source
from federation.settings import Settings
from federation.vocabulary import Vocabulary, load

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
EXPECTED = {
    "accompagnateurs": Counts(read=10, accepted=9, rejected=1, new=9, essential=4, basic=5),
    "carnet-du-carrefour": Counts(read=8, accepted=6, rejected=2, new=6, essential=1, basic=2, full=3),
    "changement-echelle": Counts(read=16, accepted=14, rejected=1, excluded=1, new=14, essential=11, basic=3),
    "departements-solidaires": Counts(
        read=19, accepted=13, rejected=2, excluded=1, merged=3, new=13, essential=4, basic=9
    ),
    "huit-exemples": Counts(read=10, accepted=8, rejected=1, excluded=1, new=8, essential=3, basic=5),
    "lettre-collectivites": Counts(read=15, accepted=13, rejected=1, excluded=1, new=13, essential=2, basic=11),
    "zero-chomeur": Counts(read=11, accepted=10, rejected=1, new=10, essential=2, basic=8),
}
REFUSED = {
    ("accompagnateurs", "ligne 12", "page-missing", "Page"),
    ("carnet-du-carrefour", "sans-licence-ouverte", "licence-not-open", "license"),
    ("carnet-du-carrefour", "note-de-travail", "shape:name:minCount", "name"),
    ("changement-echelle", "élément 15", "shape:name:minLength", "attributes.titre"),
    ("departements-solidaires", "ligne 18", "shape:name:minCount", "Intitulé "),
    ("departements-solidaires", "ligne 19", "cell-count", None),
    ("huit-exemples", "brouillon-9", "shape:name:minCount", "intitulé"),
    ("lettre-collectivites", "ab", "shape:name:minLength", "name"),
    ("zero-chomeur", "élément 11", "shape:name:minCount", "properties.nom"),
}
"""Source, end of the partner's address of the row, rule, the partner's own field."""


def _quiet(stage: str, done: int, total: int | None) -> None:
    """Show no progress."""


def _preview(path: Path, vocabulary: Vocabulary) -> Preview:
    return preview(load_source(path, vocabulary), Settings(workers=1), vocabulary, NOW, _quiet)


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """The vocabulary of the checkout."""
    return load()


@pytest.fixture(scope="module")
def reports(vocabulary: Vocabulary) -> dict[str, RunReport]:
    """What a preview says of each demonstration source."""
    paths = sorted((ROOT / "demo" / "sources").glob("*.toml"))
    return {path.stem: _preview(path, vocabulary).report for path in paths}


@pytest.fixture(scope="module")
def found(reports: dict[str, RunReport]) -> Callable[[str, str], list[Finding]]:
    """Findings of a source by rule."""
    return lambda source, rule: [finding for finding in reports[source].findings if finding.rule == rule]


@pytest.mark.parametrize("source", sorted(EXPECTED))
def test_counts_are_what_the_readme_promises(source: str, reports: dict[str, RunReport]) -> None:
    """Accepted by tier, refused and left out: each figure is the one a reader can count in the feed."""
    assert reports[source].counts == EXPECTED[source]
    assert reports[source].state is RunState.WITH_REJECTS


def test_every_row_is_accounted_for_once(reports: dict[str, RunReport]) -> None:
    """Rows read = accepted + held + rejected + excluded + folded by repeat; tiers add up to what is accepted."""
    total = {item.name: sum(getattr(r.counts, item.name) for r in reports.values()) for item in fields(Counts)}

    for counts in (report.counts for report in reports.values()):
        assert counts.read == counts.accepted + counts.held + counts.rejected + counts.excluded + counts.merged
        assert counts.accepted == counts.essential + counts.basic + counts.full
    assert (total["read"], total["accepted"], total["rejected"], total["excluded"]) == (89, 73, 9, 4)
    assert (total["essential"], total["basic"], total["full"]) == (27, 43, 3)


def test_each_refusal_names_the_partners_own_row_and_field(reports: dict[str, RunReport]) -> None:
    """Nine records are refused, each for the one fault that was put into it, in the words of its author."""
    said = {
        (source, finding.where.rsplit("/", 1)[-1], finding.rule, finding.field)
        for source, report in reports.items()
        for finding in report.findings
        if finding.severity is Severity.VIOLATION
    }

    assert said == REFUSED


def test_messages_are_in_french_and_english(reports: dict[str, RunReport]) -> None:
    """A partner reads each finding in either language."""
    findings = [finding for report in reports.values() for finding in report.findings]

    assert findings
    assert all(finding.message["fr"].strip() and finding.message["en"].strip() for finding in findings)


def test_the_unknown_theme_word_is_listed_with_its_uses(reports: dict[str, RunReport]) -> None:
    """« Voisinage » is reported twice with the nearest theme; « Étude 2017 », known as meaningless, is not."""
    unknown = Counter(
        (source, finding.term, finding.value)
        for source, report in reports.items()
        for finding in report.findings
        if finding.rule == "unknown-word"
    )

    assert unknown == {("changement-echelle", "theme", "Voisinage"): 2}


def test_unreadable_dates_are_left_out_and_named(found: Callable[[str, str], list[Finding]]) -> None:
    """A date that does not exist costs the record its date, not its place."""
    csv_dates = found("departements-solidaires", "date-unreadable")
    letter_dates = found("lettre-collectivites", "date-unreadable")

    assert [(f.where, f.field, f.value) for f in csv_dates] == [("ligne 17", "Début", "31/02/2016")]
    assert [f.value for f in letter_dates] == ["avant 2016"]


def test_swapped_axes_are_put_right_and_said(found: Callable[[str, str], list[Finding]]) -> None:
    """The point of Paris is repaired only because its postcode proves the swap."""
    swapped = found("zero-chomeur", "point-swapped")

    assert [(f.where, f.suggestion) for f in swapped] == [("élément 7", "48.8283, 2.3626")]


def test_the_charset_is_guessed_aloud(found: Callable[[str, str], list[Finding]]) -> None:
    """A file that is not UTF-8 is read, and its author is told."""
    assert len(found("departements-solidaires", "charset-guessed")) == 1


@pytest.mark.parametrize(("language", "suffix"), [("json", "jsonld"), ("csv", "csv")])
def test_the_examples_of_the_partners_guide_work(
    language: str, suffix: str, tmp_path: Path, vocabulary: Vocabulary
) -> None:
    """Whoever copies an example of docs/partners.md, feed and source file, gets an accepted record of tier Basic."""
    guide = (ROOT / "docs" / "partners.md").read_text("utf-8")
    feed, toml = re.findall(rf"```{language}\n(.*?)```.*?```toml\n(.*?)```", guide, re.DOTALL)[0]
    (tmp_path / f"projets.{suffix}").write_text(feed, "utf-8")
    text = toml.replace(f"https://jardins.example/projets.{suffix}", f"projets.{suffix}")

    source = parse_source(text, "jardins.toml", vocabulary, tmp_path)
    counts = preview(source, Settings(workers=1), vocabulary, NOW, _quiet).report.counts

    assert (counts.accepted, counts.rejected, counts.basic) == (1, 0, 1)
