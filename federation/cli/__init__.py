"""The `carrefour` command: the shell in, one call, text or JSON out. It holds no rule of the domain.

Exit codes: 0 done; 1 done, with rejected records (or findings that block, for ``check``); 2 wrong usage or
configuration; 3 held: a part waits for a person;
4 incomplete or failed; 75 another process is writing to the data folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from federation import __version__
from federation.cli.accounts import account_group
from federation.cli.candidates import candidate_command, candidates_command
from federation.cli.harvesting import check_command, harvest_command, preview_command
from federation.cli.instance import init_command, rebuild_command, serve_command, worker_command
from federation.cli.peers import peers_group
from federation.cli.reading import export_command, query_command, status_command
from federation.cli.runs import forget_command, run_group, runs_command
from federation.cli.shell import Shell
from federation.cli.sources import source_group
from federation.errors import CarrefourError, ConfigError, DataFolderBusy, QueryRejected
from federation.ledger.operations import Refused

USAGE, FAILED, BUSY = 2, 4, 75


def default_language() -> str:
    """French first: English only if the locale asks for it."""
    locale = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "en" if locale.lower().startswith("en") else "fr"


class _Commands(click.Group):
    """The commands. A failure is told in the language of the call."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. Raises Exit with the code of a failure of ours."""
        try:
            return super().invoke(ctx)
        except CarrefourError as error:
            raise click.exceptions.Exit(_told(error, ctx.params["lang"])) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="carrefour")
@click.option(
    "--instance",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    envvar="CARREFOUR_INSTANCE",
    help="Folder of the instance: carrefour.toml, sources/, data/. Default: the current folder.",
)
@click.option(
    "--lang",
    type=click.Choice(["fr", "en"]),
    default=default_language,
    help="Language of reports and findings. Default: fr, or en if the locale says so.",
)
@click.pass_context
def group(context: click.Context, instance: Path, lang: str) -> None:
    """Carrefour: a federated commons of social innovation.

    A day with it:

    \b
      carrefour init                     make an instance in the current folder
      $EDITOR sources/jardins.toml       say where a partner's feed is and what its columns mean (docs/sources.md)
      carrefour check feed.csv --source jardins
                                         what would be refused in this file, and why
      carrefour preview jardins          the whole way of the feed, nothing written
      carrefour harvest                  harvest all sources: fetch, map, validate, merge, index
      carrefour status                   partners, sources, last runs
      carrefour runs                     the latest runs; `carrefour run show RUN` tells of one, and what waits
      carrefour query 'SELECT …'         ask the graph; the same limits as the public endpoint
      carrefour serve                    pages, linked data and SPARQL on http://127.0.0.1:8000; harvests each night

    \b
    Exit codes: 0 done; 1 done, with rejected records; 2 wrong usage or configuration;
    3 held: a part waits for `carrefour run approve`;
    4 incomplete or failed (a source file with a fault too, while others go on);
    75 another process is writing to the data folder.
    """
    context.obj = Shell(instance, lang)


for command in (
    init_command,
    harvest_command,
    preview_command,
    check_command,
    query_command,
    export_command,
    serve_command,
    worker_command,
    status_command,
    runs_command,
    run_group,
    forget_command,
    rebuild_command,
    candidates_command,
    candidate_command,
    account_group,
    source_group,
    peers_group,
):
    group.add_command(command)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        code = group.main(prog_name="carrefour", standalone_mode=False)
        sys.stdout.flush()  # here, where a reader that has gone is no failure
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = USAGE
    except click.Abort:
        click.echo("interrupted", err=True)
        code = 130
    except (BrokenPipeError, SystemExit):  # the reader of our output (head, less) has gone; click ends with the latter
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left in the buffer must not fail at exit
        code = 0
    except CarrefourError as error:
        code = _told(error, default_language())  # what failed while the instance was being closed
    sys.exit(code if isinstance(code, int) else 0)


def _told(error: CarrefourError, lang: str) -> int:
    """Tell a failure to the person at the terminal and give the exit code for it."""
    click.echo(f"carrefour: {error.text[lang]}", err=True)
    if isinstance(error, DataFolderBusy):
        return BUSY
    return USAGE if isinstance(error, ConfigError | QueryRejected | Refused) else FAILED
