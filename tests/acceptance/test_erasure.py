"""What a person asks to have erased is in no file any more, compressed or not, and does not come back."""

from __future__ import annotations

import gzip
import signal
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import BASE, LICENCE, carrefour, export, make_instance, own_process, status
from test_command_line import Served

from federation.engines import SearchRequest
from federation.ledger import open_ledger
from federation.platform import open_platform
from federation.settings import load_settings
from federation.web import create_app

SECRET = "Zzyzxqu"  # planted in every part of the record: no other file of the world has it
HEAD = "n°;Titre;Texte;Mots;Page;Courriel;Thème\n"
SOURCE = f"""\
[source]
id = "{{id}}"
partner = "jardins"
name = "Réseau des jardins"
url = "../feeds/{{id}}.csv"
format = "csv"
schedule = "manual"
licence = "{LICENCE}"

[records]
id = "n°"
page = "Page"

[fields]
name = "Titre"
description = "Texte"
keywords = "Mots"
theme = "Thème"
contact.email = "Courriel"

[openness]
contact.email = "private"
"""


def line(key: str, word: str) -> str:
    """One project of the feed, with a word in all its cells; its theme is a word that nobody knows."""
    page = f"https://jardins.example/{word}/{key}"
    return f"{key};Le jardin {word};On y cultive {word} à plusieurs.;{word}, légumes;{page};{word}@a.example;{word}\n"


def feed(*keys: str) -> str:
    """A feed of ordinary projects, and those of ``keys``, which hold the secret."""
    return HEAD + "".join(line(str(n), f"mot{n}") for n in range(12)) + "".join(line(key, SECRET) for key in keys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An instance that has harvested the secret twice, in two versions, and has seen broken rows that hold it."""
    key = f"{SECRET}-1"
    made = make_instance(
        tmp_path / "i",
        {"jardins": SOURCE.format(id="jardins"), "serres": SOURCE.format(id="serres")},
        {"jardins.csv": feed(key), "serres.csv": HEAD + line("s1", "serre") + line(key, SECRET)},
    )
    assert carrefour(made, "harvest", "jardins").code == 0
    (made / "feeds" / "jardins.csv").write_text(
        feed(key).replace(f"cultive {SECRET}", f"plante {SECRET}") + f"{SECRET};trop court\n" + line(key, f"{SECRET}2")
    )
    assert carrefour(made, "harvest").code == 1
    assert holding(made), "the test can find what it looks for"
    return made


def texts(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and what is compressed in it."""
    body = path.read_bytes()
    yield body
    if path.suffix == ".gz":
        yield gzip.decompress(body)
    if body.startswith(b"SQLite format 3"):
        with sqlite3.connect(path) as ledger:
            for query in ("SELECT payload FROM revision", "SELECT payload FROM journal WHERE payload IS NOT NULL"):
                for (packed,) in ledger.execute(query):
                    yield zlib.decompress(packed)
    for start in range(len(body)):  # deleted rows leave packed bytes anywhere in a page
        if body[start : start + 2] in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c"):
            try:
                yield zlib.decompressobj().decompress(body[start : start + 65_536])
            except zlib.error:
                continue


def holding(folder: Path) -> list[str]:
    """The files of the data folder that hold the secret, in any case of letters, in their name too."""
    wanted = SECRET.lower().encode()
    found = []
    for path in sorted((folder / "data").rglob("*")):
        named = SECRET.lower() in path.name.lower()
        if named or (path.is_file() and any(wanted in text.lower() for text in texts(path))):
            found.append(str(path.relative_to(folder)))
    return found


def gone(folder: Path, record: str) -> int:
    """How the record's address answers."""
    platform = open_platform(load_settings(folder))
    try:
        found = platform.search.search(SearchRequest(text=SECRET)).total
        assert found == 0
        assert platform.search.search(SearchRequest(text="cultive")).total > 5
        path = record.removeprefix(BASE)
        return create_app(platform).test_client().get(path, headers={"Accept": "text/html"}).status_code
    finally:
        platform.close()


def test_nothing_of_an_erased_record_is_left_in_any_file(folder: Path) -> None:
    """Store, checkpoints, index, ledger, its log, revisions, findings, kept feeds; nor do later harvests bring it."""
    record = f"{BASE}/records/jardins/{SECRET}-1"

    done = carrefour(folder, "forget", record, "--yes")

    assert done.code == 0, done.said
    assert holding(folder) == []
    assert gone(folder, record) == 410
    assert "mot3" in export(folder).decode()

    for feed_of in ("jardins", "serres"):  # what the partner still publishes: whole, with a broken row, with two of it
        assert carrefour(folder, "harvest", feed_of).code in {0, 1}
    assert holding(folder) == []
    assert SECRET not in export(folder).decode()
    changed = folder / "feeds" / "jardins.csv"
    # what is broken in it is told anew, of a row and of the file as a whole
    changed.write_text(changed.read_text() + line("99", "nouveau") + f"{SECRET} abÃ®mÃ©;trop court\n")
    assert carrefour(folder, "harvest", "jardins").code == 1
    assert holding(folder) == []
    assert carrefour(folder, "forget", record, "--yes").code == 2
    assert carrefour(folder, "rebuild").code == 0
    assert holding(folder) == []
    assert gone(folder, record) == 410


@pytest.mark.slow
def test_feeds_are_kept_again_once_the_partner_has_removed_the_record(folder: Path) -> None:
    """Then runs can be replayed as before; a row that cannot be told keeps a feed from being kept."""
    assert carrefour(folder, "forget", f"{BASE}/records/jardins/{SECRET}-1", "--yes").code == 0

    for body, kept in ((feed(f"{SECRET}-1"), 0), (feed() + "x;y\n", 0), (feed(), 1)):
        (folder / "feeds" / "jardins.csv").write_text(body)
        assert carrefour(folder, "harvest", "jardins").code in {0, 1}
        assert len(list((folder / "data").rglob("*.gz"))) == kept


def test_an_order_to_erase_that_was_cut_short_is_taken_up(folder: Path) -> None:
    """Whoever opens the instance for writing next does it before anything else."""
    ledger = open_ledger("", folder / "data" / "ledger")
    ledger.erasures.ask(f"{BASE}/records/jardins/{SECRET}-1")
    ledger.close()

    assert carrefour(folder, "harvest", "serres").code in {0, 1}

    assert holding(folder) == []


@pytest.mark.slow
def test_an_order_to_erase_is_carried_out_by_the_server_that_writes(folder: Path) -> None:
    """The command leaves it to the worker and waits; pages of that server then answer 410."""

    record = f"{BASE}/records/jardins/{SECRET}-1"
    server = Served(folder)
    try:
        before, _ = server.get(record.removeprefix(BASE))
        done = own_process(folder, "forget", record, "--yes")
        after, _ = server.get(record.removeprefix(BASE))
        code, errors = server.end(signal.SIGTERM)
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()

    assert (before, done.code, after) == (200, 0, 410), done.said
    assert "l'ordre lui est laissé" in done.err
    assert (code, "Traceback" in errors) == (0, False)
    assert holding(folder) == []
    assert status(folder)
