"""A trial as a program of its own: one request on standard input, one answer on standard output.

It takes network, memory, time and the writing of files from itself before it looks at the request. It must never be
imported by a process that serves.
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import UTC, datetime

from federation.engines.sandbox import allow, confine, die_with_parent
from federation.pipeline.trial.tasks import Task
from federation.pipeline.trial.work import examine
from federation.vocabulary import load

MEMORY = 1024**3
"""Bytes of address space beside what the vocabulary takes."""

ANSWER_BYTES = 8 * 1024 * 1024
"""The largest file that this process can write, its answer."""

CPU_SECONDS = 28.0
FILES = 64


def main() -> None:
    """Serve one request."""
    die_with_parent(int(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (ANSWER_BYTES, ANSWER_BYTES))
    confine(FILES, programs=True)  # the JSON-LD processor is a program of its own, and has no network either
    vocabulary = load()
    allow(MEMORY, CPU_SECONDS)
    task = Task(**json.loads(sys.stdin.buffer.readline()))
    answer = examine(task, sys.stdin.buffer.read(), vocabulary, datetime.now(UTC))
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
