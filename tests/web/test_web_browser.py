"""The visitor's way in a real browser: home, search, facet, project, who says what. With scripts off, too."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pyoxigraph as ox
import pytest
from browsing import serving
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect
from sample_commons import BASE, make_platform

from federation.web import create_app

pytestmark = pytest.mark.browser

LONG = "https://" + "adresse-sans-coupure" * 3 + ".example/" + "exportdesfiches" * 6
NARROW = ["/theme/AGR", "/theme/", "/sources/avise-fiches", "/shapes/project", "/contribuer"]
"""Pages with long addresses, raw IRIs or tables."""


@pytest.fixture(scope="module")
def address(app: Flask) -> Iterator[str]:
    """The sample commons."""
    yield from serving(app)


@pytest.fixture(scope="module")
def wordy() -> Iterator[str]:
    """The sample commons with a very long address wherever a partner may give one."""
    made = make_platform()
    project = f"{BASE}/id/projet/p1"
    said = [
        (f"{BASE}/actors/avise", "http://xmlns.com/foaf/0.1/homepage"),
        (f"{BASE}/sources/avise-fiches", "http://purl.org/dc/terms/license"),
        (project, "http://schema.org/sameAs"),
        (project, "http://purl.org/dc/terms/subject"),
    ]
    made.reader.store.extend(ox.Quad(ox.NamedNode(s), ox.NamedNode(p), ox.NamedNode(LONG)) for s, p in said)
    made.reader.store.remove(
        ox.Quad(
            ox.NamedNode(f"{BASE}/actors/avise"),
            ox.NamedNode("http://schema.org/url"),
            ox.NamedNode("https://www.avise.org/"),
        )
    )
    yield from serving(create_app(made))


def test_a_visitor_finds_a_project_and_who_says_what(visit: Page, context: BrowserContext, address: str) -> None:
    """Home → words → a facet → the project → its sources unfold; no cookie, no foreign request on the way."""
    asked: list[Request] = []
    visit.on("request", lambda one: asked.append(one))

    visit.goto(address + "/")
    expect(visit.get_by_role("heading", level=1)).to_contain_text("3")
    visit.get_by_label("Que cherchez-vous").fill("graine")
    visit.get_by_role("button", name="Commencer une recherche").click()
    expect(visit.get_by_role("heading", level=1)).to_contain_text("1 projet avec")

    visit.get_by_role("checkbox", name="Agriculture et alimentation").check()
    visit.get_by_role("button", name="Appliquer les filtres").click()
    assert visit.url.startswith(address + "/projets?")
    assert "theme=AGR" in visit.url
    expect(visit.get_by_role("list", name="Filtres actifs")).to_contain_text("Agriculture et alimentation")

    visit.get_by_role("link", name="Graine(s) de troc").click()
    expect(visit.get_by_role("link", name="Voir la fiche chez Avise")).to_have_attribute(
        "href", "https://avise.example/fiche/123"
    )
    other = visit.get_by_text("Un réseau d'échange de graines entre jardiniers.")
    expect(other).to_be_hidden()
    visit.locator("#s-content ~ dl details.who summary").first.click()
    expect(other).to_be_visible()
    expect(visit.get_by_text("les sources divergent").first).to_be_visible()

    hosts = {urlsplit(one.url).netloc for one in asked}
    assert hosts == {urlsplit(address).netloc}
    assert context.cookies() == []


@pytest.mark.parametrize("path", ["/projets", "/projet/p1", "/contributeur/avise", "/sources/avise-fiches"])
def test_a_long_address_is_broken_on_a_phone(browser: Browser, wordy: str, path: str) -> None:
    """360 pixels wide: an address without a space never pushes the page sideways."""
    made = browser.new_context(viewport={"width": 360, "height": 640})
    page = made.new_page()
    page.goto(wordy + path)
    spare = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    made.close()

    assert spare == 0


@pytest.mark.parametrize("path", ["/", "/projets", "/projet/p1", "/themes", "/contributeur/avise", "/vocab", *NARROW])
def test_nothing_overflows_a_small_screen(browser: Browser, address: str, path: str) -> None:
    """320 pixels wide: no page scrolls sideways, in light and dark."""
    for scheme in ("light", "dark"):
        made = browser.new_context(viewport={"width": 320, "height": 640}, color_scheme=scheme)  # type: ignore[arg-type]
        page = made.new_page()
        page.goto(address + path)
        spare = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        made.close()

        assert spare == 0, scheme


def test_the_keyboard_sees_where_it_is(browser: Browser, address: str) -> None:
    """The first Tab shows the skip link; every following focus has a visible outline."""
    made = browser.new_context()
    page = made.new_page()
    page.goto(address + "/projets")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Aller au contenu")).to_be_in_viewport()
    for _ in range(8):
        page.keyboard.press("Tab")
        width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert width == "3px"
    made.close()


def test_the_policy_refuses_nothing_that_we_send(browser: Browser, address: str) -> None:
    """No page breaks its own Content-Security-Policy, and none writes an error to the console."""
    made = browser.new_context()
    page = made.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)

    for path in ("/", "/projets", "/projet/p1", "/projet/p3", "/themes", "/vocab", "/sparql", "/en/"):
        page.goto(address + path)

    made.close()
    assert said == []
