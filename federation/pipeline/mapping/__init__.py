"""Mapping: from a partner's rows to records of the shared vocabulary, by configuration alone, as pure functions.

Read mapper.py first. A mapping decides which column is which of our words, never how a value is cleaned.
"""

from __future__ import annotations

from federation.pipeline.mapping.columns import Columns
from federation.pipeline.mapping.grouping import Group
from federation.pipeline.mapping.mapper import Mapper
from federation.pipeline.mapping.messages import unquoted
from federation.pipeline.mapping.naming import Naming
from federation.pipeline.mapping.stamp import RunStamp
from federation.pipeline.mapping.verbatim import Verbatim, home_of
from federation.pipeline.sources import Source
from federation.vocabulary import Vocabulary


def compile_mapping(source: Source, vocabulary: Vocabulary, base_url: str) -> Mapper | Verbatim:
    """Compile the mapping of a source. ``base_url`` (without final slash) is where records of this instance live.

    Records of another Carrefour need none: they are taken as they are.
    """
    if source.is_verbatim:
        return Verbatim(source, base_url.rstrip("/"))
    return Mapper(source, vocabulary, base_url.rstrip("/"))


__all__ = ["Columns", "Group", "Mapper", "Naming", "RunStamp", "Verbatim", "compile_mapping", "home_of", "unquoted"]
