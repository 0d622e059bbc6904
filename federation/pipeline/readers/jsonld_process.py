"""Hands untrusted JSON-LD to a full processor in a child process with limits of memory and time.

Must never run the processor in this process, nor give the child anything but the request.
"""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from federation.pipeline.readers.reading import UnreadableFeed

_CHILD = Path(__file__).with_name("jsonld_child.py")
_MEMORY = 1536 * 1024 * 1024
"""Bytes of address space: pyld takes about 60 times the text it expands, and 150 MB to begin with."""

_SECONDS = 60
"""Seconds for one batch; pyld expands about 2 MB of plain records in this time on a slow core."""

_BATCH_BYTES = 2 * 1024 * 1024

Answer = Mapping[str, Any]
"""``{"ok": value}`` or ``{"error": code, "detail": text}``."""


@dataclass(frozen=True, slots=True)
class FullProcessor:
    """A JSON-LD processor in a child process, bound to a base IRI and the pinned contexts."""

    base: str
    pinned: Mapping[str, Any]

    def compile(self, contexts: Sequence[Any]) -> list[Answer]:
        """Give the active context of each context. Raises UnreadableFeed if the child dies or is too slow."""
        alone = [
            _compiled_alone(_Pinned(self.pinned), context[0])
            if isinstance(context, list) and len(context) == 1 and isinstance(context[0], str)
            else None
            for context in contexts
        ]
        others = [context for context, answer in zip(contexts, alone, strict=True) if answer is None]
        compiled = iter(self._ask(others, [])["compiled"] if others else ())
        return [next(compiled) if answer is None else answer for answer in alone]

    def expand(self, documents: Iterable[Any], dropped: set[str]) -> list[Answer]:
        """Expand each document; ``dropped`` takes the keys that meant nothing. Raises UnreadableFeed like compile."""
        answers: list[Answer] = []
        for batch in _batches(documents):
            reply = self._ask([], batch)
            answers += reply["expanded"]
            dropped.update(reply["dropped"])
        return answers

    def _ask(self, compile_: list[Any], expand: list[Any]) -> dict[str, Any]:
        request = {"base": self.base, "pinned": self.pinned, "compile": compile_, "expand": expand}
        command = [sys.executable, "-I", str(_CHILD), str(_MEMORY), str(_SECONDS)]
        try:
            done = subprocess.run(  # noqa: S603 - our own program, no shell, nothing of the request on the command line
                command,
                input=orjson.dumps(request),
                capture_output=True,
                timeout=_SECONDS + 5,
                cwd="/",
                env={},
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _too_costly() from error
        if done.returncode != 0:
            raise _too_costly()
        reply: dict[str, Any] = orjson.loads(done.stdout)
        return reply


class _Pinned:
    """The pinned contexts as a key: one mapping is one key."""

    __slots__ = ("contexts",)

    def __init__(self, contexts: Mapping[str, Any]) -> None:
        self.contexts = contexts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Pinned) and other.contexts is self.contexts

    def __hash__(self) -> int:
        return id(self.contexts)


@functools.lru_cache(maxsize=32)
def _compiled_alone(pinned: _Pinned, address: str) -> Answer:
    """Compile a context that is one address, once per process: a site has hundreds of pages under the same one.

    A pinned context does not depend on the base of the document that names it.
    """
    processor = FullProcessor("https://document.invalid/", pinned.contexts)
    answer: Answer = processor._ask([[address]], [])["compiled"][0]
    return answer


def _batches(documents: Iterable[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    size = 0
    for document in documents:
        length = len(orjson.dumps(document))
        if batch and size + length > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(document)
        size += length
    if batch:
        yield batch


def _too_costly() -> UnreadableFeed:
    return UnreadableFeed(
        "json-ld-too-costly",
        f"Le traitement JSON-LD a dépassé {_SECONDS} secondes ou {_MEMORY // 2**20} Mo : le document ou son "
        "contexte est "
        "trop complexe. Simplifiez-le ou découpez-le.",
        f"JSON-LD processing exceeded {_SECONDS} seconds or {_MEMORY // 2**20} MiB: the document or its context is too "
        "complex. Simplify or split it.",
    )
