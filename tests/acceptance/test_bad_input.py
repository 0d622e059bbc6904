"""Bad input of every kind: a message that says what, where and what to do; the right exit code; nothing lost."""

from __future__ import annotations

import contextlib
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from running import (
    GARDENS,
    GARDENS_FEED,
    LICENCE,
    ROOT,
    SMALL,
    Result,
    carrefour,
    changed,
    export,
    files_of,
    make_instance,
    own_process,
    rows,
    status,
)

SHOPS = f"""\
[source]
id = "echoppes"
partner = "echoppes"
name = "Les échoppes"
url = "../feeds/echoppes.json"
format = "json"
licence = "{LICENCE}"

[records]
id = "id"
page = "https://echoppes.example/{{id}}"

[fields]
name = "nom"
"""
SHOPS_FEED = '[{"id": 1, "nom": "Épicerie du Château"},\n {"id": 2, "nom": "Crèche à deux pas"}]'

LINKED = f"""\
[source]
id = "lieux"
partner = "lieux"
name = "Des lieux"
url = "../feeds/lieux.jsonld"
profile = "schema.org"
licence = "{LICENCE}"
"""
LINKED_FEED = (
    '{"@context": "https://schema.org/", "@graph": [{"@type": "Project", "@id": "https://lieux.example/1", '
    '"url": "https://lieux.example/1", "name": "L\'Écluse"}]}'
)
DEEP = 5000


@pytest.fixture(scope="module")
def commons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance of three good sources, harvested."""
    folder = make_instance(
        tmp_path_factory.mktemp("bad") / "instance",
        {"jardins": GARDENS, "echoppes": SHOPS, "lieux": LINKED},
        {"jardins.csv": GARDENS_FEED, "echoppes.json": SHOPS_FEED, "lieux.jsonld": LINKED_FEED},
        f"{SMALL}fetch_private = true\n",
    )
    assert carrefour(folder, "harvest").code == 0
    return folder


@pytest.fixture
def unharmed(commons: Path) -> Iterator[Path]:
    """The instance; at the end its graph must be byte for byte what it was, and all its records live."""
    before = export(commons)
    yield commons
    assert export(commons) == before
    assert status(commons)["projects"] == 6
    assert carrefour(commons, "harvest").code == 0, "the good feeds are accepted again"
    assert export(commons) == before


def harvest_bad(folder: Path, source: str, name: str, body: bytes | str, lang: str = "fr") -> Result:
    """Harvest one source with a bad feed in the place of its good one."""
    with changed(folder / "feeds" / name, body.encode() if isinstance(body, str) else body):
        return carrefour(folder, "harvest", source, lang=lang)


def said(result: Result, *words: str) -> None:
    """All these words are in what the command said."""
    assert [word for word in words if word not in result.said] == [], result.said


# -- feeds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("fr", ("echoppes", "est coupé", "ligne 2, colonne 20", "Rien n'a été repris", "relancez l'export")),
        ("en", ("echoppes", "was cut", "line 2, column 20", "Nothing was taken", "export it again")),
    ],
)
def test_truncated_json_is_refused_whole(unharmed: Path, lang: str, words: tuple[str, ...]) -> None:
    """A cut document says where it stops; the records of its first half are not taken, the others not removed."""
    result = harvest_bad(unharmed, "echoppes", "echoppes.json", SHOPS_FEED[:-20], lang)

    assert result.code == 4
    said(result, *words)


@pytest.mark.parametrize(
    ("lang", "words"),
    [("fr", ("pas en utf-8", "octet 2", "ligne 1", "`encoding`")), ("en", ("not in utf-8", "byte 2", "line 1"))],
)
def test_a_feed_declared_utf8_that_is_not_is_refused(unharmed: Path, lang: str, words: tuple[str, ...]) -> None:
    """The source file says UTF-8, the bytes are Windows-1252: the byte and the line are named."""
    source = unharmed / "sources" / "jardins.toml"
    with changed(source, GARDENS.replace("[records]", '[records]\nencoding = "utf-8"').encode()):
        result = harvest_bad(unharmed, "jardins", "jardins.csv", GARDENS_FEED.encode("cp1252"), lang)

    assert result.code == 4
    said(result, *words)


def test_a_charset_that_the_server_states_wrongly_is_found_and_told(unharmed: Path) -> None:
    """Sent as UTF-8, written in Windows-1252: read as what it is, with a remark; every accent comes out right."""
    with serving({"/jardins.csv": ("text/csv; charset=utf-8", GARDENS_FEED.encode("cp1252"))}) as (address, _):
        moved = GARDENS.replace("../feeds/jardins.csv", f"{address}/jardins.csv")
        with changed(unharmed / "sources" / "jardins.toml", moved.encode()):
            result = carrefour(unharmed, "harvest", "jardins", "--json")

    (finding,) = [one for one in result.runs()["jardins"]["findings"] if one["rule"] == "charset-guessed"]
    assert result.code == 0
    assert "ligne 1, octet 2" in finding["message"]["fr"]
    assert "windows-1252" in finding["message"]["en"]
    assert result.runs()["jardins"]["counts"]["unchanged"] == 3


def test_accents_broken_by_the_partner_are_told_with_row_and_mended_form(tmp_path: Path) -> None:
    """UTF-8 saved twice: the record is kept as given, and the finding names row, column, value and the mended text."""
    broken = GARDENS_FEED.replace("Ça pousse à Nîmes", "Ça pousse à Nîmes".encode().decode("cp1252", "replace"))
    folder = make_instance(tmp_path / "instance", feeds={"jardins.csv": broken.replace("\ufffd", "")})

    result = carrefour(folder, "harvest", "--json")

    found = [one for one in result.runs()["jardins"]["findings"] if one["rule"] == "text-double-encoded"]
    assert [(one["where"], one["field"]) for one in found] == [("ligne 4", "Titre")]
    assert "NÃ®mes" in found[0]["value"]
    assert "Nîmes" in found[0]["suggestion"]


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("fr", ("7 cellules au lieu de 6", "ligne 4", "Ça pousse", "écartée", "guillemets", "gardée en ligne")),
        ("en", ("7 cells instead of 6", "line 4", "Ça pousse", "left out", "quotes", "kept online")),
    ],
)
def test_a_shifted_row_is_left_out_and_the_record_stays(unharmed: Path, lang: str, words: tuple[str, ...]) -> None:
    """A separator too many in one cell: the row is named with its value; no cell is taken for its neighbour."""
    result = harvest_bad(unharmed, "jardins", "jardins.csv", GARDENS_FEED.replace("pousse à", "pousse; à"), lang)

    assert result.code == 1
    said(result, *words)


def test_a_column_too_many_in_the_header_shifts_nothing(unharmed: Path) -> None:
    """A new title without cells: every row is refused with the two numbers, and all records stay: the run is held."""
    result = harvest_bad(unharmed, "jardins", "jardins.csv", GARDENS_FEED.replace("n°;Titre", "n°;Code;Titre"))

    assert result.code == 3
    said(result, "3 rejetées", "6 cellules au lieu de 7", "ligne 2", "ligne 3", "ligne 4")


@pytest.mark.parametrize("kind", ["http", "https"])
def test_a_context_that_is_not_pinned_is_named_and_never_fetched(unharmed: Path, kind: str) -> None:
    """No connection is made for it, whatever its scheme; the message says what operator and partner can do."""
    with serving({}) as (address, asked):
        context = f"{address.replace('http:', kind + ':')}/contexte.jsonld"
        result = harvest_bad(unharmed, "lieux", "lieux.jsonld", LINKED_FEED.replace("https://schema.org/", context))

    assert result.code == 4
    said(result, context, "pas de copie", "vocab/contexts/", "manifest.json")
    assert asked == []


@pytest.mark.parametrize(
    ("source", "name", "body"),
    [
        ("echoppes", "echoppes.json", "[" * DEEP + "]" * DEEP),
        ("echoppes", "echoppes.json", '[{"id": 1, "nom": ' + '{"a": ' * DEEP + "1" + "}" * DEEP + "}]"),
        (
            "lieux",
            "lieux.jsonld",
            LINKED_FEED.replace('"L\'Écluse"', '{"name": ' * DEEP + '"x"' + "}" * DEEP),
        ),
    ],
    ids=["lists", "objects", "json-ld"],
)
def test_five_thousand_levels_are_refused_without_a_crash(unharmed: Path, source: str, name: str, body: str) -> None:
    """Depth ends neither the process nor the harvest; the message says how many levels are allowed."""
    result = harvest_bad(unharmed, source, name, body)

    assert result.code == 4
    said(result, "plus de 250 niveaux", "refusé")


def test_a_feed_that_is_a_web_page_says_so(unharmed: Path) -> None:
    """The commonest accident, a login page in the place of the export."""
    result = harvest_bad(unharmed, "echoppes", "echoppes.json", "<!doctype html><html><body>Connexion</body></html>")

    assert result.code == 4
    said(result, "page web", "corrigez `url`")


def test_a_feed_file_that_is_missing_is_named(unharmed: Path) -> None:
    """The path and the key to correct are named."""
    moved = GARDENS.replace("jardins.csv", "nulle-part.csv").encode()
    with changed(unharmed / "sources" / "jardins.toml", moved):
        result = carrefour(unharmed, "harvest", "jardins")

    assert result.code == 4
    said(result, "nulle-part.csv", "`url`")


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("bytes = 50", ("dépasse 50 octets", "[limits] bytes")),
        ("records = 2", ("plus de 2 lignes", "[limits] records")),
    ],
)
def test_a_feed_that_is_too_large_is_refused_whole(unharmed: Path, limit: str, words: tuple[str, ...]) -> None:
    """The limit and where to raise it are named."""
    with changed(unharmed / "sources" / "jardins.toml", f"{GARDENS}\n[limits]\n{limit}\n".encode()):
        result = carrefour(unharmed, "harvest", "jardins")

    assert result.code == 4
    said(result, *words)


@pytest.mark.parametrize(
    ("source", "name", "body", "told"),
    [
        ("jardins", "jardins.csv", GARDENS_FEED.split("\n")[0] + "\n", "aucune ligne sous ses titres"),
        ("jardins", "jardins.csv", "", "La réponse est vide"),
        ("echoppes", "echoppes.json", "[]", "ne contient aucune fiche"),
        ("lieux", "lieux.jsonld", '{"@context": "https://schema.org/", "@graph": []}', "ne contient aucune fiche"),
    ],
    ids=["titles-only", "no-byte", "json", "json-ld"],
)
def test_an_empty_feed_removes_nothing(unharmed: Path, source: str, name: str, body: str, told: str) -> None:
    """No row after a good harvest is held until somebody agrees, and told; whatever was online stays."""
    result = harvest_bad(unharmed, source, name, body)

    assert result.code == 3
    said(result, told, "Vérifiez l'export")


def test_one_failing_source_does_not_stop_the_others(unharmed: Path) -> None:
    """The first source fails, the two after it are harvested, and the exit code says that something failed."""
    with changed(unharmed / "feeds" / "echoppes.json", b"{"):
        result = carrefour(unharmed, "harvest", "--json")

    assert {source: run["state"] for source, run in result.runs().items()} == {
        "echoppes": "failed",
        "jardins": "unchanged",
        "lieux": "unchanged",
    }
    assert result.code == 4


@pytest.mark.parametrize("command", ["preview", "check"])
def test_preview_and_check_tell_the_same(unharmed: Path, command: str) -> None:
    """The partner who tries a file first reads the same sentence as the one who finds it in the report."""
    feed = unharmed / "feeds" / "echoppes.json"
    with changed(feed, SHOPS_FEED[:-20].encode()):
        asked = ("preview", "echoppes") if command == "preview" else ("check", str(feed), "--source", "echoppes")
        result = carrefour(unharmed, *asked, lang="en")

    assert result.code == 4
    said(result, "was cut", "line 2, column 20", "export it again")


# -- source files and shapes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("description =", "discription =", ("ligne 15", "discription", "[fields]", "Vouliez-vous « description »")),
        ("format =", "formt =", ("ligne 6", "formt", "[source]", "Vouliez-vous « format »")),
        ('"csv"', '"cvs"', ("ligne 6", "cvs", "Vouliez-vous « csv »")),
        ("[fields]", "[feilds]", ("ligne 13", "feilds", "Vouliez-vous « fields »")),
        ('name = "Titre"', 'name = "Titre', ("ligne 14", "pas du TOML valide")),
        ("location.address.postalCode", "location.adress.postalCode", ("ligne 17", "adress", "location.address")),
        ("[crosswalk.theme]", "[crosswalk.thme]", ("ligne 20", "thme", "Vouliez-vous « theme »")),
    ],
)
def test_a_typo_in_a_source_file_is_named_with_line_and_nearest_word(
    unharmed: Path, right: str, wrong: str, words: tuple[str, ...]
) -> None:
    """The other sources are harvested all the same, and the fault is told in French, for a data officer to mend."""
    source = unharmed / "sources" / "jardins.toml"
    with changed(source, GARDENS.replace(right, wrong, 1).encode()):
        alone, with_others = carrefour(unharmed, "harvest", "jardins"), carrefour(unharmed, "harvest")

    assert (alone.code, with_others.code) == (2, 4)
    said(alone, "jardins.toml")
    said(with_others, "jardins.toml", *words, "echoppes : inchangée", "lieux : inchangée")


@pytest.fixture(scope="module")
def broken_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, the vocabulary and the shapes, with one stop missing in a shape file."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("federation", "vocab", "shapes"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shapes = root / "shapes" / "place.ttl"
    lines = shapes.read_text("utf-8").split("\n")
    lines[9:9] = ["crf:broken a sh:NodeShape sh:property [ ;"]
    shapes.write_text("\n".join(lines), "utf-8")
    return root


@pytest.mark.parametrize("command", ["harvest", "serve", "status"])
def test_a_shape_file_with_a_syntax_error_is_named_with_its_line(
    unharmed: Path, broken_checkout: Path, command: str
) -> None:
    """No command works on half of the rules: the file, the line and what to do are named, and nothing is written."""
    before = files_of(unharmed / "data")

    result = own_process(unharmed, command, lang="en", cwd=broken_checkout)

    assert result.code == 2
    said(result, "shapes/place.ttl", "line 10", "not valid Turtle", "Correct this line")
    assert files_of(unharmed / "data") == before


# -- disks and data folders -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kibibytes", [16, 700])
def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path, kibibytes: int) -> None:
    """Writing fails at some point: what was there is still there, and with space again the harvest completes."""
    folder = make_instance(tmp_path / "instance")
    assert carrefour(folder, "harvest").code == 0
    before = export(folder)
    more = "".join(f"{n};Projet {n};{'Texte épais ' * 1200};Jardinage;25000;Besançon\n" for n in range(4, 104))
    (folder / "feeds" / "jardins.csv").write_text(GARDENS_FEED + more, "utf-8")

    result = own_process(folder, "harvest", lang="en", first=lambda: _no_file_over(kibibytes * 1024))

    assert result.code == 4
    assert "is full" in result.err
    assert "Free some space" in result.err
    assert set(before.splitlines()) <= set(export(folder).splitlines())
    again = carrefour(folder, "harvest")
    assert again.code == 0, again.said
    assert status(folder)["projects"] == 103
    assert len({row["g"] for row in rows(folder, "SELECT DISTINCT ?g { GRAPH ?g { ?s ?p ?o } }")}) == 103


def _no_file_over(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("part", ["data", "data/store", "data/ledger", "data/index"])
def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path, part: str) -> None:
    """A file in the place of a folder: no right of any user helps, so this holds for root, too."""
    folder = make_instance(tmp_path / "instance")
    shutil.rmtree(folder / part, ignore_errors=True)
    (folder / part).write_text("ceci est un fichier", "utf-8")

    result = carrefour(folder, "harvest")

    assert result.code == 4
    assert str(folder / "data") in result.err
    assert "Traceback" not in result.err
    assert (folder / part).read_text("utf-8") == "ceci est un fichier"


def test_a_second_process_is_sent_away_with_the_number_of_the_first(unharmed: Path) -> None:
    """Exit code 75 and the holder's process number; whoever only reads is not disturbed."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom federation.platform import open_platform\n"
        "from federation.settings import load_settings\n"
        f"with open_platform(load_settings(Path({str(unharmed)!r}))).writing():\n"
        "    print('open', flush=True)\n    sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        harvest, rebuild = own_process(unharmed, "harvest", lang="en"), carrefour(unharmed, "rebuild", lang="en")
        reading = [carrefour(unharmed, "status"), carrefour(unharmed, "preview", "jardins")]
    finally:
        holder.communicate("")
    for result in (harvest, rebuild):
        assert result.code == 75
        assert f"process {holder.pid}" in result.err
        assert "Wait until it ends" in result.err
    assert [result.code for result in reading] == [0, 0]


def test_no_instance_in_the_folder_is_told_with_what_to_do(tmp_path: Path) -> None:
    """Every command that needs an instance names the folder and `carrefour init`."""
    for command in (["harvest"], ["status"], ["export"], ["rebuild"], ["serve"], ["query", "ASK {}"], ["preview", "x"]):
        result = carrefour(tmp_path, *command)
        assert result.code == 2
        assert str(tmp_path) in result.err
        assert "carrefour init" in result.err
    assert list(tmp_path.iterdir()) == []


# -- helpers -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(files: dict[str, tuple[str, bytes]]) -> Iterator[tuple[str, list[str]]]:
    """A web server on loopback: its address, and everything that anybody asked of it, be it only a connection."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            asked.append("connection")
            super().setup()

        def do_GET(self) -> None:
            content_type, body = files.get(self.path, ("text/plain", b""))
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()
