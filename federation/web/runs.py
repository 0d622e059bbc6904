"""The report of a run at its address: page, JSON, RDF (SHACL), and a table of all findings as CSV.

Everything shown has gone through the platform's Disclosure: values of fields that are not open data stay inside.
"""

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from itertools import islice
from typing import Any

import orjson
from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from federation.catalogue.disclosure import Disclosure
from federation.catalogue.formats import DATA, HTML, JSONLD, Content, Format
from federation.catalogue.report_rdf import MAX_RESULTS, report_triples, run_triples
from federation.catalogue.report_table import table
from federation.catalogue.reports import KINDS, SEVERITIES, Cause, Report, make_report, report_of, state_of
from federation.model import RunReport, RunState, Severity
from federation.web.language import language
from federation.web.respond import EXPOSED, REVALIDATE, Link, alternates, choose, finish, href, negotiated, page
from federation.web.site import catalogue, site
from federation.web.things import iri_of, split

blueprint = Blueprint("runs", __name__)

TABLES = (Format("json", "application/json", "JSON"), Format("csv", "text/csv", "CSV"))
"""What a report comes in beside linked data."""

_OPEN = frozenset({RunState.QUEUED, RunState.RUNNING})


@blueprint.get("/runs/<name>")
def run(name: str) -> Response:
    """One run: what became of its rows and what to correct, as page, linked data, JSON or table. Raises NotFound."""
    stem, _, suffix = name.rpartition(".")
    slug, form = (stem, None) if stem and suffix in {"json", "csv"} else split(name, DATA)
    known = site().platform.ledger.run(slug)
    if known is None or (suffix == "csv" and known.state in _OPEN):
        raise NotFound
    disclosure = site().platform.disclosure(known)
    if suffix == "csv" and form is None and stem:
        return _csv(known, disclosure)
    report = _report(known, disclosure)
    if suffix == "json" and form is None and stem:
        return _json(report)
    return _document(report, disclosure, form)


def _report(known: RunReport, disclosure: Disclosure) -> Report:
    """The grouped report; of a run under way its state only: its findings are still coming."""
    if known.state in _OPEN:
        return make_report(known, (), disclosure)
    return report_of(known, site().platform.ledger.findings_alike, disclosure)


def _document(report: Report, disclosure: Disclosure, form: Format | None) -> Response:
    known = report.run
    path = f"/runs/{known.run}"
    iri = iri_of(path)
    links: list[Link] = [(href(f"{path}.{one.suffix}"), "alternate", one.media_type) for one in TABLES]

    def html() -> Response:
        return page(
            "run.html",
            report=report,
            run=known,
            iri=iri,
            path=path,
            formats=DATA,
            tables=TABLES if known.state not in _OPEN else (),
            open=known.state in _OPEN,
            state=state_of(known),
            kind=KINDS[known.kind],
            severities=[(SEVERITIES[one], one.value, report.count(one), report.of(one)) for one in Severity],
            source_name=_source_name(known),
            partner_name=catalogue().partner_name(known.partner),
            hides=not disclosure.all,
        )

    wanted = form or choose([*DATA, HTML], JSONLD, path)
    content = Content(iri, ()) if wanted is HTML else _content(report, disclosure, iri)  # a page needs no triples
    return negotiated(content, path, wanted, DATA, html, links=links, modified=known.ended)


def _content(report: Report, disclosure: Disclosure, iri: str) -> Content:
    """What the store says of the run, and the validation report, which is not in the store."""
    known, base = report.run, site().base
    stored = catalogue().thing(iri)
    triples = set(stored.triples if stored else run_triples(base, known))
    if known.state not in _OPEN:
        findings = islice(site().platform.ledger.findings(known.run), MAX_RESULTS)
        fields = site().platform.vocabulary.fields
        triples |= set(report_triples(base, known, map(disclosure, findings), report.total, fields))
    return Content(iri, tuple(sorted(triples)))


def _source_name(known: RunReport) -> str:
    sources = site().platform.ledger.sources_of(known.partner)
    return next((one.name for one in sources if one.id == known.source), known.source)


# -- JSON -----------------------------------------------------------------------------------------------------------


def _json(report: Report) -> Response:
    path = f"/runs/{report.run.run}"
    body = orjson.dumps(report_values(report), option=orjson.OPT_INDENT_2)
    return finish(Response(body, mimetype="application/json"), links=alternates(path, DATA), data=True)


def report_values(report: Report) -> dict[str, Any]:
    """A report as JSON values. Texts are by language; the CSV beside it has every finding."""
    known, base = report.run, site().base
    return {
        "id": f"{base}/runs/{known.run}",
        "source": f"{base}/sources/{known.source}",
        "partner": f"{base}/actors/{known.partner}",
        "kind": known.kind.value,
        "of": known.of and f"{base}/runs/{known.of}",
        "state": known.state.value,
        "started": known.started.isoformat(),
        "ended": known.ended.isoformat() if known.ended else None,
        "counts": asdict(known.counts),
        "live": known.live,
        "account": dict(report.account),
        "holds": [
            {
                "rule": hold.rule.value,
                "figure": hold.figure,
                "limit": hold.limit,
                "withheld": sorted(part.value for part in hold.parts),
                "message": dict(text),
            }
            for hold, text in zip(known.holds, report.holds, strict=True)
        ],
        "findings": report.total,
        "causes": [_cause(one) for one in report.causes],
        "unknownWords": [
            {
                "word": one.word,
                "field": one.field,
                "term": one.term,
                "count": one.count,
                "nearest": one.nearest,
                "line": one.line,
            }
            for one in report.words
        ],
        "table": f"{base}/runs/{known.run}.csv",
    }


def _cause(cause: Cause) -> dict[str, Any]:
    return {
        "rule": cause.rule,
        "severity": cause.severity.value,
        "field": cause.field,
        "term": cause.term,
        "count": cause.count,
        "message": dict(cause.message),
        "remedy": dict(cause.remedy),
        "examples": [
            {"where": one.where, "value": one.value, "record": one.record, "times": one.times} for one in cause.examples
        ],
    }


# -- CSV ------------------------------------------------------------------------------------------------------------


def _csv(known: RunReport, disclosure: Disclosure) -> Response:
    """Every finding, streamed. ``bom=0`` leaves the byte order mark out, ``sep=;`` suits French spreadsheets."""
    bom = request.args.get("bom") != "0"
    separator = ";" if request.args.get("sep") == ";" else ","
    findings = map(disclosure, site().platform.ledger.findings(known.run))
    response = Response(table(findings, language(), bom, separator), mimetype="text/csv")
    name = f"{known.source}-{known.started:%Y-%m-%d}-{known.run}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = REVALIDATE
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = EXPOSED
    response.headers["Link"] = f'<{iri_of(f"/runs/{known.run}")}>; rel="describes"'
    response.vary.update(["Accept"])
    # The body is not known before it is sent; it depends on nothing but these.
    parts = (known.run, known.state.value, str(known.ended), disclosure.fingerprint, language(), str(bom), separator)
    response.set_etag(sha256("\0".join(parts).encode()).hexdigest()[:32])
    response.make_conditional(request)
    return response
