"""Write docs/commands.md from the commands themselves, so that it cannot lag behind. A test compares.

Run ``python -m federation.cli.documentation > docs/commands.md`` after a change of a command.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import click

from federation.cli import BUSY, FAILED, USAGE, group
from federation.cli.harvesting import HELD, REJECTS

INTERRUPTED = 130

MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        0: "done",
        REJECTS: "done, with rejected or held records; for `check`: something in the file would be refused",
        USAGE: "wrong usage or configuration, an order that cannot be carried out, or a query that was refused or "
        "stopped at a limit",
        HELD: "held: a part waits for `carrefour run approve`, or would, for `preview`",
        FAILED: "incomplete or failed: a feed that cannot be fetched or read, a disk, a store, a worker",
        BUSY: "another process is writing to the data folder: try again later",
        INTERRUPTED: "interrupted (Ctrl+C)",
    }
)
"""Exit codes of all commands."""

EXITS: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "init": (0, USAGE),
        "harvest": (0, REJECTS, USAGE, HELD, FAILED, BUSY),
        "preview": (0, REJECTS, USAGE, HELD, FAILED),
        "check": (0, REJECTS, USAGE, FAILED),
        "query": (0, USAGE, FAILED),
        "export": (0, USAGE, FAILED),
        "serve": (0, USAGE, FAILED),
        "worker": (0, USAGE, FAILED),
        "status": (0, USAGE, FAILED),
        "runs": (0, USAGE, FAILED),
        "run": (0, REJECTS, USAGE, HELD, FAILED, BUSY),
        "forget": (0, USAGE, FAILED, BUSY),
        "rebuild": (0, USAGE, FAILED, BUSY),
        "candidates": (0, USAGE, FAILED),
        "candidate": (0, USAGE, FAILED),
        "account": (0, USAGE, FAILED),
        "source": (0, USAGE, FAILED, BUSY),
        "peers": (0, USAGE, FAILED),
    }
)
"""Exit codes that each command can end with."""

_OPENING = """# Commands

This page is written by `python -m federation.cli.documentation > docs/commands.md`, from the commands. A test compares.

Results go to standard output; progress, notes and errors to standard error. What `--json` prints is made for machines;
the other text may change. Every command knows `-h` and `--help`.
"""


def describe() -> str:
    """The whole page, in Markdown."""
    context = group.make_context("carrefour", [], resilient_parsing=True)
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in MEANINGS.items())
    parts = [
        _OPENING,
        *_options(group, context, "## Options of every command\n\nThey stand before the command's name.\n"),
    ]
    parts.append(f"## Exit codes\n\n| code | meaning |\n| --- | --- |\n{codes}")
    for name, command in group.commands.items():
        parts += _command(name, command, click.Context(command, context, info_name=name))
    return "\n".join(parts)


def _command(name: str, command: click.Command, context: click.Context) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"## `carrefour {name}`\n\n```\n{usage}\n```\n"
    yield _text(command.help or "")
    yield from _options(command, context, "")
    for part, child in command.commands.items() if isinstance(command, click.Group) else ():
        inner = click.Context(child, context, info_name=part)
        usage = " ".join([inner.command_path, *child.collect_usage_pieces(inner)])
        yield f"```\n{usage}\n```\n"
        yield _text(child.help or "")
        yield from _options(child, inner, "")
    yield f"Exit codes: {', '.join(str(code) for code in EXITS[name])}.\n"


def _text(text: str) -> str:
    """Help as Markdown: a paragraph that click must not wrap (backspace) is a block of code."""
    parts = []
    for part in inspect.cleandoc(text).split("\n\n"):
        lines = part.strip("\n").split("\n")
        kept = lines[0].strip() == "\b"
        block = textwrap.dedent("\n".join(lines[1:]))
        parts.append(f"```\n{block}\n```" if kept else "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _options(command: click.Command, context: click.Context, opening: str) -> Iterator[str]:
    records = [
        record
        for option in command.params
        if isinstance(option, click.Option) and (record := option.get_help_record(context))
    ]
    rows = "".join(f"| `{_cell(names)}` | {_cell(text)} |\n" for names, text in records)
    if not rows:
        return
    yield f"{opening}\n| option | meaning |\n| --- | --- |\n{rows}".lstrip("\n")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(describe())
