"""Commands that read: query, export, status."""

from __future__ import annotations

import contextlib
import gzip
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from federation.cli.reports import project_count, run_line, run_values
from federation.cli.shell import Shell
from federation.errors import ConfigError, os_reason
from federation.ledger.sources import SourceRow
from federation.model import RunReport, RunState, Text

FORMATS = {
    "json": ("application/sparql-results+json", "application/ld+json"),
    "xml": ("application/sparql-results+xml", "application/rdf+xml"),
    "csv": ("text/csv", "text/turtle"),
    "tsv": ("text/tab-separated-values", "text/turtle"),
    "turtle": ("text/tab-separated-values", "text/turtle"),
    "nt": ("text/tab-separated-values", "application/n-triples"),
}
_IDLE: Mapping[str, Text] = {
    "paused": {"fr": "en pause", "en": "paused"},
    "retired": {"fr": "retirée du service", "en": "retired"},
}


@click.command("query")
@click.argument("sparql")
@click.option(
    "--format",
    "form",
    type=click.Choice(sorted(FORMATS)),
    default="tsv",
    show_default=True,
    help="Form of the answer; a CONSTRUCT or DESCRIBE gives Turtle unless json, xml or nt is asked for.",
)
@click.option("--seconds", type=float, help="Stop the query after this time. Default: the setting query_seconds.")
@click.pass_obj
def query_command(shell: Shell, sparql: str, form: str, seconds: float | None) -> None:
    """Ask the public graph in SPARQL 1.1. SPARQL is the query, `@file.rq`, or `-` for standard input.

    \b
      carrefour query 'SELECT ?name WHERE { ?p a <https://w3id.org/carrefour/vocab#Project> ;
                                               <http://schema.org/name> ?name } LIMIT 5'

    The default graph holds merged projects; GRAPH ?record { … } holds what each partner says.
    """
    platform = shell.platform()
    table, graph = FORMATS[form]
    accept = {"bindings": table, "boolean": table if form in {"json", "xml"} else FORMATS["json"][0], "graph": graph}
    limits = platform.query_limits
    if seconds is not None:
        limits = replace(limits, seconds=seconds)
    answer = platform.query(_text(sparql), accept, limits)
    sys.stdout.buffer.write(answer.body)
    if not answer.body.endswith(b"\n"):
        sys.stdout.buffer.write(b"\n")


def _text(argument: str) -> str:
    if argument == "-":
        return sys.stdin.read()
    if argument.startswith("@"):
        try:
            return Path(argument[1:]).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = os_reason(error)
            raise ConfigError(
                f"The query file {argument[1:]} cannot be read: {why['en']}.",
                f"Le fichier de requête {argument[1:]} ne peut pas être lu : {why['fr']}.",
            ) from error
    return argument


@click.command("export")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="File to write; .gz compresses.")
@click.pass_obj
def export_command(shell: Shell, output: Path | None) -> None:
    """Write the whole public graph as sorted N-Quads: equal data gives equal bytes."""
    lines = shell.platform().export()
    if output is None:
        for line in lines:
            sys.stdout.buffer.write(line)
        return
    part = output.with_name(output.name + ".part")
    try:
        with part.open("wb") as raw:
            if output.suffix == ".gz":
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed:
                    packed.writelines(lines)
            else:
                raw.writelines(lines)
        part.replace(output)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        why = os_reason(error)
        raise ConfigError(
            f"The export cannot be written to {output}: {why['en']}.",
            f"L'export ne peut pas être écrit dans {output} : {why['fr']}.",
        ) from error


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def status_command(shell: Shell, as_json: bool) -> None:
    """Say what the commons holds, how the last run of each source went, and which are not harvested, and why.

    A run whose process was killed is said to be interrupted; the next process that writes notes it so.
    """
    platform = shell.platform()
    projects, partners = platform.totals()
    runs = platform.last_runs()
    if any(run is not None and run.state is RunState.RUNNING for run in runs.values()) and not platform.is_written():
        runs = {source: _cut(run) for source, run in runs.items()}
    standing = {each.row.id: each.row for each in platform.operations.sources()}
    faults = {name: found.text for name, found in platform.shelf.all().items() if isinstance(found, ConfigError)}
    if as_json:
        value = {
            "projects": projects,
            "partners": partners,
            "seq": platform.reader.seq,
            "sources": {source: run_values(run) if run else None for source, run in runs.items()},
            "states": {source: {"state": row.state, "note": row.note} for source, row in standing.items()},
            "faults": faults,
        }
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))
        return
    click.echo(project_count(projects, partners, shell.lang))
    never = {"fr": "jamais moissonnée", "en": "never harvested"}
    colon = " :" if shell.lang == "fr" else ":"
    for source, run in runs.items():
        told = f"{run.run}  {run_line(run, shell.lang)}" if run else f"{source}{colon} {shell.say(never)}"
        click.echo(told + _idle(standing.get(source), shell.lang))
    broken = {"fr": "Fichier de source à corriger", "en": "Source file to correct"}
    for text in faults.values():
        click.echo(f"{shell.say(broken)}{colon} {shell.say(text)}")


def _idle(row: SourceRow | None, lang: str) -> str:
    """That a source is not harvested, and why, to be said after its last run; empty if it is in service."""
    if row is None or row.state not in _IDLE:
        return ""
    head, _, run = (row.note or "").partition("undone: ")
    undone = f"moisson annulée : {run}" if lang == "fr" else f"undone: {run}"
    note = undone if run and not head else row.note
    return f"{' ; ' if lang == 'fr' else '; '}{_IDLE[row.state][lang]}" + (f" ({note})" if note else "")


def _cut(run: RunReport | None) -> RunReport | None:
    """A run that nobody is at work on any more, as the next process that writes will note it."""
    return replace(run, state=RunState.ABANDONED) if run is not None and run.state is RunState.RUNNING else run
