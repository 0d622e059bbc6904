"""Source files: what a partner's feed is, where it lies, and which of its columns are which of our words.

Must never fetch, and must never accept a word that it does not know: a typing error is named with its line.
"""

from __future__ import annotations

from federation.pipeline.sources.load import PIPELINE_VERSION, load_source, parse_source
from federation.pipeline.sources.schema import FORMATS, RESERVED_SLUGS
from federation.pipeline.sources.shelf import SourceShelf
from federation.pipeline.sources.source import Coverage, Crosswalk, Limits, Paging, Partner, Records, Request, Source

__all__ = [
    "FORMATS",
    "PIPELINE_VERSION",
    "RESERVED_SLUGS",
    "Coverage",
    "Crosswalk",
    "Limits",
    "Paging",
    "Partner",
    "Records",
    "Request",
    "Source",
    "SourceShelf",
    "load_source",
    "parse_source",
]
