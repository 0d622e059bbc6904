"""The merged project: a pure function of its records."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import BASE, CRF, DCTERMS, LICENCE, PROV, SCHEMA, SINGLE_VALUED, make_record

from federation.model import Record, Tier, from_lines
from federation.pipeline.merge.project import RecordView, merged_project, modified_of, published_by_holder

PROJECT = f"{BASE}/id/projet/abc"
NODE = f"<{PROJECT}>"
PROJECT_HOLDER = ("<{iri}#project>", f"<{CRF}holder>", "<{iri}#holder-other>")
LABEL, FRENCH = f"<{SCHEMA}name>", '"{}"@fr'.format


def view(record: Record, tier: Tier = Tier.FULL, own: bool = False) -> RecordView:
    """A record as merging sees it."""
    return RecordView(record.iri, record.content, tier, modified_of(record.iri, record.content), own)


def merged(*views: RecordView) -> set[tuple[str, str, str]]:
    """Triples of the merged project."""
    return set(from_lines(merged_project(PROJECT, views, SINGLE_VALUED)))


def values(triples: set[tuple[str, str, str]], predicate: str) -> set[str]:
    """Values of a property of the project itself."""
    return {value for subject, each, value in triples if subject == NODE and each == f"<{predicate}>"}


def test_one_record_becomes_its_project() -> None:
    """Its nodes are renamed, its types, origin, licence and author are said, its record node stays behind."""
    record = make_record(page="https://avise.example/1")

    triples = merged(view(record))

    assert values(triples, f"{PROV}wasDerivedFrom") == {f"<{record.iri}>"}
    assert values(triples, f"{DCTERMS}license") == {f"<{LICENCE}>"}
    assert values(triples, f"{PROV}wasAttributedTo") == {f"<{BASE}/actors/avise>"}
    assert values(triples, "http://www.w3.org/1999/02/22-rdf-syntax-ns#type") == {
        f"<{SCHEMA}Project>", "<http://virtual-assembly.org/ontologies/pair#Project>", f"<{CRF}Project>"
    }  # fmt: skip
    (place,) = values(triples, f"{SCHEMA}location")
    assert place.startswith(f"<{PROJECT}#location-")
    assert (place, LABEL, '"Lieu 1"') in triples
    assert not any(subject.startswith(f"<{record.iri}") for subject, _, _ in triples)
    assert not any(predicate == f"<{DCTERMS}source>" for _, predicate, _ in triples)


def test_texts_that_look_like_our_nodes_are_left_alone() -> None:
    """A literal that quotes the record's IRI in angle brackets is not rewritten."""
    iri = make_record().iri
    text = f'"<{iri}#project> et > <{iri}#location-1> ."@fr'

    triples = merged(view(make_record(extra=(("<{iri}#project>", f"<{SCHEMA}award>", text),))))

    assert values(triples, f"{SCHEMA}award") == {text}


def test_a_record_speaks_of_nothing_but_its_project() -> None:
    """Triples about other subjects stay in its own graph."""
    foreign = ("<https://elsewhere.example/x>", LABEL, '"moi"')

    assert not any(subject == foreign[0] for subject, _, _ in merged(view(make_record(extra=(foreign,)))))


def test_inner_nodes_that_point_to_the_project_follow_it() -> None:
    """A job offer names the project by its new IRI."""
    job = ("<{iri}#job-1>", f"<{SCHEMA}hiringOrganization>", "<{iri}#project>")

    assert (f"<{PROJECT}#job-1>", job[1], NODE) in merged(view(make_record(extra=(job,))))


def test_many_valued_properties_are_united_and_origins_all_named() -> None:
    """Every record, licence, partner, keyword and place is there."""
    extra = ("<{iri}#project>", f"<{SCHEMA}keywords>", '"mot de {iri}"')
    first, second = make_record("a", "1", extra=(extra,)), make_record("b", "2", extra=(extra,))

    triples = merged(view(first), view(second))

    assert len(values(triples, f"{SCHEMA}keywords")) == 2
    assert values(triples, f"{PROV}wasDerivedFrom") == {f"<{first.iri}>", f"<{second.iri}>"}
    assert values(triples, f"{PROV}wasAttributedTo") == {f"<{BASE}/actors/a>", f"<{BASE}/actors/b>"}
    assert len(values(triples, f"{SCHEMA}location")) == 2


def test_one_value_is_chosen_by_holder_then_date_then_tier_then_iri() -> None:
    """Each rule decides only where those before it do not."""
    old = make_record("a", "1", name="vieux", modified="2020-01-01")
    new = make_record("b", "1", name="neuf", modified="2024-01-01")
    plain, better = make_record("c", "1", name="simple"), make_record("d", "1", name="mieux")
    twin = make_record("e", "1", name="jumeau")

    def name_of(*views: RecordView) -> set[str]:
        return values(merged(*views), f"{SCHEMA}name")

    assert name_of(view(new), view(old, own=True)) == {FRENCH("vieux")}
    assert name_of(view(old), view(new)) == {FRENCH("neuf")}
    assert name_of(view(old, Tier.ESSENTIAL), view(plain)) == {FRENCH("vieux")}
    assert name_of(view(plain, Tier.BASIC), view(better)) == {FRENCH("mieux")}
    assert name_of(view(twin), view(better)) == {FRENCH("mieux")}


def test_a_language_that_only_one_record_speaks_is_kept() -> None:
    """One value per language, not one in all."""
    english = ("<{iri}#project>", LABEL, '"Project"@en')
    first, second = make_record("a", "1", name="Projet"), make_record("b", "1", name="Autre", extra=(english,))

    assert values(merged(view(first), view(second)), f"{SCHEMA}name") == {FRENCH("Projet"), '"Project"@en'}


def test_names_that_lose_stay_as_other_names() -> None:
    """Each once, whatever its case and spaces, and not the one that won: people search for the name they know."""
    views = [
        view(make_record(partner, "1", name=name, modified=f"20{20 - at}-01-01"))
        for at, (partner, name) in enumerate(
            [("a", "Jardin des sens"), ("b", "La Bêche"), ("c", "jardin  des Sens"), ("d", "la bêche")]
        )
    ]

    triples = merged(*views)

    assert values(triples, f"{SCHEMA}name") == {FRENCH("Jardin des sens")}
    assert values(triples, f"{SCHEMA}alternateName") == {FRENCH("La Bêche")}
    assert values(merged(views[0], views[2]), f"{SCHEMA}alternateName") == set()


def test_what_only_a_losing_value_led_to_goes_with_it() -> None:
    """The node of a losing budget is dropped; one that a kept value leads to as well stays."""

    def budget(n: int) -> tuple[tuple[str, str, str], ...]:
        node = f"<{{iri}}#budget-{n}>"
        return ("<{iri}#project>", f"<{CRF}budget>", node), (node, f"<{SCHEMA}value>", f'"{n}"')

    first, second = make_record("a", "1", extra=budget(1)), make_record("b", "1", extra=budget(2))

    triples = merged(view(first), view(second))

    assert values(triples, f"{CRF}budget") == {f"<{PROJECT}#budget-1>"}
    assert not any("budget-2" in part for triple in triples for part in triple)


def test_a_licence_is_never_dropped() -> None:
    """Even if the caller counts it among the properties of one value, every record's licence and author stay."""
    single = {f"{DCTERMS}license", f"{PROV}wasAttributedTo"}
    first, second = make_record("a", "1"), make_record("b", "1")

    lines = merged_project(PROJECT, [view(first), view(second)], single)

    assert lines.count(f"<{PROV}wasAttributedTo>") == 2


@given(st.permutations(range(4)))
def test_the_order_of_records_changes_nothing(order: Sequence[int]) -> None:
    """Same records, same project."""
    views = [view(make_record(str(n), "1", name=f"n{n}", modified="2020-01-01"), list(Tier)[n % 3]) for n in range(4)]

    assert merged(*(views[n] for n in order)) == merged(*views)


def test_a_record_beside_its_double_makes_the_same_project() -> None:
    """The way of one record and the way of many agree on every triple."""
    record = make_record(extra=(("<{iri}#job-1>", f"<{SCHEMA}hiringOrganization>", "<{iri}#project>"),))

    assert merged(view(record), view(record)) == merged(view(record))


def test_a_project_without_records_is_a_defect() -> None:
    """It raises ValueError."""
    with pytest.raises(ValueError, match="without records"):
        merged_project(PROJECT, [], SINGLE_VALUED)


def test_the_holder_is_recognised_by_name_or_address() -> None:
    """A partner that is itself the holder of the project it publishes."""
    content = make_record(key="1").content

    assert published_by_holder(content, " structure  1", None)
    assert not published_by_holder(content, "Structure 2", "https://avise.example")


@pytest.mark.parametrize("language", ["", "@fr"])
def test_a_holder_whose_name_holds_quotes_and_backslashes_is_recognised(language: str) -> None:
    """Names are compared as people wrote them, whatever escapes stand for them in the graph."""
    holder = "<{iri}#holder-other>"
    name = f'"L\\\'atelier \\"Le \\\\ Pont\\"\\nde Niort"{language}'
    content = make_record(extra=((holder, f"<{SCHEMA}name>", name), PROJECT_HOLDER)).content

    assert published_by_holder(content, 'L\'atelier "Le \\ Pont" de Niort', None)
    assert not published_by_holder(content, "L'atelier ", None)
    assert not published_by_holder(content, "L'atelier \\", None)


def test_the_modified_date_is_read_from_the_record_node_only() -> None:
    """A text that imitates it is not a date."""
    iri = make_record().iri
    imitation = ("<{iri}#project>", f"<{SCHEMA}award>", f'"x <{iri}> <{DCTERMS}modified> y"')

    assert modified_of(iri, make_record(extra=(imitation,)).content) == ""
    assert modified_of(iri, make_record(modified="2024-05-01", extra=(imitation,)).content) == "2024-05-01"
