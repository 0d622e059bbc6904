"""`carrefour source`: a suggestion that can be saved and checked, without any instance."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from federation.cli import main

BODY = b'[{"id": 1, "titre": "Jardin", "lien": "https://a.example/1"}, {"id": 2, "titre": "Garage", "lien": "https://a.example/2"}]'


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    """Run the command; give exit code, standard output, standard error."""
    monkeypatch.setattr(sys, "argv", ["carrefour", "--lang", "fr", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server on this machine that gives one page of a list."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(BODY)))
            self.send_header("Link", f'<{self.path}?page=2>; rel="next"')
            self.end_headers()
            self.wfile.write(BODY)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_address[1]}/projets"
    served.shutdown()
    served.server_close()
    thread.join()


def test_a_suggestion_for_a_file_can_be_saved_and_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as the licence is agreed."""
    feed, written = tmp_path / "projets.json", tmp_path / "projets.toml"
    feed.write_bytes(BODY)

    code, text, _ = run(capsys, monkeypatch, "source", "suggest", str(feed))
    assert (code, 'name = "titre"' in text) == (0, True)

    written.write_text(text, "utf-8")
    code, _, error = run(capsys, monkeypatch, "source", "check", str(written))
    assert (code, "`licence` manque" in error) == (2, True)

    written.write_text(text.replace("# licence", "licence"), "utf-8")
    assert run(capsys, monkeypatch, "source", "check", str(written))[:2] == (
        0,
        "projets.toml : rien à redire (json, 1 champs).\n",
    )


def test_a_fault_of_a_source_file_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the nearest valid word."""
    file = tmp_path / "s.toml"
    file.write_text('[source]\nurl = "x.csv"\nformat = "csv"\n[fields]\nnmae = "Nom"\n', "utf-8")

    code, _, error = run(capsys, monkeypatch, "source", "check", str(file))

    assert code == 2
    assert "ligne 5" in error
    assert "« name »" in error


@pytest.mark.fault(10)
def test_a_private_address_is_refused(
    server: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Unless the instance allows it."""
    monkeypatch.chdir(tmp_path)

    code, out, error = run(capsys, monkeypatch, "source", "suggest", server)

    assert (code, out) == (4, "")
    assert error.startswith("carrefour: ")


def test_the_headers_of_the_answer_tell_how_the_list_goes_on(
    server: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A `Link` header becomes ``[paging]``."""
    (tmp_path / "carrefour.toml").write_text("fetch_private = true\n", "utf-8")

    code, out, _ = run(capsys, monkeypatch, "--instance", str(tmp_path), "source", "suggest", server)

    assert code == 0
    assert "[paging]\nlink = true\n" in out


def test_a_feed_that_cannot_be_had_promises_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody tries a suggestion again, and there is no source file yet whose `url` could be wrong."""
    (tmp_path / "carrefour.toml").write_text("fetch_private = true\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    port = socket.socket()
    port.bind(("127.0.0.1", 0))
    with port:
        silent = run(capsys, monkeypatch, "source", "suggest", f"http://127.0.0.1:{port.getsockname()[1]}/f.csv")
    nowhere = run(capsys, monkeypatch, "source", "suggest", str(tmp_path / "nofile.csv"))

    for code, _, error in (silent, nowhere):
        assert code != 0
        assert ("réessaierons" in error, "dans le fichier de la source" in error) == (False, False)
    assert "souvent passager" in silent[2]
    assert "Vérifiez son chemin" in nowhere[2]


def test_a_licence_that_stands_under_request_is_pointed_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would go to the partner as a parameter, and no record would be accepted."""
    file = tmp_path / "a.toml"
    file.write_text('[source]\nurl = "https://a.example/f"\nformat = "csv"\n[request]\nlicence = "CC0"\n', "utf-8")

    code, _, error = run(capsys, monkeypatch, "source", "check", str(file))

    assert (code, "`licence` manque" in error) == (2, True)
    assert "a.toml, ligne 5 : `licence` se trouve sous [request]" in error
