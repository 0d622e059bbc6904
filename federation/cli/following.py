"""Has orders done, here or by the worker of another process; shows how far they are, and tells how they end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import click

from federation.cli.shell import Shell
from federation.errors import ConfigError, DataFolderBusy
from federation.ledger.runs import Order
from federation.model import RunReport, RunState
from federation.pipeline import Progress
from federation.pipeline.worker import Watcher
from federation.platform import Platform

LOOK = 0.3  # seconds between two looks at a run
ARRIVES = 3.0  # seconds that a worker takes at most between taking the instance and taking orders
INDEXED = 15.0  # seconds that the search index may be behind the graph when a run has ended
TAKE_OVER = 2.0  # seconds between two attempts to do it here: the worker may have gone


def quiet(_stage: str, _done: int, _total: int | None) -> None:
    """Show no progress."""


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
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


def worker_there(platform: Platform) -> bool:
    """Say whether a worker takes orders; one that has just been started is given the time to come."""
    until = time.monotonic() + ARRIVES
    while not (there := platform.has_worker()) and time.monotonic() < until:
        time.sleep(LOOK)
    return there


def carry_out(shell: Shell, platform: Platform, label: str, ask: Callable[[], str]) -> RunReport:
    """Have an order done: here if the instance is free, else by its worker. ``ask`` notes it and names its run.

    Nothing is noted if it can be done neither way: raises DataFolderBusy then.
    """
    try:
        with platform.writing() as writer:
            name = ask()
            ordered = platform.desk.account(name)
            if ordered is None:
                raise _gone(name)
            with progress_bar(label) as progress:
                for earlier in platform.operations.queue():  # pushes that are approved together are several orders
                    if earlier.source == ordered.source and earlier.state is RunState.QUEUED and earlier.run < name:
                        writer.carry_out(Order(earlier.kind, earlier.of), progress, earlier.run)
                return writer.carry_out(Order(ordered.kind, ordered.of), progress, name)
    except DataFolderBusy:
        if not worker_there(platform):
            raise
    ended: list[RunReport] = []
    follow(shell, platform, [(label, ask())], ended.append)
    return ended[0]


def follow(
    shell: Shell, platform: Platform, orders: Sequence[tuple[str, str]], show: Callable[[RunReport], None]
) -> None:
    """Wait until the worker has done ``orders`` (label and run), and show each when it has ended.

    Search tells of what they brought then, unless its index takes very long. An interruption leaves the orders.
    """
    text = {
        "fr": f"Le processus {platform.desk.worker()} moissonne déjà : les ordres lui sont laissés.",
        "en": f"Process {platform.desk.worker()} is harvesting already: the orders are left to it.",
    }
    click.echo(shell.say(text), err=True)
    try:
        for label, run in orders:
            with progress_bar(label) as progress:
                report = _ended(platform, run, progress)
            show(report)
        _indexed(platform)
    except KeyboardInterrupt:
        text = {
            "fr": "Interrompu : les ordres restent dans la file, et la moisson se fera sans vous (carrefour status).",
            "en": "Interrupted: the orders stay in the queue, and the harvest goes on without you (carrefour status).",
        }
        click.echo(shell.say(text), err=True)
        raise


def erase(shell: Shell, platform: Platform, record: str) -> None:
    """Have a record erased, here if the instance is free, else by the worker that has it; wait until it is done.

    Nothing is noted if it can be done neither way: raises DataFolderBusy then.
    """
    try:
        with platform.writing() as writer:
            platform.desk.erase(record)
            writer.erase()
        return
    except DataFolderBusy:
        if not worker_there(platform):
            raise
    platform.desk.erase(record)
    text = {
        "fr": f"Le processus {platform.desk.worker()} écrit dans l'instance : l'ordre lui est laissé.",
        "en": f"Process {platform.desk.worker()} writes to the instance: the order is left to it.",
    }
    click.echo(shell.say(text), err=True)
    tried = time.monotonic()
    while not platform.desk.erased(record):
        time.sleep(LOOK)
        if time.monotonic() - tried >= TAKE_OVER:
            tried = time.monotonic()
            with suppress(DataFolderBusy), platform.writing():
                pass  # whoever opens the instance carries out what waits


def _ended(platform: Platform, run: str, progress: Progress) -> RunReport:
    """Wait for the end of a run; do it here if whoever should has gone. Raises ConfigError."""
    tried = time.monotonic()
    while True:
        report = platform.desk.account(run)
        if report is None:
            raise _gone(run)
        if report.state not in {RunState.QUEUED, RunState.RUNNING}:
            return report
        if report.state is RunState.RUNNING and (known := platform.desk.progress(run)):
            progress(str(known.get("stage", "")), int(known.get("done") or 0), known.get("total"))
        if time.monotonic() - tried >= TAKE_OVER:
            tried = time.monotonic()
            with suppress(DataFolderBusy):
                platform.work(threading.Event(), Watcher(lambda _: None, lambda _: None), until_idle=True, due=False)
        time.sleep(LOOK)


def _indexed(platform: Platform) -> None:
    """Wait until the index, which the worker writes after a run has ended, is up to what readers see of the graph."""
    until = time.monotonic() + INDEXED
    while platform.search.seq < platform.reader.seq and time.monotonic() < until:
        time.sleep(LOOK)


def _gone(run: str) -> ConfigError:
    return ConfigError(f"The order {run} is gone.", f"L'ordre {run} n'existe plus.")
