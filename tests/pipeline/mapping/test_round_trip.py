"""Any record that the mapping makes of hostile rows is read back from the store byte by byte."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import pytest
from made_rows import HEAD, MakeMapper, mapped

from federation.engines import GraphWrite
from federation.engines.store_oxigraph import open_store
from federation.model import to_lines
from federation.vocabulary import Kind, Vocabulary

PROV = "http://www.w3.org/ns/prov#"
VOLATILE = (f"> <{PROV}generatedAtTime> ", f"> <{PROV}wasGeneratedBy> ")
HOSTILE: tuple[Any, ...] = (
    'un "mot" \\ une \\u0022 \n ligne\r\n\r\nun autre > . } ; <http://a> .',
    "<b>gras</b> &lt;script&gt; &amp; &#0; &#xD800;",
    "a\u2028b\u2029c\x85d\x0be\tf\x00g\x7f\ud800\ufffe",
    "'''\"\"\" } INSERT DATA { <a> <b> <c> } #",
    {"@value": "texte", "@language": "fr-FR"},
    {"@value": "text", "@language": "EN-us-x-priv"},
    {"@value": "texto", "@language": 'es" .'},
    {"fr": "un", "en": ["one", "two"], "pt-BR": "um", "@none": "-"},
    [1, [2, {"@list": ["a", "b"]}], None, True],
    'http://a.example/x y"<>{}|\\^`é\u2028#a#b',
    "https://é.example/%zz%41?a=b&amp;c#d",
    "javascript:alert(1)",
    "//a.example/\ue000\U000f0000",
    "http://[::1]/",
    "https://a.example:99999/",
    "1.50", "+1", "007", "1e400", "-0", "0.10", "1 234,50 €", 1.0, 10**30, -0.0, "٣", "１",
    "2020-01-01T10:00:00+00:00", "2020-01-01T24:00:00", "2020-01-01T10:00:00.500-05:30", "-0001", "２０２０",
    "mars 2021",
    "oui", "AGR", "63000", "1000", "356000000", "44306184100047", "W123456789", "FR", "EUR", "dep-63", "Inconnu\n!",
)  # fmt: skip
IDS = (
    "7",
    "a b",
    "é",
    "http://a.example/1\n/",
    "x\u2028y",
    "tab\there",
    "nl\nid",
    'q"uote',
    "back\\slash",
    "<>",
    "\x01",
)


@pytest.mark.parametrize("seed", range(3))
def test_the_store_gives_every_record_back_as_it_was_mapped(
    mapper: MakeMapper, vocabulary: Vocabulary, tmp_path: Path, seed: int
) -> None:
    """Every field gets every kind of value; digests are those of what can be read."""
    chance = random.Random(seed)
    keys = [key for key, field in vocabulary.fields.items() if field.kind is not Kind.OBJECT and key not in TAKEN]
    made = mapper(
        "[fields]\n" + "".join(f'{key} = "{column(key)}"\n' for key in keys),
        '[records]\nid = "id"\npage = "page"\n',
        HEAD,
    )
    rows = [{column(key): chance.choice(HOSTILE) for key in keys} for _ in range(60)]
    for number, row in enumerate(rows):
        row.update(id=f"{chance.choice(IDS)}{number if number % 7 else ''}", page=f"http://a.example/{number}")
        row[column("name")] = chance.choice(HOSTILE[:8])

    records = [outcome.record for outcome in mapped(made, *rows) if outcome.record is not None]
    store = open_store(tmp_path)
    store.write(
        [GraphWrite(record.iri, record.content, fresh=bool(number % 2)) for number, record in enumerate(records)]
    )

    assert len(records) > 40
    for record in records:
        content = to_lines(store.reader().graph(record.iri))
        assert content == record.content
        lines = [line for line in content.split("\n")[:-1] if not any(mark in line for mark in VOLATILE)]
        assert hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest() == record.digest
    store.close()


TAKEN = frozenset(
    {"license", "access", "language", "identifier", "page", "publisher", "attributedTo", "dataset", "topic"}
    | {"generated", "run"}
)
"""Fields of the record node that are not mapped, or decide whether there is a record."""


def column(key: str) -> str:
    """A column for a field."""
    return key.replace(".", "_")
