"""A request as it came, for whoever verifies its signature.

WSGI joins repeated header fields with a comma and does not keep their order; the server has undone a chunked body and
dropped names with underscores. The signatures' rules count a comma too many in Digest, Date or Host as a repetition.
Must never make anything of the decoded path.
"""

from __future__ import annotations

from flask import request

from federation.activitypub.signatures import Message

_PLAIN = {"CONTENT_TYPE": "Content-Type", "CONTENT_LENGTH": "Content-Length"}


def raw_message(body: bytes = b"") -> Message:
    """The request under way, with ``body``."""
    return Message(request.method, _target(), _headers(), body)


def _target() -> str:
    """The request target as it came; nothing made of the decoded path, which signatures do not cover."""
    return str(request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or "")


def _headers() -> tuple[tuple[str, str], ...]:
    found = [(_PLAIN[key], str(value)) for key, value in request.environ.items() if key in _PLAIN and value]
    names = [key for key in request.environ if key.startswith("HTTP_")]
    found += [(key[5:].replace("_", "-").title(), str(request.environ[key])) for key in names]
    return tuple(found)
