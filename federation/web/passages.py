"""The history of a partner's feeds: list of runs, Atom feed of what changed, and a badge. French and English."""

from __future__ import annotations

import re

from flask import Blueprint, Response, render_template, request
from werkzeug.exceptions import NotFound

from federation.catalogue.quality import Quality, together
from federation.catalogue.reports import KINDS, account, hold_words, state_of
from federation.ledger.standing import STANDINGS, Standing, turns, worst
from federation.model import RunKind, RunState, Text
from federation.web.contract import PassageLine, SourceLine
from federation.web.language import here, language, text_in
from federation.web.respond import finish, href, page
from federation.web.site import catalogue, site

blueprint = Blueprint("passages", __name__)

SHOWN = 50  # runs on the page
LOOKED_AT = 500  # runs that the feed looks for changes in
ENTRIES = 50  # of the feed
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2


def _known(slug: str) -> tuple[str, list[SourceLine]]:
    """Name and sources of a partner. Raises NotFound."""
    sources = list(site().platform.ledger.sources_of(slug))
    if not sources and catalogue().partner(slug) is None:
        raise NotFound
    return catalogue().partner_name(slug), sources


@blueprint.get("/contributeur/<slug>/passages")
def passages(slug: str) -> Response:
    """The latest runs of a contributor's sources, with state and counts; else 404."""
    name, sources = _known(slug)
    lines = site().platform.ledger.passages(slug, SHOWN)
    names = {one.id: one.name for one in sources}
    return page(
        "passages.html",
        links=[(here() + f"/contributeur/{slug}/passages.atom", "alternate", "application/atom+xml")],
        slug=slug,
        name=name,
        names=names,
        lines=[(one, state_of(one), KINDS[one.kind], _account(one)) for one in lines],
        harvest=RunKind.HARVEST,
    )


def _account(line: PassageLine) -> Text | None:
    return account(line.counts) if line.counts.read else None


_DECIDES: Text = {
    "fr": "Une personne du carrefour décide ; ce qui attend n'est pas appliqué d'ici là.",
    "en": "A person of the commons decides; what waits is not applied until then.",
}


def _summary(line: PassageLine) -> Text:
    """What became of the rows; of a held run first why it is held, with figures, and who decides."""
    rows = account(line.counts)
    report = site().platform.ledger.run(line.run) if line.state is RunState.HELD else None
    if report is None:
        return rows
    said = [*hold_words(report), _DECIDES, rows]
    return {lang: " ".join(part[lang] for part in said) for lang in ("fr", "en")}


@blueprint.get("/contributeur/<slug>/passages.atom")
def feed(slug: str) -> Response:
    """The runs after which a source stood otherwise than before (RFC 4287); ``source`` chooses one of them."""
    name, sources = _known(slug)
    chosen = request.args.get("source")
    names = {one.id: one.name for one in sources}
    if chosen is not None and chosen not in names:
        raise NotFound
    lines = site().platform.ledger.passages(slug, LOOKED_AT, chosen)
    found = [one for one in turns(lines) if one.run.ended is not None][:ENTRIES]
    title = names[chosen] if chosen is not None else name
    query = f"?source={chosen}" if chosen is not None else ""
    body = render_template(
        "passages.xml",
        language=language(),
        id=f"{site().base}{'/en' if language() == 'en' else ''}/contributeur/{slug}/passages.atom{query}",
        page=f"{site().base}{'/en' if language() == 'en' else ''}/contributeur/{slug}/passages",
        title=text_in({"fr": f"Moissons : {title}", "en": f"Harvests: {title}"}),
        author=site().platform.settings.name,
        updated=found[0].run.ended if found else None,
        entries=[
            (
                one.run,
                f"{site().base}/runs/{one.run.run}",
                f"{names.get(one.run.source, one.run.source)} : {text_in(STANDINGS[one.now])}"
                if language() == "fr"
                else f"{names.get(one.run.source, one.run.source)}: {text_in(STANDINGS[one.now])}",
                text_in(_summary(one.run)),
            )
            for one in found
        ],
    )
    response = Response(_UNWRITABLE.sub("\ufffd", body), mimetype="application/atom+xml")
    return finish(response, data=True)


# -- badge ----------------------------------------------------------------------------------------------------------

_COLOURS = {
    Standing.ONLINE: "#2f6b3a",
    Standing.REJECTS: "#7a5200",
    Standing.HELD: "#7a5200",
    Standing.FAILING: "#8f2430",
    None: "#5b5470",
}
_NEVER: Text = {"fr": "jamais moissonnée", "en": "never harvested"}
_SHORT: dict[Standing, Text] = {
    **STANDINGS,
    Standing.REJECTS: {"fr": "en ligne, avec refus", "en": "online, with refusals"},
    Standing.FAILING: {"fr": "moisson échouée", "en": "harvest failed"},
}
_PER_LETTER = 6.6  # pixels of a letter at 11 px: fonts differ, so the text is fitted to it


@blueprint.get("/contributeur/<slug>/badge.svg")
def badge(slug: str) -> Response:
    """A small picture for the contributor's own site: state and quality of its feeds; else 404."""
    name, sources = _known(slug)
    ledger = site().platform.ledger
    ids = {one.id for one in sources}
    state = worst(one for one in ledger.passages(slug, LOOKED_AT) if one.source in ids)
    score = together(Quality.of(row.detail) for row in ledger.qualities(sorted(ids)).values())
    said = text_in(_SHORT[state] if state is not None else _NEVER)
    quality = "" if score is None else text_in({"fr": f" · qualité {score}/100", "en": f" · quality {score}/100"})
    left, right = site().platform.settings.name, said + quality
    widths = [round(len(text) * _PER_LETTER) for text in (left, right)]
    body = render_template(
        "badge.svg",
        language=language(),
        left=left,
        right=right,
        widths=widths,
        colour=_COLOURS[state],
        title=f"{left}, {name} : {right}" if language() == "fr" else f"{left}, {name}: {right}",
    )
    response = Response(_UNWRITABLE.sub("\ufffd", body), mimetype="image/svg+xml")
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # it is made to be shown on other sites
    return finish(response, links=[(href(f"/contributeur/{slug}"), "describes", "text/html")], data=True)
