"""The documents say what the code does: settings, commands, routes, links, decisions, docstrings."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flask import Flask
from flask.testing import FlaskClient

from federation import settings as settings_module
from federation.cli import documentation, group
from federation.pipeline.readers import READERS
from federation.pipeline.sources import FORMATS, parse_source
from federation.platform import open_platform
from federation.settings import CONFIG_NAME, load_settings
from federation.vocabulary import documentation as vocabulary_documentation
from federation.vocabulary import load
from federation.web import create_app

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "federation").rglob("*.py"))
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
MAX_DECISION_LINES = 30


def pages() -> list[Path]:
    """Every Markdown file of the project: what git knows, else what lies in its folders."""
    answer = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    names = answer.stdout.split() if answer.returncode == 0 else []
    return [ROOT / name for name in names if (ROOT / name).is_file()] or [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
    ]


PAGES = pages()


# -- settings, commands, vocabulary: pages written by the code ------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("settings.md", settings_module.describe),
        ("commands.md", documentation.describe),
        ("vocabulary.md", lambda: vocabulary_documentation.describe(load())),
    ],
)
def test_a_page_made_from_the_code_is_up_to_date(name: str, made: object) -> None:
    """The page is what the code writes today; its second paragraph says how to write it again."""
    assert callable(made)

    assert (ROOT / "docs" / name).read_text("utf-8") == made()


def test_every_command_says_how_it_can_end() -> None:
    """The table of exit codes names every command, and only meanings that are explained."""
    used = {code for codes in documentation.EXITS.values() for code in codes}

    assert set(documentation.EXITS) == set(group.commands)
    assert used | {documentation.INTERRUPTED} == set(documentation.MEANINGS)


def test_every_command_and_option_is_explained() -> None:
    """No command without help, no option without a sentence."""
    silent = [name for name, command in group.commands.items() if not command.help]
    silent += [
        f"{name} {option.opts[0]}"
        for name, command in group.commands.items()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]

    assert silent == []


def test_readme_and_help_give_the_exit_codes_of_the_commands() -> None:
    """The codes that README and ``carrefour --help`` name are those that exist, but for Ctrl+C."""
    expected = set(documentation.MEANINGS) - {documentation.INTERRUPTED}
    for text in (ROOT.joinpath("README.md").read_text("utf-8"), group.help or ""):
        sentence = re.search(r"Exit codes: (.*?)\.\s", f"{text} ", re.DOTALL)

        assert sentence is not None
        assert {int(code) for code in re.findall(r"(?:^|; |, |\n\s*)(\d+) ", sentence[1])} == expected


# -- routes ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application over a real platform on a new, empty instance."""
    folder = tmp_path_factory.mktemp("instance")
    (folder / CONFIG_NAME).write_text('name = "Essai"\n', "utf-8")
    platform = open_platform(load_settings(folder, {}))
    yield create_app(platform)
    platform.close()


def documented_routes() -> set[tuple[str, frozenset[str]]]:
    """(address, methods) of every row of docs/http.md that starts with an address."""
    text = (ROOT / "docs" / "http.md").read_text("utf-8")
    rows = re.findall(r"^\| `(/[^`]*)` \| ([A-Z ]+) \|", text, re.MULTILINE)
    return {(address, frozenset(methods.split())) for address, methods in rows}


def test_the_page_on_http_names_every_route_and_no_other(app: Flask) -> None:
    """docs/http.md and the application have the same addresses with the same methods."""
    always = {"HEAD", "OPTIONS"}
    real = {
        (re.sub(r"<(?:[^:<>]*:)?(\w+)>", r"{\1}", rule.rule), frozenset((rule.methods or set()) - always))
        for rule in app.url_map.iter_rules()
    }

    assert documented_routes() == real


ASKS_FOR_MORE = {
    "/.well-known/webfinger",  # answers 400 without a question (RFC 7033, section 4.2)
}


def test_addresses_without_holes_answer_on_an_empty_instance(app: Flask) -> None:
    """Whatever needs no record and no account answers 200 before the first harvest, in both languages."""
    client: FlaskClient = app.test_client()
    addresses = sorted(
        address
        for address, methods in documented_routes()
        if address not in ASKS_FOR_MORE
        if "{" not in address and "GET" in methods and (address == "/admin/login" or not address.startswith("/admin"))
    )

    answers = {f"{start}{at}": client.get(f"{start}{at}").status_code for at in addresses for start in ("", "/en")}

    assert set(answers.values()) == {200}, answers


# -- README and links -----------------------------------------------------------------------------------------------


def shell_lines() -> list[tuple[str, str]]:
    """(page, command) of every ``carrefour`` line in a block of code, continued lines joined."""
    found = []
    for page in PAGES:
        for block in re.findall(r"^```(?:console|sh|shell|bash)?\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
            whole = re.sub(r"'[^']*'", lambda quoted: quoted[0].replace("\n", " "), block)
            for line in whole.splitlines():
                command = re.sub(r"^\s*(?:\$ )?(?:\.venv/bin/)?", "", line)
                if command.startswith("carrefour "):
                    found.append((str(page.relative_to(ROOT)), command))
    return found


LINES = shell_lines()


def test_the_readme_shows_commands() -> None:
    """The lines below are found at all."""
    assert sum(page == "README.md" for page, _ in LINES) >= 5


@pytest.mark.parametrize(("page", "line"), LINES, ids=lambda value: value)
def test_a_command_in_a_page_is_one(page: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ``carrefour …`` line parses: the command exists, and so do its options and arguments."""
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line, comments=True)[1:]
    if "[OPTIONS]" in words:
        assert words[0] in group.commands
        return
    for word in words:
        if word in {"FILE", "FICHIER"} or Path(word).suffix in {
            ".csv",
            ".jsonld",
            ".json",
            ".geojson",
            ".xlsx",
            ".ttl",
        }:
            (tmp_path / Path(word).name).touch()
            words[words.index(word)] = Path(word).name

    at = next((number for number, word in enumerate(words) if word in group.commands), len(words))
    context = group.make_context("carrefour", words[:at] or ["--lang", "fr"])
    if words[:at] == words:
        assert set(words) & {"-h", "--help", "--version"}
        return

    assert group.commands[words[at]].make_context(words[at], words[at + 1 :], parent=context)


def test_the_source_file_in_the_readme_is_one() -> None:
    """The TOML of the README parses as a source file, against the vocabulary."""
    (block,) = re.findall(r"^```toml\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)

    assert parse_source(block, "jardins.toml", load()).partner.name == "Réseau des jardins"


def test_the_formats_of_source_files_are_those_of_the_readers() -> None:
    """Every reader can be named in a source file, and docs/sources.md says so; no other format can."""
    row = re.search(r"^\| `format` \| (.*?) \|", (ROOT / "docs" / "sources.md").read_text("utf-8"), re.MULTILINE)

    assert row is not None
    assert set(READERS) == set(FORMATS) == set(re.findall(r"`([^`]+)`", row[1]))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_resolve(page: Path) -> None:
    """A relative link names a file of the project, and a heading that the file has."""
    broken = []
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)

    assert broken == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as readers of Markdown make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_no_page_names_a_path_of_somebodys_machine() -> None:
    """Documents speak of the project's own folders only."""
    path = re.compile(r"(?<![\w.])/(?:home|root|tmp|wor" + "k|Users|mnt)/")

    assert [str(page.relative_to(ROOT)) for page in PAGES if path.search(page.read_text("utf-8"))] == []


def test_files_that_pages_name_exist() -> None:
    """A path of the project in a page (federation/…, vocab/…, …) is there."""
    pattern = re.compile(r"`((?:federation|vocab|shapes|demo|docs|tests|bench)/[\w./-]+)`")
    named = {(page.name, path) for page in PAGES for path in pattern.findall(page.read_text("utf-8"))}

    assert sorted((page, path) for page, path in named if not (ROOT / path).exists()) == []


# -- changelog and decisions ----------------------------------------------------------------------------------------


def test_the_changelog_has_a_place_for_what_comes() -> None:
    """CHANGELOG.md opens with an Unreleased section."""
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)

    assert headings[0].strip("[]") == "Unreleased"


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_a_decision_says_why_what_and_what_follows(page: Path) -> None:
    """A decision page has its number, a context, a decision and consequences, and is short."""
    text = page.read_text("utf-8")

    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert re.findall(r"^\*\*(Context|Decision|Consequences)\.\*\*", text, re.M) == [
        "Context",
        "Decision",
        "Consequences",
    ]
    assert len(text.splitlines()) <= MAX_DECISION_LINES


def test_decisions_are_numbered_without_gaps() -> None:
    """0001, 0002, …: one number, one page."""
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


# -- docstrings -----------------------------------------------------------------------------------------------------


def undocumented(path: Path) -> list[str]:
    """Public classes and functions of a module, methods included, that have no docstring."""

    def look(node: ast.AST, prefix: str, protocol: bool) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if child.name.startswith("_"):
                continue
            if not ast.get_docstring(child) and not (protocol and is_property(child)):
                yield f"{prefix}{child.name}"
            if isinstance(child, ast.ClassDef):
                yield from look(child, f"{prefix}{child.name}.", "Protocol" in map(ast.unparse, child.bases))

    return list(look(ast.parse(path.read_text("utf-8")), f"{path.relative_to(ROOT)}: ", False))


def is_property(node: ast.AST) -> bool:
    """A property of a contract is said by its name and type; the class's docstring explains them together."""
    return isinstance(node, ast.FunctionDef) and "property" in map(ast.unparse, node.decorator_list)


def test_everything_public_says_what_it_is_for() -> None:
    """Every module, public class, function and method of the package has a docstring."""
    silent = [f"{path.relative_to(ROOT)}" for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]

    assert [*silent, *(name for path in MODULES for name in undocumented(path))] == []
