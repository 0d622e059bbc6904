"""Names the record of a row before anything else is read of it. Pure; it must never decide whether the row is taken."""

from __future__ import annotations

from federation.model import RawRecord
from federation.pipeline.mapping.effort import Effort, TooCostlyError
from federation.pipeline.mapping.grouping import Sorter
from federation.pipeline.mapping.identity import record_key
from federation.pipeline.mapping.verbatim import home_of, key_of
from federation.pipeline.sources import Source


class Naming:
    """The keys of the records of one source."""

    def __init__(self, source: Source, base_url: str) -> None:
        self.home = home_of(source, base_url)
        self._verbatim = source.is_verbatim
        self._effort = Effort()
        self._sorter = Sorter(source, base_url, self._effort)

    def key(self, raw: RawRecord) -> str | None:
        """The key of a row's record; None if it has none, or none that can be read at a reasonable cost."""
        if self._verbatim:
            return key_of(self.home, raw.row.get("record"))
        self._effort.renew()
        try:
            identifier = self._sorter.identify(raw.row)
        except TooCostlyError:
            return None
        return None if identifier is None else record_key(identifier)
