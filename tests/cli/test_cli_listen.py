"""The server behind ``carrefour serve``: which headers of proxies reach the application."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import requests

from federation.cli.instance import listen


@pytest.mark.parametrize(("proxied", "told"), [(False, b"-"), (True, b"198.51.100.9")])
def test_headers_of_proxies_come_through_only_where_proxies_are_ours(proxied: bool, told: bytes) -> None:
    """Removed by default; let through for the application to judge where the operator has named proxies."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ.get("HTTP_X_FORWARDED_FOR", "-").encode()]

    server = listen(app, "127.0.0.1", 0, proxied)

    def serve() -> None:
        with contextlib.suppress(OSError):  # closed under its hands, below
            server.run()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    headers = {"X-Forwarded-For": "198.51.100.9", "Connection": "close"}  # one kept open would keep the server at work
    answer = requests.get(f"http://127.0.0.1:{server.effective_port}/", headers=headers, timeout=20)
    server.close()
    thread.join(20)

    assert answer.content == told
    assert not thread.is_alive()
