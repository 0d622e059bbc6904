"""Commands on sources: suggest or check a source file, which write nothing; pause, resume or retire a source."""

from __future__ import annotations

from pathlib import Path

import click

from federation import __version__
from federation.cli.following import carry_out
from federation.cli.harvesting import exit_code
from federation.cli.people import YES, confirm, known, operator, unknown
from federation.cli.reports import run_line
from federation.cli.shell import Shell
from federation.errors import ConfigError
from federation.model import Text
from federation.pipeline.fetch import FetchRequest, fetch
from federation.pipeline.sources import load_source
from federation.pipeline.sources.schema import SourceTable
from federation.pipeline.suggest import Answer, suggest
from federation.settings import CONFIG_NAME, Settings, load_settings
from federation.vocabulary import load


@click.group("source")
def source_group() -> None:
    """Sources: suggest a source file for a feed, check one; pause, resume or retire a source."""


@source_group.command("suggest")
@click.argument("feed", metavar="URL|FILE")
@click.pass_obj
def suggest_command(shell: Shell, feed: str) -> None:
    """Look at a feed and print a source file for it: format, paging, columns, words; what is unsure, in comments.

    Works without an instance. Nothing is written; of a list in pages only the first is read.

    \b
      carrefour source suggest https://jardins.example/export.csv > sources/jardins.toml
    """
    settings = _settings(shell)
    remote = feed.startswith(("http://", "https://"))
    contact = f"; mailto:{settings.contact}" if settings.contact else ""
    fetched = fetch(
        FetchRequest(
            url=feed if remote else str(Path(feed).resolve()),
            max_bytes=settings.fetch_bytes,
            max_seconds=settings.fetch_seconds,
            allow_private=settings.fetch_private,
            user_agent=f"Carrefour/{__version__} (+{settings.base_url}/a-propos{contact})",
        )
    )
    answer = Answer(
        body=fetched.body,
        url=fetched.final_url if remote else feed,
        content_type=fetched.content_type,
        charset=fetched.charset,
        headers=fetched.headers,
        length_proved=fetched.length_proved,
    )
    click.echo(suggest(answer, load(), shell.lang).text, nl=False)


@source_group.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def check_source_command(shell: Shell, file: Path) -> None:
    """Check the source FILE: every fault with its line and the nearest valid word. The feed is not read."""
    source = load_source(file, load())
    for key in SourceTable.model_fields:
        if f"source.{key}" not in source.lines and (line := source.lines.get(f"request.{key}")) is not None:
            shell.tell(_as_parameter(file, line, key))
    if source.licence is None:
        raise ConfigError(
            f"{file.name}: there is no `licence` in [source]; without an open one no record is accepted.",
            f"{file.name} : `licence` manque dans [source] ; sans licence ouverte, aucune fiche n'entre.",
        )
    count = len(source.fields)
    text = {
        "fr": f"{file.name} : rien à redire ({source.format}, {count} champs).",
        "en": f"{file.name}: nothing wrong ({source.format}, {count} fields).",
    }
    click.echo(shell.say(text))


@source_group.command("pause")
@click.argument("source")
@click.option("--reason", required=True, help="Why; operators read it.")
@click.pass_obj
def pause_command(shell: Shell, source: str, reason: str) -> None:
    """Stop harvesting SOURCE until `carrefour source resume`. Its records stay online."""
    operations = shell.platform().operations
    known(source, lambda: operations.pause(source, reason, operator()))
    text = {
        "fr": f"{source} : en pause ; ses fiches restent en ligne.",
        "en": f"{source}: paused; its records stay online.",
    }
    click.echo(shell.say(text))


@source_group.command("resume")
@click.argument("source")
@click.pass_obj
def resume_command(shell: Shell, source: str) -> None:
    """Harvest SOURCE again, which was paused, or retired."""
    operations = shell.platform().operations
    known(source, lambda: operations.resume(source, operator()))
    text = {
        "fr": f"{source} : de nouveau en service.",
        "en": f"{source}: in service again.",
    }
    click.echo(shell.say(text))


@source_group.command("retire")
@click.argument("source")
@YES
@click.pass_obj
def retire_command(shell: Shell, source: str, yes: bool) -> int:
    """Withdraw all records of SOURCE, which leaves, and harvest it no more. Their addresses answer 410.

    Its source file is still needed for this; afterwards it may be removed.
    """
    platform = shell.platform()
    found = known(source, lambda: platform.operations.source(source))
    if found is None:
        raise unknown(source)
    platform.source(source)  # an order that nobody can carry out must not wait for ever
    text = {
        "fr": f"{source} : {found.live} fiches seront retirées, et leurs adresses répondront 410.",
        "en": f"{source}: {found.live} records will be withdrawn, and their addresses answer 410.",
    }
    confirm(shell, yes, text)
    report = carry_out(shell, platform, source, lambda: platform.operations.retire(source, operator()))
    click.echo(run_line(report, shell.lang))
    return exit_code([report])


def _as_parameter(file: Path, line: int, key: str) -> Text:
    """What to say of a key of [source] that stands under [request], as one that is written below that header does."""
    return {
        "fr": f"{file.name}, ligne {line} : `{key}` se trouve sous [request] et part chez le partenaire comme "
        "paramètre. Si c'est la clé de [source], mettez-la au-dessus de [request].",
        "en": f"{file.name}, line {line}: `{key}` stands under [request] and goes to the partner as a parameter. If it "
        "is the key of [source], put it above [request].",
    }


def _settings(shell: Shell) -> Settings:
    return load_settings(shell.instance) if (shell.instance / CONFIG_NAME).exists() else Settings()
