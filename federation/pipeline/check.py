"""Check a file that somebody wants to publish: a feed, or record graphs in RDF. Nothing is written, nothing fetched."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyoxigraph as ox

from federation.errors import ConfigError, PartnerError, os_reason
from federation.model import Counts, Finding, Severity, Tier, Triple, to_lines
from federation.pipeline.preview import Progress, preview
from federation.pipeline.readers import detect
from federation.pipeline.sources import Source, parse_source
from federation.pipeline.suggest import Answer, suggest
from federation.pipeline.validate import compile_shapes, tier, to_findings
from federation.settings import Settings
from federation.vocabulary import Vocabulary

RDF_FORMATS = {
    ".ttl": ox.RdfFormat.TURTLE,
    ".nt": ox.RdfFormat.N_TRIPLES,
    ".nq": ox.RdfFormat.N_QUADS,
    ".trig": ox.RdfFormat.TRIG,
    ".rdf": ox.RdfFormat.RDF_XML,
}
MAX_BYTES = 100 * 1024 * 1024  # of an RDF file, which is held in memory whole
OUR_CONTEXT = b"w3id.org/carrefour/context/"
UNKNOWN_LICENCE = "https://creativecommons.org/publicdomain/zero/1.0/"
"""Stands in for the licence that a source file would state, so that a bare file is not refused for lacking one."""


def check(
    path: Path, source: Source | None, settings: Settings, vocabulary: Vocabulary, now: datetime, progress: Progress
) -> tuple[tuple[Finding, ...], Counts]:
    """Say what would be refused in a file, and count its records. Without ``source`` its words are taken as they
    explain themselves (JSON-LD), or as `carrefour source suggest` would.

    Raises ConfigError (no mapping can be guessed: name a source), PartnerError (unreadable as a whole).
    """
    if path.suffix in RDF_FORMATS:
        return _check_graphs(path, vocabulary)
    chosen, remarks = (source, ()) if source else _guessed(path, settings, vocabulary)
    here = replace(chosen, url=str(path.resolve()))
    report = preview(here, settings, vocabulary, now, progress).report
    return (*remarks, *report.findings), report.counts


def _guessed(path: Path, settings: Settings, vocabulary: Vocabulary) -> tuple[Source, tuple[Finding, ...]]:
    """A source for a file that says itself what its words mean (JSON-LD), else one that is suggested, with a remark."""
    with path.open("rb") as file:
        head = file.read(1_000_000)
    found = detect(head, None, path.name)
    if found != "json-ld":
        return _suggested(path, settings, vocabulary)
    profile = "carrefour" if OUR_CONTEXT in head else "schema.org"
    text = (
        f'[source]\nid = "check"\npartner = "check"\nname = "{path.name}"\nformat = "json-ld"\n'
        f'profile = "{profile}"\nlicence = "{UNKNOWN_LICENCE}"\nurl = "feed.jsonld"\n'
    )
    return parse_source(text, path.name, vocabulary), ()


def _suggested(path: Path, settings: Settings, vocabulary: Vocabulary) -> tuple[Source, tuple[Finding, ...]]:
    """The source that `carrefour source suggest` proposes for a file, with a remark that says so.

    Raises PartnerError (no reader takes it, or it is too large), ConfigError (a page without records to read).
    """
    if path.stat().st_size > settings.fetch_bytes:
        most = settings.fetch_bytes // 2**20
        raise PartnerError(
            f"{path}: larger than {most} MiB. Check an extract, or name its source: --source ID.",
            f"{path} : plus de {most} Mio. Vérifiez un extrait, ou nommez sa source : --source ID.",
        )
    found = suggest(Answer(path.read_bytes(), str(path)), vocabulary)
    if found.elsewhere or (found.source.format == "html" and found.source.profile is None):
        raise ConfigError(
            f"{path}: this is a web page without records that a machine can read. Look for the export (CSV, JSON, "
            "GeoJSON, RSS), or name the source whose mapping to use: `carrefour check FILE --source ID`.",
            f"{path} : c'est une page web, sans fiches qu'une machine puisse lire. Cherchez l'export (CSV, JSON, "
            "GeoJSON, RSS), ou nommez la source à suivre : `carrefour check FICHIER --source ID`.",
        )
    return replace(found.source, licence=found.source.licence or UNKNOWN_LICENCE), (
        _by_guess(found.text, path),
        *found.remarks,
    )


def _by_guess(text: str, path: Path) -> Finding:
    """Which column was taken for which of our words, and how to take it otherwise."""
    fields = tomllib.loads(text).get("fields", {})
    pairs = ", ".join(f"{term} = {_plainly(column)}" for term, column in fields.items())
    message = {
        "fr": f"La correspondance est devinée ({pairs or 'aucune colonne reconnue'}). Pour la voir et la corriger : "
        f"`carrefour source suggest {path.name} > sources/ID.toml`, puis `carrefour check {path.name} --source ID`.",
        "en": f"The mapping is a guess ({pairs or 'no column recognised'}). To see and correct it: "
        f"`carrefour source suggest {path.name} > sources/ID.toml`, then `carrefour check {path.name} --source ID`.",
    }
    return Finding("mapping-guessed", Severity.INFO, message, where=path.name)


def _plainly(column: object) -> str:
    if isinstance(column, dict):
        return ", ".join(f"{key}: {_plainly(value)}" for key, value in column.items())
    return " | ".join(map(str, column)) if isinstance(column, list) else str(column)


def _check_graphs(path: Path, vocabulary: Vocabulary) -> tuple[tuple[Finding, ...], Counts]:
    """Validate each graph of an RDF file as one record graph. The default graph counts as one, if it is not empty."""
    validator = compile_shapes(vocabulary.shapes(), vocabulary.background())
    names = {item.property: item.name for item in vocabulary.fields.values()}
    findings: list[Finding] = []
    tally: dict[Tier | None, int] = {}
    for graph, triples in _graphs(path):
        results = validator(to_lines(triples))
        found = [replace(finding, where=graph) for finding in to_findings(results, names)]
        if not any(f"<{graph}>" == s for s, _, _ in triples) and graph != path.name:
            found.append(_no_record(graph))
        findings += found
        refused = any(finding.severity is Severity.VIOLATION for finding in found)
        reached = None if refused else tier(results)
        tally[reached] = tally.get(reached, 0) + 1
    accepted = sum(number for reached, number in tally.items() if reached)
    counts = Counts(
        read=sum(tally.values()),
        accepted=accepted,
        new=accepted,
        rejected=tally.get(None, 0),
        essential=tally.get(Tier.ESSENTIAL, 0),
        basic=tally.get(Tier.BASIC, 0),
        full=tally.get(Tier.FULL, 0),
    )
    return tuple(findings), counts


def _graphs(path: Path) -> Iterator[tuple[str, list[Triple]]]:
    if path.stat().st_size > MAX_BYTES:
        raise PartnerError(
            f"{path}: larger than {MAX_BYTES // 2**20} MiB. Check it in parts.",
            f"{path} : plus de {MAX_BYTES // 2**20} Mio. Vérifiez-le par parties.",
        )
    graphs: dict[str, list[Triple]] = {}
    try:
        for quad in ox.parse(path=str(path), format=RDF_FORMATS[path.suffix]):
            graph = path.name if isinstance(quad.graph_name, ox.DefaultGraph) else quad.graph_name.value
            graphs.setdefault(graph, []).append((str(quad.subject), str(quad.predicate), str(quad.object)))
    except (SyntaxError, OSError) as error:
        why = os_reason(error) if isinstance(error, OSError) else {"fr": str(error), "en": str(error)}
        raise PartnerError(
            f"{path}: {why['en']}. Correct the file there; nothing after that point was checked.",
            f"{path} : {why['fr']}. Corrigez le fichier à cet endroit ; rien de ce qui suit n'a été vérifié.",
        ) from error
    yield from graphs.items()


def _no_record(graph: str) -> Finding:
    message = {
        "fr": "Ce graphe ne décrit pas la fiche dont il porte le nom : un graphe est nommé par l'IRI de sa fiche.",
        "en": "This graph does not describe the record it is named after: a graph is named by the IRI of its record.",
    }
    return Finding("graph-name", Severity.VIOLATION, message, where=graph)
