"""Pages that are not linked data: home, list of projects, contributors, themes, about. One call
each, then a template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, current_app, jsonify, request
from werkzeug.exceptions import NotFound

from federation.catalogue.formats import JSONLD
from federation.catalogue.search import FILTERS, SearchQuery
from federation.catalogue.sparql import SparqlRequest, run
from federation.catalogue.statistics import Totals, totals
from federation.engines import QueryLimits, SearchPage, SearchRequest
from federation.errors import EngineUnavailable, QueryRejected
from federation.vocabulary import Concept, fold
from federation.web.activitypub import ACTIVITY, see_as2, wants_as2
from federation.web.filters import concept_label
from federation.web.language import language, say, show_number, text_in
from federation.web.quality import quality_views
from federation.web.respond import finish, href, page
from federation.web.site import catalogue, site

blueprint = Blueprint("pages", __name__)

HEALTH_SECONDS = 2.0  # that a query worker has to answer a supervisor
SHAPES = 12  # projects drawn on the ground of the home page


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a facet. ``known`` is False for a value that means nothing here."""

    value: str
    label: str
    count: int
    selected: bool
    known: bool = True


@dataclass(frozen=True, slots=True)
class Facet:
    """One group of checkboxes: the address key, its name, its values."""

    key: str
    label: str
    choices: tuple[Choice, ...]

    @property
    def open(self) -> bool:
        """Whether something in it is chosen."""
        return any(choice.selected for choice in self.choices)


def today() -> str:
    """The seed of the default order: today's date (UTC)."""
    return site().now().date().isoformat()


@blueprint.get("/")
def home() -> Response:
    """The live counter, the search box, the domains, the contributors."""
    search = site().platform.search
    found = search.search(SearchRequest(facets=("partner", "domain"), limit=SHAPES, seed=today()))
    counted = Totals(found.total, len(found.facets["partner"]))
    domains = [
        Choice(one.code, text_in(one.labels), found.facets["domain"].get(one.code, 0), False)
        for one in site().words.domains()
    ]
    return page(
        "home.html",
        totals=counted,
        shapes=found.ids,
        domains=sorted(domains, key=lambda one: fold(one.label)),
        partners=_partner_choices(found, ()),
    )


@blueprint.get("/projets")
def projects() -> Response:
    """The paged list: text box, facets, removable filters, numbered pages."""
    query = SearchQuery.parse(request.args.items(multi=True))
    seeded = query if query.seed else query.at(query.page, today())
    found = site().platform.search.search(seeded.request(tuple(FILTERS.values())))
    last = max(-(-found.total // query.size), 1)
    wordless = bool(query.text) and not site().analysis.parse(query.text)
    beyond = query.page > last and not wordless
    sentence = query.sentence(language(), found.total, _filter_label)
    facets = () if wordless else _facets(query, found)
    return page(
        "projects.html",
        status=404 if beyond else 200,
        links=[(site().base + "/projets" + (f"?{query.encoded()}" if query.encoded() else ""), "canonical", None)],
        query=query,
        seeded=seeded,
        total=found.total,
        last=last,
        numbers=_numbers(query.page, last),
        cards=catalogue().cards(found.ids),
        facets=facets,
        active=[
            (key, value, _filter_label(key, value), _is_known(key, value, found)) for key, value in query.filters()
        ],
        heading=_heading(sentence, query.page if beyond else None, wordless),
        wordless=wordless,
        beyond=beyond,
        empty_store=found.total == 0 and not query.narrowed,
    )


def _heading(sentence: str, missing: int | None, wordless: bool) -> str:
    """What the page is about: the search and its result, unless there is nothing to search or no such page."""
    if wordless:
        return say("Rien à chercher : aucun mot")
    return say("La page %(page)s n'existe pas", page=show_number(missing)) if missing is not None else sentence


def _facets(query: SearchQuery, found: SearchPage) -> tuple[Facet, ...]:
    words = site().words
    return (
        Facet("domaine", say("Domaine"), _concept_choices(words.domains(), found.facets["domain"], query.domains)),
        Facet("theme", say("Thème"), _concept_choices(words.themes(), found.facets["theme"], query.themes)),
        Facet("contributeur", say("Contributeur"), _partner_choices(found, query.partners)),
    )


def _concept_choices(
    concepts: Iterable[Concept], counts: Mapping[str, int], selected: Iterable[str]
) -> tuple[Choice, ...]:
    chosen = set(selected)
    choices = [
        Choice(one.code, text_in(one.labels), counts.get(one.code, 0), one.code in chosen)
        for one in concepts
        if counts.get(one.code) or one.code in chosen
    ]
    return tuple(sorted(choices, key=lambda one: fold(one.label)))


def _partner_choices(found: SearchPage, selected: Iterable[str]) -> tuple[Choice, ...]:
    """Contributors by name, never by size."""
    chosen = set(selected)
    counts = found.facets["partner"]
    wanted = {*counts, *chosen}
    catalogue().learn_names(wanted)
    choices = [
        Choice(slug, catalogue().partner_name(slug), counts.get(slug, 0), slug in chosen, slug in counts)
        for slug in wanted
    ]
    return tuple(sorted(choices, key=lambda one: (fold(one.label), one.value)))


def _filter_label(key: str, value: str) -> str:
    if key == "contributeur":
        return catalogue().partner_name(value)
    concept = site().words.concept("theme", value)
    return text_in(concept.labels) if concept else value


def _is_known(key: str, value: str, found: SearchPage) -> bool:
    if key == "contributeur":
        return value in found.facets["partner"] or catalogue().partner(value) is not None
    return site().words.concept("theme", value) is not None


def _numbers(current: int, last: int) -> list[int | None]:
    """Page numbers to show; None is a gap."""
    near = {1, last, *(n for n in range(current - 2, current + 3) if 1 <= n <= last)}
    numbers: list[int | None] = []
    for number in sorted(near):
        before = next((one for one in reversed(numbers) if one is not None), 0)
        if number - before == 2:
            numbers.append(number - 1)
        elif number - before > 2:
            numbers.append(None)
        numbers.append(number)
    return numbers


@blueprint.get("/contributeurs")
def partners() -> Response:
    """All contributors with at least one project, by name."""
    found = site().platform.search.search(SearchRequest(facets=("partner",), limit=0, seed=today()))
    return page("partners.html", partners=_partner_choices(found, ()))


@blueprint.get("/contributeur/<slug>")
def partner(slug: str) -> Response:
    """One contributor: its sources with their last runs, its projects. Clients of ActivityPub are sent to its actor."""
    platform = site().platform
    known = catalogue().partner(slug)
    sources = [(source, platform.ledger.last_run(source.id)) for source in platform.ledger.sources_of(slug)]
    query = SearchQuery(partners=(slug,), seed=today(), size=20)
    found = platform.search.search(query.request())
    if known is None and not sources and not found.total:
        raise NotFound
    actor = catalogue().actor(slug) if platform.federation.actor(slug) else None
    if actor is not None and wants_as2():
        return see_as2(actor)
    return page(
        "partner.html",
        links=[
            (href(f"/actors/{slug}"), "describedby", None),
            (href(f"/actors/{slug}.jsonld"), "alternate", JSONLD.media_type),
            *([(actor, "alternate", ACTIVITY)] if actor else []),
        ],
        slug=slug,
        name=known.name if known else catalogue().partner_name(slug),
        known=known,
        sources=sources,
        qualities=quality_views([source.id for source, _ in sources]),
        total=found.total,
        cards=catalogue().cards(found.ids[:6]),
        iri=catalogue().actor(slug),
    )


@blueprint.get("/themes")
def themes() -> Response:
    """The eight domains and the themes under them, with counts."""
    found = site().platform.search.search(SearchRequest(facets=("theme",), limit=0, seed=today()))
    words = site().words
    groups = [
        (domain, sorted((words.concepts[iri] for iri in domain.narrower), key=_by_label))
        for domain in sorted(words.domains(), key=_by_label)
    ]
    placed = {one.iri for _, members in groups for one in members}
    rest = sorted((one for one in words.themes() if one.iri not in placed), key=_by_label)
    return page("themes.html", groups=groups, rest=rest, counts=found.facets["theme"])


def _by_label(concept: Concept) -> str:
    return fold(concept_label(concept.iri))


@blueprint.get("/a-propos")
def about() -> Response:
    """What this is, in a page."""
    return page("about.html", totals=totals(site().platform.search, today()))


@blueprint.get("/contribuer")
def contribute() -> Response:
    """How to join: what a platform needs to be read here, and whom to write to."""
    return page("contribute.html")


@blueprint.get("/healthz")
def health() -> Response:
    """For a supervisor: store, index and query workers, and how far each is. Raises EngineUnavailable (503)."""
    platform = site().platform
    counted = totals(platform.search, today())
    store, index = platform.reader.seq, platform.search.seq
    queries = _queries_state()
    response = jsonify(
        status="ok" if queries != "unavailable" else "degraded",
        store=store,
        index=index,
        behind=max(store - index, 0),
        queries=queries,
        projects=counted.projects,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _queries_state() -> str:
    """Whether the query workers answer: ``ok``, ``busy`` (all are at work) or ``unavailable``."""
    settings = site().platform.settings
    limits = QueryLimits(HEALTH_SECONDS, 1, 10_000, settings.query_memory)
    try:
        run(SparqlRequest("ASK {}"), site().platform.queries, limits)
    except QueryRejected as error:
        return "busy" if error.reason == "busy" else "unavailable"
    except EngineUnavailable:
        return "unavailable"
    return "ok"


@blueprint.get("/favicon.ico")
def favicon() -> Response:
    """Our icon, for those who ask without reading the page."""
    return current_app.send_static_file("icon.svg")


@blueprint.get("/robots.txt")
def robots() -> Response:
    """Everything may be read, but the endless combinations of filters."""
    lines = ("User-agent: *", "Disallow: /projets?", "Disallow: /en/projets?", "Disallow: /sparql?", "")
    return finish(Response("\n".join(lines), mimetype="text/plain"), vary="", cache="public, max-age=86400")
