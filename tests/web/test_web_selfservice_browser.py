"""Trying a feed and asking to join in a real browser, with scripts and without, by mouse and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from browsing import serving
from playwright.sync_api import Browser, Page, expect

from federation.pipeline import visitors
from federation.platform import Platform, open_platform
from federation.settings import Settings
from federation.web import create_app

pytestmark = pytest.mark.browser

CSV = """\
n;Titre;Description;URL;Début
1;Le potager des Deux-Rives;Un jardin ouvert à tous.;https://jardins.example/1;2019
2;;Sans nom;https://jardins.example/2;31/02/2024
"""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A real instance, just installed."""
    folder = tmp_path_factory.mktemp("instance")
    opened = open_platform(Settings(data_dir=folder / "data", sources_dir=folder / "sources", trials_per_hour=1000))
    with opened.writing():
        pass
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def address(platform: Platform) -> Iterator[str]:
    """The instance on a free loopback port."""
    yield from serving(create_app(platform))


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """A small feed with two faults."""
    path = tmp_path / "jardins.csv"
    path.write_text(CSV, "utf-8")
    return path


def test_a_network_tries_its_feed_and_asks_to_join(
    visit: Page, address: str, feed: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contribute → try a file → cards, findings, source file → the form, which names what is missing → a reference."""
    visit.goto(address + "/contribuer")
    visit.locator("#contenu").get_by_role("link", name="Essayez votre flux").click()
    visit.get_by_label("Un fichier").set_input_files(feed)
    visit.get_by_role("button", name="Essayer").click()

    expect(visit.get_by_role("heading", level=1)).to_have_text("jardins.csv")
    expect(visit.get_by_text("1 fiche entrerait, 1 serait refusée.")).to_be_visible()
    expect(visit.get_by_role("heading", name="Le potager des Deux-Rives")).to_be_visible()
    expect(visit.get_by_text("Sans nom, la fiche n'entre pas")).to_be_visible()
    expect(visit.get_by_label("Fichier de source (TOML)")).to_have_value(re.compile(r"\[source\]"))

    visit.locator("#contenu").get_by_role("link", name="Demander à rejoindre le carrefour").click()
    expect(visit.get_by_label("Adresse du flux, ou lien de votre essai")).to_have_value(re.compile("/essayer/"))
    visit.get_by_label("Nom du réseau").fill("Réseau des jardins")
    visit.get_by_label("Site").fill("https://jardins.example/")
    visit.get_by_label("Licence de vos fiches").select_option(label="Creative Commons Attribution 4.0")
    visit.get_by_role("button", name="Envoyer la demande").click()

    errors = visit.get_by_role("alert")
    expect(errors).to_be_focused()
    expect(errors).to_contain_text("2 choses à corriger")
    errors.get_by_role("link", name="Donnez une adresse électronique").click()
    expect(visit.get_by_label("Adresse électronique de contact")).to_be_focused()
    visit.get_by_label("Adresse électronique de contact").fill("nous@jardins.example")
    visit.get_by_label("nous acceptons cette charte").check()
    monkeypatch.setattr(visitors, "_SOON", timedelta(0))  # a robot fills a form faster than is believed of a person
    visit.get_by_role("button", name="Envoyer la demande").click()

    expect(visit.get_by_role("heading", level=1)).to_have_text("Votre demande est enregistrée")
    assert visit.context.cookies() == []
    kept = platform.joining.all()[-1]
    expect(visit.get_by_text(kept.id)).to_be_visible()
    assert "[source]" in kept.detail["toml"]


def test_the_keyboard_alone_tries_a_feed(browser: Browser, address: str) -> None:
    """Tab reaches the field, Enter sends; the summary of what is wrong has the focus, its link leads to the field."""
    made = browser.new_context()
    page = made.new_page()
    page.goto(address + "/en/essayer")
    page.get_by_label("Address of the feed").focus()
    page.keyboard.type("http://127.0.0.1/feed.csv")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Address of the feed")).to_be_focused()
    expect(page.get_by_label("Address of the feed")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Address of the feed")).to_have_value("http://127.0.0.1/feed.csv")
    made.close()


@pytest.mark.slow
def test_nothing_of_self_service_overflows_a_small_screen(browser: Browser, address: str, feed: Path) -> None:
    """320 pixels wide, light and dark: forms and an account never scroll sideways, and break no policy."""
    for scheme in ("light", "dark"):
        made = browser.new_context(viewport={"width": 320, "height": 640}, color_scheme=scheme)  # type: ignore[arg-type]
        page = made.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)  # noqa: B023
        for path in ("/rejoindre", "/essayer"):
            page.goto(address + path)
            assert _spare(page) == 0, path
        page.get_by_label("Un fichier").set_input_files(feed)
        page.get_by_role("button", name="Essayer").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("jardins.csv")
        assert _spare(page) == 0
        assert said == []
        made.close()


def _spare(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
