"""The source file that a trial uses: a visitor's own, a profile, or a guess.

Must never let a visitor name a file or a variable of this machine, a request, or a limit above the usual ones.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from federation.errors import ConfigError
from federation.model import Text
from federation.pipeline.check import UNKNOWN_LICENCE
from federation.pipeline.sources import Limits, Source, parse_source
from federation.pipeline.trial.tasks import Task
from federation.vocabulary import Vocabulary

NAME = "source.toml"
NOWHERE = "https://example.org"
"""Stands for the address of an uploaded file, which has none yet."""

_USUAL = Limits()
_NO_FOLDER = Path("/nonexistent")
_BRACKETS = re.compile(r"[\[{]")
_MAX_BRACKETS = 2000
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\]')


def visitor_source(text: str, vocabulary: Vocabulary) -> Source:
    """Read a source file that somebody unknown wrote. Raises ConfigError with line and nearest word, or why it may not.

    Run in a confined process only: a text can be made to take much time.
    """
    if len(_BRACKETS.findall(text)) > _MAX_BRACKETS:
        raise _too_complex()
    try:
        tables = tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    except RecursionError as error:
        raise _too_complex() from error
    except tomllib.TOMLDecodeError:
        tables = {}  # parse_source says what is wrong, and where
    for said in _forbidden(tables):
        raise _refused(said["fr"], said["en"])
    source = parse_source(text, NAME, vocabulary, _NO_FOLDER)
    return replace(source, limits=_lowered(source.limits))


def _forbidden(tables: Mapping[str, Any]) -> Iterator[Text]:
    if "request" in tables:
        yield {
            "fr": "[request] n'est pas permis dans un essai : un essai n'envoie ni paramètre ni secret. Retirez cette "
            "table.",
            "en": "[request] is not allowed in a trial: a trial sends no parameter and no secret. Remove this table.",
        }
    source = tables.get("source")
    url = source.get("url") if isinstance(source, dict) else None
    if isinstance(url, str) and not url.lower().startswith(("http://", "https://")):
        yield {
            "fr": f"`url` doit être une adresse http(s) dans un essai, pas un fichier (« {url[:100]} »). Envoyez le "
            "fichier par le formulaire.",
            "en": f"`url` must be an http(s) address in a trial, not a file (“{url[:100]}”). Upload the file by the "
            "form.",
        }
    if any(key == "file" and isinstance(value, str) for key, value in _leaves(tables.get("crosswalk"))):
        yield {
            "fr": "[crosswalk] ne peut pas nommer de fichier dans un essai. Écrivez les mots dans la table même.",
            "en": "[crosswalk] cannot name a file in a trial. Write the words in the table itself.",
        }
    if any(isinstance(value, str) and value.startswith("env:") for _, value in _leaves(tables)):
        yield {
            "fr": "« env: » n'est pas permis dans un essai : les secrets de cette machine ne sont pour personne.",
            "en": "“env:” is not allowed in a trial: the secrets of this machine are for nobody.",
        }


def _leaves(value: Any) -> Iterator[tuple[str, Any]]:
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        key, one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.items()
        elif isinstance(one, list):
            waiting += [(key, item) for item in one]
        else:
            yield key, one


def _lowered(limits: Limits) -> Limits:
    return Limits(
        records=min(limits.records, _USUAL.records), record_bytes=min(limits.record_bytes, _USUAL.record_bytes)
    )


def _too_complex() -> ConfigError:
    return _refused("ce fichier de source est trop complexe.", "this source file is too complex.")


def _refused(fr: str, en: str) -> ConfigError:
    return ConfigError(f"{NAME}: {en}", f"{NAME} : {fr}")


def profile_source(task: Task, format_: str, vocabulary: Vocabulary) -> tuple[str, Source]:
    """A source file that is a profile and little more, and the same read. Raises ConfigError."""
    known = "format" in vocabulary.profile(task.profile).get("source", {})
    text = (
        f'[source]\nid = "{slug(task.name)}"\nname = "{plain(task.name)}"\nurl = "{plain(address(task))}"\n'
        + ("" if known else f'format = "{format_}"\n')
        + f'profile = "{task.profile}"\n# licence = "Licence Ouverte 2.0"\n'
    )
    return text, licensed(parse_source(text, NAME, vocabulary))


def licensed(source: Source) -> Source:
    """The source with a licence that stands in for the one that is to be agreed on, for the length of a trial."""
    return source if source.licence is not None else replace(source, licence=UNKNOWN_LICENCE)


def address(task: Task) -> str:
    """Where the feed lies; an uploaded file lies nowhere yet."""
    return task.url or f"{NOWHERE}/{quote(task.name)}"


def slug(name: str) -> str:
    """A name for a source made from the name of a file or an address."""
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower().rpartition(".")[0] or name.lower()).strip("-")[:40].strip("-")
    return stem or "source"


def plain(text: str) -> str:
    """A text that can stand between quotes in TOML."""
    return _UNSAFE.sub(" ", text)[:200]
