"""A confined process has no network, starts no programs and cannot take what it was not allowed."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="system call filters are Linux's")

START = """
import errno, os, socket, subprocess, threading
from federation.engines import sandbox
def tried(call):
    try:
        call()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START + script], capture_output=True, text=True, timeout=60, check=False
    )


def test_network_is_denied_and_said_to_be() -> None:
    """No socket but a local one can be made, none can connect or listen, and the answer says that it is so."""
    script = """
ours, theirs = socket.socketpair()
print(sandbox.confine())
print(tried(lambda: socket.socket(socket.AF_INET)), tried(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)))
print(tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)), tried(lambda: socket.socket(socket.AF_UNIX)))
print(tried(lambda: socket.socket(socket.AF_UNIX).connect("/nowhere")))
ours.sendall(b"x"); print(theirs.recv(1))
"""
    assert run(script).stdout.splitlines() == [
        "Confinement(network=True, reason='')",
        "EPERM EPERM",
        "EPERM done",
        "EPERM",
        "b'x'",
    ]


def test_threads_that_run_already_are_confined_too() -> None:
    """A thread started earlier is no way out."""
    script = """
go, seen = threading.Event(), []
thread = threading.Thread(target=lambda: (go.wait(), seen.append(tried(lambda: socket.socket(socket.AF_INET)))))
thread.start(); sandbox.confine(); go.set(); thread.join(); print(seen)
"""
    assert run(script).stdout == "['EPERM']\n"


def test_no_program_can_be_started() -> None:
    """What is confined cannot hand its work to a program that is not."""
    script = "sandbox.confine(); print(tried(lambda: os.execv('/bin/true', ['true'])))"

    assert run(script).stdout == "EPERM\n"


def test_memory_over_the_allowance_is_not_given() -> None:
    """Allocation fails beyond what was allowed, and works again with the allowance lifted."""
    script = """
sandbox.confine(); sandbox.allow(50 * 2**20, 60)
try:
    bytearray(80 * 2**20); print("given")
except MemoryError:
    print("refused")
sandbox.lift(); bytearray(80 * 2**20); print("given")
"""
    assert run(script).stdout.splitlines() == ["refused", "given"]


def test_processor_time_over_the_allowance_ends_the_process() -> None:
    """A process that its parent forgot ends by itself."""
    done = run("sandbox.allow(2**30, 0)\nwhile True: pass")

    assert -done.returncode == 24  # SIGXCPU
