"""The tables of a source file that do not depend on the vocabulary, checked by pydantic. Must never read a file."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$")

RESERVED_SLUGS = frozenset({"commons"})
"""Names that no partner may have: at the address of its actor stands one of the instance's own (decision 20)."""

Format = Literal["json-ld", "json", "geojson", "csv", "xlsx", "feed", "html", "oai-pmh", "activitypub"]

FORMATS: tuple[str, ...] = get_args(Format)
"""Formats that a source file may name."""


def _slug(value: str) -> str:
    if not SLUG.match(value):
        words = '"{value}" must be lower-case letters, digits and hyphens (at most 64)'
        raise PydanticCustomError("slug", words, {"value": value})
    return value


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _short(value: tuple[str, ...]) -> tuple[str, ...]:
    for item in value:
        if len(item) > 200:
            raise PydanticCustomError("long_path", "a path has at most 200 characters")
    return value


Slug = Annotated[str, AfterValidator(_slug)]
Paths = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), AfterValidator(_short)]
Box = tuple[float, float, float, float]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class LimitsTable(_Table):
    """``[limits]``: what the feed may use. None: the instance's setting."""

    bytes: int | None = Field(None, gt=0, le=2 * 1024**3)
    seconds: float | None = Field(None, gt=0, le=3600)
    records: int = Field(10_000, gt=0, le=5_000_000)
    record_bytes: int = Field(1024 * 1024, gt=0)
    pages: int = Field(500, gt=0)


class SourceTable(_Table):
    """``[source]``: what the feed is, where, under which terms."""

    id: Slug | None = None
    partner: Slug | None = None
    name: str | None = Field(None, min_length=1, max_length=200)
    lang: str = Field("fr", pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Za-z]{2}|[0-9]{3}))?$")
    area: Literal["FR"] | Box | None = None
    url: str = Field(min_length=1)
    format: Format | None = None
    profile: str | None = None
    coverage: Literal["complete", "window", "log"] = "complete"
    licence: str | None = None
    contact: str | list[str] | dict[str, Literal["never", "problems", "always"]] | None = None
    schedule: Literal["nightly", "weekly", "monthly", "manual"] = "nightly"
    openness: Literal["opendata", "commons", "collective", "private"] = "opendata"
    repair_encoding: bool = False

    def reserved(self, slug: str, apart: str | None) -> tuple[str, ...] | None:
        """Where the file gives its partner a name that none may have (``apart``: in [partner]); None if it does not."""
        if slug not in RESERVED_SLUGS:
            return None
        if self.partner is None and apart is not None:
            return ("partner", "slug")
        return ("source", "id" if self.partner is None else "partner")


class PartnerTable(_Table):
    """``[partner]``: how the partner is shown."""

    slug: Slug | None = None
    name: str | None = Field(None, min_length=1, max_length=200)
    url: str | None = None


class RecordsTable(_Table):
    """``[records]``: which rows are records, and what names them."""

    at: str | None = Field(None, max_length=200)
    types: Paths = ()
    match: str | None = None
    id: Paths = ()
    page: Paths = ()
    repeat: Paths = ()
    origin: Paths = ()
    sheet: str | None = None
    separator: str | None = Field(None, min_length=1, max_length=1)
    encoding: str | None = None
    header: int | None = Field(None, ge=1, le=1000)


class PagingTable(_Table):
    """``[paging]``: how the list goes on after its first page. Exactly one of the first four keys."""

    next: str | None = Field(None, min_length=1, max_length=200)
    link: bool = False
    page: str | None = Field(None, min_length=1, max_length=100)
    offset: str | None = Field(None, min_length=1, max_length=100)
    first: int = Field(1, ge=0, le=1)
    total: str | None = Field(None, min_length=1, max_length=200)
    total_header: str | None = Field(None, min_length=1, max_length=100)

    @model_validator(mode="after")
    def _one_way(self) -> PagingTable:
        if sum(bool(way) for way in (self.next, self.link, self.page, self.offset)) != 1:
            raise PydanticCustomError("one_way", "exactly one of next, link, page, offset is expected")
        return self


TABLES: dict[str, type[BaseModel]] = {
    "source": SourceTable,
    "partner": PartnerTable,
    "records": RecordsTable,
    "limits": LimitsTable,
    "paging": PagingTable,
}
"""Tables with fixed keys."""

OPEN_TABLES = ("request", "fields", "select", "only", "except", "split", "always", "crosswalk", "openness", "origins")
"""Tables whose keys are the partner's words or terms of the vocabulary."""
