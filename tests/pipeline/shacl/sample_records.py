"""Hand-made records for the project's own shapes: one with every field, and terms to spoil records with."""

from __future__ import annotations

from federation.model import Term, Triple
from federation.pipeline.validate import parse_turtle

PREFIXES = """
@prefix cids: <https://ontology.commonapproach.org/cids#> .
@prefix crf: <https://w3id.org/carrefour/vocab#> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix geo: <http://www.opengis.net/ont/geosparql#> .
@prefix igeo: <http://rdf.insee.fr/def/geo#> .
@prefix pair: <http://virtual-assembly.org/ontologies/pair#> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix schema: <http://schema.org/> .
@prefix void: <http://rdfs.org/ns/void#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix w: <https://w3id.org/carrefour/> .
@base <https://commun.example/records/avise/123> .
"""

GOOD = (
    PREFIXES
    + """
<> a dcat:CatalogRecord, prov:Entity ;
  dcterms:license <https://creativecommons.org/licenses/by/4.0/> ;
  dcterms:source <https://avise.example/projets/garage-solidaire> ;
  dcterms:publisher <https://commun.example/actors/avise> ;
  prov:wasAttributedTo <https://commun.example/actors/avise> ;
  void:inDataset <https://commun.example/sources/avise> ;
  dcterms:identifier "123" ;
  foaf:primaryTopic <#project> ;
  dcterms:language <http://publications.europa.eu/resource/authority/language/FRA> ;
  dcterms:accessRights crf:opendata ;
  dcterms:issued "2019-05-02"^^xsd:date ;
  dcterms:modified "2020-01-31T10:30:00+01:00"^^xsd:dateTime ;
  prov:generatedAtTime "2026-10-01T08:00:00Z"^^xsd:dateTime ;
  prov:wasGeneratedBy <https://commun.example/runs/01J9Z0000000000000000000> .
<#project> a crf:Project, schema:Project, pair:Project ;
  schema:name "Garage solidaire"@fr, "Solidarity garage"@en ;
  schema:description "Un garage où chacun répare sa voiture avec de l'aide, à prix juste,\\net « s'émancipe »."@fr ;
  dcterms:abstract "Réparer ensemble."@fr ;
  dcterms:subject <https://w3id.org/carrefour/theme/MOB>, <https://w3id.org/carrefour/theme/EMP> ;
  schema:location <#location-1a2b3c4d> ;
  schema:areaServed <https://commun.example/id/territoire/dep-63> ;
  crf:holder <#holder-0a0b0c0d> ;
  schema:member <#partner-11112222> ;
  schema:keywords "voiture", "entraide" ;
  schema:url <https://garage.example/> ;
  schema:sameAs <https://social.example/@garage> ;
  dcterms:audience <https://w3id.org/carrefour/public/JEU> ;
  crf:method <https://w3id.org/carrefour/method/COO> ;
  pair:hasStatus <https://w3id.org/carrefour/status/running> ;
  schema:startDate "2012"^^xsd:gYear ;
  schema:image <#image-33334444> ;
  crf:budget <#budget-55556666> ;
  schema:funding <#funding-77778888> ;
  crf:socialNeed "Se déplacer pour travailler."@fr ;
  crf:novelty "Le client répare."@fr ;
  cids:hasOutcome <#outcome-9999aaaa> ;
  crf:lesson "Il faut un local sans loyer."@fr ;
  schema:seeks <#need-bbbbcccc> .
<#location-1a2b3c4d> a schema:Place ;
  schema:name "Clermont-Ferrand"@fr ;
  schema:address <#address-1a2b3c4e> ;
  igeo:codeINSEE "63113" ;
  schema:containedInPlace <https://commun.example/id/territoire/com-63113> ;
  schema:latitude 45.7797 ; schema:longitude 3.0863 ;
  geo:hasGeometry <#geometry-1a2b3c4f> .
<#geometry-1a2b3c4f> a geo:Geometry ; geo:asWKT "POINT(3.0863 45.7797)"^^geo:wktLiteral .
<#address-1a2b3c4e> a schema:PostalAddress ;
  schema:postalCode "63100" ; schema:addressLocality "Clermont-Ferrand" ; schema:addressCountry "FR" .
<#holder-0a0b0c0d> a schema:Organization ; schema:name "Association Garage"@fr ;
  schema:iso6523Code "0002:356000000" ; schema:identifier "RNA:W123456789" .
<#partner-11112222> a schema:Organization ; schema:name "La ville"@fr .
<#image-33334444> a schema:ImageObject ; schema:contentUrl <https://garage.example/a.jpg> ; schema:creditText "A. B." .
<#budget-55556666> a schema:MonetaryAmount ; schema:value 120000.50 ; schema:currency "EUR" .
<#funding-77778888> a schema:MonetaryGrant ; schema:name "Subvention"@fr ; schema:funder <#partner-11112222> .
<#outcome-9999aaaa> a cids:Outcome ; schema:name "Douze emplois"@fr .
<#need-bbbbcccc> a schema:Demand ; schema:name "Un mécanicien"@fr ;
  crf:needType <https://w3id.org/carrefour/need/volunteering> .
"""
)

XSD = "http://www.w3.org/2001/XMLSchema#"

SPOILING: tuple[Term, ...] = (
    '""@fr',
    '"ab"@fr',
    '"a\\nb \\"c\\" \\\\d\\u0001"@fr-be',
    '"Garage solidaire"@fr',
    '"texte sans langue"',
    '"Éducation\u2028populaire"@en',
    f'"2012"^^<{XSD}gYear>',
    f'"douze"^^<{XSD}gYear>',
    f'"2020-02-30"^^<{XSD}date>',
    f'"2020-02-29"^^<{XSD}date>',
    f'"2020-02-29T25:00:00"^^<{XSD}dateTime>',
    f'"2020-02-29T05:00:00"^^<{XSD}dateTime>',
    f'"2020-02-29"^^<{XSD}dateTime>',
    f'"-90.0001"^^<{XSD}decimal>',
    f'"45,7"^^<{XSD}decimal>',
    f'"1e3"^^<{XSD}decimal>',
    f'"-1"^^<{XSD}integer>',
    f'"1_000"^^<{XSD}integer>',
    f'"NaN"^^<{XSD}double>',
    f'"0.5"^^<{XSD}double>',
    f'"yes"^^<{XSD}boolean>',
    '"POINT(1 2)"^^<http://www.opengis.net/ont/geosparql#wktLiteral>',
    "<https://w3id.org/carrefour/theme/MOB>",
    "<https://w3id.org/carrefour/theme/NON>",
    "<https://w3id.org/carrefour/public/JEU>",
    "<https://w3id.org/carrefour/theme/>",
    "<http://publications.europa.eu/resource/authority/language/FRA>",
    "<ftp://fichiers.example/a>",
    "<mailto:a@b.example>",
    "<https://commun.example/records/avise/123#project>",
    "<https://commun.example/records/avise/123#holder-0a0b0c0d>",
    "<https://w3id.org/carrefour/vocab#opendata>",
    '"0002:12345"',
    '"FR"',
    '"BE"',
    '"6310"',
)


def good_record() -> list[Triple]:
    """A record with almost every field, all right."""
    return list(parse_turtle("good.ttl", GOOD))
