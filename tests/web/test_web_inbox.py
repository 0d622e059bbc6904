"""POST to the inboxes: what of a request reaches the platform, and what is said back."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sample_commons import Sample, make_platform

from federation.activitypub.inbox import Answer
from federation.activitypub.signatures import Message
from federation.web import create_app

AS2 = "application/activity+json"
PATHS = ["/inbox", "/actor/inbox", "/actors/commons/inbox", "/actors/avise/inbox"]


class Given:
    """An inbox that notes what it gets, and answers what it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[Message, str]] = []
        self.answer = Answer(202)

    def receive(self, message: Message, client: str) -> Answer:
        self.got.append((message, client))
        return self.answer


@pytest.fixture
def given() -> Given:
    """That inbox."""
    return Given()


@pytest.fixture
def client(given: Given) -> FlaskClient:
    """A client of an instance with it."""
    platform: Any = make_platform(filled=False)
    assert isinstance(platform, Sample)
    platform.inbox = given
    return create_app(platform).test_client()


@pytest.mark.parametrize("path", PATHS)
def test_an_inbox_hands_over_the_raw_request(client: FlaskClient, given: Given, path: str) -> None:
    """Target, headers, bytes, and the address that it comes from."""
    told = client.post(path, data=b'{"a":1}', headers={"Content-Type": AS2, "Digest": "x", "Signature-Input": "y"})
    ((message, address),) = given.got
    assert (told.status_code, told.data) == (202, b"")
    assert (message.method, message.target, message.body, address) == ("POST", path, b'{"a":1}', "127.0.0.1")
    named = {name.lower(): value for name, value in message.headers}
    assert named["content-type"] == AS2
    assert (named["digest"], named["signature-input"], named["host"]) == ("x", "y", "localhost")


def test_the_target_is_as_it_came(client: FlaskClient, given: Given) -> None:
    """Escapes and a query are not made anew: signatures cover them."""
    client.post("/actors/%63ommons/inbox?a=%2F&b", data=b"{}")
    assert given.got[0][0].target == "/actors/%63ommons/inbox?a=%2F&b"


@pytest.mark.parametrize("path", ["/actors/nobody/inbox", "/en/inbox", "/en/actors/commons/inbox", "/actors/a/b/inbox"])
def test_there_is_no_inbox_elsewhere(client: FlaskClient, given: Given, path: str) -> None:
    """Nor in a language."""
    assert client.post(path, data=b"{}", content_type=AS2).status_code == 404
    assert given.got == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_is_allowed(client: FlaskClient, given: Given, path: str, method: str) -> None:
    """405 names it."""
    told = client.open(path, method=method)
    assert (told.status_code, "POST" in told.headers["Allow"]) == (405, True)
    assert given.got == []


@pytest.mark.abuse(35)
def test_a_body_over_the_cap_never_reaches_the_platform(client: FlaskClient, given: Given) -> None:
    """A mebibyte is taken, one byte more is not, nor is an announced one."""
    assert client.post("/inbox", data=b"x" * 2**20).status_code == 202
    assert client.post("/inbox", data=b"x" * (2**20 + 1)).status_code == 413
    falsely = {"CONTENT_LENGTH": str(2**40), "wsgi.input_terminated": True}
    assert client.post("/inbox", data=b"x", environ_overrides=falsely).status_code == 413
    assert len(given.got) == 1


@pytest.mark.abuse(48)
@pytest.mark.parametrize("status", [400, 401, 403, 413, 415, 421, 429, 503])
def test_the_body_follows_from_the_status(client: FlaskClient, given: Given, status: int) -> None:
    """Headers of the inbox are added; no caller is told another body, whatever it accepts."""
    given.answer = Answer(status, (("Retry-After", "7"),))
    told = [client.post("/inbox", data=b"{}", headers={"Accept": kind}) for kind in ("text/html", AS2, "*/*")]
    assert {one.status_code for one in told} == {status}
    assert len({one.data for one in told}) == 1
    assert {one.headers["Retry-After"] for one in told} == {"7"}
    assert {one.headers["Cache-Control"] for one in told} == {"no-store"}
    assert {one.mimetype for one in told} == {"application/problem+json"}


def test_no_session_and_no_token_is_asked_for(client: FlaskClient, given: Given) -> None:
    """Forms of people are guarded otherwise: nothing here goes by a cookie, nor sets one."""
    told = client.post("/inbox", data=b"{}", headers={"Cookie": "session=x", "Origin": "https://evil.example"})
    assert told.status_code == 202
    assert "Set-Cookie" not in told.headers


@pytest.mark.abuse(47)
def test_a_forwarded_host_is_no_host(client: FlaskClient, given: Given) -> None:
    """The platform is told the Host that came."""
    client.post("/inbox", data=b"{}", headers={"X-Forwarded-Host": "evil.example", "Host": "own.example"})
    named = [value for name, value in given.got[0][0].headers if name.lower() == "host"]
    assert named == ["own.example"]
