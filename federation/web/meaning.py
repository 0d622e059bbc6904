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
from federation.web.language import say, text_in
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
from federation.web.tiers import TIERS, tier_content

blueprint = Blueprint("meaning", __name__)

_FACETS = {"theme": "theme", "public": "public", "method": "method", "status": "status"}
_LICENCES = ("open", "closed")
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
    return _ontology("/vocab", _form(suffix))


@blueprint.get("/vocab/<name>")
def ontology_version(name: str) -> Response:
    """The ontology by its version (owl:versionIRI). Raises NotFound for another version than the one here."""
    version, form = split(name, DATA)
    if f"{BASE}vocab/{version}" not in site().versions:
        raise NotFound
    return _ontology(f"/vocab/{version}", form)


def _ontology(path: str, asked: Format | None) -> Response:
    form = asked or choose([*DATA, HTML], TURTLE, path)
    canonical = BASE + path[1:]
    if form is not HTML:
        return _file("vocab/ontology.ttl", path, form, canonical)
    terms = sorted(site().platform.vocabulary.terms.values(), key=lambda one: (one.kind, one.iri))
    links: list[Link] = [(canonical, "canonical", None), *alternates(path, DATA)]
    shapes_ = sorted(site().platform.vocabulary.shapes())
    return page("vocab.html", links=links, terms=terms, formats=DATA, shapes=shapes_, lists=_lists())


def _lists() -> list[tuple[str, str]]:
    """Path and label of every thesaurus of ours, licences included."""
    schemes = site().words.schemes
    paths = [f"/{name}/" for name in SCHEMES] + [f"/licence/{name}/" for name in _LICENCES]
    return [(path, text_in(schemes[BASE + path[1:]].labels)) for path in paths]


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
    """One SHACL file, or one tier of completeness."""
    stem, form = split(name, DATA)
    path, canonical = f"/shapes/{stem}", f"{BASE}shapes/{stem}"
    links: list[Link] = [(canonical, "canonical", None)]
    tier = next((one for one in TIERS if one.value == stem), None)
    if tier is not None:
        known = TIERS[tier]

        def described() -> Response:
            return page(
                "tier.html", links=links, known=known, before=known.before, iri=canonical, path=path, formats=DATA
            )

        content = tier_content(tier)
        return negotiated(content, path, form, DATA, described, preferred=TURTLE, links=links, cache=ONE_DAY)
    turtle = site().platform.vocabulary.shapes().get(f"{stem}.ttl")
    if turtle is None:
        raise NotFound
    wanted = form if form in DATA else choose([*DATA, HTML], TURTLE, path)
    if wanted is HTML:
        links += alternates(path, DATA)
        return page("shape.html", links=links, name=stem, turtle=turtle, iri=canonical, path=path, formats=DATA)
    return _file(f"shapes/{stem}.ttl", path, wanted, canonical)


@blueprint.get(f"{_ROUTE}/")
@blueprint.get(f"{_ROUTE}.<suffix>")
def scheme(scheme: str, suffix: str = "") -> Response:
    """A thesaurus: its concepts with their codes."""
    return _scheme(f"/{scheme}/", _form(suffix))


@blueprint.get("/licence/<any({}):name>/".format(", ".join(_LICENCES)))
@blueprint.get("/licence/<any({}):name>.<suffix>".format(", ".join(_LICENCES)))
def licences(name: str, suffix: str = "") -> Response:
    """The licences that we know, open or not."""
    return _scheme(f"/licence/{name}/", _form(suffix))


def _scheme(path: str, form: Format | None) -> Response:
    """A scheme with all its concepts. ``path`` ends with a slash, as the IRI does. Raises NotFound."""
    iri = BASE + path[1:]
    content, known = site().scheme_content(iri), site().words.schemes.get(iri)
    if content is None or known is None:
        raise NotFound
    links: list[Link] = [(iri, "canonical", None)]

    def html() -> Response:
        concepts = sorted(
            (site().words.concepts[one] for one in known.concepts), key=lambda one: fold(concept_label(one.iri))
        )
        domains = [one for one in concepts if one.narrower]
        others = [one for one in concepts if not one.narrower]
        groups = [(say("Domaines"), domains), (say("Thèmes"), others)] if domains and others else [("", concepts)]
        notes = {one.iri: note for one in concepts if (note := one.definition or site().note(one.iri))}
        return page(
            "scheme.html",
            links=links,
            scheme=known,
            groups=groups,
            notes=notes,
            path=path.rstrip("/"),
            formats=DATA,
        )

    return negotiated(content, path, form, DATA, html, preferred=HTML, links=links, cache=ONE_DAY)


@blueprint.get(f"{_ROUTE}/<path:name>")
def concept(scheme: str, name: str) -> Response:
    """One concept: a page for people, SKOS for machines. A scheme inside another is a list."""
    code, form = split(name, DATA)
    iri = f"{BASE}{scheme}/{code}"
    inner = iri.rstrip("/") + "/"
    if inner in site().words.schemes and (form is not None or iri == inner):
        return _scheme(f"/{scheme}/{code.rstrip('/')}/", form)
    content = site().concept_content(iri)
    known = site().words.concepts.get(iri)
    if content is None or known is None:
        raise NotFound
    path = f"/{scheme}/{code}"
    links: list[Link] = [(iri, "canonical", None), (href(f"/{scheme}/"), "collection", None)]

    def html() -> Response:
        return page(
            "concept.html",
            links=links,
            concept=known,
            note=known.definition or site().note(iri),
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
