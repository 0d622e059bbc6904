"""Secure mode over real HTTP: ActivityStreams documents are for those who sign, and are not blocked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ap_peer_server import PeerServer, answer
from ap_site import Sender, Site, Told, changed

from federation.activitypub import signatures
from federation.activitypub.buckets import Rate
from federation.activitypub.reading import Readers
from federation.activitypub.signatures import Dialect, Message, SigningKey
from federation.ledger.ap_peers import BlockRow

AS2 = (("Accept", "application/activity+json"),)
CLOSED = "/actors/commons"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A served instance in secure mode."""
    made = Site(tmp_path)
    made.platform.settings = replace(made.platform.settings, federation_secure=True)
    readers(made)
    yield made
    made.close()


@pytest.fixture
def ada(site: Site) -> Iterator[Sender]:
    """An actor of another server."""
    server = PeerServer()
    yield Sender(server)
    server.close()


def readers(site: Site, each: Rate | None = None) -> None:
    """Who may read, so many times a second."""
    blocks, rate = site.ledger.ap_blocks, each or Rate(1_000.0, 1_000.0)
    made = Readers(site.origin, site.keys, blocks, site.clock.now, site.clock.seconds, rate)
    site.platform.readers = made


def asks(site: Site, sender: Sender, target: str = CLOSED, dialect: Dialect = Dialect.CAVAGE, key: str = "") -> Message:
    """A signed GET."""
    plain = Message("GET", target, AS2)
    signer = SigningKey(key or sender.key_id, sender.rsa)
    return signatures.sign(plain, origin=site.origin, key=signer, now=site.clock.now(), dialect=dialect)


def plainly(site: Site, target: str, accept: str = "application/activity+json") -> Told:
    """What an unsigned GET is told."""
    host = site.origin.partition("://")[2]
    return site.post(Message("GET", target, (("Host", host), ("Accept", accept))))


@pytest.mark.parametrize("dialect", list(Dialect))
def test_whoever_signs_may_read(site: Site, ada: Sender, dialect: Dialect) -> None:
    """In both dialects; nobody between may keep what was made for one reader."""
    told = site.post(asks(site, ada, dialect=dialect))
    assert (told.status, told.headers["cache-control"]) == (200, "private, no-cache")
    assert "Signature" in told.headers["vary"]


def test_without_a_signature_only_what_verifies_ours_is_open(site: Site, ada: Sender) -> None:
    """The instance actor with its key, discovery, the context, pages and data; the rest is 401, alike for all."""
    for path in ("/actor", "/.well-known/nodeinfo", "/nodeinfo/2.1", "/ns/carrefour/v1"):
        assert plainly(site, path).status == 200, path
    assert plainly(site, CLOSED, "text/html").status == 303
    bare = [plainly(site, path) for path in (CLOSED, "/actor/outbox", "/actors/commons/followers")]
    wrong = site.post(changed(asks(site, ada), "Date", "Sat, 01 Jan 2000 00:00:00 GMT"))

    assert {(one.status, one.body, one.headers["cache-control"]) for one in (*bare, wrong)} == {
        (401, bare[0].body, "no-store")
    }
    assert {one.headers["www-authenticate"] for one in bare} == {'Signature headers="(request-target) host date"'}


def test_a_request_for_another_address_or_server_is_refused(site: Site, ada: Sender) -> None:
    """Nor is the key of another worth anything."""
    message = asks(site, ada)
    assert site.post(replace(message, target="/actors/commons/moderators")).status == 401
    assert site.post(changed(message, "Host", "evil.example")).status == 421
    assert site.post(asks(site, ada, key=f"{ada.server.origin}/users/eve#main-key")).status == 401
    assert site.post(asks(site, ada, key="https://[::1")).status == 401


def test_a_key_that_is_its_own_document_reads_too(site: Site, ada: Sender) -> None:
    """Its last step left out it names the actor, who must list it."""
    key = f"{ada.id}/main-key"
    listed = {**ada.document()["publicKey"], "id": key}
    ada.serve(publicKey=listed)
    ada.server.answers[f"/users/{ada.name}/main-key"] = answer(
        b'{"@context": "https://w3id.org/security/v1", "id": "%s", "type": "CryptographicKey", "owner": "%s", '
        b'"publicKeyPem": %s}'
        % (key.encode(), ada.id.encode(), b'"' + listed["publicKeyPem"].replace("\n", "\\n").encode() + b'"')
    )
    assert site.post(asks(site, ada, key=key)).status == 200


def test_who_is_blocked_reads_nothing(site: Site, ada: Sender) -> None:
    """403, as an actor or as a whole host; nothing is fetched of it."""
    ada.server.asked.clear()
    for subject in (ada.id, ada.server.origin.partition("://")[2]):
        site.ledger.ap_blocks.add(BlockRow(subject, "host", "op", "2026-11-21T00:00:00.000000Z"))
        assert site.post(asks(site, ada)).status == 403
        site.ledger.ap_blocks.lift(subject)
    assert ada.server.asked == []


def test_a_flood_of_signed_requests_is_429(site: Site, ada: Sender) -> None:
    """With the time to wait."""
    readers(site, Rate(0.1, 2.0))
    told = [site.post(asks(site, ada)) for _ in range(3)]
    assert [one.status for one in told] == [200, 200, 429]
    assert int(told[2].headers["retry-after"]) >= 1


def test_without_secure_mode_anybody_reads(site: Site) -> None:
    """As it is out of the box."""
    site.platform.settings = replace(site.platform.settings, federation_secure=False)
    told = plainly(site, CLOSED)
    assert (told.status, told.headers["cache-control"]) == (200, "public, no-cache")
