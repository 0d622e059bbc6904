"""What templates may call: labels, dates, links, shapes. Small and free of decisions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Flask, request, url_for
from markupsafe import Markup

from federation.catalogue.reports import STATES, Ended, state_of
from federation.catalogue.search import SearchQuery
from federation.catalogue.values import BASE
from federation.catalogue.words import SCHEMES
from federation.model import RunState
from federation.web import decor
from federation.web.language import (
    LANGUAGES,
    chosen,
    here,
    language,
    root_path,
    same_page,
    say,
    show_date,
    show_number,
    text_in,
)
from federation.web.site import site

_SUMMARY = 200  # characters on a card
_ELSEWHERE = {"http://purl.org/essglobal/standard/themes/": "ESSGlobal", "http://metadata.un.org/sdg/": "ODD"}
"""Thesauri of others that we point to without holding their labels, and how to name them."""


def concept_label(iri: str) -> str:
    """Label of a concept in the page's language; its IRI if we do not know it."""
    concept = site().words.concepts.get(iri)
    return text_in(concept.labels) if concept else iri


def short_label(iri: str) -> str:
    """A concept of others in few words: its label if we know it, else where it is from and its last part."""
    label = concept_label(iri)
    if label != iri:
        return label
    name = iri.rstrip("/#").replace("#", "/").rpartition("/")[2]
    return next(
        (f"{title} {name}" for space, title in _ELSEWHERE.items() if iri.startswith(space)), f"{host(iri)} {name}"
    )


def shape_label(name: str) -> str:
    """What a SHACL file is about, in words."""
    stem = name.removesuffix(".ttl")
    return {
        "assessment": say("Évaluation"),
        "concept": say("Terme"),
        "need": say("Besoin ou offre"),
        "organization": say("Organisation"),
        "place": say("Lieu"),
        "project": say("Projet"),
        "record": say("Fiche"),
        "source": say("Source"),
        "territory": say("Territoire"),
    }.get(stem, stem)


def concept_path(iri: str) -> str | None:
    """Address of our page of a concept, if it has one."""
    local = iri.removeprefix(BASE)
    scheme, _, code = local.partition("/")
    if local == iri or scheme not in SCHEMES or iri not in site().words.concepts:
        return None
    return here() + quote(f"/{scheme}/{code}")


def licence_label(iri: str) -> str:
    """Short name of a licence."""
    licence = site().words.licences.get(iri)
    return text_in(licence.labels) if licence else iri


def clipped(text: str, length: int = _SUMMARY) -> str:
    """The beginning of a text, cut between two words."""
    flat = " ".join(text.split())
    if len(flat) <= length:
        return flat
    cut = flat[: length + 1].rpartition(" ")[0] or flat[:length]
    return cut.rstrip(" ,;:.…\u00a0\u202f") + "…"


def paragraphs(text: str) -> list[str]:
    """A text cut at its blank lines."""
    return [part.strip() for part in text.replace("\r\n", "\n").split("\n\n") if part.strip()]


def search_path(query: SearchQuery | None = None, **more: str) -> str:
    """Address of a search; ``more`` are single arguments when there is no query."""
    asked = query or SearchQuery.parse(more.items())
    encoded = asked.encoded()
    return here() + "/projets" + (f"?{encoded}" if encoded else "")


def local(iri: str) -> str:
    """Path of one of our IRIs on this server, in the language of the page; other IRIs unchanged."""
    base = site().base
    return here() + iri[len(base) :] if iri.startswith(base + "/") else iri


def project_path(pid: str) -> str:
    """Page of a project."""
    return here() + "/projet/" + quote(pid, safe="")


def host(address: str) -> str:
    """The host of an address, for people."""
    return (urlsplit(address).hostname or address).removeprefix("www.")


def tag(value: str | None) -> str:
    """The language tag to write on a text that is not in the language of the page; "" if it is."""
    return "" if not value or value == language() else value


def embedded(value: Mapping[str, Any]) -> Markup:
    """JSON inside a script element, unable to close it."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    for letter, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028")):
        text = text.replace(letter, code)
    return Markup(text)  # noqa: S704 - no character of markup is left


def static_path(name: str) -> str:
    """Address of a static file, the same in both languages."""
    return root_path() + url_for("static", filename=name).removeprefix(request.script_root)


def tier_label(tier: str) -> str:
    """How complete a record is, in words."""
    return {"full": say("complète"), "basic": say("de base"), "essential": say("essentielle")}.get(tier, tier)


def state_label(state: str) -> str:
    """State of a run, in words."""
    return text_in(STATES[RunState(state)]) if state in {one.value for one in RunState} else state


def run_label(run: Ended) -> str:
    """How a run ended, in words."""
    return text_in(state_of(run))


def install_filters(app: Flask) -> None:
    """Make the functions of this module known to the templates."""
    for filter_ in (
        chosen,
        clipped,
        concept_label,
        concept_path,
        embedded,
        host,
        licence_label,
        local,
        paragraphs,
        run_label,
        shape_label,
        short_label,
        show_date,
        show_number,
        state_label,
        tag,
        text_in,
        tier_label,
    ):
        app.jinja_env.filters[filter_.__name__] = filter_
    app.jinja_env.globals.update(
        badge=decor.badge,
        scene=decor.scene,
        search_path=search_path,
        project_path=project_path,
        static_path=static_path,
        same_page=same_page,
        language=language,
        languages=LANGUAGES,
        root_path=root_path,
        here=here,
        site=site,
    )
