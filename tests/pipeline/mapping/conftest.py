"""What the tests of the mapping share: one vocabulary, and a mapper from a few lines of TOML."""

from __future__ import annotations

import pytest
from made_rows import BASE, HEAD, RECORDS, MakeMapper

from federation.pipeline.mapping import Mapper, compile_mapping
from federation.pipeline.sources import parse_source
from federation.vocabulary import Vocabulary, load


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """The vocabulary of this checkout."""
    return load()


@pytest.fixture
def mapper(vocabulary: Vocabulary) -> MakeMapper:
    """Compile a mapping from the tables after [source] and [records]."""

    def make(text: str = "", records: str = RECORDS, head: str = HEAD) -> Mapper:
        return compile_mapping(parse_source(head + records + text, "s.toml", vocabulary), vocabulary, BASE)

    return make
