"""Map and validate rows, here for a small feed and in worker processes for a large one. Must never write anything."""

from __future__ import annotations

import functools
import gc
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing.connection import wait
from typing import Protocol

from pyoxigraph import RdfFormat, parse

from federation.errors import EngineUnavailable
from federation.model import Finding, Outcome, RawRecord, Severity
from federation.pipeline.collector import collector_paused
from federation.pipeline.mapping import Group, Mapper, RunStamp, Verbatim, compile_mapping
from federation.pipeline.sources import Source
from federation.pipeline.validate import Result, Validator, compile_shapes, tier, to_findings
from federation.vocabulary import Vocabulary, load

INFO = "<http://www.w3.org/ns/shacl#Info>"
SMALL = 500  # rows; below it, starting processes costs more than it saves
CHUNK = 200  # rows sent to a worker at once: large enough to make the transport cheap, small enough to stream
AHEAD = 12  # chunks in flight per worker: enough to work on while a batch is written, few enough to bound memory


class Hashes(Protocol):
    """The hashes of live records, of the row and raw, by the partner's key."""

    def get(self, key: str, /) -> tuple[str, str] | None:
        """Those of one record; None if it is not live, or is to be mapped again."""


class Assessor:
    """Take one record through mapping and validation. Compiled once for a source."""

    def __init__(self, source: Source, vocabulary: Vocabulary, base_url: str) -> None:
        self.mapper: Mapper | Verbatim = compile_mapping(source, vocabulary, base_url)
        self._validate = _validator_of(vocabulary)
        self._names = {item.property: item.name for item in vocabulary.fields.values()}
        self._hints: dict[tuple[str, str], Finding] = {}

    def __call__(self, group: Group, stamp: RunStamp) -> Outcome:
        """Say what becomes of the rows of one record: an accepted record with its tier, or none and why."""
        mapped = self.mapper.map(group, stamp)
        if mapped.record is None:
            return mapped
        if (problem := _unreadable(mapped.record.content)) is not None:
            return replace(mapped, record=None, findings=(*mapped.findings, _unwritable(mapped.where, problem)))
        results = self._validate(mapped.record.content)
        reached = tier(results)
        told = {finding.term for finding in mapped.findings if finding.term}
        found = [self._finding(result, mapped.where, mapped.record.iri, told) for result in results]
        return replace(
            mapped,
            record=mapped.record if reached else None,
            tier=reached,
            findings=(*mapped.findings, *(one for one in found if one)),
        )

    def _finding(self, result: Result, where: str, record: str, told: Collection[str]) -> Finding | None:
        """Say a result in the partner's words; None for a hint to add what is there but could not be read.

        A hint that a field is missing is the same for every record: it is made once, without a place, and the account
        of the run counts it. ``told``: our terms of which the mapping has said something already.
        """
        if result.severity != INFO or result.value is not None:
            finding = self._worded(result, where, record)
            return finding if _about(finding.term, told) else _empty(finding)
        key = (result.shape, result.component)
        if key not in self._hints:
            self._hints[key] = self._worded(result, "", None)
        return None if _about(self._hints[key].term, told) else self._hints[key]

    def _worded(self, result: Result, where: str, record: str | None) -> Finding:
        (finding,) = to_findings([result], self._names)
        return replace(finding, where=where, record=record, field=self._column(finding.term))

    def _column(self, term: str | None) -> str | None:
        """The partner's column of one of our terms; a term of a part may lack the parts around it."""
        if term is None:
            return None
        names = self.mapper.names
        return names.get(term) or next((names[key] for key in names if key.endswith(f".{term}")), None)


def _validator_of(vocabulary: Vocabulary) -> Validator:
    """The shapes of a vocabulary, compiled; those of this process's own only once, for compiling takes longest."""
    return _own_validator() if vocabulary is load() else _compiled(vocabulary)


@functools.cache
def _own_validator() -> Validator:
    return _compiled(load())


def _compiled(vocabulary: Vocabulary) -> Validator:
    return compile_shapes(vocabulary.shapes(), vocabulary.background())


def _about(term: str | None, told: Collection[str]) -> bool:
    """Whether something was said of a term, or of a part of it."""
    return term is not None and any(one == term or one.startswith(f"{term}.") for one in told)


def _empty(finding: Finding) -> Finding:
    """A required field of the partner's that holds nothing: say that first, not the rules for what it may hold."""
    if finding.severity is not Severity.VIOLATION or not finding.field or not finding.rule.endswith(":minCount"):
        return finding
    said = {"fr": f"vide. {finding.message['fr']}", "en": f"empty. {finding.message['en']}"}
    return replace(finding, message=said)


def _unreadable(content: str) -> str | None:
    """What a store would say against a record graph; None if it can be read.

    The last guard before the journal: a batch that the store refuses would be refused again at every start.
    """
    try:
        deque(parse(input=content.encode("utf-8"), format=RdfFormat.N_TRIPLES), maxlen=0)
    except (SyntaxError, UnicodeEncodeError) as error:
        return str(error)
    return None


def _unwritable(where: str, problem: str) -> Finding:
    return Finding(
        rule="record-unwritable",
        severity=Severity.VIOLATION,
        where=where,
        value=problem[:200],
        message={
            "fr": "Cette fiche contient une valeur que l'entrepôt ne sait pas lire ; elle est écartée. La faute est de "
            "notre côté : signalez-la avec cette ligne.",
            "en": "This record holds a value that the store cannot read; it is left out. The fault is ours: please "
            "report it with this row.",
        },
    )


def assess(
    rows: Iterable[RawRecord],
    source: Source,
    base_url: str,
    stamp: RunStamp,
    known: Hashes,
    workers: int,
    large: bool = False,
    alone: bool = False,
) -> Iterator[Outcome]:
    """Assess the rows of a feed, in their order but for records that need no work.

    ``known`` gives the hashes of live records, of the row and raw, by the partner's key: a record that still has either
    is not mapped again, its outcome has neither record nor findings. ``alone``: in this process only. ``workers``
    processes at most (0: one per
    processor) share a large feed; if it is known to be ``large``, they start while ``rows`` are being opened. Raises
    EngineUnavailable if a worker dies (memory, kill), PartnerError if all rows share one id.
    """
    pool = _Pool(source, base_url, stamp, workers or os.cpu_count() or 1)
    with pool:
        if large:
            pool.start()
        judge = Assessor(source, load(), base_url)
        todo: deque[Group] = deque()
        for item in judge.mapper.group(rows):
            if isinstance(item, Outcome):
                yield item
            elif (same := _same(judge.mapper, item, known.get(item.key))) is not None:
                yield same
            else:
                todo.append(item)
                if len(todo) == SMALL and alone:
                    yield from (judge(todo.popleft(), stamp) for _ in range(SMALL))
                elif len(todo) == SMALL:
                    yield from pool.exchange(todo)
        if pool.started:
            yield from pool.exchange(todo)
            yield from pool.rest()
        else:
            yield from (judge(group, stamp) for group in todo)


def _same(mapper: Mapper | Verbatim, group: Group, known: tuple[str, str] | None) -> Outcome | None:
    """The outcome of a record that says what it said; None if it may say something else."""
    if known is None:
        return None
    row_hash, raw_hash = known
    if group.row_hash != row_hash and mapper.raw_hash(group) != raw_hash:
        return None
    return Outcome(
        group.where, None, None, (), rows=group.size, key=group.key, raw_hash=raw_hash, row_hash=group.row_hash
    )


class _Pool:
    """Worker processes, started with the first exchange."""

    def __init__(self, source: Source, base_url: str, stamp: RunStamp, workers: int) -> None:
        self._source = source
        self._base_url = base_url
        self._stamp = stamp
        self._workers = workers
        self._executor: ProcessPoolExecutor | None = None
        self._waiting: deque[Future[list[Outcome]]] = deque()

    @property
    def started(self) -> bool:
        """Say whether there are worker processes."""
        return self._executor is not None

    def start(self) -> ProcessPoolExecutor:
        """Start all processes, if they are not, without waiting until they are ready."""
        if self._executor is None:
            # spawn, not fork: the parent has threads and an open store, which a forked child would share
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self._workers, context, _prepare, (self._source, self._base_url))
            for _ in range(self._workers):
                self._waiting.append(self._executor.submit(_assess_chunk, [], self._stamp))
        return self._executor

    def exchange(self, todo: deque[Group]) -> Iterator[Outcome]:
        """Hand over all groups, and take back outcomes so that only a bounded number of them is under way."""
        executor = self.start()
        while todo:
            chunk = [todo.popleft() for _ in range(min(CHUNK, len(todo)))]
            self._waiting.append(executor.submit(_assess_chunk, chunk, self._stamp))
            while len(self._waiting) >= self._workers * AHEAD:
                yield from self._next()

    def rest(self) -> Iterator[Outcome]:
        """Take back all outcomes still under way."""
        while self._waiting:
            yield from self._next()

    def _next(self) -> list[Outcome]:
        try:
            return self._waiting.popleft().result()
        except BrokenProcessPool as error:
            raise EngineUnavailable(
                "A process that maps and validates was ended from outside (too little memory?). Nothing half done is "
                "kept; run the harvest again.",
                "Un processus de mise en correspondance et de validation a été arrêté du dehors (mémoire trop "
                "petite ?). Rien n'est gardé à moitié ; relancez la moisson.",
            ) from error

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)


_judge: Callable[[Group, RunStamp], Outcome]  # of a worker process, made once by _prepare


def _prepare(source: Source, base_url: str) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    global _judge  # the one place where a worker process keeps what it compiled
    _judge = Assessor(source, load(), base_url)
    gc.freeze()  # what was compiled stays: no collection need look at it


def _end_with_parent() -> None:
    """A parent ended by kill -9 cannot end its workers, and they would wait for rows for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _assess_chunk(chunk: list[Group], stamp: RunStamp) -> list[Outcome]:
    with collector_paused():
        return [_judge(group, stamp) for group in chunk]
