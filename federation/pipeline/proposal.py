"""Writes the source file of a network that has been accepted, from the one it proposed. Must never keep its comments,
which would speak in the operator's files with a stranger's voice."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from federation.errors import ConfigError, toml_fault
from federation.ledger.candidacies import Candidacy

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def source_text(proposal: str, request: Candidacy, identity: str) -> str:
    """The proposed source file with the name, site, contact, licence and id that were agreed on, harvested by hand.

    Raises ConfigError if the proposal is no TOML.
    """
    try:
        tables = tomllib.loads(proposal.removeprefix("\ufeff").replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        said = toml_fault("source.toml", error)
        raise ConfigError(said["en"], said["fr"]) from error
    source = dict(tables.get("source", {}))
    source |= {
        "id": identity,
        "partner": identity,
        "name": request.name,
        "licence": request.detail["licence"],
        "contact": request.contact,
        "schedule": "manual",
    }
    feed = request.detail.get("feed")
    if isinstance(feed, str) and feed.startswith(("http://", "https://")):
        source["url"] = feed
    partner = dict(tables.get("partner", {})) | {"name": request.name, "url": request.url}
    partner.pop("slug", None)
    rest = {key: value for key, value in tables.items() if key not in {"source", "partner"}}
    head = (
        f"# Request {request.id} of {request.made:%Y-%m-%d}. Look at it with `carrefour preview {identity}`,\n"
        '# then write schedule = "nightly" to have it harvested every night.\n'
    )
    return head + "\n".join(_table((), {"source": source, "partner": partner, **rest})).replace("\n\n\n", "\n\n") + "\n"


def _table(path: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    if path and (plain or not table):
        yield f"\n[{'.'.join(_key(part) for part in path)}]"
    for key, value in plain.items():
        yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _table((*path, key), value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + " }"
    return _text(value) if isinstance(value, str) else str(value)


def _text(text: str) -> str:
    """A basic string of TOML: JSON writes the same escapes, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
