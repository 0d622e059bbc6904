"""The change feed, digest, manifest and dump over HTTP: media types, caching, and what is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient
from sample_commons import make_platform

from federation.web import create_app


class Fed:
    """A change feed that says what it was asked."""

    def seq(self) -> int:
        return 7

    def feed(self) -> Mapping[str, Any]:
        return {"type": "OrderedCollection"}

    def page(self, number: int) -> Mapping[str, Any] | None:
        return {"page": number} if number < 3 else None

    def digest(self) -> Mapping[str, Any]:
        return {"seq": 7}

    def manifest(self) -> Mapping[str, Any]:
        return {"partners": []}

    def manifest_part(self, slug: str, after: str = "") -> Mapping[str, Any]:
        return {"manifest": [slug, after]}

    def dump_part(self, slug: str, after: str = "") -> Mapping[str, Any]:
        return {"dump": [slug, after]}

    def dump(self) -> Iterator[bytes]:
        yield b'{"seq":7}\n'
        yield b"{}\n"


@pytest.fixture
def fed() -> FlaskClient:
    """A client of a commons with that feed."""
    platform = make_platform()
    platform.__dict__["changes"] = Fed()
    return create_app(platform).test_client()


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        ("/changes", "application/activity+json", {"type": "OrderedCollection"}),
        ("/changes/page/2", "application/activity+json", {"page": 2}),
        ("/changes/digest", "application/json", {"seq": 7}),
        ("/changes/manifest", "application/json", {"partners": []}),
        ("/changes/manifest/p", "application/json", {"manifest": ["p", ""]}),
        ("/changes/manifest/p/k.1", "application/json", {"manifest": ["p", "k.1"]}),
        ("/changes/dump/p", "application/json", {"dump": ["p", ""]}),
        ("/changes/dump/p/k.1", "application/json", {"dump": ["p", "k.1"]}),
    ],
)
def test_documents_are_for_anybody_and_told_apart_by_their_etag(
    fed: FlaskClient, path: str, kind: str, body: Mapping[str, Any]
) -> None:
    """Open CORS, a strong ETag, 304 for who has it already."""
    response = fed.get(path)

    assert (response.status_code, response.mimetype, response.get_json(force=True)) == (200, kind, body)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert fed.get(path, headers={"If-None-Match": response.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("path", ["/changes/page/3", "/changes/page/0", "/changes/page/02", "/changes/page/a"])
def test_a_page_that_is_not_there_is_404(fed: FlaskClient, path: str) -> None:
    """After the newest, or written in another way than ours."""
    assert fed.get(path).status_code == 404


def test_the_dump_is_a_stream_of_lines_known_by_the_number_it_is_complete_to(fed: FlaskClient) -> None:
    """One line after the other; nothing is sent to who has it."""
    response = fed.get("/changes/dump")

    assert response.mimetype == "application/x-ndjson"
    assert response.data == b'{"seq":7}\n{}\n'
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    again = fed.get("/changes/dump", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
