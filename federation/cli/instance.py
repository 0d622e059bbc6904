"""Commands about the instance itself: init, serve, worker, rebuild."""

from __future__ import annotations

import contextlib
import logging
import shutil
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click
import waitress

from federation.cli import template
from federation.cli.reports import project_count, run_line
from federation.cli.shell import Shell
from federation.errors import ConfigError, os_reason
from federation.pipeline.schedule import zone_named
from federation.pipeline.worker import Watcher
from federation.platform import demo_folder
from federation.settings import CONFIG_NAME
from federation.web import create_app

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

THREADS = 24  # a running query holds one for up to its time limit


@click.command("init")
@click.option("--demo", is_flag=True, help="With the demonstration partners: seven feeds in five formats.")
@click.option("--exist-ok", is_flag=True, help="Do nothing if the folder holds an instance already.")
@click.pass_obj
def init_command(shell: Shell, demo: bool, exist_ok: bool) -> None:
    """Make an instance: carrefour.toml, sources/ with a model of a source file, and data/ in the instance folder."""
    config = shell.instance / CONFIG_NAME
    if config.exists():
        if exist_ok:
            return
        raise ConfigError(
            f"{config} exists already: this folder holds an instance. Nothing was changed.",
            f"{config} existe déjà : ce dossier contient une instance. Rien n'a été changé.",
        )
    try:
        (shell.instance / "data").mkdir(parents=True, exist_ok=True)
        if demo:
            source = demo_folder()
            for name in ("sources", "feeds"):
                shutil.copytree(source / name, shell.instance / name, dirs_exist_ok=True)
            shutil.copyfile(source / CONFIG_NAME, config)
        else:
            (shell.instance / "sources").mkdir(exist_ok=True)
            (shell.instance / "sources" / template.SOURCE_NAME).write_text(template.SOURCE, "utf-8")
            config.write_text(template.CONFIG, "utf-8")
    except OSError as error:
        why = os_reason(error)
        raise ConfigError(
            f"The instance cannot be made in {shell.instance}: {why['en']}.",
            f"L'instance ne peut pas être créée dans {shell.instance} : {why['fr']}.",
        ) from error
    model = shell.instance.resolve() / "sources" / template.SOURCE_NAME
    first = {
        "fr": "" if demo else f"un fichier de source (modèle : {model}), ",
        "en": "" if demo else f"a source file (model: {model}), ",
    }
    text = {
        "fr": f"Instance créée dans {shell.instance.resolve()}. Ensuite : {first['fr']}carrefour harvest, "
        "puis carrefour serve.",
        "en": f"Instance made in {shell.instance.resolve()}. Next: {first['en']}carrefour harvest, "
        "then carrefour serve.",
    }
    click.echo(shell.say(text), err=True)


@click.command("serve")
@click.option("--host", help="Address to listen on. Default: the setting `host`.")
@click.option("--port", type=int, help="Port to listen on. Default: the setting `port`.")
@click.pass_obj
def serve_command(shell: Shell, host: str | None, port: int | None) -> None:
    """Serve pages, linked data and SPARQL, and harvest the sources that are due.

    The setting `worker` keeps it from harvesting. While another process writes to the instance, it only reads, and
    follows what that one publishes. Told to stop, it ends the batch that it writes; the next start takes up the rest.
    """
    platform = shell.platform()
    platform.catch_up()
    settings = platform.settings
    host, port = host or settings.host, port or settings.port
    zone_named(settings.timezone)  # a fault of it is told now, not in the night
    app = create_app(platform)
    server = listen(app, host, port, settings.trusted_proxies > 0)
    totals = platform.totals()
    texts = {
        "fr": f"{project_count(*totals, 'fr')} ; SPARQL : http://{host}:{port}/sparql\n"
        f"À ouvrir : http://{host}:{port}/  (Ctrl+C pour arrêter)",
        "en": f"{project_count(*totals, 'en')}; SPARQL: http://{host}:{port}/sparql\n"
        f"Open: http://{host}:{port}/  (Ctrl+C to stop)",
    }
    click.echo(shell.say(texts))
    signal.signal(signal.SIGTERM, _as_interrupted)
    stop = threading.Event()
    worker = threading.Thread(target=platform.keep_working, args=(stop, _watcher(shell)), name="harvests", daemon=True)
    if settings.worker:
        worker.start()
    try:
        server.run()  # ends by an interruption, and gives answers under way five seconds
    finally:
        stop.set()
        if worker.is_alive():
            worker.join()
        platform.close()  # ends the queries that still run, so that the threads that wait for them come to their end
        server.task_dispatcher.shutdown()
        server.close()


MOST_BYTES = 24 * 2**20  # of a request: what is longer is refused while it comes; each page has a smaller limit


def listen(app: WSGIApplication, host: str, port: int, proxied: bool) -> Any:
    """A server for the application. ``proxied``: headers of proxies reach it, for it to judge; else they are removed.

    Raises ConfigError if the port cannot be had.
    """
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a line for each request that waits slows them all
    try:
        return waitress.create_server(
            app, host=host, port=port, threads=THREADS, ident=None, clear_untrusted_proxy_headers=not proxied,
            max_request_body_size=MOST_BYTES,
        )  # fmt: skip
    except OSError as error:
        why = os_reason(error)
        raise ConfigError(
            f"Cannot listen on {host}:{port}: {why['en']}. Choose another port: carrefour serve --port 8001",
            f"Impossible d'écouter sur {host}:{port} : {why['fr']}. Choisissez un autre port : "
            "carrefour serve --port 8001",
        ) from error


@click.command("worker")
@click.pass_obj
def worker_command(shell: Shell) -> None:
    """Harvest what is asked for and what is due, until it is stopped; nothing is served.

    For an instance whose pages are served by other processes. While another process writes, it waits.
    """
    platform = shell.platform()
    zone_named(platform.settings.timezone)
    stop = threading.Event()
    # not raised in the middle of whatever runs, where it can be lost; set by a thread, for a handler that runs while
    # the main thread waits for the event may find it locked
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop.set).start())
    text = {
        "fr": "Moissonne ce qui est demandé et ce dont c'est l'heure (Ctrl+C pour arrêter).",
        "en": "Harvests what is asked for and what is due (Ctrl+C to stop).",
    }
    click.echo(shell.say(text))
    with contextlib.suppress(KeyboardInterrupt):
        platform.keep_working(stop, _watcher(shell))


def _watcher(shell: Shell) -> Watcher:
    """Tell on standard error how runs end, in one line each, and what else is to be said."""
    return Watcher(lambda report: click.echo(run_line(report, shell.lang), err=True), shell.tell)


def _as_interrupted(_number: int, _frame: FrameType | None) -> None:
    """A supervisor's stop is like Ctrl+C: answers under way get a few seconds, and all is closed.

    Asked again, it goes on closing: an interruption then would leave files to be tidied at the next start.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


@click.command("rebuild")
@click.pass_obj
def rebuild_command(shell: Shell) -> None:
    """Make again, aside, what is derived: the merged view and the search index. Then swap."""
    platform = shell.platform()
    with platform.writing() as writer:
        projects = writer.rebuild()
    text = {"fr": f"Vue fusionnée et index refaits : {projects} projets.", "en": f"Made again: {projects} projects."}
    click.echo(shell.say(text))


def existing_file(text: str) -> Path | None:
    """The path, if the text names a file."""
    path = Path(text)
    return path if path.is_file() else None
