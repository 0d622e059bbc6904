"""Linked data at every instance IRI: projects, records, partners, sources. 200, 301, 303, 406, 410.

Follows vocabulary design, section 10. The IRI asked for is rebuilt on the configured base, never on a Host header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from federation.activitypub.names import COMMONS
from federation.catalogue.formats import ALL, DATA, HTML, JSONLD, RECORD_DATA, Content, Format
from federation.catalogue.values import (
    CRF,
    DCAT,
    DCTERMS,
    PROV,
    RDF,
    XSD,
    by_subject,
    first_text,
    one_iri,
)
from federation.catalogue.views import project_view, record_view
from federation.web.activitypub import ACTIVITY, as2_answer, see_as2, wants_as2
from federation.web.filters import project_path
from federation.web.language import text_in
from federation.web.quality import quality_of, quality_views
from federation.web.respond import Link, choose, href, moved, negotiated, page, see_other
from federation.web.schema_org import project_as_schema_org
from federation.web.site import catalogue, site

blueprint = Blueprint("things", __name__)

_AS = "https://www.w3.org/ns/activitystreams#"
_PROVENANCE = "http://www.w3.org/ns/prov#has_provenance"
_SETTLED = timedelta(seconds=60)
"""How old a date must be to tell versions apart: HTTP dates have whole seconds (RFC 9110, section 8.8.2.2)."""


def split(name: str, allowed: Iterable[Format]) -> tuple[str, Format | None]:
    """Take a known suffix off the last segment of an address."""
    stem, dot, suffix = name.rpartition(".")
    form = ALL.get(suffix) if dot and stem and not stem.endswith("/") else None
    return (stem, form) if form is not None and (form is HTML or form in tuple(allowed)) else (name, None)


def iri_of(path: str) -> str:
    """The IRI behind a path of this server."""
    return site().base + quote(path, safe="/:@!$&'()*+,;=~-._%")


# -- projects -------------------------------------------------------------------------------------------------------


@blueprint.get("/id/projet/<name>")
def project_thing(name: str) -> Response:
    """A project is not a document: 303 to the one that suits the client."""

    def document(path: str, _content: Content, form: Format | None) -> Response:
        return see_other(path, form or choose([*DATA, HTML], JSONLD, path))

    return _living("/id/projet", name, document)


@blueprint.get("/projet/<name>")
def project(name: str) -> Response:
    """The page of a project, and its data under suffixes."""
    return _living("/projet", name, _project_document)


def _living(start: str, name: str, answer: Callable[[str, Content, Format | None], Response]) -> Response:
    """The answer for a project, given its document's path; 301 if it has become part of another, 410 if withdrawn.

    Raises NotFound.
    """
    pid, form = split(name, DATA)
    if form is None and wants_as2():
        return see_as2(site().platform.federation.project_document(pid))
    iri, path = iri_of(f"/id/projet/{pid}"), f"{start}/{pid}"
    content = catalogue().thing(iri)
    if content is None:
        return _gone(iri, path, form)
    return _survivor(content, path, form) or answer(f"/projet/{pid}", content, form)


def _project_document(path: str, content: Content, form: Format | None) -> Response:
    iri = content.root
    records = catalogue().records_of(content)
    lines = catalogue().lines(records)
    links: list[Link] = [(iri, "describes", None)]
    links += [
        (licence, "license", None) for licence in sorted({line.licence for line in lines.values() if line.licence})
    ]
    links += [(record, _PROVENANCE, None) for record in records]
    links.append((site().platform.federation.view_of(iri.rpartition("/")[2], records), "alternate", ACTIVITY))

    def html() -> Response:
        graphs = catalogue().graphs(records)
        view = project_view(iri, content.triples, graphs, lines, site().words)
        canonical: Link = (site().base + path, "canonical", None)
        embedded = project_as_schema_org(view)
        return page("project.html", links=[canonical], view=view, path=path, formats=DATA, schema_org=embedded)

    return negotiated(content, path, form, DATA, html, preferred=HTML, links=links, modified=_changed(iri))


def _changed(iri: str) -> datetime | None:
    """When a record or a project last changed, as this request sees it; None if unknown, or too fresh to tell."""
    when = site().platform.ledger.changed(iri, catalogue().seq)
    return when if when is not None and site().now() - when >= _SETTLED else None


def _survivor(content: Content, path: str, form: Format | None) -> Response | None:
    """301 to the project that this one has become part of; None if it is itself."""
    survivor = one_iri(by_subject(content.triples).get(content.root, {}), DCTERMS + "isReplacedBy")
    if survivor is not None and survivor.startswith(site().base + "/id/projet/"):
        pid = survivor.rpartition("/")[2]
        start = path.rpartition("/")[0]
        suffix = f".{form.suffix}" if form is not None and form is not HTML else ""
        target = project_path(pid) if start == "/projet" and not suffix else href(f"{start}/{pid}{suffix}")
        return moved(target)
    return None


def _gone(iri: str, path: str, form: Format | None) -> Response:
    """410 for what was withdrawn. Raises NotFound for what never was."""
    withdrawn = site().platform.ledger.withdrawn(iri)
    if withdrawn is None:
        raise NotFound
    return tombstone(iri, path, form, withdrawn)


def tombstone(iri: str, path: str, form: Format | None, when: datetime) -> Response:
    """410 in every format: what it was, and when it was withdrawn."""
    moment = f'"{when.isoformat()}"^^<{XSD}dateTime>'
    kind = CRF + "Project" if "/id/projet/" in iri else DCAT + "CatalogRecord"
    content = Content(
        iri,
        (
            (f"<{iri}>", f"<{RDF}type>", f"<{_AS}Tombstone>"),
            (f"<{iri}>", f"<{_AS}formerType>", f"<{kind}>"),
            (f"<{iri}>", f"<{_AS}deleted>", moment),
            (f"<{iri}>", f"<{PROV}invalidatedAtTime>", moment),
        ),
    )

    def html() -> Response:
        return page("gone.html", status=410, when=when, iri=iri)

    return negotiated(content, path, form, DATA, html, preferred=HTML, status=410)


# -- records --------------------------------------------------------------------------------------------------------


@blueprint.get("/records/<partner>/<path:name>")
def record(partner: str, name: str) -> Response:
    """What one partner says of one project: the content of one named graph."""
    key, form = split(name, RECORD_DATA)
    path = f"/records/{partner}/{key}"
    iri = iri_of(path)
    view = site().platform.federation.object_of(iri)
    if form is None and view is not None and wants_as2():
        return see_as2(view)
    content = catalogue().record(iri)
    if content is None:
        return _gone(iri, path, form)
    line = catalogue().lines([iri])[iri]
    project_iri = catalogue().project_of(iri)
    links: list[Link] = [(licence, "license", None) for licence in [line.licence] if licence]
    links += [(project_iri, "collection", None)] if project_iri else []
    links += [(view, "alternate", ACTIVITY)] if view else []
    links += [(site().words.prefixes["shapes"] + "record", "describedby", "text/turtle")]

    def html() -> Response:
        shown = record_view(iri, content.triples, line, site().words)
        pid = project_iri.rpartition("/")[2] if project_iri else None
        return page("record.html", view=shown, line=line, pid=pid, path=path, iri=iri, formats=RECORD_DATA)

    return negotiated(content, path, form, RECORD_DATA, html, links=links, modified=_changed(iri))


# -- partners, sources ------------------------------------------------------------------------------------------


@blueprint.get("/actors/<name>")
def actor(name: str) -> Response:
    """A partner as linked data or as an actor of ActivityPub; browsers are sent to its page.

    The commons is an actor only: it publishes nothing itself.
    """
    slug, form = split(name, DATA)
    if form is None and (wants_as2() or slug == COMMONS):
        return as2_answer(site().platform.federation.actor(slug))
    path = f"/actors/{slug}"
    content = catalogue().thing(iri_of(path))
    if content is None:
        raise NotFound
    if (form or choose([*DATA, HTML], JSONLD, path)) is HTML:
        return see_other(f"/contributeur/{slug}", HTML)
    owned = [one.id for one in site().platform.ledger.sources_of(slug)]
    content = replace(content, triples=(*content.triples, *quality_of(owned)))
    return negotiated(content, path, form, DATA, None)


@blueprint.get("/sources/<name>")
def source(name: str) -> Response:
    """A source of a partner: whose it is, under which licence, its quality, the last run that changed something."""
    slug, form = split(name, DATA)
    path = f"/sources/{slug}"
    content = catalogue().thing(iri_of(path))
    if content is None:
        raise NotFound
    node = by_subject(content.triples).get(content.root, {})
    licence = one_iri(node, DCTERMS + "license")
    links: list[Link] = [(licence, "license", None)] if licence else []
    latest = catalogue().last_run_of(content.root)
    if latest is not None:
        content = replace(content, triples=(*content.triples, *latest.triples))
        links.append((latest.root, _PROVENANCE, None))
    content = replace(content, triples=(*content.triples, *quality_of([slug])))
    partner = _slug(one_iri(node, DCTERMS + "publisher"))

    def html() -> Response:
        return page(
            "source.html",
            latest=latest.root if latest else None,
            slug=slug,
            iri=content.root,
            path=path,
            formats=DATA,
            title=text_in(first_text(node, DCTERMS + "title")) or slug,
            partner=partner,
            partner_name=catalogue().partner_name(partner or ""),
            licence=licence,
            last=site().platform.ledger.last_run(slug),
            assessed=quality_views([slug]).get(slug),
        )

    return negotiated(content, path, form, DATA, html, links=links)


def _slug(iri: str | None) -> str | None:
    return iri.rpartition("/")[2] if iri else None
