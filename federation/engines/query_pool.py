"""PublicQueries over worker processes: each query runs in a process without network that is killed at its deadline.

It must never evaluate a query in this process, and never let one stranger's query slow or end another's.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from federation.engines import QueryAnswer, QueryLimits
from federation.engines.query_process import START_SECONDS, Died, NeverBegun, Worker
from federation.engines.query_worker import DONE
from federation.errors import EngineUnavailable, QueryRejected

Newest = Callable[[], tuple[Path, int] | None]

_WAIT_SECONDS: Final = 5.0  # how long a query waits for a free worker before it is told that the pool is busy
_CHECKPOINT_TRIES: Final = 3  # a checkpoint may be removed between its choice and its opening
_RESTART_PAUSE: Final = 1.0  # between attempts while workers cannot start (no memory, no processes)

_log = logging.getLogger(__name__)


class _Turn:
    """One query that waits for a worker."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.worker: Worker | None = None


class QueryPool:
    """Answers public queries in ``size`` worker processes and one more.

    The one more is there when another is being replaced after a kill, and for the client that has nothing running
    while another client has ``size`` queries running (web/sparql_clients.py sees to that).
    ``newest`` names the current checkpoint and the change it is complete to, or None while there is none.
    ``base`` resolves relative IRIs in queries. Waiting queries are served in the order in which they came.
    """

    def __init__(
        self,
        newest: Newest,
        *,
        size: int = 2,
        limits: QueryLimits | None = None,
        base: str = "http://localhost/",
        wait_seconds: float = _WAIT_SECONDS,
    ) -> None:
        self._newest = newest
        self._processes = size + 1
        self._limits = limits or QueryLimits()
        self._base = base
        self._wait_seconds = wait_seconds
        self._lock = threading.Condition()
        self._idle: deque[Worker] = deque()
        self._turns: deque[_Turn] = deque()
        self._busy: set[Worker] = set()
        self._corpses: deque[Worker] = deque()
        self._closed = False
        self._failure: str | None = None
        # Workers die with the thread that started them (PR_SET_PDEATHSIG), so one thread of the pool's life starts all.
        self._keeper = threading.Thread(target=self._keep, name="query-pool-keeper", daemon=True)
        self._keeper.start()

    def answer(
        self,
        query: str,
        accept: Mapping[str, str],
        default_graphs: Sequence[str] = (),
        named_graphs: Sequence[str] = (),
        limits: QueryLimits | None = None,
    ) -> QueryAnswer:
        """Run one query. See :class:`federation.engines.PublicQueries`; graphs given here replace FROM clauses.

        Raises QueryRejected (syntax, forbidden, timeout, too_large, memory, busy), EngineUnavailable.
        """
        limits = limits or self._limits
        dataset = bool(default_graphs or named_graphs)
        request = {
            "query": query,
            "accept": dict(accept),
            "default": list(default_graphs) if dataset else None,
            "named": list(named_graphs) if dataset else None,
            "base": self._base,
            "seconds": limits.seconds,
            "rows": limits.rows,
            "bytes": limits.bytes,
            "memory": limits.memory,
        }
        for _ in range(_CHECKPOINT_TRIES):
            newest = self._newest()
            path, seq = (str(newest[0]), newest[1]) if newest else (None, 0)
            body, kind, done = self._run({**request, "store": path}, limits)
            if kind == DONE:
                return QueryAnswer(done["kind"], done["media_type"], body, seq)
            if done["failed"] != "store":
                raise _rejection(done, limits)
        raise EngineUnavailable(
            "The checkpoint of the store cannot be read.", "L'état publié de la base de triplets est illisible."
        )

    def warm(self, timeout: float = START_SECONDS) -> None:
        """Wait until all workers stand ready. Raises EngineUnavailable if they do not in time."""
        with self._lock:
            ready = self._lock.wait_for(lambda: self._missing() <= 0 or self._closed, timeout)
        if not ready:
            raise _not_starting(self._failure)

    @property
    def free(self) -> int:
        """How many workers have nothing to do."""
        with self._lock:
            return len(self._idle)

    @property
    def network_denied(self) -> bool:
        """Whether the operating system keeps the workers that are running now from the network."""
        with self._lock:
            workers = [*self._idle, *self._busy]
        return bool(workers) and all(worker.confinement.get("network_denied") for worker in workers)

    def close(self) -> None:
        """End all workers; queries that are running or waiting fail with EngineUnavailable."""
        with self._lock:
            self._closed = True
            for worker in self._busy:
                worker.process.kill()
            for turn in self._turns:
                turn.event.set()
            self._turns.clear()
            self._lock.notify_all()
        self._keeper.join()

    def _run(self, request: Mapping[str, Any], limits: QueryLimits) -> tuple[bytes, bytes, dict[str, Any]]:
        for _ in range(self._processes):
            with contextlib.suppress(NeverBegun):
                return self._run_once(request, limits)
        raise EngineUnavailable(
            "The query workers keep dying.", "Les processus de requête s'arrêtent l'un après l'autre."
        )

    def _run_once(self, request: Mapping[str, Any], limits: QueryLimits) -> tuple[bytes, bytes, dict[str, Any]]:
        worker = self._acquire()
        healthy = False
        try:
            body, kind, done = worker.ask(request, time.monotonic() + limits.seconds)
            healthy = not done.pop("retired", False)
        except TimeoutError:
            raise _too_slow(limits.seconds) from None
        except NeverBegun:
            raise
        except Died:
            raise self._autopsy(worker, limits) from None
        finally:
            self._release(worker, healthy)
        return body, kind, done

    def _autopsy(self, worker: Worker, limits: QueryLimits) -> QueryRejected | EngineUnavailable:
        """Say why a worker died under a query: who must act?"""
        ended_by = worker.exit_signal()
        if self._closed:
            return _stopping()
        if ended_by in (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS):  # no memory; no stack; no memory for a page
            return _too_greedy(limits)
        if ended_by == signal.SIGXCPU:
            return _too_slow(2 * limits.seconds, " of processor time", " de processeur")
        _log.warning("a query worker died (signal %s): %s", ended_by, worker.last_words())
        return EngineUnavailable(
            "The process that ran the query has gone. Ask again.",
            "Le processus qui traitait la requête a disparu. Posez-la de nouveau.",
        )

    def _acquire(self) -> Worker:
        deadline = time.monotonic() + self._wait_seconds
        while True:
            worker = self._next_worker(deadline)
            if worker.alive:
                return worker
            self._release(worker, healthy=False)  # it died while idle: nobody's query is lost

    def _next_worker(self, deadline: float) -> Worker:
        with self._lock:
            self._refuse_if_closed()
            if self._idle and not self._turns:
                worker = self._idle.popleft()
                self._busy.add(worker)
                return worker
            turn = _Turn()
            self._turns.append(turn)
        turn.event.wait(max(0.0, deadline - time.monotonic()))
        with self._lock:
            if turn.worker is not None:
                return turn.worker
            self._refuse_if_closed()
            self._turns.remove(turn)
            if self._failure and not self._busy:
                raise _not_starting(self._failure)
            en = f"No query worker was free within {self._wait_seconds:g} s."
            fr = f"Aucun processus de requête ne s'est libéré en {self._wait_seconds:g} s."
            raise QueryRejected("busy", en, fr=fr)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise _stopping()

    def _release(self, worker: Worker, healthy: bool) -> None:
        if not healthy:
            worker.process.kill()  # at once: reaping it can wait for the keeper
        with self._lock:
            self._busy.discard(worker)
            if healthy and not self._closed:
                self._idle.appendleft(worker)  # the one used last has the warmest caches
            else:
                self._corpses.append(worker)
            self._serve_turns()
            self._lock.notify_all()

    def _serve_turns(self) -> None:
        while self._turns and self._idle:
            turn, worker = self._turns.popleft(), self._idle.popleft()
            self._busy.add(worker)
            turn.worker = worker
            turn.event.set()

    def _keep(self) -> None:
        """Start workers until all are there; bury the dead; end with the pool."""
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._closed or self._corpses or self._missing() > 0)
                corpses = list(self._corpses)
                self._corpses.clear()
                closed, missing = self._closed, self._missing()
            if closed:
                break
            if missing > 0:
                self._start_one()
            for worker in corpses:
                worker.discard()
        self._bury_all(corpses)

    def _missing(self) -> int:
        return self._processes - len(self._idle) - len(self._busy)

    def _start_one(self) -> None:
        try:
            worker = Worker()
        except OSError as error:
            with self._lock:
                self._failure = str(error)
                self._lock.wait_for(lambda: self._closed, _RESTART_PAUSE)
            _log.error("%s", error)
            return
        if not worker.confinement.get("network_denied") and self._failure is None:
            _log.warning("public queries are not kept from the network: %s", worker.confinement.get("reason"))
        with self._lock:
            self._failure = None
            self._idle.append(worker)
            self._serve_turns()
            self._lock.notify_all()

    def _bury_all(self, corpses: list[Worker]) -> None:
        with self._lock:
            self._lock.wait_for(lambda: not self._busy, _WAIT_SECONDS)
            corpses += [*self._corpses, *self._idle, *self._busy]
            self._idle.clear()
            self._corpses.clear()
        for worker in corpses:
            worker.discard()


def _stopping() -> EngineUnavailable:
    return EngineUnavailable("The query service is stopping.", "Le service de requêtes s'arrête.")


def _not_starting(why: str | None) -> EngineUnavailable:
    en = f"The query workers do not start. {why or ''}".strip()
    return EngineUnavailable(en, f"Les processus de requête ne démarrent pas. {why or ''}".strip())


def _too_slow(seconds: float, en: str = "", fr: str = "") -> QueryRejected:
    french = f"La requête a été arrêtée après {seconds:g} s{fr}."
    return QueryRejected("timeout", f"The query was stopped after {seconds:g} s{en}.", fr=french)


def _too_greedy(limits: QueryLimits) -> QueryRejected:
    fr = f"La requête demande plus de {limits.memory} octets de mémoire."
    return QueryRejected("memory", f"The query needs more than {limits.memory} bytes of memory.", fr=fr)


_SYNTAX = {
    "prefix": "A prefix is used but not declared.",
    "iri": "An IRI is not valid.",
    "unbound": "SELECT names a variable that is neither grouped nor aggregated.",
    "bound": "A variable gets a value a second time.",
    "function": "The query calls a function that does not exist here.",
    "characters": "The query holds characters that are not valid Unicode.",
}


def _rejection(done: Mapping[str, Any], limits: QueryLimits) -> QueryRejected:
    """Turn a failure that the worker reports into ours, in words of our own."""
    match done["failed"]:
        case "syntax":
            said = _SYNTAX.get(done.get("hint", ""), "The query is not valid SPARQL.")
            return QueryRejected("syntax", said, done.get("line"), done.get("column"))
        case "too_large":
            rows = done["what"] == "rows"
            en = f"{limits.rows} rows" if rows else f"{limits.bytes} bytes"
            fr = f"{limits.rows} lignes" if rows else f"{limits.bytes} octets"
            return QueryRejected("too_large", f"The result has more than {en}.", fr=f"Le résultat dépasse {fr}.")
        case "forbidden":
            fr = "Une requête ne peut pas appeler un autre serveur (SERVICE)."
            return QueryRejected("forbidden", "A query cannot call another server (SERVICE).", fr=fr)
        case _:
            return _too_greedy(limits)
