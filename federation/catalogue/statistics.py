"""The two numbers of the home page. They come from the search index, which keeps them; no page counts the store."""

from __future__ import annotations

from dataclasses import dataclass

from federation.engines import SearchIndex, SearchRequest


@dataclass(frozen=True, slots=True)
class Totals:
    """How many merged projects there are, and how many partners contribute at least one."""

    projects: int
    partners: int


def totals(search: SearchIndex, seed: str = "") -> Totals:
    """Count projects and partners. ``seed``: today's, so that the order it warms up is the one visitors will see."""
    page = search.search(SearchRequest(facets=("partner",), limit=0, seed=seed))
    return Totals(page.total, len(page.facets["partner"]))
