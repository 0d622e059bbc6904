"""Trying a stranger's feed: nothing published, nothing reached that is private, all of it limited."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from lying_server import LyingServer, http
from sqlalchemy import create_engine, select

from federation.errors import ConfigError
from federation.ledger import Ledger, open_ledger
from federation.ledger.schema import metadata, throttle, trial
from federation.pipeline import trial as trial_module
from federation.pipeline.fetch import transport
from federation.pipeline.trial import KEPT, TooOften, TrialDesk, TrialRefused, TrialRequest, Upload
from federation.pipeline.trial.places import place
from federation.pipeline.trial.process import run_apart
from federation.pipeline.trial.tasks import Task
from federation.pipeline.trial.visitor import visitor_source
from federation.pipeline.trial.work import examine
from federation.pipeline.visitors import Visitors
from federation.platform import open_platform
from federation.settings import Settings
from federation.vocabulary import Vocabulary, load

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
CLIENT = "203.0.113.77"
CSV = b"n;Titre;Description;URL\n1;Le potager des Deux-Rives;Un jardin ouvert;https://jardins.example/1\n"
TASK = Task("feed", None, None, "", True, "", "", "fr", "http://127.0.0.1:8000")
TOML = """\
[source]
url = "https://jardins.example/jardins.csv"
format = "csv"
licence = "CC0"

[records]
id = "n"
page = "URL"

[fields]
name = "Titre"
description = "Description"
"""


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The time of the test."""
    return Clock()


@pytest.fixture
def vocabulary() -> Vocabulary:
    """What everything means."""
    return load()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    opened = open_ledger("", tmp_path / "ledger")
    yield opened
    opened.close()


def desk_of(folder: Path, ledger: Ledger, clock: Clock, **settings: object) -> TrialDesk:
    """A desk over a ledger, with settings of an instance."""
    chosen = replace(Settings(data_dir=folder, sources_dir=folder), **settings)  # type: ignore[arg-type]
    visitors = Visitors(ledger, clock, os.urandom)
    return TrialDesk(chosen, load(), ledger, visitors, clock, os.urandom)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, vocabulary: Vocabulary) -> None:
    """Examine in this process: quicker, where the process is not what is tested."""
    monkeypatch.setattr(trial_module, "run_apart", lambda task, body, _: examine(task, body, vocabulary, NOW))


@pytest.fixture
def server() -> Iterator[LyingServer]:
    """A server on the loopback, which is private."""
    running = LyingServer()
    yield running
    running.close()


def upload(body: bytes = CSV, name: str = "jardins.csv") -> TrialRequest:
    """A form with a file."""
    return TrialRequest(upload=Upload(name, None, body))


# -- the process ------------------------------------------------------------------------------------------------------


def test_a_feed_is_examined_in_a_process_of_its_own() -> None:
    """The account comes back from a child: format, rows, cards, a proposed source file."""
    found = run_apart(replace(TASK, name="jardins.csv"), CSV, 30)

    assert (found["state"], found["format"], found["rows"], found["counts"]["accepted"]) == ("read", "csv", 1, 1)
    assert "Le potager des Deux-Rives" in found["records"][0]["content"]
    assert 'name = "Titre"' in found["toml"]


def test_a_trial_that_takes_too_long_is_ended() -> None:
    """At its time the child is killed, and the account says so in both languages."""
    found = run_apart(TASK, CSV, 0.05)

    assert found["state"] == "unreadable"
    assert "trop de temps" in found["message"]["fr"]
    assert "too much time" in found["message"]["en"]


def bomb() -> bytes:
    """A small workbook that would be large."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "xl/workbook.xml", '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'
        )
        archive.writestr("xl/worksheets/sheet1.xml", bytes(300 * 1024 * 1024))
    return packed.getvalue()


NESTED = b'{"@context": "https://schema.org/", "a": ' + b"[" * 5000 + b"]" * 5000 + b"}"
SMUGGLED = b"a = " + b"[" * 5000 + b"]" * 5000


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [("deep.jsonld", NESTED, "250 niveaux"), ("bomb.xlsx", bomb(), "décompressé pèserait")],
    ids=["nesting", "zip bomb"],
)
def test_a_hostile_body_is_refused_in_plain_words(name: str, body: bytes, said: str) -> None:
    """Nesting and bombs end as an account, not as a crash."""
    found = run_apart(replace(TASK, name=name), body, 30)

    assert found["state"] == "unreadable"
    assert said in found["message"]["fr"]


def test_a_context_of_its_own_still_works_without_network() -> None:
    """The JSON-LD processor is a program of its own, which the confined process may start."""
    body = (
        b'{"@context": {"@vocab": "http://schema.org/", "nom": {"@id": "name", "@language": "fr"}}, '
        b'"@id": "https://a.example/1", "@type": "Project", "nom": "Jardin commun", "url": "https://a.example/1"}'
    )

    found = run_apart(replace(TASK, name="own.jsonld"), body, 30)

    assert '"Jardin commun"@fr' in found["records"][0]["content"]


def test_a_program_that_a_confined_process_starts_has_no_network() -> None:
    """Whatever it starts cannot open a connection either."""
    inner = "import socket; socket.create_connection(('127.0.0.1', 9), 1)"
    outer = (
        "import subprocess, sys; from federation.engines.sandbox import confine; "
        f"print(confine(64, programs=True).network); "
        f"print(subprocess.run([sys.executable, '-c', {inner!r}], capture_output=True, text=True).stderr)"
    )

    said = subprocess.run([sys.executable, "-c", outer], capture_output=True, text=True, check=True).stdout

    if said.startswith("False"):
        pytest.skip("this system knows no filter of system calls")
    assert "PermissionError" in said


# -- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:{port}", "localhost:{port}", "[::ffff:127.0.0.1]:{port}", "[::1]:{port}", "2130706433:{port}",
     "10.0.0.1", "169.254.169.254", "[::ffff:169.254.169.254]", "192.168.1.1", "0.0.0.0:{port}"],
)  # fmt: skip
def test_private_addresses_are_refused(
    host: str, server: LyingServer, tmp_path: Path, ledger: Ledger, clock: Clock
) -> None:
    """No form of a private address is asked for anything, and the refusal names no address of our network."""
    server.answers["/feed"] = http(CSV)
    asked = TrialRequest(address=f"http://{host.format(port=server.port)}/feed?secret=1")

    with pytest.raises(TrialRefused) as refused:
        desk_of(tmp_path, ledger, clock).run(asked, CLIENT)

    assert refused.value.field == "address"
    assert "privé" in refused.value.text["fr"]
    assert "fetch_private" not in str(refused.value)
    assert server.requests == []


def test_a_redirect_to_a_private_address_is_refused(
    server: LyingServer, tmp_path: Path, ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of every hop is checked: what lies behind the redirect is never asked."""
    monkeypatch.setattr(transport, "is_public", lambda address: str(address) == "127.0.0.1")
    server.answers["/feed"] = http(b"", f"Location: http://127.0.0.2:{server.port}/secret", status="302 Found")

    with pytest.raises(TrialRefused) as refused:
        desk_of(tmp_path, ledger, clock).run(TrialRequest(address=server.url()), CLIENT)

    assert "privé" in refused.value.text["fr"]
    assert server.paths == ["/feed"]


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "/etc/passwd", "ftp://a.example/x", "jardins.csv", "gopher://a.example:70/",
     "javascript:alert(1)", "http://", "http://[", "https://name:pass@a.example/", "http://a.example:22/",
     "http://a.example:99999/", "http://a.example/\x00"],
)  # fmt: skip
def test_only_web_addresses_are_taken(address: str, tmp_path: Path, ledger: Ledger, clock: Clock) -> None:
    """A file of this machine, another scheme, a password or a strange port never reach the fetcher."""
    with pytest.raises(TrialRefused) as refused:
        desk_of(tmp_path, ledger, clock, fetch_private=True).run(TrialRequest(address=address), CLIENT)

    assert refused.value.field == "address"


@pytest.mark.usefixtures("here")
def test_a_feed_at_an_address_is_tried(server: LyingServer, tmp_path: Path, ledger: Ledger, clock: Clock) -> None:
    """Where private addresses are allowed (an intranet), one is fetched and examined, once."""
    server.answers["/jardins.csv"] = http(CSV, "Content-Type: text/csv")
    desk = desk_of(tmp_path, ledger, clock, fetch_private=True)

    found = desk.result(desk.run(TrialRequest(address=server.url("/jardins.csv")), CLIENT))

    assert found is not None
    assert (found["name"], found["counts"]["accepted"]) == ("jardins.csv", 1)
    assert f'url = "{server.url("/jardins.csv")}"' in found["toml"]
    assert server.paths == ["/jardins.csv"]


PAGE_OF_POSTS = b'[{"id": 1, "name": "Le potager", "description": "Un jardin", "url": "https://jardins.example/1"}]'


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("body", "headers", "toml", "more"),
    [
        (PAGE_OF_POSTS, ['Link: </s.json?page=2>; rel="next"'], "", {"records": None, "pages": None, "followed": True}),
        (
            b'{"total": 214, "next": "/s.json?p=2", "items": %b}' % PAGE_OF_POSTS,
            [],
            "",
            {"records": 214, "pages": None, "followed": True},
        ),
        (
            PAGE_OF_POSTS,
            ["X-Total-Count: 12"],
            TOML.replace("csv", "json").replace('"n"', '"id"').replace('"URL"', '"url"'),
            {"records": 12, "pages": None, "followed": False},
        ),
        (PAGE_OF_POSTS, ["X-Total-Count: 1"], "", None),
    ],
)
def test_a_list_in_pages_is_told(
    server: LyingServer,
    tmp_path: Path,
    ledger: Ledger,
    clock: Clock,
    body: bytes,
    headers: list[str],
    toml: str,
    more: dict[str, object] | None,
) -> None:
    """A trial reads one page: the account says so, with what the server announces, and if a harvest reads the rest."""
    server.answers["/s.json"] = http(body, "Content-Type: application/json", *headers)
    desk = desk_of(tmp_path, ledger, clock, fetch_private=True)

    found = desk.result(desk.run(TrialRequest(address=server.url("/s.json"), toml=toml), CLIENT))

    assert found is not None
    assert found.get("more") == more


def test_a_server_that_fails_is_told_at_its_field(
    server: LyingServer, tmp_path: Path, ledger: Ledger, clock: Clock
) -> None:
    """404 and too much are refusals of the address, in words that a visitor can use."""
    server.answers["/large"] = http(b"x" * 5000)
    desk = desk_of(tmp_path, ledger, clock, fetch_private=True, fetch_bytes=1000)

    for path, said in (("/none", "404"), ("/large", "extrait")):
        with pytest.raises(TrialRefused) as refused:
            desk.run(TrialRequest(address=server.url(path)), CLIENT)
        assert said in refused.value.text["fr"]


# -- a visitor's source file ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TOML + '[request]\nlang = "fr"\n', "[request]"),
        (TOML + '[request.headers]\nAuthorization = "env:HOME"\n', "[request]"),
        (TOML + '[always]\nkeywords = "env:HOME"\n', "env:"),
        (TOML.replace("https://jardins.example/jardins.csv", "/etc/passwd"), "fichier"),
        (TOML.replace("https://jardins.example/jardins.csv", "file:///etc/passwd"), "fichier"),
        (TOML + '[crosswalk.theme]\nfile = "/etc/passwd"\n', "[crosswalk]"),
        (TOML + '[crosswalk.theme]\nfile = "../../etc/hostname"\n', "[crosswalk]"),
        (SMUGGLED.decode(), "complexe"),
        ("a = " + "[" * 1900, "complexe"),
        (TOML.replace("Titre", "Titre\x07"), "TOML"),
        (TOML.replace("name =", "nam ="), "ligne 11"),
    ],
)
def test_a_source_file_of_a_stranger_reaches_nothing(text: str, said: str, vocabulary: Vocabulary) -> None:
    """Requests, secrets, files and traps are refused with a reason; a typing error is named with its line."""
    with pytest.raises(ConfigError) as refused:
        visitor_source(text, vocabulary)

    assert said in refused.value.text["fr"]


def test_limits_of_a_stranger_are_never_above_the_usual(vocabulary: Vocabulary) -> None:
    """[limits] may lower what one feed may use, not raise it."""
    raised = TOML + "[limits]\nrecords = 5000000\nrecord_bytes = 99000000\nbytes = 2000000000\nseconds = 3600\n"
    lowered = TOML + "[limits]\nrecords = 5\n"

    usual = visitor_source(TOML, vocabulary).limits
    assert visitor_source(raised, vocabulary).limits == usual
    assert (usual.bytes, usual.seconds) == (None, None)
    assert visitor_source(lowered, vocabulary).limits.records == 5


def test_a_fault_in_the_source_file_is_the_account(vocabulary: Vocabulary) -> None:
    """The trial says what is wrong in the file instead of failing."""
    found = examine(replace(TASK, toml=TOML.replace("name =", "nom =")), CSV, vocabulary, NOW)

    assert found["state"] == "source"
    assert "nom" in found["message"]["fr"]


# -- what is told -----------------------------------------------------------------------------------------------------


def test_only_open_data_is_shown(vocabulary: Vocabulary) -> None:
    """A field that is closed by the source file is in no card."""
    body = b"n;Titre;Description;URL;Courriel\n1;Le potager;Un jardin;https://jardins.example/1;secret@a.example\n"
    text = TOML + 'contact.email = "Courriel"\n[openness]\ncontact = "private"\n'

    found = examine(replace(TASK, toml=text), body, vocabulary, NOW)

    assert found["counts"]["accepted"] == 1
    assert "secret@a.example" not in found["records"][0]["content"]


def test_the_first_thousand_are_mapped_and_all_are_counted(vocabulary: Vocabulary) -> None:
    """A large feed is counted to its end, with twenty cards."""
    rows = b"".join(b"%d;Le potager %d;Un jardin;https://jardins.example/%d\n" % (n, n, n) for n in range(1500))

    found = examine(replace(TASK, toml=TOML), b"n;Titre;Description;URL\n" + rows, vocabulary, NOW)

    assert (found["rows"], found["mapped"], found["counts"]["accepted"]) == (1500, 1000, 1000)
    assert len(found["records"]) == 20


def test_unknown_words_come_with_the_nearest(vocabulary: Vocabulary) -> None:
    """Each word once, with how often, its column, and the nearest concept in both languages."""
    body = b"n;Titre;Description;URL;Th\n" + b"".join(
        b"%d;Le potager;Un jardin;https://jardins.example/%d;Agriculture alimentaire\n" % (n, n) for n in range(3)
    )

    found = examine(replace(TASK, toml=TOML + 'theme = "Th"\n'), body, vocabulary, NOW)

    (word,) = found["words"]
    assert (word["word"], word["count"], word["field"]) == ("Agriculture alimentaire", 3, "Th")
    assert set(word["near"]) >= {"fr", "en"}
    assert all(group["rule"] != "unknown-word" for group in found["findings"])


def test_findings_are_grouped_with_their_rows(vocabulary: Vocabulary) -> None:
    """One group for a cause, the blocking ones first, with the partner's column, rows and values."""
    body = CSV + b"2;;Sans nom;https://jardins.example/2\n3;;Sans nom;https://jardins.example/3\n"

    found = examine(replace(TASK, toml=TOML), body, vocabulary, NOW)

    first = found["findings"][0]
    assert (first["severity"], first["field"], first["count"]) == ("violation", "Titre", 2)
    assert [one["where"] for one in first["places"]] == ["ligne 3", "ligne 4"]


# -- nothing stays ----------------------------------------------------------------------------------------------------


def everything(folder: Path) -> dict[str, object]:
    """All rows of the ledger but those of trials and tries, and the hashes of all files beside it."""
    engine = create_engine(f"sqlite:///{folder / 'ledger' / 'ledger.sqlite'}")
    with engine.connect() as connection:
        tables = {
            name: [tuple(row) for row in connection.execute(select(table))]
            for name, table in metadata.tables.items()
            if name not in {"trial", "throttle"}
        }
    engine.dispose()
    files = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name != "ledger" and path.suffix != ".lock"
    }
    return {**tables, "files": files}


def test_a_trial_writes_nothing_but_its_account(tmp_path: Path) -> None:
    """Store, index, kept bytes and every other table are as before (invariant 5: what is tried is not published)."""
    settings = Settings(data_dir=tmp_path / "data", sources_dir=tmp_path / "sources")
    platform = open_platform(settings)
    with platform.writing():
        pass
    platform.joining.stamp()  # the key of the visitors' hashes is made once
    before = everything(settings.data_dir)

    token = platform.trials.run(upload(), CLIENT)

    assert platform.trials.result(token) is not None
    platform.close()
    assert everything(settings.data_dir) == before


@pytest.mark.usefixtures("here")
def test_neither_the_secret_nor_the_visitor_is_kept(tmp_path: Path, ledger: Ledger, clock: Clock) -> None:
    """The ledger knows a hash of the token and a keyed hash of the address; not the file."""
    desk = desk_of(tmp_path, ledger, clock)

    token = desk.run(upload(CSV + b"2;x;Une phrase qui reste au visiteur;\n"), CLIENT)

    with ledger.read() as tx:
        kept = [*tx.execute(select(trial.c.id)).scalars(), *tx.execute(select(throttle.c.key)).scalars()]
    assert all(token not in key and CLIENT not in key for key in kept)
    assert hashlib.sha256(token.encode()).hexdigest() in kept
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert CLIENT.encode() not in files
    assert token.encode() not in files


@pytest.mark.usefixtures("here")
def test_a_secret_link_expires_after_seven_days(tmp_path: Path, ledger: Ledger, clock: Clock) -> None:
    """Read until then, unknown after, and forgotten with the next trial."""
    desk = desk_of(tmp_path, ledger, clock)
    token = desk.run(upload(), CLIENT)

    clock.now = NOW + KEPT - timedelta(seconds=1)
    assert desk.result(token) is not None
    clock.now = NOW + KEPT
    assert desk.result(token) is None
    desk.run(upload(), CLIENT)

    with ledger.read() as tx:
        assert len(tx.execute(select(trial.c.id)).all()) == 1


# -- how often --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
def test_a_client_tries_a_few_times_an_hour(tmp_path: Path, ledger: Ledger, clock: Clock) -> None:
    """Beyond the limit it is told how long to wait; others are not; after the hour it may again."""
    desk = desk_of(tmp_path, ledger, clock, trials_per_hour=2)
    desk.run(upload(), CLIENT)
    clock.now += timedelta(minutes=10)
    desk.run(upload(), CLIENT)

    with pytest.raises(TooOften) as refused:
        desk.run(upload(), CLIENT)
    assert refused.value.seconds == 50 * 60
    desk.run(upload(), "203.0.113.78")

    clock.now += timedelta(minutes=50)
    desk.run(upload(), CLIENT)


@pytest.mark.usefixtures("here")
def test_a_household_is_one_client(tmp_path: Path, ledger: Ledger, clock: Clock) -> None:
    """IPv6 addresses count by their first 64 bits."""
    desk = desk_of(tmp_path, ledger, clock, trials_per_hour=1)
    desk.run(upload(), "2001:db8:1:1::1")

    with pytest.raises(TooOften):
        desk.run(upload(), "2001:db8:1:1:ffff::2")
    desk.run(upload(), "2001:db8:1:2::1")


@pytest.mark.usefixtures("here")
def test_two_trials_run_at_the_same_time(tmp_path: Path, ledger: Ledger, clock: Clock) -> None:
    """A third one waits, and is not counted against its client; a place that is left is free again."""
    desk = desk_of(tmp_path, ledger, clock, trials_per_hour=1)

    with place(tmp_path), place(tmp_path), pytest.raises(TooOften) as refused:
        desk.run(upload(), CLIENT)
    assert refused.value.seconds > 0

    desk.run(upload(), CLIENT)


@pytest.mark.usefixtures("here")
def test_an_operator_can_close_the_page(tmp_path: Path, ledger: Ledger, clock: Clock) -> None:
    """`trials_per_hour = 0`: nobody tries anything."""
    with pytest.raises(TooOften):
        desk_of(tmp_path, ledger, clock, trials_per_hour=0).run(upload(), CLIENT)
