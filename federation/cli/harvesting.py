"""Commands on feeds: harvest, preview, check."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import click

from federation.cli.following import follow, progress_bar, quiet, worker_there
from federation.cli.reports import (
    count_line,
    finding_lines,
    finding_values,
    held_lines,
    project_count,
    run_line,
    run_values,
)
from federation.cli.shell import Shell
from federation.errors import ConfigError, DataFolderBusy
from federation.model import RunReport, RunState, Severity, Text
from federation.pipeline import Preview
from federation.pipeline.sources import Source
from federation.pipeline.worker import Watcher
from federation.platform import Platform, check_alone
from federation.settings import CONFIG_NAME

SHOWN = 12  # kinds of findings printed for one run; --json and the run's page give all
REJECTS, HELD, FAILED = 1, 3, 4
FAILURES = {RunState.FAILED, RunState.INCOMPLETE, RunState.ABANDONED}


@click.command("harvest")
@click.argument("sources", nargs=-1)
@click.option("--due", is_flag=True, help="Only the sources whose time has come, as the worker would.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per run.")
@click.pass_obj
def harvest_command(shell: Shell, sources: tuple[str, ...], due: bool, as_json: bool) -> int:
    """Harvest SOURCES (ids of files in sources/), or all of them but those that are paused or retired.

    Each feed is fetched, read, mapped, validated and merged; records already known and unchanged are skipped. A
    failing source does not stop the others. Counts: +new ~changed =unchanged. While `carrefour serve` or `carrefour
    worker` writes to the instance, the orders are left to it and followed to their end.
    """
    platform = shell.platform()
    shown = _Shown(shell, as_json)
    if due:
        if sources:
            raise click.UsageError("--due goes without SOURCES.")
        faults = _harvest_due(shell, platform, shown)
    else:
        chosen, faults = _load(shell, platform, sources)
        try:
            with platform.writing() as writer:
                for source in chosen:
                    with progress_bar(source.id) as progress:
                        report = writer.harvest(source, progress)
                    shown(report)
        except DataFolderBusy:
            known = set(platform.source_ids())
            if not all(source.id in known for source in chosen) or not worker_there(platform):
                raise
            follow(shell, platform, [(source.id, platform.desk.order(source)) for source in chosen], shown)
    if not as_json:
        click.echo(project_count(*platform.totals(), shell.lang) + ".")
    return FAILED if faults else exit_code(shown.reports)


class _Shown:
    """Prints each run as it ends, and keeps its account."""

    def __init__(self, shell: Shell, as_json: bool) -> None:
        self._shell, self._as_json = shell, as_json
        self.reports: list[RunReport] = []

    def __call__(self, report: RunReport) -> None:
        self.reports.append(report)
        if self._as_json:
            click.echo(json.dumps(run_values(report), ensure_ascii=False))
            return
        click.echo(f"{report.run}  {run_line(report, self._shell.lang, alone=False)}")
        for line in finding_lines(report.findings, self._shell.lang, SHOWN):
            click.echo(line)


def _harvest_due(shell: Shell, platform: Platform, shown: _Shown) -> int:
    """Do what a worker would do now; tell of what is wrong besides, and count it."""
    faults: list[Text] = []

    def said(text: Text) -> None:
        faults.append(text)
        shell.tell(text)

    try:
        platform.work(threading.Event(), Watcher(shown, said), until_idle=True)
    except DataFolderBusy:
        if not worker_there(platform):
            raise
        text = {
            "fr": f"Le processus {platform.desk.worker()} s'occupe déjà des sources dont c'est l'heure.",
            "en": f"Process {platform.desk.worker()} takes care of the sources that are due already.",
        }
        click.echo(shell.say(text), err=True)
    return len(faults)


def _load(shell: Shell, platform: Platform, names: Sequence[str]) -> tuple[list[Source], int]:
    """Load the sources that can be loaded; tell of the others, and count them.

    Without ``names``: all but those paused or retired. Raises ConfigError if there is none, or none can be loaded.
    """
    loaded: list[Source] = []
    faults: list[ConfigError] = []
    idle = platform.operations.idle()
    for name in names or platform.source_ids():
        if name in idle and not names:
            shell.tell(_idle(name).text)
            continue
        try:
            source = platform.source(name)
            if source.id in idle:
                raise _idle(source.id)
            loaded.append(source)
        except ConfigError as error:
            faults.append(error)
    if not names and not platform.source_ids():
        folder = platform.settings.sources_dir
        raise ConfigError(
            f"There is no source file in {folder}. See docs/sources.md.",
            f"Il n'y a aucun fichier de source dans {folder}. Voir docs/sources.md.",
        )
    if faults and not loaded:
        raise faults[0]
    for fault in faults:
        shell.tell(fault.text)
    return loaded, len(faults)


def _idle(source: str) -> ConfigError:
    return ConfigError(
        f"{source} is paused or retired, and not harvested. To harvest it again: carrefour source resume {source}",
        f"{source} est en pause ou retirée, et n'est pas moissonnée. Pour la reprendre : carrefour source resume "
        f"{source}",
    )


def exit_code(reports: Sequence[RunReport]) -> int:
    """The exit code that tells how runs have ended: the worst of them."""
    if any(report.state in FAILURES for report in reports):
        return FAILED
    if any(report.state is RunState.HELD for report in reports):
        return HELD
    rejected = any(report.counts.rejected or report.counts.held for report in reports)
    return REJECTS if rejected else 0


@click.command("preview")
@click.argument("source")
@click.option("--sample", is_flag=True, help="Show also the first records in full, as they would be written.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def preview_command(shell: Shell, source: str, sample: bool, as_json: bool) -> int:
    """Take SOURCE (an id in sources/, or a source file) through all stages. Nothing is written.

    Says what a harvest would add, change and reject, and what would wait for a person, with all findings: +new
    ~changed =unchanged. It reads the whole list, where a harvest may ask only for what is new.
    """
    platform = shell.platform()
    with progress_bar(source) as progress:
        plan = platform.preview(platform.source(source), progress)
    _print_preview(shell, plan, sample, as_json)
    if plan.report.state is RunState.HELD:
        return HELD
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
    for line in (*held_lines(plan.report, shell.lang), *finding_lines(plan.report.findings, shell.lang)):
        click.echo(line)
    for record in plan.sample if sample else ():
        click.echo(f"\n# {record.iri}\n{record.content}", nl=False)


@click.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", help="Id or file of the source whose mapping to use. Default: a guess.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def check_command(shell: Shell, file: Path, source: str | None, as_json: bool) -> int:
    """Validate FILE: a feed (any format that sources have), or record graphs in Turtle, N-Triples, N-Quads, TriG.

    Without --source, JSON-LD explains itself; of other feeds the mapping is guessed as by `carrefour source suggest`.

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
