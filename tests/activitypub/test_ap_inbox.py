"""Steps 1 to 8 of the inbox over real HTTP, and the attacks on them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ap_peer_server import Asked, PeerServer, answer, redirect
from ap_site import Sender, Site, Told, changed, ed25519_key, header, rsa_key, unsigned
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from federation.activitypub.buckets import Rate
from federation.activitypub.inbox import Limits
from federation.activitypub.keys import public_pem
from federation.activitypub.signatures import Dialect, Message
from federation.errors import EngineUnavailable
from federation.ledger import open_ledger
from federation.ledger.ap_peers import ActorRow, BlockRow

LD = 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'
DIALECTS = pytest.mark.parametrize("dialect", list(Dialect))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A served instance."""
    made = Site(tmp_path)
    yield made
    made.close()


@pytest.fixture
def server() -> Iterator[PeerServer]:
    """Another server."""
    made = PeerServer()
    yield made
    made.close()


@pytest.fixture
def ada(server: PeerServer) -> Sender:
    """An actor there."""
    return Sender(server)


def refused(site: Site, told: Told, status: int = 401) -> None:
    """The answer is a refusal, and nothing was kept."""
    assert told.status == status
    assert site.kept == []


def cavage(sender: Sender, site: Site, names: str, body: bytes | None = None, **parameters: str) -> Message:
    """A cavage request signed over just these names, as somebody might who writes it by hand."""
    whole = sender.message(site, body)
    values = {name.lower(): value for name, value in whole.headers} | parameters
    lines = [f"{n}: {'post ' + whole.target if n == '(request-target)' else values.get(n, '')}" for n in names.split()]
    signed = sender.rsa.sign("\n".join(lines).encode(), padding.PKCS1v15(), hashes.SHA256())
    stated = {"keyId": sender.key_id, "algorithm": "rsa-sha256", "headers": names}
    stated |= {name.strip("()"): value for name, value in parameters.items() if name.strip("()") != name}
    stated |= {name: value for name, value in parameters.items() if name in ("algorithm", "keyId", "expires")}
    stated["signature"] = base64.b64encode(signed).decode()
    return changed(whole, "Signature", ",".join(f'{name}="{value}"' for name, value in stated.items()))


def rfc9421(sender: Sender, site: Site, covered: str, more: str = "", alg: str = "") -> Message:
    """An RFC 9421 request signed over just these components."""
    whole = sender.message(site, dialect=Dialect.RFC9421)
    created = int(site.clock.now().timestamp())
    inner = f'({covered});created={created};keyid="{sender.key_id}"{more}{alg}'
    values = {
        "@method": "POST",
        "@target-uri": f"{site.origin}{whole.target}",
        "content-digest": header(whole, "Content-Digest"),
    }
    lines = [f'"{name}": {values[name]}' for name in covered.replace('"', "").split()]
    base = "\n".join([*lines, f'"@signature-params": {inner}'])
    signed = sender.rsa.sign(base.encode(), padding.PKCS1v15(), hashes.SHA256())
    message = changed(whole, "Signature-Input", f"sig1={inner}")
    return changed(message, "Signature", f"sig1=:{base64.b64encode(signed).decode()}:")


# ---- what is taken


@DIALECTS
@pytest.mark.parametrize("target", ["/inbox", "/actor/inbox", "/actors/commons/inbox", "/actors/avise/inbox"])
def test_a_signed_activity_is_durable_when_202_is_said(site: Site, ada: Sender, dialect: Dialect, target: str) -> None:
    """Personal and shared inboxes take both dialects; bytes, evidence and verdict are in the ledger."""
    activity = ada.activity()
    message = ada.message(site, activity, dialect=dialect, target=target)
    told = site.post(message)
    assert (told.status, told.body) == (202, b"")
    row = site.ledger.ap_inbox.by_activity(activity["id"])
    assert row is not None
    assert (row.raw, row.actor, row.kind, row.audience) == (message.body, ada.id, "Create", "public")
    assert (row.host, row.object) == (ada.server.origin.partition("://")[2], activity["object"]["id"])
    assert row.sha256 == hashlib.sha256(message.body).hexdigest()
    assert row.verdict["dialect"] == dialect.value
    assert row.verdict["key"] == ada.key_id
    assert row.verdict["target"] == target
    assert {name.lower() for name, _ in row.headers or []} >= {"signature", "host", "content-type"}


def test_json_ld_with_the_profile_is_taken_up_to_256_kib(site: Site, ada: Sender) -> None:
    """The larger cap is for what needs no JSON-LD processor."""
    small, large = ada.activity(), ada.activity(summary="x" * 100_000, content="y" * 100_000, name="z" * 100_000)
    assert site.post(ada.message(site, small, kind=LD)).status == 202
    assert site.post(ada.message(site, large, kind=LD)).status == 413
    assert site.post(ada.message(site, large)).status == 202


def test_a_valid_proof_suffices_without_a_signature(site: Site, ada: Sender) -> None:
    """An activity that proves itself may come from anybody."""
    activity = ada.proved(site)
    assert site.post(unsigned(site, activity)).status == 202
    row = site.ledger.ap_inbox.by_activity(activity["id"])
    assert row is not None
    assert row.verdict["method"] == "proof"
    assert row.verdict["key"] == f"{ada.id}#ed25519-key"


def test_a_valid_proof_takes_precedence_over_the_signature_of_whoever_passes_it_on(site: Site, ada: Sender) -> None:
    """A relay signs the request by its own key; the proof says who speaks."""
    relay = Sender(PeerServer(), "relay", rsa_key(1))
    activity = ada.proved(site)
    assert site.post(relay.message(site, activity)).status == 202
    row = site.ledger.ap_inbox.by_activity(activity["id"])
    assert row is not None
    assert (row.actor, row.verdict["method"]) == (ada.id, "proof")
    relay.server.close()


@pytest.mark.parametrize("change", [{"content": "other"}, {"to": []}])
def test_an_invalid_proof_is_refused_though_the_signature_is_good(
    site: Site, ada: Sender, change: dict[str, Any]
) -> None:
    """There is no falling back from a bad proof."""
    refused(site, site.post(ada.message(site, ada.proved(site) | change)))


def test_a_proof_by_the_key_of_another_is_refused(site: Site, ada: Sender, server: PeerServer) -> None:
    """The owner of the key is the actor, on one origin or not."""
    eve = Sender(server, "eve", rsa_key(1), ed25519_key(1))
    refused(site, site.post(unsigned(site, eve.proved(site, eve.activity(actor=ada.id)))))


@pytest.mark.abuse(12)
@pytest.mark.parametrize("proof", [{"type": "RsaSignature2017"}, {"type": "DataIntegrityProof", "cryptosuite": "x"}])
def test_another_suite_or_a_linked_data_signature_counts_as_none(
    site: Site, ada: Sender, proof: dict[str, Any]
) -> None:
    """Neither helps an unsigned request nor harms a signed one."""
    for member in ("signature", "proof"):
        stated = {**proof, "creator": ada.key_id, "verificationMethod": ada.key_id, "signatureValue": "AAAA"}
        assert site.post(unsigned(site, ada.activity(**{member: stated}))).status == 401
        assert site.post(ada.message(site, ada.activity(**{member: stated}))).status == 202


@pytest.mark.parametrize("proof", [{}, [], "x", 1, [[]], {"verificationMethod": {}}, [{}] * 9, {"proofValue": "z"}])
def test_malformed_proofs_never_break_the_inbox(site: Site, ada: Sender, proof: Any) -> None:
    """Whatever stands there, the answer is 202 (no proof) or 401."""
    ours = {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022"}
    variants = [proof, {**ours, **proof}] if isinstance(proof, dict) else [proof]
    for variant in variants:
        assert site.post(ada.message(site, ada.activity(proof=variant))).status in (202, 401)


# ---- who speaks


@pytest.mark.abuse(1)
@pytest.mark.parametrize("target", ["/inbox", "/actor/inbox", "/actors/commons/inbox", "/actors/avise/inbox"])
def test_an_unsigned_post_is_refused(site: Site, ada: Sender, target: str) -> None:
    """No inbox takes what nobody signed."""
    refused(site, site.post(unsigned(site, ada.activity(), target)))


@pytest.mark.abuse(2)
@DIALECTS
def test_a_swapped_body_is_refused(site: Site, ada: Sender, dialect: Dialect) -> None:
    """The digest is held against the raw bytes, with the old digest and with a new one."""
    message = ada.message(site, dialect=dialect)
    body = json.dumps(ada.activity()).encode()
    refused(site, site.post(replace(message, body=body)))
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    name, value = (
        ("Digest", f"SHA-256={digest}") if dialect is Dialect.CAVAGE else ("Content-Digest", f"sha-256=:{digest}:")
    )
    refused(site, site.post(changed(replace(message, body=body), name, value)))


@pytest.mark.abuse(3)
@pytest.mark.parametrize(
    "names",
    ["(request-target) host date", "(request-target) date digest", "host date digest", "(request-target) host digest"],
)
def test_a_cavage_signature_that_leaves_out_what_counts_is_refused(site: Site, ada: Sender, names: str) -> None:
    """Target, host, time and digest are all covered."""
    refused(site, site.post(cavage(ada, site, names)))
    assert site.post(cavage(ada, site, "(request-target) host date digest")).status == 202


@pytest.mark.abuse(3)
@pytest.mark.parametrize("covered", ["", '"@method"', '"@method" "@target-uri"', '"@target-uri" "content-digest"'])
def test_an_rfc_9421_signature_that_leaves_out_what_counts_is_refused(site: Site, ada: Sender, covered: str) -> None:
    """Method, whole target and digest are all covered."""
    refused(site, site.post(rfc9421(ada, site, covered)))
    assert site.post(rfc9421(ada, site, '"@method" "@target-uri" "content-digest"')).status == 202


@pytest.mark.abuse(3)
def test_past_expires_is_refused_in_both_dialects(site: Site, ada: Sender) -> None:
    """Whoever states an end means it."""
    now = int(site.clock.now().timestamp())
    past, later = str(now - 5), str(now + 300)
    refused(site, site.post(rfc9421(ada, site, '"@method" "@target-uri" "content-digest"', f";expires={past}")))
    refused(site, site.post(cavage(ada, site, "(request-target) host date digest", expires=past)))
    assert site.post(rfc9421(ada, site, '"@method" "@target-uri" "content-digest"', f";expires={later}")).status == 202
    assert site.post(cavage(ada, site, "(request-target) host date digest", expires=later)).status == 202


@pytest.mark.abuse(4)
@DIALECTS
def test_a_request_for_one_server_is_worth_nothing_at_another(
    site: Site, ada: Sender, dialect: Dialect, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Replayed with the first server's Host it is misdirected, with the second's it is not what was signed."""
    other = Site(tmp_path_factory.mktemp("other"))
    message = ada.message(other, dialect=dialect)
    refused(site, site.post(message), 421)
    refused(site, site.post(changed(message, "Host", site.origin.partition("://")[2])))
    assert other.post(message).status == 202
    other.close()


@pytest.mark.abuse(5)
@DIALECTS
@pytest.mark.parametrize("hours", [-13, -2, 2, 13])
def test_a_stale_or_future_date_is_refused(site: Site, ada: Sender, dialect: Dialect, hours: int) -> None:
    """An hour either way is allowed, and no more."""
    refused(site, site.post(ada.message(site, dialect=dialect, now=site.clock.now() + timedelta(hours=hours))))
    near = site.clock.now() + timedelta(minutes=30 if hours > 0 else -30)
    assert site.post(ada.message(site, dialect=dialect, now=near)).status == 202


@pytest.mark.abuse(6)
@DIALECTS
def test_an_exact_replay_is_answered_and_has_no_effect(
    site: Site, ada: Sender, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From memory even when its date is past, from the ledger after a restart; no key is touched for it."""
    message = ada.message(site, dialect=dialect)
    assert site.post(message).status == 202

    def never(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(site.keys, "check", never)
    assert [site.post(message).status for _ in range(3)] == [202] * 3
    site.clock.moved = timedelta(minutes=50)
    site.restart()
    monkeypatch.setattr(site.keys, "check", never)
    assert site.post(message).status == 202
    site.clock.moved = timedelta(hours=2)
    assert site.post(message).status == 401
    assert site.ledger.ap_inbox.counts() == {"accepted": 1}
    assert ada.server.targets == ["/users/ada"]


@pytest.mark.abuse(6)
def test_memory_answers_a_replay_whose_date_is_past(site: Site, ada: Sender) -> None:
    """It was taken once: no reason to let its sender try for ever."""
    message = ada.message(site)
    assert site.post(message).status == 202
    site.clock.moved = timedelta(hours=3)
    assert site.post(message).status == 202
    assert len(site.kept) == 1


@pytest.mark.abuse(6)
def test_a_known_activity_signed_anew_has_no_effect(site: Site, ada: Sender) -> None:
    """The id is the identity: the first bytes stay."""
    activity = ada.activity()
    for content in ("first", "second"):
        assert site.post(ada.message(site, activity | {"summary": content})).status == 202
    row = site.ledger.ap_inbox.by_activity(activity["id"])
    assert row is not None
    assert json.loads(row.raw or b"")["summary"] == "first"


@pytest.mark.abuse(6)
def test_the_same_request_many_times_at_once_is_kept_once(site: Site, ada: Sender) -> None:
    """Two threads that both find it new still keep one."""
    message = ada.message(site)
    got: list[int] = []
    threads = [threading.Thread(target=lambda: got.append(site.post(message).status)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(got) <= {202, 503}
    assert 202 in got
    assert len(site.kept) == 1


@pytest.mark.abuse(7)
@DIALECTS
def test_the_key_of_one_does_not_speak_for_another(
    site: Site, ada: Sender, server: PeerServer, dialect: Dialect
) -> None:
    """CVE-2025-54888, on one origin and on two."""
    near, far = Sender(server, "eve", rsa_key(1)), Sender(PeerServer(), "eve", rsa_key(1))
    for eve in (near, far):
        refused(site, site.post(eve.message(site, ada.activity(), dialect=dialect)))
        refused(site, site.post(eve.message(site, eve.activity(actor=ada.id), dialect=dialect)))
    far.server.close()


@pytest.mark.abuse(7, 48)
def test_ids_on_several_origins_are_refused_before_any_fetch(site: Site, ada: Sender) -> None:
    """Key id, activity id and actor are on one origin."""
    other = "https://other.example"
    for message in (
        ada.message(site, ada.activity(id=f"{other}/1")),
        ada.message(site, ada.activity(actor=f"{other}/ada")),
        ada.message(site, key_id=f"{other}/ada#main-key"),
    ):
        refused(site, site.post(message))
    assert ada.server.asked == []


# ---- keys


@pytest.mark.abuse(8)
def test_a_key_document_that_lies_elsewhere_is_refused(site: Site, ada: Sender) -> None:
    """It is served by the origin of its id, under its id, by redirect too."""
    evil = Sender(PeerServer(), "ada", rsa_key(1))
    document = json.dumps(ada.document()).encode()
    ada.server.answers["/users/ada"] = redirect(f"{evil.server.origin}/users/ada")
    evil.server.answers["/users/ada"] = answer(document)
    refused(site, site.post(ada.message(site)))
    evil.server.close()


@pytest.mark.abuse(8)
@pytest.mark.parametrize(
    "change",
    [
        {"id": "http://127.0.0.1:1/users/ada"},
        {"publicKey": None},
        {"publicKey": []},
        {"publicKey": "KEY"},
        {"publicKey": {"id": "KEY", "owner": "https://other.example/ada", "publicKeyPem": "PEM"}},
        {"publicKey": [{"id": "KEY", "owner": "ME", "publicKeyPem": "PEM"}] * 2},
        {"publicKey": {"id": "KEY", "owner": "ME"}},
        {"publicKey": {"id": "KEY", "owner": "ME", "publicKeyPem": "no key"}},
        {"type": "Note"},
    ],
)
def test_a_key_that_its_owner_does_not_list_is_refused(site: Site, ada: Sender, change: dict[str, Any]) -> None:
    """One key of that id, embedded, of that owner, in the document of an actor."""
    pem = json.dumps(public_pem(ada.rsa.public_key()))[1:-1]
    text = json.dumps(change).replace("KEY", ada.key_id).replace("ME", ada.id).replace("PEM", pem)
    ada.serve(**json.loads(text))
    refused(site, site.post(ada.message(site)))


def test_a_key_without_fragment_may_be_its_own_document(site: Site, ada: Sender) -> None:
    """Its owner's document must name the same key."""
    key_id = f"{ada.server.origin}/keys/1"
    key = {"id": key_id, "type": "Key", "owner": ada.id, "publicKeyPem": public_pem(ada.rsa.public_key())}
    ada.server.answers["/keys/1"] = answer(json.dumps(key).encode())
    ada.serve(publicKey=key_id)
    assert site.post(ada.message(site, key_id=key_id)).status == 202
    site.ledger.ap_remote_keys.drop(ada.id)
    site.restart()
    ada.serve()
    assert site.post(ada.message(site, key_id=key_id)).status == 401


@pytest.mark.abuse(9)
def test_a_rotated_key_is_fetched_anew_once_and_taken(site: Site, ada: Sender) -> None:
    """A failed verification asks the owner's server again."""
    assert site.post(ada.message(site)).status == 202
    ada.rsa = rsa_key(1)
    ada.serve()
    assert [site.post(ada.message(site)).status for _ in range(3)] == [202] * 3
    assert ada.server.targets == ["/users/ada"] * 2


@pytest.mark.abuse(9)
def test_a_burst_of_bad_signatures_locks_no_good_key_out(site: Site, ada: Sender, server: PeerServer) -> None:
    """Nor does it make us ask the server more than once in ten minutes, even while that server fails."""
    assert site.post(ada.message(site)).status == 202
    server.answers["/users/ada"] = answer(b"", status="500 Down")
    forger = Sender(PeerServer(), "forger", rsa_key(1))
    for _ in range(20):
        message = forger.message(site, ada.activity(), key_id=ada.key_id)
        assert site.post(message).status == 401
    assert site.post(ada.message(site)).status == 202
    assert server.targets == ["/users/ada"] * 2
    site.restart()
    assert site.post(ada.message(site)).status == 202
    forger.server.close()


@pytest.mark.abuse(9)
def test_a_failure_of_one_use_or_owner_tells_nothing_of_another(site: Site, ada: Sender) -> None:
    """A wrong owner, and a proof by the key for HTTP, leave the key for HTTP as it is."""
    eve = Sender(ada.server, "eve", rsa_key(1))
    assert site.post(ada.message(site, ada.activity(actor=eve.id))).status == 401
    proof = {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "verificationMethod": ada.key_id}
    assert site.post(unsigned(site, ada.activity(proof=proof))).status == 401
    assert site.post(ada.message(site)).status == 202


@DIALECTS
def test_the_delete_of_an_actor_is_kept_though_its_key_is_gone_with_it(
    site: Site, ada: Sender, dialect: Dialect
) -> None:
    """Its server answers 410 for the key: kept as unproved, as whoever works on it asks for the actor. Not for 404."""
    site.ledger.ap_actors.put(ActorRow(ada.id, "h", "Person", f"{ada.id}/inbox", None, {}, "2026"))
    gone = {"type": "Delete", "object": ada.id}
    ada.server.answers["/users/ada"] = answer(b"", status="404 Not Found")
    refused(site, site.post(ada.message(site, ada.activity(**gone), dialect=dialect)))
    site.clock.moved = timedelta(hours=2)
    ada.server.answers["/users/ada"] = answer(b"", status="410 Gone")
    proved = ada.proved(site, ada.activity(**gone))
    for activity in (
        ada.activity(**gone),
        ada.activity(type="Delete", object={"id": ada.id, "type": "Tombstone"}),
        proved,
    ):
        assert site.post(ada.message(site, activity, dialect=dialect)).status == 202
        row = site.ledger.ap_inbox.by_activity(activity["id"])
        assert row is not None
        assert row.verdict["method"] == "unproved"


@pytest.mark.abuse(7)
def test_a_key_that_is_gone_proves_nothing_else(site: Site, ada: Sender, server: PeerServer) -> None:
    """Only the actor's own end: neither another's, nor an object's. Of an actor that nobody knows nothing is kept."""
    other = Sender(server, "other", rsa_key(1))
    for each in (ada, other):
        server.answers[f"/users/{each.name}"] = answer(b"", status="410 Gone")
    site.ledger.ap_actors.put(ActorRow(ada.id, "h", "Person", f"{ada.id}/inbox", None, {}, "2026"))
    for activity in (
        ada.activity(),
        ada.activity(type="Delete", object=other.id),
        ada.activity(type="Delete", object=f"{server.origin}/notes/1"),
        ada.activity(type="Update", object=ada.id),
        ada.activity(type="Delete", object=[ada.id]),
        ada.activity(type=["Delete"], object=ada.id),
    ):
        assert site.post(ada.message(site, activity)).status in (400, 401)
    assert site.post(unsigned(site, ada.activity(type="Delete", object=ada.id))).status == 401
    stranger = other.activity(type="Delete", object=other.id)
    refused(site, site.post(other.message(site, stranger)), 202)


def test_a_server_that_does_not_answer_now_means_try_later(site: Site, ada: Sender) -> None:
    """503 with Retry-After, not a refusal for good; it is asked again after a minute."""
    ada.server.answers["/users/ada"] = answer(b"", status="503 Later")
    told = site.post(ada.message(site))
    refused(site, told, 503)
    assert int(told.headers["retry-after"]) > 0
    ada.serve()
    assert site.post(ada.message(site)).status == 503
    site.clock.moved = timedelta(minutes=2)
    assert site.post(ada.message(site)).status == 202


def test_more_key_fetches_than_allowed_are_503(site: Site, server: PeerServer) -> None:
    """Four at once of one host; a fifth is told to come later, and another host is served meanwhile."""
    entered, go = threading.Semaphore(0), threading.Event()

    def slow(asked: Asked, talking: Any, stop: threading.Event) -> None:
        entered.release()
        go.wait(10)
        talking.sendall(answer(b"", status="404 Not Found"))

    slowly = [Sender(server, f"slow{number}") for number in range(5)]
    for each in slowly:
        server.answers[f"/users/{each.name}"] = slow
    messages = [each.message(site) for each in slowly]
    got: list[int] = []
    threads = [threading.Thread(target=lambda m=m: got.append(site.post(m).status)) for m in messages[:4]]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert entered.acquire(timeout=10)
    assert site.post(messages[4]).status == 503
    go.set()
    for thread in threads:
        thread.join()
    assert got == [401] * 4


# ---- headers


@pytest.mark.abuse(10)
@pytest.mark.parametrize("name", ["Signature", "Digest", "Date"])
@pytest.mark.parametrize("first", [True, False])
def test_repeated_headers_are_refused(site: Site, ada: Sender, name: str, first: bool) -> None:
    """The same value twice too: two readers might believe different ones."""
    message = ada.message(site)
    again = (name, header(message, name))
    headers = (again, *message.headers) if first else (*message.headers, again)
    refused(site, site.post(replace(message, headers=headers)))


@pytest.mark.abuse(10)
@pytest.mark.parametrize("name", ["Signature", "Signature-Input", "Content-Digest"])
def test_repeated_headers_of_rfc_9421_are_refused(site: Site, ada: Sender, name: str) -> None:
    """The other dialect alike."""
    message = ada.message(site, dialect=Dialect.RFC9421)
    refused(site, site.post(replace(message, headers=(*message.headers, (name, header(message, name))))))


@pytest.mark.abuse(10, 47)
def test_a_repeated_host_is_misdirected(site: Site, ada: Sender) -> None:
    """Two Host lines never reach a parser."""
    message = ada.message(site)
    told = site.post(replace(message, headers=(*message.headers, ("Host", header(message, "Host")))))
    assert told.status in (400, 421)
    assert site.kept == []


@pytest.mark.abuse(10)
@pytest.mark.parametrize("name", ["Signature", "Digest", "Date"])
def test_folded_headers_are_refused(site: Site, ada: Sender, name: str) -> None:
    """A value over two lines."""
    message = ada.message(site)
    value = header(message, name)
    middle = len(value) // 2
    told = site.post(changed(message, name, f"{value[:middle]}\r\n {value[middle:]}"))
    assert told.status in (400, 401)
    assert site.kept == []


@pytest.mark.abuse(10)
@pytest.mark.parametrize("names", ["", " ", "(Request-Target) host date digest", "(request-target) HOST date digest"])
def test_odd_lists_of_headers_are_refused(site: Site, ada: Sender, names: str) -> None:
    """Empty, and not in lower case (CVE-2026-28432)."""
    refused(site, site.post(cavage(ada, site, names)))


@pytest.mark.abuse(10)
@pytest.mark.parametrize("algorithm", ["none", "hmac-sha256", "rsa-sha1", "RSA-SHA256", "ed25519", ""])
def test_other_algorithms_are_refused(site: Site, ada: Sender, algorithm: str) -> None:
    """In both dialects."""
    refused(site, site.post(cavage(ada, site, "(request-target) host date digest", algorithm=algorithm)))
    covered = '"@method" "@target-uri" "content-digest"'
    refused(site, site.post(rfc9421(ada, site, covered, alg=f';alg="{algorithm}"')))


@pytest.mark.abuse(10)
@DIALECTS
def test_a_key_of_1024_bits_proves_nothing(site: Site, server: PeerServer, dialect: Dialect) -> None:
    """Though it verifies."""
    weak = Sender(server, "weak", rsa_key(9, 1024))
    refused(site, site.post(weak.message(site, dialect=dialect)))


@pytest.mark.abuse(10)
def test_there_is_no_falling_back_to_the_other_dialect(site: Site, ada: Sender) -> None:
    """A good cavage signature beside a broken Signature-Input."""
    refused(site, site.post(ada.message(site), Signature_Input="sig1=()"))


@pytest.mark.abuse(47)
@pytest.mark.parametrize(
    "host", ["evil.example", "", "127.0.0.1", "127.0.0.1:1", "127.0.0.1:PORT.", "x@127.0.0.1:PORT"]
)
def test_a_host_that_is_not_ours_is_misdirected(site: Site, ada: Sender, host: str) -> None:
    """The configured origin is the only one."""
    message = changed(ada.message(site), "Host", host.replace("PORT", str(site.port)))
    refused(site, site.post(message), 421)


@pytest.mark.abuse(47)
def test_x_forwarded_host_and_an_absolute_target_are_not_believed(site: Site, ada: Sender) -> None:
    """The one is ignored, the other refused."""
    message = changed(ada.message(site), "Host", "evil.example")
    refused(site, site.post(message, X_Forwarded_Host=site.origin.partition("://")[2]), 421)
    absolute = replace(ada.message(site), target="http://evil.example/inbox")
    assert site.post(absolute).status in (404, 421)
    assert site.kept == []
    assert site.post(ada.message(site), X_Forwarded_Host="evil.example", Forwarded="host=evil.example").status == 202


# ---- bodies


def deep(depth: int, kind: str) -> bytes:
    """An activity with something nested that deep."""
    inner = {"arrays": "[" * depth + "]" * depth, "objects": '{"a":' * depth + "1" + "}" * depth}
    inner["contexts"] = '{"@context":' * depth + "{}" + "}" * depth
    return (
        b'{"id":"http://x.example/1","type":"Create","actor":"http://x.example/a","object":%s}' % inner[kind].encode()
    )


@pytest.mark.abuse(31)
@pytest.mark.parametrize("kind", ["arrays", "objects", "contexts"])
@pytest.mark.parametrize("depth", [33, 100, 1000, 20_000])
def test_deep_nesting_is_refused(site: Site, ada: Sender, kind: str, depth: int) -> None:
    """Before any parser sees it."""
    refused(site, site.post(ada.message(site, deep(depth, kind))), 400)


@pytest.mark.abuse(33)
@pytest.mark.parametrize("member", ["actor", "id", "object", "type"])
def test_duplicate_members_are_refused(site: Site, ada: Sender, member: str) -> None:
    """Two readers would take different ones."""
    body = json.dumps(ada.activity())
    twice = body[:-1] + f', "{member}": {json.dumps(json.loads(body)[member])}}}'
    refused(site, site.post(ada.message(site, twice.encode())), 400)


@pytest.mark.abuse(34)
@pytest.mark.parametrize(
    "body",
    [
        b'{"n": 1%s, REST' % (b"0" * 40),
        b'{"n": 1e400, REST',
        b'{"n": NaN, REST',
        b'{"n": Infinity, REST',
        b'{"n": "\\ud800", REST',
        b'{"n": "\xff", REST',
        b'{"n": "\\u0000", REST',
        b"\xef\xbb\xbf{REST",
        b"[1]",
        b"",
        b"null",
    ],
)
def test_json_that_is_read_in_several_ways_is_refused(site: Site, ada: Sender, body: bytes) -> None:
    """Huge numbers, NaN, lone surrogates, other encodings, no object."""
    rest = json.dumps(ada.activity()).encode()[1:]
    refused(site, site.post(ada.message(site, body.replace(b"REST", rest))), 400)


@pytest.mark.abuse(34)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_other_encodings_are_refused(site: Site, ada: Sender, encoding: str) -> None:
    """UTF-8 only."""
    refused(site, site.post(ada.message(site, json.dumps(ada.activity()).encode(encoding))), 400)


@pytest.mark.abuse(35)
def test_an_oversize_body_is_refused_whatever_its_length_says(site: Site, ada: Sender) -> None:
    """Announced, chunked, and announced falsely."""
    large = b'{"x":"' + b"x" * (1024 * 1024) + b'"}'
    message = ada.message(site, large)
    refused(site, site.post(message), 413)
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (large[:700_000], large[700_000:])) + b"0\r\n\r\n"
    chunked = replace(message, headers=(*message.headers, ("Transfer-Encoding", "chunked")), body=pieces)
    refused(site, site.post(chunked), 413)
    short = ada.message(site)
    for length in ("1", "-1", "x", "1e3"):
        told = site.post(short, Content_Length=length)
        assert told.status in (400, 401)
    assert site.kept == []


@pytest.mark.abuse(35)
def test_a_chunked_body_that_is_small_is_taken(site: Site, ada: Sender) -> None:
    """Its digest is of the body, not of its chunks."""
    message = ada.message(site)
    pieces = b"%x\r\n%s\r\n0\r\n\r\n" % (len(message.body), message.body)
    headers = (*message.headers, ("Transfer-Encoding", "chunked"))
    assert site.post(replace(message, headers=headers, body=pieces)).status == 202


@pytest.mark.abuse(36)
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "GZIP", "gzip, gzip", "identity, gzip"])
def test_a_compressed_request_is_refused_unread(site: Site, ada: Sender, coding: str) -> None:
    """48 KB would become 50 MB."""
    bomb = gzip.compress(b"x" * 5_000_000)
    refused(site, site.post(ada.message(site, bomb), Content_Encoding=coding), 415)
    assert ada.server.asked == []


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "application/ld+json", "text/html", "application/activity+json2", ""]
)
def test_other_media_types_are_refused(site: Site, ada: Sender, kind: str) -> None:
    """Only the two of AS2, the second with its profile."""
    refused(site, site.post(ada.message(site, kind=kind)), 415)


def test_other_methods_are_not_allowed(site: Site) -> None:
    """And the allowed one is named."""
    for method in ("GET", "PUT", "DELETE"):
        told = site.raw(
            f"{method} /inbox HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nContent-Length: 0\r\n\r\n".encode()
        )
        assert (told.status, "POST" in told.headers["allow"]) == (405, True)


# ---- blocks, rates, oracles


@pytest.mark.parametrize("whole_host", [True, False])
def test_the_blocked_are_refused_before_any_fetch(site: Site, ada: Sender, whole_host: bool) -> None:
    """By host and by actor, with a signature and with a proof; another of the host is heard if only one is blocked."""
    subject = ada.server.origin.partition("://")[2] if whole_host else ada.id
    site.ledger.ap_blocks.add(BlockRow(subject, "host" if whole_host else "actor", "op", "2026-11-21T00:00:00.000000Z"))
    refused(site, site.post(ada.message(site)), 403)
    refused(site, site.post(ada.message(site, dialect=Dialect.RFC9421)), 403)
    refused(site, site.post(unsigned(site, ada.proved(site))), 403)
    assert ada.server.asked == []
    eve = Sender(ada.server, "eve", rsa_key(1))
    assert site.post(eve.message(site)).status == (403 if whole_host else 202)


def test_a_block_counts_within_seconds(site: Site, ada: Sender) -> None:
    """The list is read again every five."""
    assert site.post(ada.message(site)).status == 202
    site.ledger.ap_blocks.add(BlockRow(ada.id, "actor", "op", "2026-11-21T00:00:00.000000Z"))
    site.clock.moved = timedelta(seconds=6)
    assert site.post(ada.message(site)).status == 403


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Update", "object": {"id": "https://other.example/1", "type": "Note", "attributedTo": "ME"}},
        {"type": "Delete", "object": "https://other.example/1"},
        {"type": "Undo", "object": {"id": "https://other.example/1", "type": "Follow", "actor": "ME"}},
        {"object": {"id": "ORIGIN/notes/1", "type": "Note", "attributedTo": "ORIGIN/users/eve"}},
    ],
)
def test_the_proved_may_not_speak_of_what_is_not_theirs(site: Site, ada: Sender, change: dict[str, Any]) -> None:
    """403, as the author is known; nothing is kept."""
    text = json.dumps(change).replace("ME", ada.id).replace("ORIGIN", ada.server.origin)
    refused(site, site.post(ada.message(site, ada.activity(**json.loads(text)))), 403)


@pytest.mark.abuse(48)
def test_every_failed_proof_gets_the_very_same_answer(site: Site, ada: Sender) -> None:
    """Status, body and headers do not tell an unknown key from a bad signature."""
    eve = Sender(ada.server, "eve", rsa_key(1))
    site.post(ada.message(site))
    told = [
        site.post(message)
        for message in (
            unsigned(site, ada.activity()),
            ada.message(site, key_id=f"{ada.server.origin}/nobody#main-key"),
            eve.message(site, ada.activity(), key_id=ada.key_id),
            eve.message(site, ada.activity()),
            ada.message(site, now=site.clock.now() - timedelta(hours=3)),
            changed(ada.message(site), "Signature", "junk"),
            unsigned(site, ada.proved(site) | {"content": "x"}),
        )
    ]
    assert {one.status for one in told} == {401}
    assert len({one.body for one in told}) == 1
    assert len({tuple(sorted((n, v) for n, v in one.headers.items() if n != "date")) for one in told}) == 1


@pytest.mark.abuse(48)
def test_costly_junk_is_refused_by_cheap_checks(site: Site, ada: Sender) -> None:
    """No key is asked for on behalf of what is broken, stale or not covered, nor is a large proof canonicalised."""
    stale = site.clock.now() - timedelta(hours=3)
    for message in (
        ada.message(site, b"{" * 500_000),
        ada.message(site, b'"' * 900_000),
        ada.message(site, now=stale),
        cavage(ada, site, "(request-target) host date"),
        replace(ada.message(site), body=json.dumps(ada.activity()).encode()),
        unsigned(site, ada.proved(site) | {"name": "x" * 100_000, "content": "y" * 100_000, "summary": "z" * 100_000}),
    ):
        assert site.post(message).status in (400, 401, 413)
    assert ada.server.asked == []
    assert site.kept == []


@pytest.mark.abuse(49)
def test_a_flood_of_one_client_meets_429(ada: Sender, tmp_path: Path) -> None:
    """By its address, before anything is read; the bucket fills again."""
    site = Site(tmp_path, Limits(Rate(1.0, 5.0), Rate(100.0, 100.0)))
    got = [site.post(unsigned(site, b"junk")) for _ in range(8)]
    assert [one.status for one in got[:5]] == [400] * 5
    assert got[-1].status == 429
    assert int(got[-1].headers["retry-after"]) >= 1
    site.clock.moved = timedelta(seconds=10)
    assert site.post(ada.message(site)).status == 202
    site.close()


@pytest.mark.abuse(49)
def test_a_flood_by_one_key_meets_429_and_its_neighbours_do_not(ada: Sender, tmp_path: Path) -> None:
    """By the proved host; who claims the host without proving it takes nothing from it."""
    site = Site(tmp_path, Limits(Rate(1000.0, 1000.0), Rate(0.01, 3.0)))
    forger, other = Sender(PeerServer(), "forger", rsa_key(1)), Sender(PeerServer(), "other")
    for _ in range(5):
        assert site.post(forger.message(site, ada.activity(), key_id=ada.key_id)).status == 401
    assert [site.post(ada.message(site)).status for _ in range(5)] == [202, 202, 202, 429, 429]
    assert site.post(other.message(site)).status == 202
    assert len(site.kept) == 4
    for each in (forger, other):
        each.server.close()
    site.close()


# ---- durability


def test_what_cannot_be_kept_is_not_accepted(site: Site, ada: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is 503, for every request of the group; afterwards the sender's next try is kept."""
    message = ada.message(site)

    def full(*_: Any) -> list[bool]:
        raise EngineUnavailable("full", "plein")

    with monkeypatch.context() as broken:
        broken.setattr(site.inbox._commits, "_keep", full)
        told = site.post(message)
        refused(site, told, 503)
        assert int(told.headers["retry-after"]) > 0
    assert site.post(message).status == 202
    assert len(site.kept) == 1


def flood(origin: str, ada: Sender, accepted: list[str], enough: Callable[[], bool], site: Any) -> None:
    """Post new activities until the server is gone; note which got 202."""
    while not enough():
        activity = ada.activity()
        message = ada.message(site, activity)
        request = urllib.request.Request(f"{origin}/inbox", message.body, dict(message.headers), method="POST")  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - loopback
                if response.status == 202:
                    accepted.append(activity["id"])
        except OSError:
            return


class There:
    """A served instance in another process, as senders see it."""

    def __init__(self, origin: str, clock: Any) -> None:
        self.origin, self.clock = origin, clock


@pytest.mark.slow
def test_kill_9_in_the_middle_of_accepting_loses_no_202(site: Site, server: PeerServer, tmp_path: Path) -> None:
    """Whatever was answered 202 is in the ledger that the killed process leaves."""
    chance = random.Random(7)
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        program = [sys.executable, str(Path(__file__).with_name("ap_site.py")), str(folder)]
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            origin = process.stdout.readline().strip()
            accepted: list[str] = []
            wanted = chance.randrange(30, 120)
            senders = [Sender(server, f"k{attempt}-{number}") for number in range(4)]
            there = There(origin, site.clock)
            threads = [
                threading.Thread(target=flood, args=(origin, each, accepted, lambda: False, there)) for each in senders
            ]
            for thread in threads:
                thread.start()
            while len(accepted) < wanted and process.poll() is None:
                threads[0].join(0.01)
            process.kill()
            for thread in threads:
                thread.join()
        ledger = open_ledger("", folder)
        assert ledger.ap_inbox.known(accepted) == frozenset(accepted)
        assert len(accepted) >= wanted
        ledger.close()
