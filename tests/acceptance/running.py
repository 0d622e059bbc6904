"""Runs the real ``carrefour`` command on throw-away instances, in this process or in one of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from federation.cli import main

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-c", "from federation.cli import main; main()")
BASE = "http://127.0.0.1:8000"
LICENCE = "https://creativecommons.org/licenses/by-sa/4.0/"
SMALL = "workers = 1\nquery_workers = 1\n"  # settings that spare a machine on which other tests run
SECONDS = 120  # after which a command of a test is a failure

GARDENS = f"""\
[source]
id = "jardins"
partner = "jardins"
name = "Réseau des jardins"
url = "../feeds/jardins.csv"
format = "csv"
licence = "{LICENCE}"

[records]
id = "n°"
page = "https://jardins.example/projets/{{id}}"

[fields]
name = "Titre"
description = "Texte"
theme = "Thème"
location.address.postalCode = "CP"
location.address.addressLocality = "Ville"

[crosswalk.theme]
"Jardinage" = "AGR"
"""

GARDENS_FEED = """\
n°;Titre;Texte;Thème;CP;Ville
1;Le potager partagé de Besançon;Un jardin où l'on cultive à plusieurs, été comme hiver.;Jardinage;25000;Besançon
2;Les ruches de l'Œuvre;Des élèves élèvent des abeilles, « par goût », derrière l'école.;Jardinage;63100;Ambert
3;Ça pousse à Nîmes;Des friches deviennent des vergers ouverts à toute la rue.;Jardinage;30000;Nîmes
"""


@dataclass(frozen=True)
class Result:
    """What a command gave back."""

    code: int
    out: bytes
    err: str

    @property
    def said(self) -> str:
        """Everything that a person would have read."""
        return self.out.decode("utf-8", "replace") + self.err

    def json(self) -> Any:
        """The one JSON value on standard output."""
        return json.loads(self.out)

    def runs(self) -> dict[str, dict[str, Any]]:
        """The runs that ``harvest --json`` printed, by source."""
        return {run["source"]: run for run in map(json.loads, self.out.decode("utf-8").splitlines())}


def carrefour(folder: Path, *arguments: str, lang: str = "fr", environ: Mapping[str, str] | None = None) -> Result:
    """Run the command in this process, through the very function that the console script calls."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    err = io.StringIO()
    line = ["carrefour", "--instance", str(folder), "--lang", lang, *arguments]
    code = 0
    with (
        mock.patch.object(sys, "argv", line),
        mock.patch.dict(os.environ, environ or {}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    buffer = out.detach()
    assert isinstance(buffer, io.BytesIO)
    return Result(code, buffer.getvalue(), err.getvalue())


def own_process(
    folder: Path,
    *arguments: str,
    lang: str = "fr",
    command: Sequence[str] = COMMAND,
    cwd: Path = ROOT,
    first: Callable[[], None] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Result:
    """Run the command in a process of its own. ``first`` is called in the child before it starts."""
    done = subprocess.run(
        [*command, "--instance", str(folder), "--lang", lang, *arguments],
        capture_output=True,
        cwd=cwd,
        timeout=SECONDS,
        preexec_fn=first,
        env={**os.environ, **(environ or {})},
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


def make_instance(
    folder: Path,
    sources: Mapping[str, str] | None = None,
    feeds: Mapping[str, bytes | str] | None = None,
    settings: str = SMALL,
) -> Path:
    """Make an instance with ``carrefour init``, then write its source files and feeds. One garden source by default."""
    made = carrefour(folder, "init")
    assert made.code == 0, made.said
    config = folder / "carrefour.toml"
    config.write_text(config.read_text("utf-8") + settings, "utf-8")
    (folder / "feeds").mkdir()
    for name, text in (sources if sources is not None else {"jardins": GARDENS}).items():
        (folder / "sources" / f"{name}.toml").write_text(text, "utf-8")
    for name, body in (feeds if feeds is not None else {"jardins.csv": GARDENS_FEED}).items():
        (folder / "feeds" / name).write_bytes(body.encode("utf-8") if isinstance(body, str) else body)
    return folder


def export(folder: Path) -> bytes:
    """The whole public graph."""
    result = carrefour(folder, "export")
    assert result.code == 0, result.said
    return result.out


def status(folder: Path) -> Any:
    """What ``status --json`` says."""
    result = carrefour(folder, "status", "--json")
    assert result.code == 0, result.said
    return result.json()


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def rows(folder: Path, query: str) -> list[dict[str, str]]:
    """The rows of a SELECT by ``carrefour query``: values as plain texts."""
    result = carrefour(folder, "query", query, "--format", "json")
    assert result.code == 0, result.said
    return [{name: term["value"] for name, term in row.items()} for row in result.json()["results"]["bindings"]]


@contextlib.contextmanager
def changed(path: Path, body: bytes) -> Iterator[None]:
    """Put other bytes into a file for a while."""
    before = path.read_bytes()
    path.write_bytes(body)
    try:
        yield
    finally:
        path.write_bytes(before)
