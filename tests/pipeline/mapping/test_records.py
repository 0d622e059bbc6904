"""From a row to a record: node by node, term by term."""

from __future__ import annotations

import hashlib
from typing import Any

import pyoxigraph as ox
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_rows import BASE, HEAD, RECORDS, RUN, MakeMapper, nodes, one, raws, rules, said_of

from federation.model import Severity, from_lines, to_lines
from federation.pipeline.mapping import Mapper, RunStamp
from federation.pipeline.mapping.grouping import Group

NAME = '[fields]\nname = "nom"\n'
ROW = {"id": "7", "nom": "Garage solidaire"}


def test_the_record_node_says_who_where_and_under_which_licence(mapper: MakeMapper) -> None:
    """All that the design asks of the record node, and nothing else."""
    outcome = one(mapper(NAME), ROW)

    record = f"{BASE}/records/p/7"
    assert outcome.record is not None
    assert (outcome.record.iri, outcome.key, outcome.record.page) == (record, "7", "https://p.example/7")
    assert said_of(outcome, "/records/p/7") == {
        "type": {"<http://www.w3.org/ns/dcat#CatalogRecord>", "<http://www.w3.org/ns/prov#Entity>"},
        "license": {"<https://creativecommons.org/licenses/by/4.0/>"},
        "source": {"<https://p.example/7>"},
        "publisher": {f"<{BASE}/actors/p>"},
        "wasAttributedTo": {f"<{BASE}/actors/p>"},
        "inDataset": {f"<{BASE}/sources/s>"},
        "identifier": {'"7"'},
        "primaryTopic": {f"<{record}#project>"},
        "language": {"<http://publications.europa.eu/resource/authority/language/FRA>"},
        "accessRights": {"<https://w3id.org/carrefour/vocab#opendata>"},
        "generatedAtTime": {'"2026-11-21T02:00:00Z"^^<http://www.w3.org/2001/XMLSchema#dateTime>'},
        "wasGeneratedBy": {f"<{BASE}/runs/01>"},
    }
    assert said_of(outcome) == {
        "type": {
            "<https://w3id.org/carrefour/vocab#Project>",
            "<http://schema.org/Project>",
            "<http://virtual-assembly.org/ontologies/pair#Project>",
        },
        "name": {'"Garage solidaire"@fr'},
    }


@pytest.mark.parametrize("title", ["Nom  du projet ", "Nom du projet", " Nom du   projet"])
def test_a_title_may_be_copied_with_its_spaces(mapper: MakeMapper, title: str) -> None:
    """Readers fold the spaces of titles, so a path with the spaces of the file finds its column."""
    outcome = one(mapper(f'[fields]\nname = "{title}"\n'), {"id": "7", "Nom du projet": "Garage solidaire"})

    assert said_of(outcome)["name"] == {'"Garage solidaire"@fr'}


def test_the_digest_leaves_out_the_run(mapper: MakeMapper) -> None:
    """The same content by another run is no change."""
    made = mapper(NAME)
    (group,) = made.group(raws([ROW]))
    assert isinstance(group, Group)

    first, second = (made.map(group, run).record for run in (RUN, RunStamp(f"{BASE}/runs/02", "2026-11-22T02:00:00Z")))

    assert first is not None
    assert second is not None
    assert first.digest == second.digest
    assert first.content != second.content
    kept = [
        line
        for line in first.content.splitlines(keepends=True)
        if "generatedAt" not in line and "GeneratedBy" not in line
    ]
    assert first.digest == hashlib.sha256("".join(kept).encode()).hexdigest()


def test_inner_nodes_are_named_by_their_content(mapper: MakeMapper) -> None:
    """Eight hexadecimal characters of the SHA-256 of the sorted predicate-object lines."""
    outcome = one(mapper(NAME + 'holder.name = "porteur"\n'), ROW | {"porteur": "Croix-Rouge"})

    lines = [
        '<http://schema.org/name> "Croix-Rouge"@fr .\n',
        "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://schema.org/Organization> .\n",
    ]
    expected = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()[:8]
    assert nodes(outcome, "holder") == [f"#holder-{expected}"]
    assert said_of(outcome)["holder"] == {f"<{BASE}/records/p/7#holder-{expected}>"}


def test_a_place_has_an_address_a_point_and_a_geometry(mapper: MakeMapper) -> None:
    """Latitude first in our words, longitude first in the geometry."""
    made = mapper(
        NAME
        + """location.latitude = "lat"
location.longitude = "lon"
location.address.postalCode = "cp"
location.address.addressLocality = "ville"
[always]
location.address.addressCountry = "FR"
"""
    )

    outcome = one(made, ROW | {"lat": "45,78", "lon": "3.08", "cp": 63000, "ville": "Clermont-Ferrand"})

    (place,), (address,), (geometry,) = (nodes(outcome, term) for term in ("location", "address", "geometry"))
    assert said_of(outcome, place)["latitude"] == {'"45.78"^^<http://www.w3.org/2001/XMLSchema#decimal>'}
    assert said_of(outcome, place)["address"] == {f"<{BASE}/records/p/7{address}>"}
    assert said_of(outcome, address)["postalCode"] == {'"63000"'}
    assert said_of(outcome, address)["addressCountry"] == {'"FR"'}
    assert said_of(outcome, geometry)["asWKT"] == {
        '"POINT(3.08 45.78)"^^<http://www.opengis.net/ont/geosparql#wktLiteral>'
    }


def test_a_constant_alone_makes_no_place(mapper: MakeMapper) -> None:
    """A country that is always FR says nothing of a record without an address."""
    made = mapper(
        NAME + 'location.address.addressLocality = "ville"\n[always]\nlocation.address.addressCountry = "FR"\n'
    )

    assert "location" not in said_of(one(made, ROW | {"ville": ""}))


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("2012", '"2012"^^<http://www.w3.org/2001/XMLSchema#gYear>'),
        ("mars 2021", '"2021-03"^^<http://www.w3.org/2001/XMLSchema#gYearMonth>'),
        ("05/05/2021 14:29:42", '"2021-05-05"^^<http://www.w3.org/2001/XMLSchema#date>'),
    ],
)
def test_the_precision_of_a_date_decides_its_datatype(mapper: MakeMapper, date: str, expected: str) -> None:
    """One column may hold years, months and days."""
    assert said_of(one(mapper(NAME + 'startDate = "debut"\n'), ROW | {"debut": date}))["startDate"] == {expected}


@pytest.mark.fault(24)
def test_an_unreadable_optional_value_is_left_out_and_said_in_the_partners_words(mapper: MakeMapper) -> None:
    """The record lives; the finding names row, column and value, in both languages."""
    outcome = one(mapper(NAME + 'startDate = "Date de début"\n'), ROW | {"Date de début": "31/02/2024"})

    (finding,) = outcome.findings
    assert "startDate" not in said_of(outcome)
    assert (finding.rule, finding.where, finding.field, finding.term) == (
        "date-unreadable",
        "ligne 2",
        "Date de début",
        "startDate",
    )
    assert (finding.value, finding.severity, finding.record) == ("31/02/2024", Severity.WARNING, f"{BASE}/records/p/7")
    assert "31/02/2024" in finding.message["fr"]
    assert "31/02/2024" in finding.message["en"]


@pytest.mark.fault(21)
def test_words_go_through_the_crosswalk_then_our_labels_then_stay_keywords(mapper: MakeMapper) -> None:
    """False is known and meaningless; an unknown word is kept, said, and offered the nearest concept."""
    made = mapper(
        NAME
        + 'theme = "themes"\n[split]\ntheme = ";"\n[crosswalk.theme]\n"RECYCLAGE" = ["DEC", "ECO"]\n"Projets" = false\n'
    )

    outcome = one(made, ROW | {"themes": "recyclagé; Projets ;Énergie; mob ; Agricultur"})

    theme = "https://w3id.org/carrefour/theme/"
    assert said_of(outcome)["subject"] == {f"<{theme}{code}>" for code in ("DEC", "ECO", "ENE", "MOB")}
    assert said_of(outcome)["keywords"] == {'"Agricultur"'}
    (finding,) = outcome.findings
    assert (finding.rule, finding.value, finding.severity) == ("unknown-word", "Agricultur", Severity.INFO)
    assert finding.suggestion is not None
    assert "AGR" in finding.suggestion


def test_a_sites_dictionary_is_asked_after_the_files_own_words(mapper: MakeMapper) -> None:
    """Tags mean what they mean at that site."""
    made = mapper(
        NAME + 'theme = "tags"\n[crosswalk.theme]\nsite = "Atlaas - villes internet"\n"culture et patrimoine" = "TOU"\n'
    )

    outcome = one(made, ROW | {"tags": ["Démocratie locale", "culture et patrimoine"]})

    found = {term.rsplit("/", 1)[1][:-1] for term in said_of(outcome)["subject"]}
    assert found == {"COO", "GOU", "PAR", "TOU"}


def test_some_themes_also_say_for_whom_and_how(mapper: MakeMapper) -> None:
    """HAN is an audience, too; COO a method."""
    outcome = one(mapper(NAME + 'theme = "t"\n'), ROW | {"t": ["HAN", "COO"]})

    assert said_of(outcome)["audience"] == {"<https://w3id.org/carrefour/public/HAN>"}
    assert said_of(outcome)["method"] == {"<https://w3id.org/carrefour/method/COO>"}


def test_more_themes_than_allowed_are_left_out_and_said(mapper: MakeMapper) -> None:
    """The shape takes ten."""
    codes = ["AGR", "AME", "BIO", "CIT", "CLI", "COH", "COM", "COP", "COR", "CUL", "DEC", "DRO"]

    outcome = one(mapper(NAME + 'theme = "t"\n'), ROW | {"t": codes})

    assert len(said_of(outcome)["subject"]) == 10
    assert rules(outcome) == ["several-values"] * 2


def test_texts_keep_their_languages(mapper: MakeMapper) -> None:
    """JSON-LD values, language maps and plain strings; the source's language is the default."""
    made = mapper(NAME + 'description = "d"\n')

    values: list[Any] = [
        {"@value": "Garage", "@language": "FR"},
        {"fr": "Garage", "en": ["A garage"]},
        ["Garage", {"@value": "A garage", "@language": "en"}],
    ]
    assert said_of(one(made, ROW | {"d": values[0]}))["description"] == {'"Garage"@fr'}
    assert said_of(one(made, ROW | {"d": values[1]}))["description"] == {'"Garage"@fr', '"A garage"@en'}
    assert said_of(one(made, ROW | {"d": values[2]}))["description"] == {'"Garage"@fr', '"A garage"@en'}


def test_a_record_in_one_other_language_is_tagged_with_it(mapper: MakeMapper) -> None:
    """A mapped language decides for the texts of its record."""
    outcome = one(mapper(NAME + 'language = "langue"\n'), ROW | {"langue": "en"})

    assert said_of(outcome)["name"] == {'"Garage solidaire"@en'}
    assert said_of(outcome, "/records/p/7")["language"] == {
        "<http://publications.europa.eu/resource/authority/language/ENG>"
    }


def test_objects_are_read_relative_to_where_they_lie(mapper: MakeMapper) -> None:
    """``at`` finds the objects; a plain string is the name of one."""
    made = mapper(NAME + 'holder.at = "parentOrganization"\nholder.name = "name"\nholder.url = "url"\n')

    outcome = one(made, ROW | {"parentOrganization": [{"name": "A", "url": "https://a.example/"}, "B", {"other": 1}]})

    names = {name for node in nodes(outcome, "holder") for name in said_of(outcome, node)["name"]}
    assert names == {'"A"@fr', '"B"@fr'}


def test_parallel_lists_make_as_many_objects(mapper: MakeMapper) -> None:
    """Three names in one cell are three organisations."""
    made = mapper(NAME + 'holder.name = "porteurs"\n[split]\nholder.name = ","\n')

    assert len(nodes(one(made, ROW | {"porteurs": "A, B,C"}), "holder")) == 3


def test_an_object_mapped_whole_is_read_by_our_own_words(mapper: MakeMapper) -> None:
    """Keys of ours, or the compact names that the JSON-LD reader gives."""
    made = mapper(NAME + 'location = "location"\nneed = "need"\n')
    place = {
        "name": "Atelier",
        "igeo:codeINSEE": "63113",
        "address": {"postalCode": "63000"},
        "latitude": 45.7,
        "longitude": 3.1,
    }

    outcome = one(made, ROW | {"location": [place], "need": {"name": "Un local", "crf:needType": "premises"}})

    assert said_of(outcome, nodes(outcome, "location")[0])["codeINSEE"] == {'"63113"'}
    assert said_of(outcome, nodes(outcome, "address")[0])["postalCode"] == {'"63000"'}
    assert said_of(outcome, nodes(outcome, "need")[0])["needType"] == {"<https://w3id.org/carrefour/need/premises>"}


def test_a_node_that_lacks_what_it_cannot_do_without_is_left_out(mapper: MakeMapper) -> None:
    """An organisation without a name would sink the record, so it is dropped and said."""
    outcome = one(mapper(NAME + 'holder.name = "n"\nholder.url = "u"\n'), ROW | {"n": "NR", "u": "https://a.example/"})

    assert nodes(outcome, "holder") == []
    assert rules(outcome) == ["node-incomplete"]


def test_organisation_numbers_carry_their_scheme(mapper: MakeMapper) -> None:
    """ISO 6523 prefixes go before SIREN and SIRET."""
    outcome = one(mapper(NAME + 'holder.name = "n"\nholder.siret = "s"\n'), ROW | {"n": "A", "s": "227 400 017 00074"})

    assert said_of(outcome, nodes(outcome, "holder")[0])["iso6523Code"] == {'"0009:22740001700074"'}


def test_jobs_point_at_the_project_not_the_project_at_them(mapper: MakeMapper) -> None:
    """The property is an inverse one."""
    outcome = one(mapper(NAME + 'job.name = "poste"\n'), ROW | {"poste": "Mécanicienne"})

    (job,) = nodes(outcome, "job")
    assert said_of(outcome, job)["hiringOrganization"] == {f"<{BASE}/records/p/7#project>"}


def test_a_territory_by_its_code(mapper: MakeMapper) -> None:
    """Département codes become IRIs of this instance."""
    outcome = one(mapper(NAME + 'area = "dep-{dep}"\n'), ROW | {"dep": "2A"})

    assert said_of(outcome)["areaServed"] == {f"<{BASE}/id/territoire/dep-2A>"}


# Openness


@pytest.mark.fault(43)
def test_what_is_not_open_data_is_kept_apart(mapper: MakeMapper) -> None:
    """Contacts are for the collective by default; a file may close more; content holds open data only."""
    made = mapper(
        NAME + 'contact.email = "mail"\nholder.name = "porteur"\nbudget.value = "b"\n[openness]\nholder = "private"\n'
    )

    outcome = one(made, ROW | {"mail": "a@b.example", "porteur": "Secret", "b": "12 000 €"})

    assert outcome.record is not None
    assert not any(word in outcome.record.content for word in ("a@b.example", "Secret", "12000", "12 000"))
    assert outcome.record.restricted == {
        "contact": {"level": "collective", "values": [{"email": ["a@b.example"]}]},
        "holder": {"level": "private", "values": [{"name": ["Secret"]}]},
        "budget": {"level": "commons", "values": [{"value": ["12 000 €"]}]},
    }


def test_one_closed_part_of_an_open_node_is_kept_apart(mapper: MakeMapper) -> None:
    """A street may be closed while the town is open."""
    made = mapper(
        NAME
        + 'location.address.streetAddress = "rue"\nlocation.address.addressLocality = "ville"\n'
        + '[openness]\nlocation.address.streetAddress = "private"\n'
    )

    outcome = one(made, ROW | {"rue": "3 rue des Lilas", "ville": "Thiers"})

    assert outcome.record is not None
    assert "Lilas" not in outcome.record.content
    assert "Thiers" in outcome.record.content
    assert outcome.record.restricted["location.address.streetAddress"]["values"] == ["3 rue des Lilas"]


@pytest.mark.fault(43)
def test_a_closed_source_or_record_is_left_out_on_purpose(mapper: MakeMapper) -> None:
    """Consent and source level only make it stricter."""
    closed = mapper(NAME, head=HEAD + 'openness = "commons"\n')
    asked = mapper(NAME + 'access = "diffusion"\n[crosswalk.access]\n"tous" = "opendata"\n"membres" = "commons"\n')

    assert one(closed, ROW).excluded == "openness: commons"
    assert one(asked, ROW | {"diffusion": "membres"}).excluded == "openness: commons"
    assert one(asked, ROW | {"diffusion": "tous"}).record is not None
    assert rules(one(asked, ROW | {"diffusion": "voisins"})) == ["access-unreadable"]


@pytest.mark.fault(43)
@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC BY-SA 4.0", []),
        ("", []),
        ("CC BY-NC 4.0", ["licence-not-open"]),
        ("demandez-nous", ["licence-unreadable"]),
    ],
)
def test_a_records_own_licence_must_be_known_and_open(mapper: MakeMapper, licence: str, expected: list[str]) -> None:
    """The source's licence stands in for a missing one, never for an unreadable one."""
    outcome = one(mapper(NAME + 'license = "lic"\n'), ROW | {"lic": licence})

    assert rules(outcome) == expected
    assert (outcome.record is None) == bool(expected)
    assert outcome.key == "7"


def test_a_licence_that_is_not_open_is_named_as_its_cell_says_it_with_a_remedy(mapper: MakeMapper) -> None:
    """The partner finds "CC BY-NC" in his table, not an address; and reads which licences are open."""
    (found,) = one(mapper(NAME + 'license = "lic"\n'), ROW | {"lic": "CC BY-NC"}).findings

    assert (found.value, found.field) == ("CC BY-NC", "lic")
    for said in found.message.values():
        assert "CC BY-NC" in said
        assert "creativecommons.org" not in said
        assert "Licence Ouverte, CC0, CC BY, CC BY-SA, ODbL" in said


@pytest.mark.fault(43)
def test_without_any_licence_a_record_is_refused(mapper: MakeMapper) -> None:
    """A source without licence can be previewed, and says what it lacks."""
    head = HEAD.replace('licence = "https://creativecommons.org/licenses/by/4.0/"\n', "")

    assert rules(one(mapper(NAME, head=head), ROW)) == ["licence-missing"]


def test_a_record_without_page_is_refused_with_its_column(mapper: MakeMapper) -> None:
    """Every record leads back to its origin."""
    outcome = one(mapper(NAME, records='[records]\nid = "id"\npage = "lien"\n'), ROW | {"lien": "pas de site"})

    assert outcome.record is None
    assert rules(outcome) == ["iri-unreadable", "page-missing"]
    assert outcome.findings[-1].field == "lien"


# Claims, hashes, trace


def test_claims_are_the_pages_that_a_record_calls_its_own(mapper: MakeMapper) -> None:
    """Page, sameAs and an IRI used as id, in one normal form."""
    made = mapper(NAME + 'sameAs = "ailleurs"\n', records='[records]\nid = "@id"\npage = "page"\n')

    outcome = one(
        made,
        {
            "@id": "https://www.p.example/id/7",
            "nom": "A b c",
            "page": "http://p.example/7/?utm_source=x",
            "ailleurs": "https://q.example/9",
        },
    )

    assert outcome.record is not None
    assert outcome.record.claims == ("p.example/7", "q.example/9", "p.example/id/7")


def test_the_raw_hash_sees_only_what_the_mapping_reads(mapper: MakeMapper) -> None:
    """A view counter or the order of keys is no change; a mapped value is."""
    made = mapper(NAME)
    rows = [ROW, {"vues": 12, "nom": ROW["nom"], "id": "7"}, ROW | {"nom": "Autre"}]

    hashes = [made.raw_hash(group) for row in rows for group in made.group(raws([row])) if isinstance(group, Group)]

    assert hashes[0] == hashes[1] != hashes[2]
    assert one(made, ROW).raw_hash == hashes[0]


def test_the_trace_leads_from_our_words_back_to_theirs(mapper: MakeMapper) -> None:
    """A SHACL result on a term can be said with their column."""
    made = mapper(NAME + 'location.address.postalCode = ["CP", "code"]\nholder.at = "porteurs"\n')

    assert dict(made.names) == {
        "name": "nom",
        "location.address.postalCode": "CP",
        "holder": "porteurs",
        "page": "https://p.example/{id}",
        "identifier": "id",
    }


# Whatever comes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["@value", "@language", "@id", "name", "fr", "url", "address"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
TERMS = """[fields]
name = "name"
description = "description"
theme = "theme"
startDate = "start"
url = "url"
keywords = "keywords"
language = "language"
location = "location"
holder.at = "holder"
holder.name = "name"
holder.siret = "siret"
image = "image"
funding = "funding"
contact.email = "mail"
sameAs = "same[].url"
"""
KEYS = [
    "id",
    "name",
    "description",
    "theme",
    "start",
    "url",
    "keywords",
    "language",
    "location",
    "holder",
    "image",
    "funding",
    "mail",
    "same",
]


@pytest.fixture(scope="module")
def everything(vocabulary: Any) -> Mapper:
    """A mapping that reads every kind of field."""
    from federation.pipeline.mapping import compile_mapping  # noqa: PLC0415 - a fixture of wider scope than `mapper`
    from federation.pipeline.sources import parse_source  # noqa: PLC0415 - as above

    return compile_mapping(parse_source(HEAD + RECORDS + TERMS, "s.toml", vocabulary), vocabulary, BASE)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(row=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=10))
def test_any_row_gives_an_outcome_and_any_record_is_valid_canonical_rdf(
    everything: Mapper, row: dict[str, Any]
) -> None:
    """Nothing a partner sends raises; what comes out parses, without blank nodes, line by line."""
    outcome = one(everything, row)

    assert (outcome.record is None) == (
        outcome.excluded is not None or any(f.severity is Severity.VIOLATION for f in outcome.findings)
    )
    if outcome.record is not None:
        parsed = [quad.triple for quad in ox.parse(outcome.record.content, format=ox.RdfFormat.N_TRIPLES)]
        assert not any(isinstance(term, ox.BlankNode) for triple in parsed for term in (triple.subject, triple.object))
        written = list(from_lines(outcome.record.content))
        assert to_lines(written) == outcome.record.content
        assert len(set(parsed)) == len(written), "no two lines say the same in other words"


@pytest.mark.parametrize("tag", ["fr-1", "fr-u", "fr-fr-fr", "fr\n", "x-a", "ab-abc-abc-abc-abc", 'fr> "x', "", "é"])
def test_a_language_tag_that_is_not_well_formed_is_not_taken(mapper: MakeMapper, tag: str) -> None:
    """A tag that the store cannot read would stop the whole batch, and its replay at each start after."""
    outcome = one(mapper(NAME), {"id": "7", "nom": {"@value": "Garage", "@language": tag}})

    assert said_of(outcome)["name"] == {'"Garage"@fr'}


@given(
    tag=st.lists(
        st.text("abfrx12", min_size=1, max_size=9) | st.sampled_from(["fr", "latn", "x", "u", "1996", "419"]),
        max_size=6,
    ).map("-".join)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_the_store_reads_every_language_tag_that_is_taken(mapper: MakeMapper, tag: str) -> None:
    """Whatever a partner calls a language."""
    outcome = one(mapper(NAME), {"id": "7", "nom": {"@value": "Garage", "@language": tag}})

    assert outcome.record is not None
    assert list(ox.parse(outcome.record.content, ox.RdfFormat.N_TRIPLES))


@pytest.mark.parametrize("entry", ['contact.email = "mail"\n', 'contact = "mail"\n'])
def test_an_address_of_mail_that_is_none_is_told_without_being_shown(mapper: MakeMapper, entry: str) -> None:
    """A field that is kept apart has its finding, under its own term; the message does not hold the value."""
    outcome = one(mapper(NAME + entry), ROW | {"mail": "pas-un-courriel"})

    (found,) = outcome.findings
    assert (found.rule, found.term, found.severity) == ("email-unreadable", "contact.email", Severity.WARNING)
    assert "pas-un-courriel" not in "".join(found.message.values())
    assert outcome.record is not None
    assert outcome.record.restricted == {}


@pytest.mark.parametrize("mail", ["a@b.example", "A. B. <a@b.example>", "a@b.example ; c@d.example", "mailto:é@b.fr"])
def test_addresses_of_mail_are_kept_apart_as_written(mapper: MakeMapper, mail: str) -> None:
    """Several addresses, or one with its name, are no fault."""
    outcome = one(mapper(NAME + 'contact.email = "mail"\n'), ROW | {"mail": mail})

    assert outcome.findings == ()
    assert outcome.record is not None
    assert outcome.record.restricted["contact"]["values"] == [{"email": [mail.replace("<", "").replace(">", "")]}]


def test_a_postcode_of_four_digits_is_read_with_its_zero_and_a_warning(mapper: MakeMapper) -> None:
    """Nothing proves which digit is lost: both readings are told, and not as a mere hint."""
    outcome = one(mapper(NAME + 'location.address.postalCode = "cp"\n'), ROW | {"cp": "2920"})

    (found,) = outcome.findings
    assert (found.rule, found.severity, found.suggestion) == ("postcode-zero", Severity.WARNING, "02920")
    assert "autre chiffre" in found.message["fr"]
