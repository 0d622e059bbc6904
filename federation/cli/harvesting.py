"""Commands on feeds: harvest, preview, check."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from federation.cli.reports import count_line, finding_lines, finding_values, project_count, run_line, run_values
from federation.cli.shell import Shell
from federation.errors import ConfigError
from federation.model import RunReport, RunState, Severity
from federation.pipeline import Preview, Progress
from federation.pipeline.sources import Source
from federation.platform import Platform, check_alone
from federation.settings import CONFIG_NAME

SHOWN = 12  # kinds of findings printed for one run; --json and the run's page give all
REJECTS, FAILED = 1, 4
FAILURES = {RunState.FAILED, RunState.INCOMPLETE, RunState.ABANDONED}


@click.command("harvest")
@click.argument("sources", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per run.")
@click.pass_obj
def harvest_command(shell: Shell, sources: tuple[str, ...], as_json: bool) -> int:
    """Harvest SOURCES (ids of files in sources/), or all of them.

    Each feed is fetched, read, mapped, validated and merged; records already known and unchanged are skipped. A
    failing source does not stop the others. Counts: +new ~changed =unchanged.
    """
    platform = shell.platform()
    chosen, faults = _load(shell, platform, sources or platform.source_ids())
    reports = []
    with platform.writing() as writer:
        for source in chosen:
            with _progress(source.id) as progress:
                report = writer.harvest(source, progress)
            reports.append(report)
            if as_json:
                click.echo(json.dumps(run_values(report), ensure_ascii=False))
            else:
                click.echo(run_line(report, shell.lang, alone=False))
                for line in finding_lines(report.findings, shell.lang, SHOWN):
                    click.echo(line)
    if not as_json:
        click.echo(project_count(*platform.totals(), shell.lang) + ".")
    return FAILED if faults else _exit_code(reports)


def _load(shell: Shell, platform: Platform, names: Sequence[str]) -> tuple[list[Source], int]:
    """Load the sources that can be loaded; tell of the others, and count them.

    Raises ConfigError if there is none, or none that can be loaded.
    """
    loaded: list[Source] = []
    faults: list[ConfigError] = []
    for name in names:
        try:
            loaded.append(platform.source(name))
        except ConfigError as error:
            faults.append(error)
    if not names:
        raise ConfigError(f"There is no source file in {platform.settings.sources_dir}. See docs/sources.md.")
    if not loaded:
        raise faults[0]
    for fault in faults:
        click.echo(f"carrefour: {shell.say(getattr(fault, 'text', None) or {'en': str(fault)})}", err=True)
    return loaded, len(faults)


def _exit_code(reports: Sequence[RunReport]) -> int:
    if any(report.state in FAILURES for report in reports):
        return FAILED
    rejected = any(report.counts.rejected or report.counts.held for report in reports)
    return REJECTS if rejected else 0


def quiet(_stage: str, _done: int, _total: int | None) -> None:
    """Show no progress."""


@contextmanager
def _progress(label: str) -> Iterator[Progress]:
    """A progress bar on a terminal; silence elsewhere."""
    if not sys.stderr.isatty():
        yield quiet
        return
    with click.progressbar(length=1, label=label, file=sys.stderr, show_pos=True, item_show_func=str) as bar:

        def show(stage: str, done: int, total: int | None) -> None:
            bar.length = max(total or done, 1)
            bar.pos = min(done, bar.length)
            bar.update(0, stage)

        yield show


@click.command("preview")
@click.argument("source")
@click.option("--sample", is_flag=True, help="Show also the first records in full, as they would be written.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def preview_command(shell: Shell, source: str, sample: bool, as_json: bool) -> int:
    """Take SOURCE (an id in sources/, or a source file) through all stages. Nothing is written.

    Says what a harvest would add, change and reject, with all findings: +new ~changed =unchanged.
    """
    platform = shell.platform()
    with _progress(source) as progress:
        plan = platform.preview(platform.source(source), progress)
    _print_preview(shell, plan, sample, as_json)
    return REJECTS if plan.report.counts.rejected or plan.report.counts.held else 0


def _print_preview(shell: Shell, plan: Preview, sample: bool, as_json: bool) -> None:
    if as_json:
        value = {**run_values(plan.report), "sample": [record.content for record in plan.sample]}
        click.echo(json.dumps(value, ensure_ascii=False, indent=2))
        return
    counts = plan.report.counts
    text = {
        "fr": f"Essai à blanc de {plan.report.source} : {count_line(counts, 'fr')}. Rien n'a été écrit.",
        "en": f"Dry run of {plan.report.source}: {count_line(counts, 'en')}. Nothing was written.",
    }
    click.echo(shell.say(text))
    for line in finding_lines(plan.report.findings, shell.lang):
        click.echo(line)
    for record in plan.sample if sample else ():
        click.echo(f"\n# {record.iri}\n{record.content}", nl=False)


@click.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", help="Id or file of the source whose mapping to use; needed for CSV, XLSX and plain JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def check_command(shell: Shell, file: Path, source: str | None, as_json: bool) -> int:
    """Validate FILE: a feed (JSON-LD, JSON, CSV, GeoJSON, XLSX), or record graphs in Turtle, N-Triples, N-Quads, TriG.

    Works without an instance. Nothing is written. Exit code 1 if anything would be refused.
    """
    if (shell.instance / CONFIG_NAME).exists():
        platform = shell.platform()
        findings, counts = platform.check(file, platform.source(source) if source else None, quiet)
    else:
        findings, counts = check_alone(file, Path(source) if source else None, quiet)
    blocked = any(finding.severity is Severity.VIOLATION for finding in findings)
    if as_json:
        value = {"findings": [finding_values(finding) for finding in findings], "accepted": counts.accepted}
        click.echo(json.dumps({**value, "read": counts.read}, ensure_ascii=False, indent=2))
    else:
        colon = " :" if shell.lang == "fr" else ":"
        click.echo(f"{file}{colon} {count_line(counts, shell.lang)}")
        for line in finding_lines(findings, shell.lang):
            click.echo(line)
    return REJECTS if blocked else 0
