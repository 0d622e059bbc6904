"""Proofs inside documents (eddsa-jcs-2022): round trips, what they cover, and every way to cheat that is refused."""

from __future__ import annotations

import copy
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.activitypub import keys, proofs
from federation.activitypub.refusal import Unauthorised

NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
KEY = proofs.ProofKey("https://a.example/actors/x#ed25519-key", keys.generate_ed25519())
PUBLIC = KEY.private.public_key()
DOCUMENT: dict[str, Any] = {
    "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v1"],
    "id": "https://a.example/activities/1",
    "type": "Create",
    "actor": "https://a.example/actors/x",
    "object": {"id": "https://a.example/objects/1", "type": "Page", "name": "Jardin partagé", "latitude": 45.7},
}


def signed() -> dict[str, Any]:
    """A fresh signed document."""
    return proofs.create(copy.deepcopy(DOCUMENT), key=KEY, created=NOW)


def by_hand(document: dict[str, Any], options: dict[str, Any], shown: dict[str, Any] | None = None) -> dict[str, Any]:
    """A document with a proof over ``options``; ``shown`` are the options that stand in it, if they differ."""
    data = hashlib.sha256(rfc8785.dumps(options)).digest() + hashlib.sha256(rfc8785.dumps(document)).digest()
    value = "z" + keys.base58_encode(KEY.private.sign(data))
    return {**document, "proof": {**(options if shown is None else shown), "proofValue": value}}


def options(**others: Any) -> dict[str, Any]:
    """The options of an ordinary proof, changed by ``others`` (None removes one)."""
    usual = {
        "@context": DOCUMENT["@context"],
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "verificationMethod": KEY.verification_method,
        "proofPurpose": "assertionMethod",
        "created": "2026-11-21T15:00:00Z",
    }
    return {name: value for name, value in {**usual, **others}.items() if value is not None}


def verdict(document: dict[str, Any], **how: Any) -> str:
    """The rule that refuses a document, ``none`` without proof, ``valid`` otherwise."""
    try:
        proof = proofs.parse(document, **{"now": NOW, **how})
        if proof is None:
            return "none"
        proofs.verify(proof, PUBLIC)
    except Unauthorised as refused:
        return refused.rule
    return "valid"


def test_what_we_prove_verifies_and_comes_back_as_it_was() -> None:
    """The authenticated document is the one that was signed, without the proof."""
    proof = proofs.parse(signed(), now=NOW)

    assert proof is not None
    assert proofs.verify(proof, PUBLIC) == DOCUMENT
    assert proof.verification_method == KEY.verification_method
    assert proof.created == NOW


def test_our_proof_says_what_older_verifiers_need() -> None:
    """It repeats the context, names suite and purpose, and writes the time without fraction."""
    proof = signed()["proof"]

    assert list(proof) == [*options(), "proofValue"]
    assert {name: proof[name] for name in options()} == options()


def test_a_document_is_signed_once() -> None:
    """Signing what has a proof or a signature is a fault of the caller."""
    for member in ("proof", "signature"):
        with pytest.raises(ValueError, match="signed already"):
            proofs.create({**DOCUMENT, member: {}}, key=KEY, created=NOW)


def test_a_document_survives_serialisation() -> None:
    """Member order and white space do not matter: JCS is what is signed."""
    text = json.dumps(dict(reversed(signed().items())), indent=3, ensure_ascii=True)

    assert verdict(json.loads(text)) == "valid"


@pytest.mark.abuse(12)
def test_a_linked_data_signature_counts_as_none() -> None:
    """A document with only ``signature`` has no proof, whatever stands in it."""
    legacy = {"type": "RsaSignature2017", "creator": "https://a.example/actors/x#main-key", "signatureValue": "AAAA"}

    assert verdict({**DOCUMENT, "signature": legacy}) == "none"


@pytest.mark.abuse(12)
def test_a_linked_data_signature_beside_a_proof_is_removed_first() -> None:
    """It neither breaks the proof nor comes back in the authenticated document."""
    proof = proofs.parse({**signed(), "signature": {"type": "RsaSignature2017"}}, now=NOW)

    assert proof is not None
    assert "signature" not in proofs.verify(proof, PUBLIC)


@pytest.mark.abuse(12)
@pytest.mark.parametrize(
    "other",
    [
        {"cryptosuite": "eddsa-rdfc-2022"},
        {"cryptosuite": "EDDSA-JCS-2022"},
        {"cryptosuite": ["eddsa-jcs-2022"]},
        {"cryptosuite": None},
        {"type": "Ed25519Signature2020"},
        {"type": ["DataIntegrityProof"]},
    ],
)
def test_an_unknown_suite_counts_as_none(other: dict[str, Any]) -> None:
    """Such a document needs an HTTP signature like any other."""
    assert verdict(by_hand(DOCUMENT, options(**other))) == "none"


def test_no_proof_at_all_counts_as_none() -> None:
    """Neither an absent, a null nor an empty proof is one."""
    assert verdict(DOCUMENT) == verdict({**DOCUMENT, "proof": None}) == verdict({**DOCUMENT, "proof": []}) == "none"


def test_one_of_ours_among_unknown_proofs_is_taken() -> None:
    """A list may hold other suites; they are signed apart, so they change nothing."""
    document = signed()
    document["proof"] = [{"type": "DataIntegrityProof", "cryptosuite": "bbs-2023"}, document["proof"]]

    assert verdict(document) == "valid"


def test_several_proofs_of_our_suite_are_refused() -> None:
    """Two would leave open which one speaks."""
    document = signed()
    document["proof"] = [document["proof"], document["proof"]]

    assert verdict(document) == "proof-several"


@pytest.mark.parametrize("proof", ["x", 1, True, ["x"], [[]], [{}] * 9])
def test_a_proof_that_is_no_object_is_refused(proof: object) -> None:
    """Strings, numbers, nested or long lists are refused, not ignored."""
    assert verdict({**DOCUMENT, "proof": proof}) == "proof-form"


@pytest.mark.parametrize(
    ("other", "rule"),
    [
        ({"proofPurpose": "authentication"}, "proof-purpose"),
        ({"proofPurpose": None}, "proof-purpose"),
        ({"verificationMethod": None}, "proof-form"),
        ({"verificationMethod": {"id": "x"}}, "proof-form"),
        ({"verificationMethod": ""}, "proof-form"),
        ({"previousProof": "urn:x"}, "proof-chain"),
        ({"created": "yesterday"}, "proof-form"),
        ({"created": "2026-11-21T15:00:00"}, "proof-form"),
        ({"created": "2026-13-21T15:00:00Z"}, "proof-form"),
        ({"created": "0001-01-01T00:00:00+14:00"}, "proof-form"),
        ({"created": 1}, "proof-form"),
        ({"expires": "2026-11-21T14:59:59Z"}, "proof-expired"),
        ({"expires": "soon"}, "proof-form"),
        ({"expires": "2026-11-21T15:00:01Z"}, "valid"),
        ({"created": None}, "valid"),
        ({"created": "2026-11-21T16:00:00.5+01:00"}, "valid"),
        ({"domain": "x", "nonce": "y", "id": "urn:z"}, "valid"),
        ({"@context": None}, "valid"),
    ],
)
def test_options_are_read_strictly_though_well_signed(other: dict[str, Any], rule: str) -> None:
    """Each proof here is rightly signed over its options; only what they say decides."""
    assert verdict(by_hand(DOCUMENT, options(**other))) == rule


@pytest.mark.abuse(3)
@pytest.mark.parametrize("name", ["created", "expires", "domain", "nonce", "id", "verificationMethod", "challenge"])
def test_no_option_can_be_added_changed_or_removed(name: str) -> None:
    """Every option of the proof is authenticated."""
    document = by_hand(DOCUMENT, options(expires="2026-11-22T15:00:00Z", domain="a.example"))
    changed, removed = copy.deepcopy(document), copy.deepcopy(document)
    changed["proof"][name] = "2026-11-23T15:00:00Z"
    had = removed["proof"].pop(name, None)

    assert verdict(document) == "valid"
    assert verdict(changed) == "proof"
    assert had is None or verdict(removed) in ("proof", "proof-form")


def test_created_must_be_recent_where_it_is_asked() -> None:
    """With a window, an old, a future and an absent time are refused."""
    hour = timedelta(hours=1)

    assert verdict(signed(), window=hour) == "valid"
    assert verdict(signed(), window=hour, now=NOW + timedelta(hours=2)) == "proof-window"
    assert verdict(signed(), window=hour, now=NOW - timedelta(hours=2)) == "proof-window"
    assert verdict(by_hand(DOCUMENT, options(created=None)), window=hour) == "proof-window"


def test_a_context_added_after_signing_is_not_given_back() -> None:
    """The proof's context must begin the document's; only that part is authenticated."""
    document = signed()
    document["@context"] = [*document["@context"], {"name": "https://evil.example/name"}]

    proof = proofs.parse(document, now=NOW)

    assert proof is not None
    assert proofs.verify(proof, PUBLIC) == DOCUMENT


@pytest.mark.parametrize(
    "context",
    [
        ["https://w3id.org/security/data-integrity/v1", "https://www.w3.org/ns/activitystreams"],
        ["https://www.w3.org/ns/activitystreams"],
        [{"x": "y"}, "https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v1"],
        "https://www.w3.org/ns/activitystreams",
        None,
    ],
)
def test_a_context_that_does_not_begin_with_the_proofs_is_refused(context: object) -> None:
    """Reordered, shortened, preceded or removed: refused."""
    document = {**signed(), "@context": context}
    if context is None:
        del document["@context"]

    assert verdict(document) == "proof-context"


def test_a_single_context_may_be_written_with_or_without_a_list() -> None:
    """A string and a list of that string are one context."""
    document = {**DOCUMENT, "@context": "https://www.w3.org/ns/activitystreams"}
    signed_alone = proofs.create(document, key=KEY, created=NOW)

    assert verdict({**signed_alone, "@context": ["https://www.w3.org/ns/activitystreams"]}) == "valid"


def test_true_and_one_are_different_contexts() -> None:
    """Python calls them equal; JSON does not."""
    document = by_hand(
        {**DOCUMENT, "@context": [{"@protected": True}]}, options(**{"@context": [{"@protected": True}]})
    )

    assert verdict(document) == "valid"
    assert verdict({**document, "@context": [{"@protected": 1}]}) == "proof-context"


def test_a_proof_whose_context_is_implied_is_accepted() -> None:
    """Fedify signs the document's context among the options and does not repeat it."""
    document = by_hand(DOCUMENT, options(), shown=options(**{"@context": None}))

    assert verdict(document) == "valid"
    assert verdict({**document, "@context": [*DOCUMENT["@context"], {"a": "b"}]}) == "proof"


def test_another_key_or_kind_of_key_is_refused() -> None:
    """The proof holds for the Ed25519 key that made it, and for none other."""
    proof = proofs.parse(signed(), now=NOW)

    assert proof is not None
    with pytest.raises(Unauthorised, match="proof"):
        proofs.verify(proof, keys.generate_ed25519().public_key())
    with pytest.raises(Unauthorised, match="key-type"):
        proofs.verify(proof, keys.generate_rsa().public_key())


@pytest.mark.parametrize("value", [None, 1, "", "z", "u" + "1" * 64, "z" + "1" * 63, "z" + "1" * 65, "z0", "z" * 500])
def test_a_malformed_value_is_refused(value: object) -> None:
    """Another base, another length, another type: refused before any verification."""
    document = signed()
    document["proof"]["proofValue"] = value

    assert verdict(document) == "proof-form"


@pytest.mark.parametrize("value", [2**53, float("inf"), float("nan"), "\ud800"])
def test_what_jcs_cannot_write_is_refused(value: object) -> None:
    """Unsafe integers, NaN and lone surrogates have no canonical form."""
    assert verdict({**signed(), "x": value}) == "proof-form"
    assert verdict({**signed(), "object": {str(value): value}}) == "proof-form"


def test_deep_nesting_is_refused_without_a_crash() -> None:
    """The depth is limited before us; here it is still not an exception."""
    deep: Any = []
    for _ in range(20_000):
        deep = [deep]

    assert verdict({**signed(), "x": deep}) == "proof-form"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_bit_of_a_signed_document_can_be_flipped(data: st.DataObject) -> None:
    """Any bit of the canonical text, flipped, is no JSON, another document that is refused, or has no proof."""
    text = bytearray(rfc8785.dumps(SIGNED))
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        document = json.loads(bytes(text))
    except ValueError:
        return

    assert verdict(document) != "valid"


SIGNED = signed()
