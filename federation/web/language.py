"""French at ``/``, English at ``/en/…``: the address says the language, nothing else does.

IRIs and query keys are language-neutral. Must never redirect on Accept-Language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Flask, request
from flask_babel import Babel, format_decimal, get_translations, gettext  # type: ignore[import-untyped]  # ships no types
from flask_babel import format_date as babel_date

LANGUAGES = ("fr", "en")
PREFIX = "/en"
LANGUAGE_KEY = "carrefour.language"
ROOT_KEY = "carrefour.root"
_DAY = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T.*)?$")

StartResponse = Callable[..., Any]
WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class LanguagePrefix:
    """WSGI layer that takes ``/en`` off the path and remembers it, so that every route exists in both languages."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        path = environ.get("PATH_INFO", "")
        if path == PREFIX or path.startswith(PREFIX + "/"):
            root = environ.get("SCRIPT_NAME", "")
            inner = path[len(PREFIX) :] or "/"
            environ = {**environ, "PATH_INFO": inner, "SCRIPT_NAME": root + PREFIX, LANGUAGE_KEY: "en", ROOT_KEY: root}
        return self._app(environ, start_response)


def language() -> str:
    """Language of the current page."""
    return str(request.environ.get(LANGUAGE_KEY, "fr"))


def root_path() -> str:
    """Where the application is mounted, without the language."""
    return str(request.environ.get(ROOT_KEY, request.script_root))


def here() -> str:
    """Where the pages of the current language are mounted."""
    return root_path() + (PREFIX if language() == "en" else "")


def same_page(wanted: str) -> str:
    """The address of this page in another language, filters kept."""
    path = quote(request.path, safe="/:@!$&'()*+,;=~-._%")
    query = request.query_string.decode("ascii", "replace")
    return root_path() + (PREFIX if wanted == "en" else "") + path + (f"?{query}" if query else "")


def text_in(texts: Mapping[str, str] | None, wanted: str | None = None) -> str:
    """A text in the page's language, else in French, else in any."""
    return chosen(texts, wanted)[1]


def chosen(texts: Mapping[str, str] | None, wanted: str | None = None) -> tuple[str, str]:
    """(language, text) to show; the language is "" when there is nothing."""
    if not texts:
        return "", ""
    for tag in (wanted or language(), "fr"):
        if tag in texts:
            return tag, texts[tag]
    return next(iter(texts.items()))


def show_date(value: str | date | datetime | None) -> str:
    """A date as the language writes it, at the precision given: year, month and year, or day."""
    if isinstance(value, str):
        found = _DAY.match(value)
        if found is None or found[2] is None:
            return value
        try:
            moment = date(int(found[1]), int(found[2]), int(found[3] or 1))
        except ValueError:
            return value
        return _day(moment) if found[3] else str(babel_date(moment, "LLLL y"))
    return _day(value) if value is not None else ""


def _day(value: date | datetime) -> str:
    """A day in full; in French the first of a month is an ordinal, which CLDR does not write."""
    written = str(babel_date(value, "long"))
    return f"1er{written[1:]}" if language() == "fr" and written.startswith("1 ") else written


def show_number(value: float) -> str:
    """A number as the language writes it."""
    return str(format_decimal(value))


def install_translations(app: Flask) -> None:
    """French sentences are the sources; English ones come from the catalogue beside this file."""
    app.config.setdefault("BABEL_DEFAULT_LOCALE", "fr")
    app.config.setdefault("BABEL_TRANSLATION_DIRECTORIES", str(Path(__file__).parent / "translations"))
    Babel(app, locale_selector=language)
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # given by the i18n extension
        lambda message: get_translations().gettext(message), _plural, newstyle=True
    )


def say(message: str, **values: object) -> str:
    """A sentence in the language of the page (``gettext``)."""
    return str(gettext(message, **values))


def say_many(one: str, more: str, number: int, **values: object) -> str:
    """A sentence that depends on a number (``ngettext``)."""
    return _plural(one, more, number) % {"num": number, **values}


def _plural(one: str, more: str, number: int) -> str:
    """The form for a number. French has no catalogue to hold its rule: 0 and 1 are singular (CLDR, plural rules)."""
    if language() == "fr":
        return one if abs(number) < 2 else more
    return str(get_translations().ngettext(one, more, number))
