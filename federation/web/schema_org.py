"""A project in schema.org alone, for the search engines that read it inside the page. Pure."""

from __future__ import annotations

from typing import Any

from federation.catalogue.views import ProjectView, Said
from federation.web.language import chosen

_COPIED = {"url": "url", "startDate": "foundingDate", "startYear": "foundingDate", "keywords": "keywords"}


def project_as_schema_org(view: ProjectView) -> dict[str, Any]:
    """JSON-LD of ``schema:Project`` with what its readers know: name, description, places, sources."""
    language, name = chosen(view.title)
    found: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Project",
        "@id": view.iri,
        "name": name,
        "inLanguage": language or None,
        "description": _text(view, "abstract") or _text(view, "description"),
        "subjectOf": [
            {"@type": "WebPage", "url": line.page, "publisher": {"@type": "Organization", "name": line.partner_name}}
            for line in view.records
            if line.page
        ],
    }
    for key, target in _COPIED.items():
        values = [said.value.link or said.value.text for said in _kept(view, key) if _followable(key, said)]
        if values:
            found[target] = values if len(values) > 1 else values[0]
    if holders := [said.value.text for said in _kept(view, "holder") if said.value.text]:
        found["parentOrganization"] = [{"@type": "Organization", "name": text} for text in holders]
    if places := [said.value.text for said in _kept(view, "location") if said.value.text]:
        found["location"] = [{"@type": "Place", "name": text} for text in places]
    return {key: value for key, value in found.items() if value}


def _kept(view: ProjectView, key: str) -> tuple[Said, ...]:
    return view.fields[key].values if key in view.fields else ()


def _followable(key: str, said: Said) -> bool:
    return key != "url" or said.value.link is not None


def _text(view: ProjectView, key: str) -> str:
    return chosen({said.value.language or "fr": said.value.text for said in _kept(view, key)})[1]
