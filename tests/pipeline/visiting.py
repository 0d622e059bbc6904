"""What tests of visits share: a clock that only sleeping moves, a source at a lying server, one visit to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lying_server import LyingServer, http

from federation.pipeline.fetch import Delivery
from federation.pipeline.fetch.pace import is_loopback
from federation.pipeline.fetch.visit import Visitor
from federation.pipeline.fetch.walks import visit
from federation.pipeline.sources import Limits, Paging, Partner, Records, Request, Source
from federation.settings import Settings

START = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@dataclass
class Clock:
    """Time that passes only when somebody sleeps."""

    passed: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed)


def visitor_of(clock: Clock, settings: Settings, unpaced: Callable[[str], bool] = is_loopback) -> Visitor:
    """A visitor on that clock."""
    return Visitor(settings, monotonic=clock.monotonic, sleep=clock.sleep, now=clock.now, unpaced=unpaced)


@dataclass
class Visits:
    """Visits to one server, one after the other, each with what the last one left."""

    server: LyingServer
    clock: Clock = field(default_factory=Clock)
    settings: Settings = field(default_factory=lambda: Settings(fetch_private=True, fetch_seconds=5.0))
    unpaced: Callable[[str], bool] = is_loopback
    validators: Mapping[str, Mapping[str, str]] | None = None
    visitor: Visitor | None = None

    def source(self, path: str = "/feed", **given: Any) -> Source:
        """A source at a path of the server."""
        limits, request = given.pop("limits", Limits()), Request(given.pop("params", {}), given.pop("headers", {}))
        records, paging = Records(**given.pop("records", {})), given.pop("paging", None)
        return Source(
            id="essai",
            partner=Partner("essai", "Essai"),
            name="Essai",
            url=self.server.url(path),
            format=given.pop("format", "json"),
            version="1",
            limits=limits,
            request=request,
            records=records,
            paging=None if paging is None else Paging(**paging),
            **given,
        )

    def go(self, source: Source, full: bool = False, environ: Mapping[str, str] | None = None) -> Delivery:
        """Visit, and keep the validators if nothing is missing, as a run does."""
        self.visitor = self.visitor or visitor_of(self.clock, self.settings, self.unpaced)
        delivery = visit(source, self.settings, environ or {}, self.validators, full, self.visitor)
        if delivery.whole or delivery.conditional:
            self.validators = json.loads(json.dumps({key: dict(value) for key, value in delivery.validators.items()}))
        return delivery

    def wait(self, **how_long: float) -> None:
        """Let time pass until the next visit."""
        self.clock.passed += timedelta(**how_long).total_seconds()


def body(value: Any, *headers: str, status: str = "200 OK") -> bytes:
    """A JSON response."""
    return http(json.dumps(value).encode(), "Content-Type: application/json", *headers, status=status)


def rules(delivery: Delivery) -> list[str]:
    """What the partner is told."""
    assert all(finding.message["fr"] and finding.message["en"] for finding in delivery.findings)
    return [finding.rule for finding in delivery.findings]


def names(delivery: Delivery) -> list[list[Any]]:
    """The records of JSON pages."""
    return [json.loads(page.body) for page in delivery.pages]
