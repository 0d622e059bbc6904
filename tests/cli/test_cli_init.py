"""A new instance holds a model of a source file, which is no source yet and would be a right one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from federation.cli import main, template
from federation.pipeline.sources import parse_source
from federation.vocabulary import load


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """Run the command; give its exit code."""
    monkeypatch.setattr(sys, "argv", ["carrefour", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_init_writes_a_model_of_a_source_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lang: str
) -> None:
    """It lies in sources/, is told with its path, and is not harvested."""
    assert run(monkeypatch, "--instance", str(tmp_path), "--lang", lang, "init") in {0, None}

    model = tmp_path / "sources" / "exemple.toml.txt"
    assert str(model.resolve()) in capsys.readouterr().err
    assert model.read_text("utf-8") == template.SOURCE
    assert not list((tmp_path / "sources").glob("*.toml"))


def test_the_model_is_a_source_file_without_fault() -> None:
    """Copied as it is, it loads: every word in it exists."""
    source = parse_source(template.SOURCE, "mon-reseau.toml", load())

    assert (source.id, source.licence is not None) == ("mon-reseau", True)
