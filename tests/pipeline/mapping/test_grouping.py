"""Which rows are records, which belong together, and what is said of the others."""

from __future__ import annotations

import random
from typing import Any

import pytest
from made_rows import BASE, MakeMapper, mapped, nodes, one, rules, said_of

from federation.errors import PartnerError
from federation.pipeline.mapping.identity import normal_id, record_key

NAME = '[fields]\nname = "nom"\n'
PLACES = '[fields]\nname = "nom"\nlocation.address.addressLocality = "ville"\n'
REPEAT = '[records]\nid = "id"\npage = "https://p.example/{id}"\nrepeat = ["location"]\n'


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (" 12 ", "12"),
        ("E\u0301cole", "École"),
        ("https://WWW.A.org/Fiche/3/", "www.a.org/Fiche/3"),
        ("http://a.org/x?b=1#/c", "a.org/x?b=1#/c"),
    ],
)
def test_ids_have_one_normal_form(given: str, expected: str) -> None:
    """Trimmed, composed, case kept; an IRI without scheme, final slash and host case."""
    assert normal_id(given) == expected


@pytest.mark.parametrize("safe", ["12", "a-b_c.d~e", "A" * 64])
def test_a_safe_id_is_the_key(safe: str) -> None:
    """Readable where possible."""
    assert record_key(safe) == safe


@pytest.mark.parametrize(
    "unsafe", ["A" * 65, "h-1", "fiche.ttl", "fiche.JSONLD", "a/b", "é", "a b", "..", "", "12\n", "x\ud800"]
)
def test_any_other_id_becomes_a_hash(unsafe: str) -> None:
    """``h-`` and 26 base32 characters, always the same."""
    key = record_key(unsafe)

    assert key.startswith("h-")
    assert len(key) == 28
    assert key == record_key(unsafe)


def test_without_an_id_the_page_names_the_record(mapper: MakeMapper) -> None:
    """Never a row number, never a name."""
    made = mapper(NAME, records='[records]\npage = "url"\n')

    outcome = one(made, {"nom": "A", "url": "https://p.example/a/"})

    assert outcome.record is not None
    assert outcome.key == record_key("p.example/a")


def test_an_address_that_all_rows_share_names_none_of_them(mapper: MakeMapper) -> None:
    """A constant page is a page, but no id."""
    made = mapper(NAME, records='[records]\nid = "id"\npage = "https://p.example/"\n')

    assert rules(one(made, {"nom": "A"})) == ["id-missing"]
    assert one(made, {"nom": "A", "id": 1}).record is not None


def test_rows_are_joined_by_a_real_id_only(mapper: MakeMapper) -> None:
    """Rows of several places without their id are not one record because they share a page."""
    made = mapper(PLACES, records='[records]\nid = "id"\npage = "url"\nrepeat = ["location"]\n')

    outcomes = mapped(made, *({"nom": nom, "url": "https://p.example/a"} for nom in "AB"))

    assert [rules(outcome) for outcome in outcomes] == [["id-missing"]] * 2


def test_an_id_may_be_put_together_from_columns(mapper: MakeMapper) -> None:
    """Numbers of two lists collide unless the list is named."""
    made = mapper(NAME, records='[records]\nid = "{source}-{n°}"\npage = "https://p.example/"\n')

    keys = [
        outcome.key
        for outcome in mapped(made, {"nom": "A", "source": "x", "n°": 1}, {"nom": "B", "source": "y", "n°": 1})
    ]

    assert keys == ["x-1", "y-1"]


def test_a_number_and_its_text_are_one_id(mapper: MakeMapper) -> None:
    """JSON's 12 is CSV's 12."""
    assert [one(mapper(NAME), {"id": value, "nom": "A"}).key for value in (12, "12", 12.0)] == ["12"] * 3


@pytest.mark.fault(18)
def test_a_row_without_a_name_for_itself_is_refused(mapper: MakeMapper) -> None:
    """An empty cell is no id, nor is a word that stands where one is to come."""
    (outcome,) = mapped(mapper(NAME), {"id": "NR", "nom": "A"})
    (waiting,) = mapped(mapper(NAME), {"id": "à compléter", "nom": "A"})

    assert (rules(outcome), outcome.key) == (["id-missing"], None)
    assert (rules(waiting), waiting.key) == (["id-placeholder"], None)


@pytest.mark.fault(29)
@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"etat": "Oui "}, None),
        ({"etat": "non"}, "only: etat"),
        ({}, "only: etat"),
        ({"etat": "oui", "statut": -1}, "except: statut"),
        ({"etat": "oui", "statut": "-1"}, "except: statut"),
        ({"etat": "oui", "statut": 1}, None),
        ({"etat": "oui", "src": "HINAURA"}, "origin"),
        ({"etat": "oui", "src": "nous"}, None),
        ({"etat": "oui", "@id": f"{BASE}/records/p/1"}, "own"),
    ],
)
def test_rows_left_out_on_purpose_say_why(mapper: MakeMapper, row: dict[str, Any], why: str | None) -> None:
    """They are counted, and are no errors."""
    made = mapper(
        NAME + '[only]\netat = "oui"\n[except]\nstatut = [-1, -2]\n[origins]\n"Hinaura" = "hinaura"\n"nous" = "p"\n',
        records='[records]\nid = "id"\npage = "https://p.example/{id}"\norigin = "src"\n',
    )

    outcome = one(made, {"id": "1", "nom": "A"} | row)

    assert outcome.excluded == why
    assert (outcome.record is None) == (why is not None)


def test_only_some_types_and_pages_are_records(mapper: MakeMapper) -> None:
    """Types with or without prefix; pages by pattern."""
    made = mapper(
        NAME, records='[records]\nid = "id"\npage = "url"\ntypes = ["schema:Project"]\nmatch = "/projets/*"\n'
    )
    row = {"id": "1", "nom": "A", "@type": ["Project"], "url": "https://p.example/projets/1"}

    outcomes = [
        one(made, row),
        one(made, row | {"@type": "Person"}),
        one(made, row | {"url": "https://p.example/blog/1"}),
    ]

    assert [outcome.excluded for outcome in outcomes] == [None, "type", "match"]


@pytest.mark.fault(18)
def test_equal_ids_are_a_fault_unless_the_rows_are_equal(mapper: MakeMapper) -> None:
    """The first row stays; a repetition is harmless; every row is accounted for."""
    rows = [{"id": "1", "nom": "A"}, {"nom": "A", "id": "1"}, {"id": "1", "nom": "B"}, {"id": "2", "nom": "C"}]

    outcomes = mapped(mapper(NAME), *rows)

    assert [(o.key, o.excluded, rules(o)) for o in outcomes] == [
        ("1", None, []),
        ("1", "repeated", ["row-repeated"]),
        (None, None, ["id-duplicate"]),
        ("2", None, []),
    ]
    assert sum(outcome.rows for outcome in outcomes) == len(rows)
    assert "ligne 2" in outcomes[2].findings[0].message["fr"]


@pytest.mark.fault(18)
@pytest.mark.parametrize("records", ['[records]\nid = "id"\npage = "https://p.example/{id}"\n', REPEAT])
def test_an_id_that_never_varies_is_refused(mapper: MakeMapper, records: str) -> None:
    """A GUID that is the same on all rows names nothing; told before anything is mapped."""
    made = mapper(NAME, records=records)

    with pytest.raises(PartnerError, match="never varies"):
        mapped(made, {"id": "x", "nom": "A"}, {"id": "x", "nom": "B"})


@pytest.mark.fault(26)
def test_rows_of_one_id_become_one_record_with_several_places(mapper: MakeMapper) -> None:
    """The order of rows changes nothing: same content, same hashes."""
    made = mapper(PLACES, records=REPEAT)
    rows = [{"id": "1", "nom": "A", "ville": ville} for ville in ("Thiers", "Riom", "Thiers", "Issoire")]
    rows += [{"id": "2", "nom": "B", "ville": "Ambert"}]

    first = mapped(made, *rows)
    random.Random(5).shuffle(rows)
    second = {outcome.key: outcome for outcome in mapped(made, *rows)}

    assert [(outcome.key, outcome.rows) for outcome in first] == [("1", 4), ("2", 1)]
    assert len(nodes(first[0], "location")) == 3
    for outcome in first:
        other = second[outcome.key]
        assert outcome.record is not None
        assert other.record is not None
        assert (outcome.record.content, outcome.raw_hash) == (other.record.content, other.raw_hash)


@pytest.mark.fault(26)
def test_rows_that_disagree_are_said_and_the_most_frequent_value_wins(mapper: MakeMapper) -> None:
    """Ties go by code point, so that the order of rows changes nothing."""
    made = mapper(PLACES, records=REPEAT)
    rows = [{"id": "1", "nom": nom, "ville": ville} for nom, ville in (("Z", "a"), ("B", "b"), ("Z", "c"), ("A", "d"))]
    tie = [{"id": "2", "nom": nom, "ville": "x"} for nom in ("B", "A")]

    outcomes = {outcome.key: outcome for outcome in mapped(made, *rows, *tie)}

    assert said_of(outcomes["1"])["name"] == {'"Z"@fr'}
    assert said_of(outcomes["2"])["name"] == {'"A"@fr'}
    (finding,) = outcomes["1"].findings
    assert (finding.rule, finding.field, finding.value) == ("repeat-conflict", "nom", "Z")


def test_paths_are_columns_first_then_jmespath(mapper: MakeMapper) -> None:
    """A title with a dot, a spaced title, a filter, a list of columns."""
    made = mapper(
        """[fields]
name = "nom.court"
description = "Ce qu'on fait "
theme = "tags[?type=='c'].name"
sameAs = "[fb, tw]"
url = ["absent", "site.url"]
"""
    )
    row = {
        "id": 1,
        "nom.court": "Titre",
        "Ce qu'on fait": "Texte",
        "tags": [{"type": "c", "name": "Énergie"}, {"type": "d", "name": "Eau"}],
        "fb": "https://fb.example/a",
        "tw": "null",
        "site": {"url": "https://a.example/"},
    }

    said = said_of(one(made, row))

    assert said["name"] == {'"Titre"@fr'}
    assert said["description"] == {'"Texte"@fr'}
    assert said["subject"] == {"<https://w3id.org/carrefour/theme/ENE>"}
    assert said["sameAs"] == {"<https://fb.example/a>"}
    assert said["url"] == {"<https://a.example/>"}


def test_a_path_that_fails_on_a_row_reads_as_nothing(mapper: MakeMapper) -> None:
    """A function on the wrong type is the row's fault, not the run's."""
    made = mapper('[fields]\nname = "nom"\ndescription = "join(\', \', tags)"\n')

    assert "description" not in said_of(one(made, {"id": 1, "nom": "A", "tags": 3}))
    assert said_of(one(made, {"id": 1, "nom": "A", "tags": ["a", "b"]}))["description"] == {'"a, b"@fr'}


def test_a_conflict_that_comes_changes_or_goes_is_a_change(mapper: MakeMapper) -> None:
    """The raw hash tells of it though the winning value stays: else the record is skipped and nobody is told."""
    made = mapper(PLACES, records=REPEAT)

    def raw_hash(*names: str) -> str | None:
        rows = [{"id": "1", "nom": nom, "ville": "x"} for nom in names]
        return mapped(made, *rows, {"id": "2", "nom": "B", "ville": "y"})[0].raw_hash

    agreed = raw_hash("Z", "Z")
    assert raw_hash("Z", "Z", "A") not in {agreed, raw_hash("Z", "Z", "C")}
    assert raw_hash("A", "Z", "Z") == raw_hash("Z", "A", "Z"), "the order of rows changes nothing"
    assert raw_hash("Z") == agreed


def test_a_row_that_says_nothing_contradicts_nobody(mapper: MakeMapper) -> None:
    """Rows below the first often leave empty what it says: the words that are there count, and no conflict is told."""
    fields = '[fields]\nname = "nom"\ndescription = "texte"\nholder.name = "nom"\nholder.url = "site"\n'
    made = mapper(fields, records='[records]\nid = "id"\npage = "site"\nrepeat = ["keywords"]\n')
    first = {"id": "1", "nom": "A", "texte": "Un potager.", "site": "https://p.example/1"}
    below = [{"id": "1", "nom": "A", "texte": "", "site": None, "n": n} for n in range(4)]

    (outcome,) = mapped(made, first, *below)

    assert outcome.record is not None
    assert outcome.record.page == "https://p.example/1"
    assert "Un potager." in outcome.record.content
    assert outcome.findings == ()
