"""The field table: what a mapping may fill, read from shapes and context alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from federation.model import Openness, Severity
from federation.vocabulary import BASE, CRF, Kind, Vocabulary, load

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = "http://schema.org/"


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return load()


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("name", Kind.TEXT),
        ("keywords", Kind.STRING),
        ("theme", Kind.CONCEPT),
        ("license", Kind.IRI),
        ("location", Kind.OBJECT),
        ("location.latitude", Kind.NUMBER),
        ("location.address.postalCode", Kind.CODE),
        ("location.address.addressLocality", Kind.STRING),
        ("location.codeINSEE", Kind.CODE),
        ("holder.siret", Kind.CODE),
        ("startYear", Kind.DATE),
        ("startMonth", Kind.DATE),
        ("startDate", Kind.DATE),
        ("issued", Kind.DATETIME),
        ("url", Kind.IRI),
        ("area", Kind.IRI),
        ("budget.value", Kind.NUMBER),
        ("contact.email", Kind.STRING),
    ],
)
def test_kind_follows_shape_and_context(vocabulary: Vocabulary, key: str, kind: Kind) -> None:
    """A field's kind is what its shape and context term say."""
    assert vocabulary.fields[key].kind is kind


def test_three_precisions_share_one_property(vocabulary: Vocabulary) -> None:
    """Year, month and day of a start are three keys of one property, each with its datatype."""
    starts = [vocabulary.fields[key] for key in ("startYear", "startMonth", "startDate")]

    assert {field.property for field in starts} == {SCHEMA + "startDate"}
    assert [field.datatype.rpartition("#")[2] for field in starts if field.datatype] == ["gYear", "gYearMonth", "date"]


def test_openness_defaults(vocabulary: Vocabulary) -> None:
    """Partners and budget are commons, contacts collective, their inner fields too, and the rest open data."""
    levels = {key: field.openness for key, field in vocabulary.fields.items()}

    assert levels["partner"] is levels["partner.name"] is Openness.COMMONS
    assert levels["budget"] is levels["budget.value"] is Openness.COMMONS
    assert levels["contact"] is levels["contact.email"] is Openness.COLLECTIVE
    rest = {key for key, level in levels.items() if level is not Openness.OPENDATA}
    assert {key.partition(".")[0] for key in rest} == {"partner", "budget", "contact"}


@pytest.mark.parametrize(
    ("key", "severity"),
    [
        ("license", Severity.VIOLATION),
        ("name", Severity.VIOLATION),
        ("theme", Severity.WARNING),
        ("description", Severity.WARNING),
        ("holder", Severity.WARNING),
        ("location", Severity.WARNING),
        ("status", Severity.INFO),
        ("lesson", Severity.INFO),
        ("modified", Severity.INFO),
        ("keywords", None),
        ("partner", None),
    ],
)
def test_tier_of_a_missing_value(vocabulary: Vocabulary, key: str, severity: Severity | None) -> None:
    """Each field carries the severity of its absence."""
    assert vocabulary.fields[key].severity is severity


def test_either_or_is_known(vocabulary: Vocabulary) -> None:
    """Fields that can stand in for each other name each other."""
    assert vocabulary.fields["description"].either == ("abstract",)
    assert vocabulary.fields["area"].either == ("location",)
    assert set(vocabulary.fields["lesson"].either) == {"successCondition", "obstacle", "replicationCondition"}


def test_concepts_know_their_scheme(vocabulary: Vocabulary) -> None:
    """A concept field names the scheme that its shape asks for."""
    assert vocabulary.scheme_of("theme") == BASE + "theme/"
    assert vocabulary.scheme_of("http://purl.org/dc/terms/audience") == BASE + "public/"
    assert vocabulary.scheme_of("sdg") == "http://metadata.un.org/sdg"
    assert vocabulary.scheme_of("name") is None
    for field in vocabulary.fields.values():
        if field.kind is Kind.CONCEPT:
            assert field.scheme in vocabulary.schemes, field.key


def test_inverse_and_object_fields(vocabulary: Vocabulary) -> None:
    """Jobs and assessments point at the project; an object lists every type to write."""
    assert vocabulary.fields["job"].inverse
    assert vocabulary.fields["assessment"].inverse
    assert not vocabulary.fields["need"].inverse
    assert vocabulary.fields["location"].classes == (SCHEMA + "Place",)
    assert len(vocabulary.fields["ecosystem"].classes) == 2
    for field in vocabulary.fields.values():
        assert (field.kind is Kind.OBJECT) == bool(field.classes), field.key


def test_official_numbers_carry_their_prefix(vocabulary: Vocabulary) -> None:
    """SIREN and SIRET share the ISO 6523 property and differ by prefix; RNA has its own."""
    siren, siret, rna = (vocabulary.fields[f"holder.{name}"] for name in ("siren", "siret", "rna"))

    assert siren.property == siret.property == SCHEMA + "iso6523Code"
    assert (siren.prefix, siret.prefix, rna.prefix) == ("0002:", "0009:", "RNA:")


def test_bounds_travel_with_the_field(vocabulary: Vocabulary) -> None:
    """Ranges, lengths and counts are there for a mapper that drops wrong optional values."""
    assert (vocabulary.fields["location.latitude"].minimum, vocabulary.fields["location.latitude"].maximum) == (-90, 90)
    assert (vocabulary.fields["name"].min_length, vocabulary.fields["name"].max_length) == (3, 200)
    assert vocabulary.fields["theme"].max_count == 10
    assert vocabulary.fields["theme"].many
    assert not vocabulary.fields["status"].many


def test_types_to_write_on_a_node(vocabulary: Vocabulary) -> None:
    """A project and a record are given every type that the design asks for, as no reasoner adds them."""
    assert vocabulary.classes[CRF + "Project"].types[0] == CRF + "Project"
    assert len(vocabulary.classes[CRF + "Project"].types) == 3
    assert vocabulary.classes["http://www.w3.org/ns/dcat#CatalogRecord"].types[1].endswith("prov#Entity")


def test_every_field_is_explained(vocabulary: Vocabulary) -> None:
    """Every field has a name, a definition and a message in French and English, and a place in the order."""
    for field in vocabulary.fields.values():
        for text in (field.labels, field.definition, field.message or {}):
            assert set(text) == {"fr", "en"}, field.key
        assert field.order > 0, field.key


def test_a_new_field_needs_no_python(tmp_path: Path) -> None:
    """One line in the context and one property shape make a field."""
    for folder in ("vocab", "shapes"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    context = tmp_path / "vocab" / "context" / "v1.jsonld"
    context.write_text(
        context.read_text("utf-8").replace(
            '"about":', '"volunteers": {"@id": "schema:maximumAttendeeCapacity", "@type": "xsd:integer"},\n    "about":'
        ),
        "utf-8",
    )
    shape = tmp_path / "shapes" / "project.ttl"
    shape.write_text(
        shape.read_text("utf-8")
        + """
<#Project> sh:property <#volunteers> .
<#volunteers> sh:path schema:maximumAttendeeCapacity ; sh:datatype xsd:integer ; sh:maxCount 1 ;
  sh:name "Bénévoles"@fr, "Volunteers"@en ; dcterms:accessRights crf:commons .
""",
        "utf-8",
    )

    field = load(tmp_path).fields["volunteers"]

    assert (field.kind, field.openness, field.many) == (Kind.INTEGER, Openness.COMMONS, False)
