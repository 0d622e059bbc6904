"""Why a request from outside is not taken: an HTTP status for the sender, a short rule for our log.

It must never carry words of the sender into an answer, nor tell one failed proof from another.
"""

from __future__ import annotations

from http import HTTPStatus


class Refused(Exception):
    """A document or a request is refused. ``status`` is the HTTP status, ``rule`` a short name for log and tests."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self, rule: str, status: int | None = None) -> None:
        super().__init__(rule)
        self.rule = rule
        if status is not None:
            self.status = HTTPStatus(status)


class Unauthorised(Refused):
    """The author is not proved (401). Every such answer has the same body, whatever the rule."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(Refused):
    """The author is proved, and may not say this (403)."""

    status = HTTPStatus.FORBIDDEN
