"""Vectors of the specifications: what each verifies to, and what our policy says of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federation.activitypub import keys, proofs
from federation.activitypub.refusal import Unauthorised
from federation.activitypub.signatures import Message, cavage, parse, rfc9421, verify
from federation.activitypub.signatures.message import fields_of

pytestmark = pytest.mark.needs_shared
CAVAGE_NOW = datetime(2014, 1, 5, 21, 31, 40, tzinfo=UTC)
RFC_NOW = datetime.fromtimestamp(1618884473, UTC)
PROOF_NOW = datetime(2023, 2, 24, 23, 36, 38, tzinfo=UTC)
ORIGIN = "https://example.com"


def loaded(shared: Path, path: str) -> Any:
    """A JSON file of vectors."""
    return json.loads((shared / "activitypub" / path).read_text("utf-8"))


def request(vectors: dict[str, Any], *more: tuple[str, str]) -> Message:
    """The request that a file of vectors signs."""
    sent = vectors["request"]
    target = sent.get("target") or sent["target_uri"].removeprefix(ORIGIN)
    return Message(sent["method"], target, (*sent["headers"].items(), *more), sent["body"].encode())


def rule_of(message: Message, now: datetime) -> str:
    """The rule that refuses a message before any key is looked for."""
    with pytest.raises(Unauthorised) as refused:
        parse(message, origin=ORIGIN, now=now)
    return refused.value.rule


# -- draft-cavage-12, appendix C --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(3))
def test_cavage_vectors_have_our_signing_string(shared: Path, number: int) -> None:
    """C.1 to C.3: the signing string is the draft's, and its signature verifies over it."""
    vectors = loaded(shared, "cavage-12/vectors.json")
    vector = vectors["vectors"][number]
    message = request(vectors)

    text = cavage.signing_string(tuple(vector["headers"]), message, fields_of(message), {})

    assert text == vector["signing_string"]
    key = serialization.load_pem_public_key(vectors["public_key_pem"].encode())
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(base64.b64decode(vector["signature"]), text.encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(("number", "rule"), [(0, "coverage"), (1, "coverage"), (2, None)])
def test_cavage_vectors_meet_our_policy(shared: Path, number: int, rule: str | None) -> None:
    """C.1 and C.2 leave out the body: refused. C.3 covers all, and is refused for its key of 1024 bits, or its age."""
    vectors = loaded(shared, "cavage-12/vectors.json")
    vector = vectors["vectors"][number]
    stated = (
        f'keyId="Test",algorithm="rsa-sha256",headers="{" ".join(vector["headers"])}",signature="{vector["signature"]}"'
    )
    message = request(vectors, ("Signature", stated))

    if rule is not None:
        assert rule_of(message, CAVAGE_NOW) == rule
        return
    parsed = parse(message, origin=ORIGIN, now=CAVAGE_NOW)
    assert (parsed.key_id, parsed.created) == ("Test", CAVAGE_NOW)
    key = serialization.load_pem_public_key(vectors["public_key_pem"].encode())
    with pytest.raises(Unauthorised, match="key-size"):
        verify(parsed, key)  # type: ignore[arg-type]
    with pytest.raises(Unauthorised, match="key-size"):
        keys.read_public_pem(vectors["public_key_pem"])
    assert rule_of(message, datetime(2026, 11, 21, tzinfo=UTC)) == "window"


# -- RFC 9421, appendix B.2 -------------------------------------------------------------------------------------------


def vector_of(vectors: dict[str, Any], name: str) -> dict[str, Any]:
    """One vector by the number of its section."""
    [found] = [each for each in vectors["vectors"] if each["name"].startswith(name)]
    return dict(found)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("B.2.1", "coverage"),
        ("B.2.2", "signature-form"),
        ("B.2.3", "coverage"),
        ("B.2.4", "coverage"),
        ("B.2.5", "coverage"),
        ("B.2.6", "coverage"),
    ],
)
@pytest.mark.abuse(3)
def test_rfc9421_vectors_are_refused_by_our_policy(shared: Path, name: str, rule: str) -> None:
    """None covers method, target and SHA-256 digest; B.2.2 asks for a component with a parameter."""
    vectors = loaded(shared, "rfc9421/vectors.json")
    vector = vector_of(vectors, name)
    message = request(vectors, ("Signature-Input", vector["signature_input"]), ("Signature", vector["signature"]))

    assert rule_of(message, RFC_NOW) == rule


@pytest.mark.parametrize("name", ["B.2.1", "B.2.3", "B.2.5", "B.2.6"])
def test_rfc9421_vectors_verify_over_our_base(shared: Path, name: str) -> None:
    """Where we know the components, our signature base is what the RFC signed, by whatever algorithm."""
    vectors = loaded(shared, "rfc9421/vectors.json")
    vector = vector_of(vectors, name)
    message = request(vectors)
    covered = re.findall(r'"([^"]+)"', vector["signature_input"].partition(")")[0])
    parameters: dict[str, int | str] = {
        key: int(value) if value.isdigit() else value.strip('"')
        for key, value in re.findall(r';([a-z]+)=("[^"]*"|[0-9]+)', vector["signature_input"])
    }

    base = rfc9421.signature_base(tuple(covered), parameters, message, fields_of(message), ORIGIN)

    assert vector.get("signature_base", base) == base
    signature = base64.b64decode(vector["signature"].partition("=:")[2].removesuffix(":"))
    confirm(shared, vector, base.encode(), signature)


def confirm(shared: Path, vector: dict[str, Any], base: bytes, signature: bytes) -> None:
    """Verify a vector with the algorithm it names; raises if it does not hold."""
    pems = loaded(shared, "rfc9421/public_keys.json")
    if vector["alg"] == "rsa-pss-sha512":
        key = serialization.load_pem_public_key(pems["rsa-pss"].encode())
        assert isinstance(key, rsa.RSAPublicKey)
        key.verify(signature, base, padding.PSS(padding.MGF1(hashes.SHA512()), 64), hashes.SHA512())
    elif vector["alg"] == "hmac-sha256":
        mac = hmac.HMAC(base64.b64decode(vector["shared_secret_b64"]), hashes.SHA256())
        mac.update(base)
        mac.verify(signature)
    else:
        ed25519 = serialization.load_pem_public_key(pems["ed25519"].encode())
        assert isinstance(ed25519, Ed25519PublicKey)
        ed25519.verify(signature, base)


# As printed in RFC 9421, appendix B.2.4. The file of vectors holds another one, which does not verify.
B_2_4 = "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw=="


def test_the_response_vector_is_genuine_and_not_for_us(shared: Path) -> None:
    """B.2.4 (ECDSA over a response) verifies as the RFC says; we neither know @status nor take such a key."""
    vector = vector_of(loaded(shared, "rfc9421/vectors.json"), "B.2.4")
    pem = loaded(shared, "rfc9421/public_keys.json")["ecc-p256"]
    body = base64.b64encode(hashlib.sha512(b'{"message": "good dog"}').digest()).decode()
    params = vector["signature_input"].partition("=")[2]
    base = (
        f'"@status": 200\n"content-type": application/json\n"content-digest": sha-512=:{body}:\n'
        f'"content-length": 23\n"@signature-params": {params}'
    )
    raw = base64.b64decode(B_2_4)
    key = serialization.load_pem_public_key(pem.encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)

    pair = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.verify(pair, base.encode(), ec.ECDSA(hashes.SHA256()))

    with pytest.raises(Unauthorised, match="component"):
        rfc9421.signature_base(("@status",), {}, Message("POST", "/", ()), {}, ORIGIN)
    with pytest.raises(Unauthorised, match="key-type"):
        keys.read_public_pem(pem)


@pytest.mark.abuse(10)
def test_other_algorithms_of_rfc9421_are_refused_by_key_and_by_name(shared: Path) -> None:
    """RSA keys are read in both forms; elliptic and Ed25519 keys are not keys for HTTP; PSS does not verify."""
    pems = loaded(shared, "rfc9421/public_keys.json")

    assert keys.read_public_pem(pems["rsa"]).key_size == 2048
    assert keys.read_public_pem(pems["rsa-pss"]).key_size == 2048
    for name in ("ecc-p256", "ed25519"):
        with pytest.raises(Unauthorised, match="key-type"):
            keys.read_public_pem(pems[name])
    private = keys.generate_rsa()
    covered: tuple[str, ...] = ("@method", "@target-uri")
    parameters: dict[str, int | str] = {"created": 1618884473, "keyid": "k"}
    message = Message("GET", "/foo", ())
    base = rfc9421.signature_base(covered, parameters, message, {}, ORIGIN).encode()
    pss = private.sign(base, padding.PSS(padding.MGF1(hashes.SHA512()), 64), hashes.SHA512())
    fields = (
        ("Signature-Input", 's=("@method" "@target-uri");created=1618884473;keyid="k"'),
        ("Signature", f"s=:{base64.b64encode(pss).decode()}:"),
    )

    with pytest.raises(Unauthorised, match="signature"):
        verify(parse(Message("GET", "/foo", fields), origin=ORIGIN, now=RFC_NOW), private.public_key())


# -- eddsa-jcs-2022 and the FEPs --------------------------------------------------------------------------------------


def blocks(shared: Path, fep: str) -> list[Any]:
    """The JSON blocks of a feature file, in order."""
    text = (shared / "activitypub" / "fep-vectors" / f"fep-{fep}.feature").read_text("utf-8")
    return [json.loads(block) for block in re.findall(r'"""(.*?)"""', text, re.DOTALL)]


def secret_key(shared: Path) -> Ed25519PrivateKey:
    """The private key of the vectors (Multikey, codec ed25519-priv)."""
    data = keys.base58_decode(loaded(shared, "eddsa-jcs-2022/w3c.json")["secret_key_multibase"][1:])
    assert data[:2] == bytes.fromhex("8026")
    return Ed25519PrivateKey.from_private_bytes(data[2:])


@pytest.mark.parametrize("name", ["w3c", "fep-8b32"])
def test_proof_vectors_verify(shared: Path, name: str) -> None:
    """Both signed documents verify with their published key, and give back what was signed."""
    vector = loaded(shared, f"eddsa-jcs-2022/{name}.json")
    key = keys.decode_multikey(vector["public_key_multibase"])

    proof = proofs.parse(vector["signed"], now=PROOF_NOW)

    assert proof is not None
    assert proofs.verify(proof, key) == {name: value for name, value in vector["signed"].items() if name != "proof"}
    assert proof.created == PROOF_NOW
    if "combined_hash_hex" in vector:
        assert [each.hex() for each in proof.hashes] == [vector["combined_hash_hex"]]


@pytest.mark.parametrize("name", ["w3c", "fep-8b32"])
def test_proof_vectors_can_be_made_again(shared: Path, name: str) -> None:
    """Our proof of the same document, key and time is the vector's, letter by letter."""
    document = loaded(shared, f"eddsa-jcs-2022/{name}.json")["signed"]
    method = document["proof"]["verificationMethod"]
    unsigned = {name: value for name, value in document.items() if name != "proof"}

    made = proofs.create(unsigned, key=proofs.ProofKey(method, secret_key(shared)), created=PROOF_NOW)

    assert made == document


def test_fep_8b32_signs_and_verifies(shared: Path) -> None:
    """Both scenarios of the feature file."""
    document, expected, again, actor = blocks(shared, "8b32")
    key = proofs.ProofKey("https://server.example/users/alice#ed25519-key", secret_key(shared))

    assert proofs.create(document, key=key, created=PROOF_NOW) == expected
    proof = proofs.parse(again, now=PROOF_NOW)
    assert proof is not None
    assert actor["assertionMethod"][0]["id"] == proof.verification_method
    assert proofs.verify(proof, keys.decode_multikey(actor["assertionMethod"][0]["publicKeyMultibase"])) == document


def test_fep_c390_signs_and_verifies(shared: Path) -> None:
    """An identity proof has no context at all; the actor that carries it adds none to it."""
    claim, expected, actor = blocks(shared, "c390")
    did = claim["subject"]
    public = keys.decode_multikey(did.removeprefix("did:key:"))

    assert proofs.create(claim, key=proofs.ProofKey(did, secret_key(shared)), created=PROOF_NOW) == expected
    proof = proofs.parse(actor["attachment"][0], now=PROOF_NOW)
    assert proof is not None
    assert proofs.verify(proof, public) == claim


def test_fep_521a_keys_are_written_and_read(shared: Path) -> None:
    """The Ed25519 and the RSA key of the feature file, both ways."""
    text = (shared / "activitypub" / "fep-vectors" / "fep-521a.feature").read_text("utf-8")
    raw_ed25519, raw_rsa = (bytes.fromhex(each) for each in re.findall(r'hex string "([0-9a-f]+)"', text))
    ed25519, rsa_key = (block["publicKeyMultibase"] for block in blocks(shared, "521a"))

    read = keys.decode_multikey(ed25519)
    assert isinstance(read, Ed25519PublicKey)
    assert read.public_bytes_raw() == raw_ed25519
    assert keys.encode_multikey(read) == ed25519
    other = keys.decode_multikey(rsa_key)
    assert isinstance(other, rsa.RSAPublicKey)
    assert other.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1) == raw_rsa
    assert keys.encode_multikey(other) == rsa_key


def proof_rule(document: dict[str, Any], key: keys.PublicKey) -> str:
    """The rule that refuses a document by its proof, ``none`` without one, ``valid`` otherwise."""
    try:
        proof = proofs.parse(document, now=PROOF_NOW)
        if proof is None:
            return "none"
        proofs.verify(proof, key)
    except Unauthorised as refused:
        return refused.rule
    return "valid"


@pytest.mark.parametrize("name", ["w3c", "fep-8b32"])
def test_no_member_of_a_proof_vector_can_be_changed(shared: Path, name: str) -> None:
    """A letter added to any text of the signed document is refused."""
    vector = loaded(shared, f"eddsa-jcs-2022/{name}.json")
    key = keys.decode_multikey(vector["public_key_multibase"])
    text = json.dumps(vector["signed"])

    for match in re.finditer(r'"(?=[,\]}:])', text):
        changed = json.loads(text[: match.start()] + "x" + text[match.start() :])
        assert proof_rule(changed, key) in ("none", "proof", "proof-form", "proof-purpose", "proof-context")


def test_every_document_of_the_corpora_has_a_verdict(shared: Path) -> None:
    """None, a proof to verify, or a refusal; no other exception."""
    read = 0
    for path in sorted((shared / "activitypub").rglob("*.json*")):
        try:
            document = json.loads(path.read_text("utf-8"))
        except ValueError:
            continue
        for each in document if isinstance(document, list) else [document]:
            if isinstance(each, dict):
                read += 1
                assert proof_rule(each, keys.generate_ed25519().public_key()).startswith(("none", "proof"))

    assert read > 250
