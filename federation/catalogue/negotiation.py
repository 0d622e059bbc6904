"""Content negotiation as pure functions over header text: which of our representations does a client want?

It must never read a request object or know what a representation holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

RDF_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "jsonld": "application/ld+json",
        "ttl": "text/turtle",
        "nt": "application/n-triples",
        "nq": "application/n-quads",
        "trig": "application/trig",
        "rdf": "application/rdf+xml",
        "geojson": "application/geo+json",
        "html": "text/html",
    }
)
"""Media types of documents by the extension of their URL (without dot)."""

RESULT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "srj": "application/sparql-results+json",
        "srx": "application/sparql-results+xml",
        "csv": "text/csv",
        "tsv": "text/tab-separated-values",
    }
)
"""Media types of SPARQL results by their customary extension (without dot)."""

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf';[ \t]*(?:({_WORD})[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|{_WORD}))?[ \t]*')
_RANGE = re.compile(rf"[ \t]*({_WORD})/({_WORD})[ \t]*")
_LANGUAGE = re.compile(r"[ \t]*(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)[ \t]*")
_QVALUE = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")
# A character set or a version says how a representation is coded, not which one it is.
_CODING_PARAMETERS = frozenset({"charset", "v", "version"})
_MOST_RANGES = 64  # a header with more is noise, and reading it costs time


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type or range in lower case, ``*`` as wildcard, with its parameters and weight (0 to 1)."""

    main: str
    sub: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    quality: float = 1.0

    def covers(self, other: MediaType, parameters: bool = True) -> bool:
        """Whether this range matches the type ``other``; its own parameters count unless told otherwise."""
        if self.main not in ("*", other.main) or self.sub not in ("*", other.sub):
            return False
        return not parameters or all(other.parameters.get(name) == value for name, value in self.parameters.items())

    @property
    def specificity(self) -> tuple[bool, bool, int]:
        """Order of precedence (RFC 9110, section 12.5.1): ``*/*``, ``type/*``, ``type/sub``, then parameters."""
        return self.main != "*", self.sub != "*", len(self.parameters)


def parse_accept(header: str) -> tuple[MediaType, ...]:
    """Read an ``Accept`` header; a member that is not well formed is skipped (RFC 9110, section 12.5.1)."""
    return tuple(filter(None, (_media_range(member) for member in _members(header))))


def best(accept: str | None, offers: Sequence[str]) -> str | None:
    """Choose one of ``offers`` (media types, ours preferred first) for an ``Accept`` header, or None.

    The most specific range decides the weight of each offer; the heaviest offer wins, then the earlier one.
    No header, or one without a readable member, accepts everything. If nothing matches with parameters, ranges are
    matched without them: a profile that we do not offer is no reason to refuse its media type.
    """
    if not offers:
        return None
    ranges = parse_accept(accept or "")
    if not ranges:
        return offers[0]
    parsed = [_media_range(offer) for offer in offers]
    for with_parameters in (True, False):
        weights = [_weight(offer, ranges, with_parameters) if offer else 0.0 for offer in parsed]
        if max(weights) > 0:
            return offers[weights.index(max(weights))]
    return None


def best_language(accept_language: str | None, offers: Sequence[str]) -> str:
    """Choose one of ``offers`` (language tags, the default first) by lookup in ``Accept-Language`` (RFC 4647, 3.4)."""
    weights = dict.fromkeys(offers, 0.0)
    for member in _members(accept_language or ""):
        if not (matched := _LANGUAGE.match(member)):
            continue
        tag, quality = matched[1].lower(), _quality(dict(_parameters(member[matched.end() :])).get("q", "1"))
        for offer in offers:
            if tag == "*":
                weights[offer] = max(weights[offer], quality / 1000)  # anything named goes before "any other"
            elif tag.split("-")[0] == offer.lower() or tag == offer.lower():
                weights[offer] = max(weights[offer], quality)
    heaviest = max(weights.values())
    return next(offer for offer in offers if weights[offer] == heaviest)


def split_extension(path: str, types: Mapping[str, str] = RDF_TYPES) -> tuple[str, str | None]:
    """Split ``name.ttl`` into ``name`` and its media type; a path without a known extension comes back whole."""
    stem, dot, extension = path.rpartition(".")
    if dot and stem and not stem.endswith("/") and extension in types:
        return stem, types[extension]
    return path, None


def _weight(offer: MediaType, ranges: Sequence[MediaType], with_parameters: bool) -> float:
    matching = [item for item in ranges if item.covers(offer, with_parameters)]
    if not matching:
        return 0.0
    most = max(item.specificity for item in matching)
    return max(item.quality for item in matching if item.specificity == most)


def _media_range(member: str) -> MediaType | None:
    matched = _RANGE.match(member)
    if not matched or (matched[1] == "*" and matched[2] != "*"):
        return None
    parameters: dict[str, str] = {}
    quality = 1.0
    for name, value in _parameters(member[matched.end() :]):
        if name == "q":
            quality = _quality(value)
            break  # what follows a weight are extensions of Accept, not parameters of the type
        if name not in _CODING_PARAMETERS:
            parameters[name] = value
    return MediaType(matched[1].lower(), matched[2].lower(), parameters, quality)


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while matched := _PARAMETER.match(text, at):
        at = matched.end()
        if matched[1]:
            value = matched[2]
            if value.startswith('"'):
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            yield matched[1].lower(), value


def _quality(text: str) -> float:
    return float(text) if _QVALUE.fullmatch(text) else 0.0


def _members(header: str) -> list[str]:
    """Split at commas outside quoted strings."""
    members, start, quoted, escaped = [], 0, False, False
    for at, character in enumerate(header):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            members.append(header[start:at])
            start = at + 1
    members.append(header[start:])
    return [member for member in members if member.strip()][:_MOST_RANGES]
