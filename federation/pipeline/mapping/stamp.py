"""The run that maps, as it is written into records. Must never read a clock: the run is given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunStamp:
    """The run that maps: its IRI and its time (``xsd:dateTime``, with zone)."""

    iri: str
    time: str
