"""Reads a source file: TOML, its profile underneath, every word checked against the vocabulary.

A fault is named with the file, the line and the nearest valid word. Must never fetch anything.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from federation.errors import ConfigError, os_reason, toml_fault
from federation.model import Openness, Text
from federation.pipeline.sources.faults import all_faults, missing, nearest, say, strange, value_fault
from federation.pipeline.sources.schema import OPEN_TABLES, TABLES, PartnerTable, RecordsTable, SourceTable
from federation.pipeline.sources.select import read_select
from federation.pipeline.sources.source import Crosswalk, Limits, Paging, Partner, Records, Request, Source, coverage_of
from federation.pipeline.sources.terms import Terms
from federation.pipeline.sources.toml_lines import key_lines, line_of
from federation.vocabulary import Vocabulary

PIPELINE_VERSION = "5"
"""Raised by whoever changes what readers, cleaning or mapping make of the same bytes: stored feeds are mapped again."""

_SECRET = re.compile(r"token|secret|passw|api[-_]?key|authorization|cookie", re.IGNORECASE)


def load_source(path: Path, vocabulary: Vocabulary) -> Source:
    """Read one ``sources/<id>.toml``. Raises ConfigError with file, line and nearest valid word for each fault."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = os_reason(error)
        raise ConfigError(f"{path.name}: {why['en']}.", f"{path.name} : {why['fr']}.") from error
    return parse_source(text, path.name, vocabulary, path.parent)


def parse_source(text: str, name: str, vocabulary: Vocabulary, folder: Path | None = None) -> Source:
    """Read the text of a source file called ``name``. Relative paths in it start at ``folder``.

    Raises ConfigError.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = toml_fault(name, error)
        raise ConfigError(said["en"], said["fr"]) from error
    return _Reading(text, tables, name, vocabulary, folder or Path()).source()


class _Reading:
    """The reading of one file: collects every fault before it gives up."""

    def __init__(self, text: str, tables: dict[str, Any], name: str, vocabulary: Vocabulary, folder: Path) -> None:
        self.text, self.tables, self.name, self.folder = text, tables, name, folder
        self.vocabulary = vocabulary
        self.lines = key_lines(text)
        self.terms = Terms(vocabulary)
        self.faults: list[tuple[int, Text]] = []
        self.paging: Paging | None = None
        self.hash = hashlib.sha256(f"{PIPELINE_VERSION}\n{vocabulary.version}\n{text}".encode())

    def fault(self, path: tuple[str, ...], message: Text) -> None:
        self.faults.append((line_of(self.lines, path), message))

    def give_up(self) -> None:
        if self.faults:
            raise all_faults(self.name, self.faults)

    def source(self) -> Source:
        """Check all, merge the profile, build the value."""
        self._known_tables()
        tables = self._with_profile()
        found = {
            key: self._table(key, model, tables) for key, model in TABLES.items() if key in tables or key != "paging"
        }
        checked = _Open(self, tables)
        self.give_up()
        self.paging = Paging(**paging.model_dump()) if (paging := found.get("paging")) else None
        source, partner, records, limits = (found[key] for key in ("source", "partner", "records", "limits"))
        if isinstance(source, SourceTable) and isinstance(partner, PartnerTable) and isinstance(records, RecordsTable):
            return self._built(source, partner, records, Limits(**limits.model_dump()) if limits else Limits(), checked)
        raise ConfigError(f"{self.name}: [source] cannot be read.", f"{self.name} : [source] est illisible.")

    def _known_tables(self) -> None:
        known = [*TABLES, *OPEN_TABLES]
        for key, value in self.tables.items():
            if key not in known:
                self.fault((key,), say("table", nearest(key, known), key=key))
            elif not isinstance(value, dict):
                self.fault((key,), say("not-a-table", key=key))
        if not isinstance(self.tables.get("source"), dict):
            self.fault((), say("no-source"))
        self.give_up()

    def _with_profile(self) -> dict[str, dict[str, Any]]:
        name = self.tables["source"].get("profile")
        own = {key: dict(value) for key, value in self.tables.items()}
        if name is None:
            return own
        if name not in self.vocabulary.profiles:
            near = nearest(str(name), self.vocabulary.profiles)
            self.fault(("source", "profile"), say("profile", near, name=name))
            self.give_up()
        profile = self.vocabulary.profile(name)
        self.hash.update(json.dumps(profile, sort_keys=True, default=str).encode())
        return merged(profile, own)

    def _table(self, key: str, model: type[BaseModel], tables: Mapping[str, Any]) -> BaseModel | None:
        try:
            return model.model_validate(tables.get(key, {}))
        except ValidationError as error:
            for item in error.errors():
                where = (key, *(str(part) for part in item["loc"]))
                last = str(item["loc"][0]) if item["loc"] else key  # what follows are pydantic's own names
                if item["type"] == "extra_forbidden":
                    known = list(model.model_fields)
                    self.fault(where, strange(last, key, known, SourceTable.model_fields))
                elif item["type"] == "missing":
                    self.fault(where, missing("missing", last, key, tables.get("request", {})))
                elif item["type"] == "literal_error":
                    allowed = re.findall(r"'([^']+)'", str(item.get("ctx", {}).get("expected", "")))
                    given = str(item["input"])
                    said = say("choice", nearest(given, allowed), key=last, value=given)
                    self.fault(where, {lang: f"{text} ({', '.join(allowed)})" for lang, text in said.items()})
                else:
                    self.fault(where, value_fault(last, item))
        return None

    def _built(
        self, source: SourceTable, partner: PartnerTable, records: RecordsTable, limits: Limits, checked: _Open
    ) -> Source:
        identity = source.id or Path(self.name).stem
        slug = source.partner or partner.slug or identity
        if source.format is None:
            self.fault(("source",), missing("no-format", "format", "source", self.tables.get("request", {})))
        if (where := source.reserved(slug, partner.slug)) is not None:
            self.fault(where, say("reserved", slug=slug))
        licence = self._licence(source.licence)
        if not source.url.startswith(("http://", "https://")) and re.match(r"[a-z]+://", source.url):
            self.fault(("source", "url"), say("url"))
        self.give_up()
        return Source(
            id=identity,
            partner=Partner(slug, partner.name or source.name or slug, partner.url),
            name=source.name or partner.name or identity,
            url=self._url(source.url),
            format=str(source.format),
            version=self.hash.hexdigest(),
            lang=source.lang,
            area=source.area,
            profile=source.profile,
            coverage=coverage_of(str(source.format), source.coverage),
            licence=licence,
            contacts=_contacts(source.contact),
            schedule=source.schedule,
            openness=Openness(source.openness),
            repair_encoding=source.repair_encoding,
            limits=limits,
            request=checked.request,
            records=Records(**records.model_dump()),
            paging=self.paging,
            fields=checked.fields,
            select=checked.select,
            only=checked.only,
            excluded=checked.excluded,
            split=checked.split,
            always=checked.always,
            crosswalks=checked.crosswalks,
            levels=checked.levels,
            origins=checked.origins,
            lines={".".join(path): line for path, line in self.lines.items()},
        )

    def _licence(self, text: str | None) -> str | None:
        if text is None:
            return None
        found = self.vocabulary.licence(text)
        if found is None:
            known = ", ".join(sorted(self.vocabulary.open_licences))
            self.fault(("source", "licence"), say("licence", text=text, known=known))
        return found

    def _url(self, url: str) -> str:
        return url if url.startswith(("http://", "https://")) else str((self.folder / url).resolve())


class _Open:
    """The tables whose keys are terms or the partner's own words, checked one by one."""

    def __init__(self, reading: _Reading, tables: Mapping[str, Mapping[str, Any]]) -> None:
        self._reading, self._fault = reading, reading.fault
        self.fields = self._fields(tables.get("fields", {}))
        self.select = read_select(tables.get("select", {}), self._fault)
        self.split = self._per_term("split", tables, _words)
        self.always = self._per_term("always", tables, _constants)
        self.levels = {key: Openness(value) for key, value in self._levels(tables)}
        self.crosswalks = dict(self._crosswalks(tables.get("crosswalk", {})))
        self.only = self._conditions("only", tables)
        self.excluded = self._conditions("except", tables)
        self.origins = {
            str(key): value for key, value in tables.get("origins", {}).items() if self._is_text("origins", key, value)
        }
        self.request = self._request(tables.get("request", {}))
        for term in _words(tables.get("records", {}).get("repeat", ())) or ():
            self._term("records", term, ("records", "repeat"))

    def _is_text(self, table: str, key: str, value: Any) -> bool:
        if not isinstance(value, str):
            self._fault((table, key), say("not-text", key=key, table=table))
        return isinstance(value, str)

    def _term(self, table: str, term: str, path: tuple[str, ...], with_at: bool = False) -> bool:
        why = self._reading.terms.refusal(term, table, with_at)
        if why is not None:
            self._fault(path, why)
        return why is None

    def _fields(self, table: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        found = {}
        for path, value in flattened(table):
            term = ".".join(path)
            if value is False or not self._term("fields", term, ("fields", *path), with_at=True):
                continue
            paths = _words(value)
            if paths is None:
                self._fault(("fields", *path), say("not-a-path", term=term))
            elif any(len(item) > 200 for item in paths):
                self._fault(("fields", *path), say("long-path", term=term))
            else:
                found[term] = paths
        return found

    def _per_term(self, name: str, tables: Mapping[str, Any], read: Any) -> dict[str, tuple[Any, ...]]:
        found = {}
        for path, value in flattened(tables.get(name, {})):
            term = ".".join(path)
            if not self._term(name, term, (name, *path)):
                continue
            words = read(value)
            if not words:
                self._fault((name, *path), say("not-values", term=term, table=name))
            else:
                found[term] = words
        return found

    def _levels(self, tables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        allowed = [level.value for level in Openness]
        for path, value in flattened(tables.get("openness", {})):
            term = ".".join(path)
            if not self._term("openness", term, ("openness", *path)):
                continue
            if value in allowed:
                yield term, value
            else:
                self._fault(("openness", *path), say("level", nearest(str(value), allowed), value=value))

    def _conditions(self, name: str, tables: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
        found = {}
        for path, value in flattened(tables.get(name, {})):
            allowed = _constants(value)
            if allowed is None:
                self._fault((name, *path), say("not-values", term=".".join(path), table=name))
            else:
                found[".".join(path)] = allowed
        return found

    def _crosswalks(self, table: Mapping[str, Any]) -> Iterator[tuple[str, Crosswalk]]:
        for term, words in _crosswalk_tables(table):
            path = ("crosswalk", *term.split("."))
            if not self._term("crosswalk", term, path):
                continue
            given = dict(words)
            file, site = given.pop("file", None), given.pop("site", None)
            found: dict[str, tuple[str, ...]] = {}
            if isinstance(file, str):
                found.update(self._crosswalk_file(file, (*path, "file")))
            if site is not None:
                self._site(str(site), (*path, "site"))
            for word, ours in given.items():
                meaning = () if ours is False else _words(ours)
                if meaning is None:
                    self._fault((*path, word), say("not-words", word=word))
                else:
                    found[word] = meaning
            for word, meaning in found.items():
                for ours in meaning:
                    if why := self._reading.terms.word_refusal(term, ours):
                        self._fault((*path, word), why)
            yield term, Crosswalk(found, None if site is None else str(site))

    def _site(self, site: str, path: tuple[str, ...]) -> None:
        try:
            self._reading.vocabulary.crosswalk(site)
        except ConfigError:
            known = self._reading.vocabulary.crosswalk_sites
            self._fault(path, say("site", nearest(site, known), site=site))

    def _crosswalk_file(self, name: str, path: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        try:
            data = (self._reading.folder / name).read_bytes()
            rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            why = {"fr": str(error), "en": str(error)} if isinstance(error, csv.Error) else os_reason(error)
            fr = f"le fichier « {name} » ne peut pas être lu : {why['fr']}."
            self._fault(path, {"fr": fr, "en": f'the file "{name}" cannot be read: {why["en"]}.'})
            return {}
        self._reading.hash.update(data)
        found: dict[str, tuple[str, ...]] = {}
        for row in rows[1:]:
            if len(row) >= 2 and row[0].strip():
                ours = tuple(part.strip() for part in row[1].split("|") if part.strip())
                found[row[0]] = found.get(row[0], ()) + ours
        return found

    def _request(self, table: Mapping[str, Any]) -> Request:
        params = {**{k: v for k, v in table.items() if not isinstance(v, dict)}, **table.get("params", {})}
        headers = dict(table.get("headers", {}))
        for key, value in table.items():
            if isinstance(value, dict) and key not in {"params", "headers"}:
                near = nearest(key, ["params", "headers"])
                self._fault(("request", key), say("key", near, key=key, table="request"))
        for where, values in (("params", params), ("headers", headers)):
            for key, value in values.items():
                path = ("request", where, key) if key in table.get(where, {}) else ("request", key)
                if not isinstance(value, str | int | float | bool):
                    self._fault(path, say("not-a-parameter", key=key))
                elif _SECRET.search(key) and not str(value).startswith("env:"):
                    self._fault(path, say("secret", key=key))
        return Request(_strings(params), _strings(headers))


def merged(profile: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Lay a file's tables over its profile's, key by key. A term whose parts the file maps is taken whole from it."""
    result: dict[str, dict[str, Any]] = {}
    for table in {**profile, **own}:
        under, over = profile.get(table, {}), own.get(table, {})
        if table == "fields":
            under = {key: value for key, value in under.items() if key not in over}
        if table == "crosswalk":
            result[table] = {term: {**under.get(term, {}), **over.get(term, {})} for term in {**under, **over}}
        else:
            result[table] = {**under, **over}
    return result


def flattened(table: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield (path, value) for every value of nested tables."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flattened(value, (*prefix, key))
        else:
            yield (*prefix, key), value


def _crosswalk_tables(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Find the tables that hold words: a key of a crosswalk of ``holder.type`` is itself a table."""
    for term, value in table.items():
        if not isinstance(value, dict):
            continue
        words = {key: item for key, item in value.items() if not isinstance(item, dict)}
        if words or not value:
            yield prefix + term, words
        yield from _crosswalk_tables({k: v for k, v in value.items() if isinstance(v, dict)}, f"{prefix}{term}.")


def _words(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None


def _constants(value: Any) -> tuple[Any, ...] | None:
    values = value if isinstance(value, list) else [value]
    return tuple(values) if all(isinstance(item, str | int | float | bool) for item in values) else None


def _strings(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in values.items()}


def _contacts(contact: str | list[str] | Mapping[str, str] | None) -> dict[str, str]:
    if contact is None:
        return {}
    if isinstance(contact, str):
        return {contact: "problems"}
    return dict.fromkeys(contact, "problems") if isinstance(contact, list) else dict(contact)
