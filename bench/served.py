"""An instance of ours as its operator has it, in processes of its own, and what processor time they take."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from federation.activitypub.names import Names
from federation.ledger import Ledger, open_ledger
from federation.settings import load_settings

COMMAND = (sys.executable, "-c", "from federation.cli import main; main()")
SECONDS = 120


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on."""
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def processor(pid: int) -> float:
    """Processor seconds that a process and all its children have taken."""
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        for each in [top, *top.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                spent = each.cpu_times()
                total += spent.user + spent.system
        ended = top.cpu_times()
        total += ended.children_user + ended.children_system
    return total


class Instance:
    """An instance in a folder, with source files by name. ``carrefour serve`` on it does not write the graph."""

    def __init__(self, folder: Path, sources: dict[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.names = Names(self.origin)
        (folder / "sources").mkdir(parents=True)
        for name, text in sources.items():
            (folder / "sources" / f"{name}.toml").write_text(text, "utf-8")
        text = f'base_url = "{self.origin}"\nport = {self.port}\nfetch_private = true\nworker = false\n'
        (folder / "carrefour.toml").write_text(text, "utf-8")
        self.settings = load_settings(folder, {})

    def ledger(self) -> Ledger:
        """Its ledger, as another process opens it."""
        return open_ledger(self.settings.ledger_url, self.settings.data_dir / "ledger")

    @contextmanager
    def running(self, *command: str) -> Iterator[int]:
        """Run ``carrefour serve`` or ``worker`` while the block does; its process id, once it has said a line."""
        with (self.folder / f"{command[0]}.err").open("a") as errors:
            process = subprocess.Popen(
                [*COMMAND, "--instance", str(self.folder), "--lang", "en", *command],
                stdout=subprocess.PIPE, stderr=errors, env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        try:
            first_line(process, self.folder / f"{command[0]}.err")
            yield process.pid
        finally:
            end(process)

    def run(self, *command: str) -> None:
        """Run a command to its end."""
        subprocess.run(
            [*COMMAND, "--instance", str(self.folder), *command], check=True, capture_output=True, timeout=SECONDS
        )


def first_line(process: subprocess.Popen[bytes], errors: Path) -> bytes:
    """Wait for the first line that a process prints. Raises RuntimeError, with what it wrote to ``errors``."""
    out = process.stdout
    ready = out is not None and select.select([out], [], [], SECONDS)[0]
    line = out.readline() if out is not None and ready else b""
    if not line:
        raise RuntimeError(errors.read_text("utf-8")[-2000:])
    return line


def end(process: subprocess.Popen[bytes], seconds: Sequence[float] = (30.0, 10.0)) -> None:
    """End a process as an operator does; by force if it does not want to."""
    process.terminate()
    try:
        process.wait(seconds[0])
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(seconds[1])
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def rests(pid: int, seconds: float = 1.0) -> None:
    """Wait until a process takes no processor time to speak of."""
    deadline = time.monotonic() + SECONDS
    before = processor(pid)
    while time.monotonic() < deadline:
        time.sleep(seconds)
        now = processor(pid)
        if now - before < 0.05 * seconds:
            return
        before = now
