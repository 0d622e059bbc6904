"""An operator in a real browser: logs in, approves what is held, with and without scripts, breaking no policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import serving
from operators_desk import PASSWORD, Desk, held_run, make_desk
from playwright.sync_api import Browser, Page, expect

from federation.model import Rule
from federation.web import create_app

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An instance with a held run."""
    made = make_desk(tmp_path)
    yield made
    made.memory.close()


@pytest.fixture
def address(desk: Desk) -> Iterator[str]:
    """Its address."""
    yield from serving(create_app(desk))


def log_in(page: Page, address: str, password: str = PASSWORD) -> None:
    """As a person does."""
    page.goto(f"{address}/admin")
    page.get_by_label("Nom du compte").fill("ana")
    page.get_by_label("Mot de passe").fill(password)
    page.get_by_role("button", name="Se connecter").click()


@pytest.mark.parametrize("scripts", [True, False])
def test_an_operator_logs_in_and_approves(browser: Browser, desk: Desk, address: str, scripts: bool) -> None:
    """From the form to log in to the harvest that applies what was held, and out again."""
    run = held_run(desk)
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)

    log_in(page, address)
    page.get_by_role("link", name="jardins").first.click()
    expect(page.get_by_role("heading", name="Pourquoi elle est retenue")).to_be_visible()
    page.get_by_label("J'ai compris").check()
    page.get_by_role("button", name="Approuver").click()

    expect(page.get_by_role("status")).to_contain_text("approuvé pour trois jours")
    assert desk.memory.approvals.ceilings("jardins", desk.at) == {Rule.SHRINK: 6}
    (queued,) = desk.memory.runs.queued()
    assert queued.order.options["approves"] == run
    cookies = [one for one in context.cookies() if one["name"] == "carrefour_session"]
    assert {one["path"] for one in cookies} == {"/admin", "/en/admin"}
    assert all(one["httpOnly"] and one["sameSite"] == "Lax" for one in cookies)

    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", name="Run of jardins")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert context.cookies() == []
    assert said == []
    context.close()


def test_the_page_of_a_run_follows_it(browser: Browser, desk: Desk, address: str) -> None:
    """The script of ours shows the newest figures without loading the page again."""
    run = desk.memory.runs.start("jardins", "jardins", desk.at, 1)
    desk.memory.runs.note(run, progress={"stage": "map", "done": 40, "total": 120})
    context = browser.new_context()
    page = context.new_page()
    page.clock.install()
    log_in(page, address)
    page.goto(f"{address}/admin/runs/{run}")
    expect(page.locator("#figures")).to_have_text("map 40 / 120")

    desk.memory.runs.note(run, progress={"stage": "map", "done": 90, "total": 120})
    page.clock.run_for(5_000)

    expect(page.locator("#figures")).to_have_text("map 90 / 120")
    context.close()


def test_a_wrong_password_is_told_beside_the_form(browser: Browser, desk: Desk, address: str) -> None:
    """The name is kept, the password is not, and there is no cookie."""
    context = browser.new_context()
    page = context.new_page()
    log_in(page, address, "wrong password")

    expect(page.get_by_role("alert")).to_contain_text("n'est pas le bon")
    expect(page.get_by_label("Nom du compte")).to_have_value("ana")
    expect(page.get_by_label("Mot de passe")).to_have_value("")
    assert context.cookies() == []
    context.close()


def test_pages_of_operators_fit_a_phone(browser: Browser, desk: Desk, address: str) -> None:
    """320 pixels wide, nothing scrolls sideways but tables in their own frame."""
    run = held_run(desk)
    context = browser.new_context(viewport={"width": 320, "height": 640})
    page = context.new_page()
    log_in(page, address)
    for path in (
        "/admin",
        "/admin/sources",
        "/admin/sources/jardins",
        "/admin/runs",
        f"/admin/runs/{run}",
        "/admin/held",
    ):
        page.goto(address + path)
        spare = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert spare == 0, path
    page.goto(f"{address}/admin/runs/{run}")
    context.close()
