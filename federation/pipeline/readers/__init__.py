"""Readers: from the bytes of a feed to its rows, one reader per format. Must never write, map, or reach the network.

A row is a plain dict with its address in the partner's words; design of harvesting, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from federation.errors import ConfigError
from federation.pipeline.readers.activitypub import read_activitypub
from federation.pipeline.readers.carrefour import read_carrefour
from federation.pipeline.readers.csv_reader import read_csv
from federation.pipeline.readers.detection import detect
from federation.pipeline.readers.feed import read_feed
from federation.pipeline.readers.geojson import read_geojson
from federation.pipeline.readers.html import read_html
from federation.pipeline.readers.json_reader import read_json
from federation.pipeline.readers.jsonld import read_jsonld
from federation.pipeline.readers.oai_pmh import read_oai
from federation.pipeline.readers.reading import PREFIXES, Reading, ReadOptions, UnreadableFeed
from federation.pipeline.readers.xlsx import read_xlsx

Reader = Callable[[bytes, ReadOptions], Reading]

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "activitypub": read_activitypub,
        "csv": read_csv,
        "feed": read_feed,
        "geojson": read_geojson,
        "html": read_html,
        "json": read_json,
        "json-ld": read_jsonld,
        "oai-pmh": read_oai,
        "xlsx": read_xlsx,
    }
)
"""The readers by the name that ``format`` has in source files. A new format is one function and one line here."""

_WITHOUT_FILE: Mapping[str, Reader] = MappingProxyType({"carrefour": read_carrefour})
"""Readers of sources that no file declares: the records that another Carrefour gives."""


def read(body: bytes, options: ReadOptions) -> Reading:
    """Read a body by ``options.format``. Rows that cannot be read are findings among the rows.

    Raises UnreadableFeed (a PartnerError), here or while iterating, if the feed cannot be read as a whole; ConfigError
    if the format or a path is unknown.
    """
    reader = READERS.get(options.format) or _WITHOUT_FILE.get(options.format)
    if reader is None:
        known = ", ".join(READERS)
        raise ConfigError(
            f"There is no reader for the format `{options.format}`. Known: {known}.",
            f"Il n'y a pas de lecteur pour le format `{options.format}`. Formats connus : {known}.",
        )
    return reader(body, options)


__all__ = ["PREFIXES", "READERS", "ReadOptions", "Reading", "UnreadableFeed", "detect", "read"]
