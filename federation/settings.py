"""One frozen Settings object, read once at start. The only place where a setting is named, typed and explained.

Values come, later ones winning, from the defaults below, from ``carrefour.toml`` in the instance folder, and from
environment variables ``CARREFOUR_<NAME>``. Paths are relative to that folder. Must never open anything that they name.
"""

from __future__ import annotations

import difflib
import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from federation.errors import ConfigError, did_you_mean, os_reason, toml_fault

CONFIG_NAME = "carrefour.toml"
DEFAULT_FOLDERS = {"data_dir": Path("data"), "sources_dir": Path("sources")}
ENVIRONMENT = "CARREFOUR_"  # and the name of the setting in capitals
_BOOLEANS = {"1": True, "true": True, "yes": True, "oui": True, "0": False, "false": False, "no": False, "non": False}
_KINDS = {"str": "text", "int": "whole number", "float": "number", "bool": "`true` or `false`", "Path": "folder"}
_EXPECTED: Mapping[str, Mapping[str, str]] = {
    "str": {"fr": "un texte est", "en": "text"},
    "int": {"fr": "un nombre entier, zéro ou plus, est", "en": "whole number, zero or more,"},
    "float": {"fr": "un nombre est", "en": "number"},
    "bool": {"fr": "« true » ou « false » est", "en": "true or false"},
    "Path": {"fr": "un dossier est", "en": "folder"},
}
SMTP_SECURITY = ("starttls", "tls", "none")
_SMTPS_PORT = 465  # RFC 8314, section 7.3
_OPENING = """# Settings

This page is written by `python -m federation.settings > docs/settings.md`, from `federation/settings.py`. A test
compares.

A value comes, later ones winning, from the default, from `carrefour.toml` in the instance folder, and from the
environment. Paths are relative to the instance folder. A name that is no setting is refused, with the nearest one; so
is a value that does not spell one of its type. Settings are read once, when a command or the server starts.

| in `carrefour.toml` | type | default | environment | meaning |
| --- | --- | --- | --- | --- |
"""
_CLOSING = """
Beside these, `CARREFOUR_INSTANCE` names the instance folder (for `carrefour` and for `app.py`; default: the current
folder). Limits of one feed stand in its source file, under `[limits]` (see [source files](sources.md)), and so do the
names of variables that hold its secrets.
"""


def _setting(default: Any, doc: str, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"doc": doc})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can set. ``docs/settings.md`` repeats the explanations (a test compares them)."""

    base_url: str = _setting(
        "http://127.0.0.1:8000",
        "Public address of this instance, without final slash. Every IRI we mint is built on it: it never changes.",
    )
    name: str = _setting("Carrefour", "Name of this commons, shown on its pages.")
    contact: str = _setting("", "E-mail address of the operator, sent to partners in the User-Agent of the harvester.")
    data_dir: Path = _setting(  # noqa: RUF009 - dataclasses.field by another name
        DEFAULT_FOLDERS["data_dir"], "Folder of the store, the ledger, the index and the stored bytes."
    )
    sources_dir: Path = _setting(  # noqa: RUF009 - dataclasses.field by another name
        DEFAULT_FOLDERS["sources_dir"], "Folder of the source files, one `<id>.toml` per source."
    )
    ledger_url: str = _setting("", "SQLAlchemy URL of the ledger. Empty: SQLite in the data folder.")
    workers: int = _setting(0, "Processes that map and validate large feeds. 0: one per processor.")
    query_workers: int = _setting(
        2,
        "Public SPARQL queries of one client that run at the same time, each in an isolated process. One process more "
        "is kept, for other clients and for the time that a killed one takes to be replaced.",
    )
    query_seconds: float = _setting(30.0, "Wall time after which a public query is stopped, in seconds.")
    query_rows: int = _setting(10_000, "Rows (or triples) that a public query may return.")
    query_bytes: int = _setting(20 * 1024 * 1024, "Bytes that a public query may return.")
    query_memory: int = _setting(2 * 1024**3, "Bytes of address space that one public query may use.")
    query_per_client: int = _setting(
        4, "Public queries that one client may have running or waiting; further ones get 429."
    )
    fetch_bytes: int = _setting(20 * 1024 * 1024, "Decoded bytes of one feed, unless its source file says more.")
    fetch_seconds: float = _setting(60.0, "Total time for fetching one body, in seconds.")
    fetch_pause: float = _setting(
        1.0, "Least time between two requests to one host, in seconds; longer if the host is slow. Loopback: none."
    )
    fetch_visit_seconds: float = _setting(
        3600.0, "Total time for one visit to a source with all its pages and waits, in seconds."
    )
    fetch_private: bool = _setting(
        False, "Allow feeds on private and loopback addresses (for tests and intranets only)."
    )
    worker: bool = _setting(
        True, "Let `carrefour serve` harvest the sources that are due. `false`: only when asked, or `carrefour worker`."
    )
    fetch_threads: int = _setting(8, "Feeds that are fetched at the same time, never two of one host.")
    timezone: str = _setting(
        "Europe/Paris", "Time zone of the nightly slots (01:00 to 05:00), by its name in the IANA database."
    )
    smtp_host: str = _setting("", "Mail server that takes our letters to partners. Empty: no mail is sent.")
    smtp_port: int = _setting(587, "Its port.")
    smtp_user: str = _setting("", "User name for it. Empty: no login.")
    smtp_password: str = _setting(
        "", "Password for it. Better given by the environment than written in a file.", secret=True
    )
    smtp_security: str = _setting(
        "starttls",
        "How the connection to it is encrypted: `starttls` (port 587 or 25), `tls` from the first byte (port 465), or "
        "`none`. What is asked for and not to be had means that nothing is sent.",
    )
    smtp_from: str = _setting("", "Address that our letters come from. Empty: the one of `contact`.")
    trials_per_hour: int = _setting(
        10, "Feeds that one client may try at `/essayer` in an hour (all clients together: ten times that). 0: none."
    )
    federation_secret: str = _setting(
        "",
        "Secret of 32 characters or more that seals our private keys in the ledger. Better given by the environment. "
        "Empty: the file `federation.key` in the data folder, made at the first start; a backup needs it too.",
        secret=True,
    )
    federation_notes: bool = _setting(
        False,
        "When the name or the summary of a record has changed, tell followers by a short reply, too: Mastodon does not "
        "read that a page has changed. Followers on other software get both.",
    )
    federation_secure: bool = _setting(
        False,
        "Secure mode: give ActivityStreams documents only to whoever signs the request and is not blocked. The actor "
        "`/actor`, WebFinger, NodeInfo, pages and linked data stay open to all. Some servers do not sign.",
    )
    port: int = _setting(8000, "Port that `carrefour serve` listens on.")
    host: str = _setting("127.0.0.1", "Address that `carrefour serve` listens on.")
    trusted_proxies: int = _setting(
        0,
        "Reverse proxies of ours that a request comes through. Limits per client then go by the address that the "
        "outermost of them notes in `X-Forwarded-For`. 0: that header is not believed.",
    )


def load_settings(folder: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings of the instance in ``folder``. Raises ConfigError naming the file, the key and the value."""
    folder = folder.resolve()  # worker processes have another current folder
    path = folder / CONFIG_NAME
    values: dict[str, Any] = {}
    if path.exists():
        try:
            values = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            said = toml_fault(str(path), error)
            raise ConfigError(said["en"], said["fr"]) from error
        except OSError as error:
            why = os_reason(error)
            raise ConfigError(
                f"{path} cannot be read: {why['en']}.", f"{path} ne peut pas être lu : {why['fr']}."
            ) from error
    known = {item.name: item for item in fields(Settings)}
    for key in values:
        if key not in known:
            hint = did_you_mean(next(iter(difflib.get_close_matches(key, known, n=1)), None))
            raise ConfigError(
                f"{path}: there is no setting `{key}`.{hint['en']}",
                f"{path} : il n'y a pas de réglage `{key}`.{hint['fr']}",
            )
    for key in known:
        if (raw := environ.get(f"{ENVIRONMENT}{key.upper()}")) is not None:
            values[key] = raw
    typed = {key: _typed(key, known[key].type, value, folder) for key, value in values.items()}
    for key in ("data_dir", "sources_dir"):
        typed.setdefault(key, folder / DEFAULT_FOLDERS[key])
    return _checked(Settings(**typed))


def _typed(key: str, kind: Any, value: Any, folder: Path) -> Any:
    try:
        if kind == "Path":
            return folder / Path(str(value))
        if kind == "bool":
            return _BOOLEANS[str(value).lower()]
        if kind == "int":
            return _whole(value)
        return float(value) if kind == "float" else str(value)
    except (KeyError, TypeError, ValueError) as error:
        expected = _EXPECTED[str(kind)]
        raise ConfigError(
            f"The setting `{key}` cannot be {value!r}: {expected['en']} expected.",
            f"Le réglage `{key}` ne peut pas être {value!r} : {expected['fr']} attendu.",
        ) from error


def _whole(value: Any) -> int:
    """The whole number that a value is or spells. Raises ValueError for any other, also for 2.5 or true."""
    number = int(str(value))
    if number < 0:
        raise ValueError(value)
    return number


def _checked(settings: Settings) -> Settings:
    parts = urlsplit(settings.base_url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or settings.base_url.endswith("/"):
        raise ConfigError(
            f"The setting `base_url` cannot be {settings.base_url!r}: an http(s) address without final slash expected.",
            f"Le réglage `base_url` ne peut pas être {settings.base_url!r} : il faut une adresse http(s) sans barre "
            "oblique finale.",
        )
    _check_mail(settings.smtp_security, settings.smtp_port)
    return settings


def _check_mail(security: str, port: int) -> None:
    """Refuse ways to talk to a mail server that end in silence: each side would wait for the other."""
    if security not in SMTP_SECURITY:
        raise ConfigError(
            f"The setting `smtp_security` cannot be {security!r}: one of {', '.join(SMTP_SECURITY)} expected.",
            f"Le réglage `smtp_security` ne peut pas être {security!r} : il faut l'un de {', '.join(SMTP_SECURITY)}.",
        )
    if (security == "tls") != (port == _SMTPS_PORT) and port in {25, 587, _SMTPS_PORT}:
        right = "tls" if port == _SMTPS_PORT else "starttls"
        raise ConfigError(
            f"The settings `smtp_port` = {port} and `smtp_security` = {security!r} do not go together: on port 465 TLS "
            f"begins with the first byte, on 587 and 25 it does not. Write smtp_security = {right!r}, or another port.",
            f"Les réglages `smtp_port` = {port} et `smtp_security` = {security!r} ne vont pas ensemble : sur le port "
            f"465 TLS commence au premier octet, sur 587 et 25 non. Écrivez smtp_security = {right!r}, ou un autre "
            "port.",
        )


def describe() -> str:
    """The page docs/settings.md, in Markdown: every setting with type, default, environment variable and meaning."""
    return _OPENING + "".join(_row(item) for item in fields(Settings)) + _CLOSING


def _row(item: Field[Any]) -> str:
    default = item.default
    if isinstance(default, bool):
        shown = str(default).lower()
    elif isinstance(default, int | float):
        shown = f"{default:g}" if isinstance(default, float) else str(default)
    else:
        shown = f'"{default}"'
    cells = (f"`{item.name}`", _KINDS[str(item.type)], f"`{shown}`", f"`{ENVIRONMENT}{item.name.upper()}`")
    return f"| {' | '.join(cells)} | {item.metadata['doc']} |\n"


if __name__ == "__main__":
    sys.stdout.write(describe())
