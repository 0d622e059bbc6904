"""Fixtures of the web tests: applications over the hand-written commons."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from browsing import FLAGS
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sample_commons import BASE, Sample, make_platform

from federation.web import create_app

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
"""What browsers send as Accept."""


@pytest.fixture(scope="session")
def platform() -> Sample:
    """The sample, with one record and one project withdrawn."""
    made = make_platform()
    moment = datetime(2026, 1, 5, 10, tzinfo=UTC)
    made.ledger.gone = {f"{BASE}/records/avise/gone": moment, f"{BASE}/id/projet/gone": moment}
    return made


@pytest.fixture(scope="session")
def app(platform: Sample) -> Flask:
    """The application over the sample."""
    return create_app(platform)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client that sends what each test says."""
    return app.test_client()


@pytest.fixture
def empty_client() -> FlaskClient:
    """A client of a commons that has just been installed."""
    return create_app(make_platform(filled=False)).test_client()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for all tests of a module."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A fresh visitor."""
    made = browser.new_context(java_script_enabled=request.param)
    yield made
    made.close()


@pytest.fixture
def visit(context: BrowserContext) -> Page:
    """A page of the visitor."""
    return context.new_page()
