"""Failures, sorted by who must act. They know nothing of HTTP or of exit codes: web/ and cli.py translate.

An invalid record is not an error: it is a ``Finding`` in a ``RunReport`` (see model.py).
"""

from __future__ import annotations


class CarrefourError(Exception):
    """Root of every failure we raise on purpose; its text is a sentence a person can act on."""


class ConfigError(CarrefourError):
    """The operator must act: a setting, a source file, a vocabulary or a shapes file is wrong."""


class PartnerError(CarrefourError):
    """The partner must act: its feed cannot be read as a whole (truncated, wrong format, too large, ...)."""


class PeerError(CarrefourError):
    """Another server on the network must act (unreachable, too slow, answers nonsense)."""


class QueryRejected(CarrefourError):
    """The author of a SPARQL query must act.

    ``reason`` is one of ``syntax``, ``forbidden`` (SERVICE), ``update`` (LOAD or any write), ``timeout``,
    ``too_large`` (rows or bytes over the limit), ``memory``, ``busy`` (too many at once for one client).
    ``line`` and ``column`` count from 1 and are given for syntax errors.
    """

    def __init__(self, reason: str, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.line = line
        self.column = column


class EngineUnavailable(CarrefourError):
    """The operator must act: a store, an index or the ledger cannot be opened or written (disk full, locked, ...)."""


class DataFolderBusy(EngineUnavailable):
    """Another process is writing to this data folder."""
