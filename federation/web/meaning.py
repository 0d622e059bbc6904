"""The vocabulary at its own addresses: ontology, context, shapes, concepts. Copies of what w3id.org names for good.

Every answer says so: ``Link: rel=canonical`` to the permanent IRI. Must never serve anything but the pinned files.
"""

from __future__ import annotations

from functools import lru_cache

import pyoxigraph as ox
from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from federation.catalogue.formats import DATA, HTML, JSONLD, TURTLE, Format
from federation.catalogue.values import BASE
from federation.catalogue.words import SCHEMES
from federation.engines import SearchRequest
from federation.vocabulary import Concept, fold
from federation.web.filters import concept_label
from federation.web.pages import today
from federation.web.respond import (
    FOREVER,
    ONE_DAY,
    Link,
    alternates,
    choose,
    finish,
    href,
    negotiated,
    page,
    suffixed,
)
from federation.web.site import site
from federation.web.things import split

blueprint = Blueprint("meaning", __name__)

_FACETS = {"theme": "theme", "public": "public", "method": "method", "status": "status"}
_ROUTE = "/<any({}):scheme>".format(", ".join(SCHEMES))


@lru_cache(maxsize=64)
def _converted(body: bytes, form: Format) -> bytes:
    """One of our Turtle files in another format; converted once."""
    kinds = {
        "jsonld": ox.RdfFormat.JSON_LD,
        "nt": ox.RdfFormat.N_TRIPLES,
        "rdf": ox.RdfFormat.RDF_XML,
        "trig": ox.RdfFormat.TRIG,
    }
    triples = [quad.triple for quad in ox.parse(input=body, format=ox.RdfFormat.TURTLE, rename_blank_nodes=False)]
    return ox.serialize(triples, format=kinds[form.suffix]) or b""


def _file(name: str, path: str, form: Format, canonical: str) -> Response:
    body = site().platform.vocabulary.file(name)
    response = Response(body if form is TURTLE else _converted(body, form), content_type=form.content_type)
    response.headers["Content-Location"] = href(suffixed(path, form))
    links: list[Link] = [(canonical, "canonical", None), *alternates(path, [one for one in DATA if one is not form])]
    return finish(response, links=links, cache=ONE_DAY, data=True)


@blueprint.get("/vocab")
@blueprint.get("/vocab.<suffix>")
def ontology(suffix: str = "") -> Response:
    """Our ontology: a page for people, one file for machines."""
    form = _form(suffix) or choose([*DATA, HTML], TURTLE, "/vocab")
    if form is not HTML:
        return _file("vocab/ontology.ttl", "/vocab", form, BASE + "vocab")
    terms = sorted(site().platform.vocabulary.terms.values(), key=lambda one: (one.kind, one.iri))
    links: list[Link] = [(BASE + "vocab", "canonical", None), *alternates("/vocab", DATA)]
    shapes_ = sorted(site().platform.vocabulary.shapes())
    return page("vocab.html", links=links, terms=terms, formats=DATA, shapes=shapes_)


@blueprint.get("/context/<name>.jsonld")
def context(name: str) -> Response:
    """The JSON-LD context, frozen per version."""
    try:
        body = site().platform.vocabulary.file(f"vocab/context/{name}.jsonld")
    except KeyError as error:
        raise NotFound from error
    links: list[Link] = [(f"{BASE}context/{name}.jsonld", "canonical", None)]
    response = Response(body, content_type=JSONLD.media_type)
    return finish(response, links=links, cache=FOREVER, data=True, vary="")


@blueprint.get("/shapes/<name>")
def shapes(name: str) -> Response:
    """One SHACL file."""
    stem, form = split(name, DATA)
    if f"{stem}.ttl" not in site().platform.vocabulary.shapes():
        raise NotFound
    path = f"/shapes/{stem}"
    wanted = form if form in DATA else choose(DATA, TURTLE, path)
    return _file(f"shapes/{stem}.ttl", path, wanted, f"{BASE}shapes/{stem}")


@blueprint.get(f"{_ROUTE}/")
def scheme(scheme: str) -> Response:
    """A thesaurus: its concepts with their codes."""
    iri = f"{BASE}{scheme}/"
    content = site().concept_content(iri)
    if content is None:
        raise NotFound
    path = f"/{scheme}/"
    links: list[Link] = [(iri, "canonical", None)]

    def html() -> Response:
        concepts = sorted(site().words.in_scheme(scheme), key=lambda one: fold(concept_label(one.iri)))
        return page("scheme.html", links=links, scheme=site().words.schemes[iri], name=scheme, concepts=concepts)

    return negotiated(content, path, None, DATA, html, preferred=HTML, links=links, cache=ONE_DAY)


@blueprint.get(f"{_ROUTE}/<path:name>")
def concept(scheme: str, name: str) -> Response:
    """One concept: a page for people, SKOS for machines."""
    code, form = split(name, DATA)
    iri = f"{BASE}{scheme}/{code}"
    content = site().concept_content(iri)
    if content is None:
        raise NotFound
    path = f"/{scheme}/{code}"
    links: list[Link] = [(iri, "canonical", None), (href(f"/{scheme}/"), "collection", None)]

    def html() -> Response:
        known = site().words.concepts.get(iri)
        if known is None:
            raise NotFound
        return page(
            "concept.html",
            links=links,
            concept=known,
            scheme=scheme,
            path=path,
            formats=DATA,
            count=_count(scheme, known),
            filterable=known.scheme == BASE + "theme/",
            is_domain=bool(known.narrower),
        )

    return negotiated(content, path, form, DATA, html, preferred=HTML, links=links, cache=ONE_DAY)


def _count(scheme: str, known: Concept) -> int | None:
    facet = _FACETS.get(scheme)
    if facet is None or known.scheme != f"{BASE}{scheme}/":
        return None  # frozen lists of the past are not searched by
    found = site().platform.search.search(SearchRequest(facets=(facet,), limit=0, seed=today()))
    return found.facets[facet].get(known.code, 0)


def _form(suffix: str) -> Format | None:
    if not suffix:
        return None
    form = next((one for one in (*DATA, HTML) if one.suffix == suffix), None)
    if form is None:
        raise NotFound
    return form
