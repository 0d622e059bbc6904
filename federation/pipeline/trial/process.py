"""Runs a trial in a child process, as its parent sees it. Must never read a visitor's bytes in this process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from typing import Any

from federation.pipeline.trial.tasks import Task

TOO_COSTLY = {
    "fr": "Lire ce fichier a demandé trop de temps ou de mémoire : l'essai a été arrêté. Le fichier est trop grand, "
    "trop compressé ou trop complexe. Essayez avec quelques fiches.",
    "en": "Reading this file took too much time or memory: the trial was stopped. The file is too large, too "
    "compressed or too complex. Try with a few records.",
}


def run_apart(task: Task, body: bytes, seconds: float) -> dict[str, Any]:
    """Examine a body in a process with limits of memory, time and reach, and give its account.

    One that is stopped, or ends without an answer, gives an account whose ``state`` is ``unreadable``.
    """
    with tempfile.TemporaryFile() as request, tempfile.TemporaryFile() as answer:
        request.write(json.dumps(asdict(task)).encode() + b"\n")
        request.write(body)
        request.seek(0)
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, nothing of the request in it
            [sys.executable, "-P", "-m", "federation.pipeline.trial.child", str(os.getpid())],
            stdin=request,
            stdout=answer,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # so that what it starts can be ended with it
            env={
                "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONUTF8": "1",
                "MALLOC_ARENA_MAX": "2",
            },
        )
        try:
            code = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return _stopped()
        if code != 0:
            return _stopped()
        answer.seek(0)
        account: dict[str, Any] = json.loads(answer.read())
        return account


def _stopped() -> dict[str, Any]:
    return {"state": "unreadable", "format": None, "message": TOO_COSTLY}
