"""What a visitor hands in for a trial, what its child process is told, and how a trial is refused: plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from federation.errors import CarrefourError

UPLOAD_BYTES = 5 * 1024 * 1024
TOML_BYTES = 64 * 1024
MAPPED = 1000
"""Records that a trial maps; the other rows are read and counted."""

CARDS = 20
SECONDS = 30.0
"""Wall time of a whole trial."""

FETCH_SECONDS = 15.0

Result = Mapping[str, Any]
"""The account of a trial, as JSON values; see work.py for its keys."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as a form brings it. ``name`` and ``content_type`` are only what the visitor's browser says."""

    name: str
    content_type: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """One filled form: an address or a file, and perhaps a source file's text or the name of a profile.

    ``lang``: in which language a proposed source file is commented.
    """

    address: str = ""
    upload: Upload | None = None
    toml: str = ""
    profile: str = ""
    lang: str = "fr"


@dataclass(frozen=True, slots=True)
class Task:
    """What the child process is told beside the body: all of it plain, none of it secret."""

    name: str
    content_type: str | None
    charset: str | None
    url: str
    length_proved: bool
    toml: str
    profile: str
    lang: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)


class TrialRefused(CarrefourError):
    """The visitor must act: a field of the form cannot be used. ``field``: ``address``, ``file`` or ``toml``."""

    def __init__(self, field: str, fr: str, en: str) -> None:
        super().__init__(en, fr)
        self.field = field
