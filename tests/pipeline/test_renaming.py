"""Known again under new ids: by the same name and the same page or place, in any case, accent and scheme."""

from __future__ import annotations

from federation.pipeline.renaming import Likeness, likeness, matches

RECORD = "https://commons.example/records/p/1"
NAME, CODE, TOWN = (f"<http://schema.org/{each}>" for each in ("name", "postalCode", "addressLocality"))


def of(name: str = "Garage solidaire", page: str = "", town: str = "", code: str = "") -> Likeness:
    """What a record is known by."""
    lines = [f'<{RECORD}#project> {NAME} "{name}"@fr .\n', f'<{RECORD}#holder-x> {NAME} "Association"@fr .\n']
    lines += [f'<{RECORD}#location-x> {TOWN} "{town}" .\n'] if town else []
    lines += [f'<{RECORD}#location-x> {CODE} "{code}" .\n'] if code else []
    return likeness(RECORD, page, "".join(lines))


def test_only_the_name_of_the_project_counts() -> None:
    """Not that of who carries it, or all projects of one association were the same."""
    assert of("Épicerie  Sociale").names == {"epicerie sociale"}


def test_name_and_page_match_whatever_case_accent_and_scheme() -> None:
    """https for http and a slash at the end are the same page."""
    old = of("Épicerie sociale", "http://P.example/p/1/")
    assert matches([of("EPICERIE SOCIALE", "https://p.example/p/1")], [old]) == 1


def test_name_and_place_match() -> None:
    """A town or a postcode is enough beside the name; pages may all be new."""
    assert matches([of(page="https://new.example/1", town="THIERS")], [of(page="https://old.example/1", town="Thiers")])
    assert matches([of(code="63300")], [of(code="63300", town="Thiers")])


def test_name_alone_or_place_alone_is_not_enough() -> None:
    """Many projects are called the same, and many are in one town."""
    assert matches([of(town="Thiers")], [of(town="Lyon")]) == 0
    assert matches([of("Autre", town="Thiers")], [of(town="Thiers")]) == 0
    assert matches([of()], [of()]) == 0


def test_each_new_record_counts_once() -> None:
    """Also when several missing ones are like it."""
    assert matches([of(town="Thiers")] * 2, [of(town="Thiers")] * 5) == 2
    assert matches([], [of(town="Thiers")]) == matches([of(town="Thiers")], []) == 0


def test_a_record_without_content_is_like_none() -> None:
    """Its graph could not be found."""
    assert matches([of(town="Thiers")], [likeness(RECORD, "https://p.example/1", "")]) == 0
