"""The findings of a run as a SHACL validation report (SHACL, section 3.6), linked to the run and to our fields.

Pure. The report is worked out for one document and never enters the public store. Must never hold what
:class:`~federation.catalogue.disclosure.Disclosure` has not let through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice

from federation.catalogue.records import safe_iri
from federation.catalogue.values import CRF, PROV, RDF, XSD
from federation.model import Finding, RunReport, Severity, Term, Triple, iri, literal, text_literal, typed
from federation.vocabulary import Field
from federation.vocabulary.terms import SH

MAX_RESULTS = 2000
"""Results of one report. A longer one says how many findings there are; the table has all of them."""

_SEVERITIES = {Severity.VIOLATION: "Violation", Severity.WARNING: "Warning", Severity.INFO: "Info"}
_TYPE = f"<{RDF}type>"


def run_triples(base: str, run: RunReport) -> list[Triple]:
    """What is said of a run by itself (PROV): when, of which source, how it ended. The store has more of some runs."""
    node = iri(f"{base}/runs/{run.run}")
    triples = [
        (node, _TYPE, f"<{PROV}Activity>"),
        (node, f"<{PROV}startedAtTime>", _time(run.started)),
        (node, f"<{PROV}used>", iri(f"{base}/sources/{run.source}")),
        (node, f"<{CRF}runState>", literal(run.state.value)),
        (node, f"<{CRF}counts>", literal(" ".join(f"{key}={n}" for key, n in asdict(run.counts).items() if n))),
    ]
    if run.ended is not None:
        triples.append((node, f"<{PROV}endedAtTime>", _time(run.ended)))
    if run.of is not None:
        triples.append((node, f"<{PROV}wasInformedBy>", iri(f"{base}/runs/{run.of}")))
    return triples


def report_triples(
    base: str, run: RunReport, findings: Iterable[Finding], total: int, fields: Mapping[str, Field]
) -> list[Triple]:
    """The validation report of a run: ``total`` findings, of which at most :data:`MAX_RESULTS` are written out."""
    node = iri(f"{base}/runs/{run.run}#report")
    triples = [
        (node, _TYPE, f"<{SH}ValidationReport>"),
        (node, f"<{SH}conforms>", typed("false" if total else "true", f"{XSD}boolean")),
        (node, f"<{PROV}wasGeneratedBy>", iri(f"{base}/runs/{run.run}")),
        (node, f"<{CRF}findingCount>", typed(str(total), f"{XSD}integer")),
    ]
    source = f"{base}/sources/{run.source}"
    for number, finding in enumerate(islice(findings, MAX_RESULTS), 1):
        result = iri(f"{base}/runs/{run.run}#finding-{number}")
        triples.append((node, f"<{SH}result>", result))
        triples += _result(result, finding, source, fields)
    return triples


def _result(node: Term, finding: Finding, source: str, fields: Mapping[str, Field]) -> list[Triple]:
    focus = finding.record if finding.record and safe_iri(finding.record) else source
    known = fields.get(finding.term or "")
    _, _, component = finding.rule.rpartition(":")
    shaped = finding.rule.startswith("shape:")
    constraint = f"{SH}{component[:1].upper()}{component[1:]}ConstraintComponent" if shaped else f"{CRF}feedRule"
    triples = [
        (node, _TYPE, f"<{SH}ValidationResult>"),
        (node, f"<{SH}focusNode>", iri(focus)),
        (node, f"<{SH}resultSeverity>", f"<{SH}{_SEVERITIES[finding.severity]}>"),
        (node, f"<{SH}sourceConstraintComponent>", iri(constraint)),
        (node, f"<{CRF}findingRule>", literal(finding.rule)),
        *((node, f"<{SH}resultMessage>", text_literal(text, tag)) for tag, text in finding.message.items()),
    ]
    if known is not None:
        path = known.property
        triples += [] if known.inverse else [(node, f"<{SH}resultPath>", iri(path))]
        triples += [(node, f"<{SH}sourceShape>", iri(known.shape))] if shaped and known.shape else []
    if finding.count > 1:
        triples.append((node, f"<{CRF}occurrences>", typed(str(finding.count), f"{XSD}integer")))
    texts = (
        ("partnerRow", finding.where),
        ("partnerField", finding.field),
        ("suggestion", finding.suggestion),
    )
    triples += [(node, f"<{CRF}{name}>", literal(text)) for name, text in texts if text]
    if finding.value is not None:
        triples.append((node, f"<{SH}value>", literal(finding.value)))
    return triples


def _time(at: datetime) -> Term:
    return typed(at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), f"{XSD}dateTime")


__all__ = ["MAX_RESULTS", "report_triples", "run_triples"]
