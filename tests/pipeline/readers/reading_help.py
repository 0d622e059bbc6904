"""Short ways to read bytes in tests."""

from __future__ import annotations

from typing import Any

from federation.model import Finding, RawRecord
from federation.pipeline.readers import Reading, ReadOptions, read


def reading(body: bytes, format: str, **options: Any) -> tuple[list[RawRecord], list[Finding], Reading]:  # noqa: A002 - the option's name
    """Give (rows, rejected rows, the reading itself)."""
    result = read(body, ReadOptions(format, **options))
    items = list(result)
    rows = [item for item in items if isinstance(item, RawRecord)]
    return rows, [item for item in items if isinstance(item, Finding)], result


def rules(result: Reading) -> list[str]:
    """The rules of the findings on the file as a whole."""
    return [finding.rule for finding in result.findings]
