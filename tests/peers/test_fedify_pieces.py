"""Our signatures, proofs, actors and objects before a real peer, and its own before us: without our server between."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pyoxigraph as ox
import pytest
from fedify_peer import Dialect as Spec
from fedify_peer import FedifyPeer
from own_voice import OwnVoice, document, now, send, with_header

from federation.activitypub import activities, keys, proofs
from federation.activitypub.activities import Saying, announce_activity, announce_object, serialise, update_actor
from federation.activitypub.authority import Purpose, check_actor, check_sender, listed_key
from federation.activitypub.objects import Facts, project_object, served, tombstone
from federation.activitypub.signatures import Dialect, Message, parse, verify
from federation.activitypub.strictjson import parse_activity
from federation.catalogue.words import Words
from federation.model import Reason
from federation.vocabulary import load

pytestmark = pytest.mark.slow

AS2 = "https://www.w3.org/ns/activitystreams"
SPEC: Mapping[Dialect, Spec] = {Dialect.CAVAGE: "draft-cavage-http-signatures-12", Dialect.RFC9421: "rfc9421"}
LINES = """
<{r}> <http://xmlns.com/foaf/0.1/primaryTopic> <{r}#project> .
<{r}> <http://purl.org/dc/terms/license> <https://creativecommons.org/licenses/by/4.0/> .
<{r}> <http://purl.org/dc/terms/source> <https://avise.example/1> .
<{r}#project> <http://schema.org/name> "Garage solidaire"@fr .
<{r}#project> <http://schema.org/name> "Garage for all"@en .
<{r}#project> <http://schema.org/description> "Un garage & plus.\\n\\nDeuxième."@fr .
<{r}#project> <http://purl.org/dc/terms/subject> <https://w3id.org/carrefour/theme/MOB> .
<{r}#project> <http://schema.org/image> <{r}#image-1> .
<{r}#image-1> <http://schema.org/contentUrl> <https://avise.example/1.jpg> .
<{r}#project> <http://schema.org/location> <{r}#place-1> .
<{r}#place-1> <http://schema.org/name> "Riom" .
<{r}#place-1> <http://schema.org/latitude> "45.9"^^<http://www.w3.org/2001/XMLSchema#decimal> .
<{r}#place-1> <http://schema.org/longitude> "3.1"^^<http://www.w3.org/2001/XMLSchema#decimal> .
"""


@pytest.fixture(scope="module")
def peer(start_peer: Callable[[], FedifyPeer]) -> FedifyPeer:
    """A real peer."""
    return start_peer()


@pytest.fixture(scope="module")
def voice() -> Iterator[OwnVoice]:
    """Our actors."""
    made = OwnVoice()
    yield made
    made.close()


@pytest.fixture(scope="module")
def words() -> Words:
    """The tables of the vocabulary."""
    return Words.of(load())


@pytest.fixture
def say(voice: OwnVoice) -> Callable[..., Saying]:
    """Something new to say, by ``avise`` unless told."""

    def saying(number: str, actor: str | None = None) -> Saying:
        return Saying(f"01KAJ{number:0>21}", actor or voice.avise, now())

    return saying


def page(voice: OwnVoice, words: Words, key: str) -> Mapping[str, Any]:
    """A record with everything that a page shows, as it is embedded."""
    record = f"{voice.names.origin}/records/avise/{key}"
    triples = [
        (str(one.subject), str(one.predicate), str(one.object))
        for one in ox.parse(input=LINES.replace("{r}", record), format=ox.RdfFormat.N_TRIPLES)
    ]
    return project_object(voice.names, record, triples, Facts("p1", now(), now()), words)


# -- ours before Fedify ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", list(Dialect))
def test_the_peer_verifies_our_http_signatures(
    peer: FedifyPeer, voice: OwnVoice, words: Words, say: Callable[..., Saying], dialect: Dialect
) -> None:
    """A Create with no proof is taken for ours by its HTTP signature alone, in both dialects."""
    made = page(voice, words, f"http-{dialect}")
    create = activities.create(voice.names, say(f"C{len(dialect)}"), made, None)
    assert voice.post(peer.inbox(), serialise(create), dialect) == 202
    entry = peer.heard("Create", object=made["id"])
    assert (entry["dialect"], entry["http"], entry["proof"]) == (dialect.value, "verified", "none")
    assert entry["heard"]["actor"] == voice.avise
    assert (entry["heard"]["objectType"], entry["heard"]["objectName"]) == ("Page", "Garage solidaire")
    assert entry["heard"]["objectContent"] == "<p>Un garage &amp; plus.</p><p>Deuxième.</p>"


def test_the_peer_verifies_our_proofs(
    peer: FedifyPeer, voice: OwnVoice, words: Words, say: Callable[..., Saying]
) -> None:
    """A Create without any HTTP signature is taken for ours by its proof."""
    made = page(voice, words, "proof")
    create = activities.create(voice.names, say("P1"), made, voice.prove)
    assert voice.post(peer.inbox("alice"), serialise(create), None) == 202
    entry = peer.heard("Create", object=made["id"])
    assert (entry["dialect"], entry["http"], entry["proof"]) == (None, "noSignature", "verified")
    assert entry["heard"]["objectName"] == "Garage solidaire"


@pytest.mark.parametrize("dialect", list(Dialect))
def test_the_peer_takes_what_we_send_in_earnest(
    peer: FedifyPeer, voice: OwnVoice, words: Words, say: Callable[..., Saying], dialect: Dialect
) -> None:
    """Update and Delete with HTTP signature and proof: each of the two holds by itself."""
    made = page(voice, words, f"both-{dialect}")
    update = activities.update(voice.names, say(f"U{len(dialect)}"), made, voice.prove)
    gone = tombstone(made["id"], now(), Reason.PARTNER)
    delete = activities.delete(voice.names, say(f"D{len(dialect)}"), gone, voice.prove)
    for kind, activity in (("Update", update), ("Delete", delete)):
        assert voice.post(peer.inbox(), serialise(activity), dialect) == 202
        entry = peer.heard(kind, object=made["id"])
        assert (entry["http"], entry["proof"]) == ("verified", "verified")
        assert entry["heard"]["objectType"] == ("Page" if kind == "Update" else "Tombstone")


def test_the_peer_takes_our_announces(
    peer: FedifyPeer, voice: OwnVoice, words: Words, say: Callable[..., Saying]
) -> None:
    """An Announce of an activity is verified as the Group's, the proof inside as the partner's; one by id is read."""
    made = page(voice, words, "announced")
    voice.add(served(voice.names, made, voice.prove))
    create = activities.create(voice.names, say("A1"), made, voice.prove)
    voice.add(create)
    whole = announce_activity(voice.names, say("A2", voice.commons), serialise(create))
    assert voice.post(peer.inbox(), whole, Dialect.CAVAGE, voice.commons) == 202
    entry = peer.heard("Announce", object=create["id"])
    assert (entry["http"], entry["inner"]) == ("verified", "verified")
    assert entry["heard"]["objectType"] == "Create"

    by_id = announce_object(voice.names, say("A3", voice.commons), made["id"])
    assert voice.post(peer.inbox(), serialise(by_id), Dialect.RFC9421, voice.commons) == 202
    entry = peer.heard("Announce", object=made["id"])
    assert (entry["heard"]["objectType"], entry["heard"]["objectName"]) == ("Page", "Garage solidaire")


def test_the_peer_takes_an_actor_of_ours_that_changes(
    peer: FedifyPeer, voice: OwnVoice, say: Callable[..., Saying]
) -> None:
    """The Update of an actor holds by its proof, and Fedify reads the type of each of our actors."""
    for actor, kind in ((voice.avise, "Organization"), (voice.commons, "Group")):
        described = voice.documents[actor.removeprefix(voice.names.origin)]
        prove = lambda it, who=actor: voice.prove(it, who)  # noqa: E731 - one line
        update = update_actor(voice.names, say(f"K{kind[0]}", actor), described, prove)
        assert voice.post(peer.inbox(), serialise(update), None) == 202
        entry = peer.heard("Update", object=actor)
        assert (entry["proof"], entry["heard"]["objectType"]) == ("verified", kind)


def test_what_was_changed_on_the_way_is_refused(
    peer: FedifyPeer, voice: OwnVoice, words: Words, say: Callable[..., Saying]
) -> None:
    """One letter of the body, of the digest's signature or of a proven text makes Fedify refuse."""
    made = page(voice, words, "tampered")
    create = activities.create(voice.names, say("T1"), made, None)
    body = serialise(create)
    other = body.replace(b"Garage", b"Garbage")
    assert other != body
    for dialect in Dialect:
        message = voice.signed(peer.inbox(), body, dialect)
        assert send(peer.inbox(), replace(message, body=other)) == 401
        resigned = voice.signed(peer.inbox(), other, dialect)
        digest = "Digest" if dialect is Dialect.CAVAGE else "Content-Digest"
        swapped = with_header(message, digest, dict(message.headers)[digest], dict(resigned.headers)[digest])
        assert send(peer.inbox(), replace(swapped, body=other)) == 401
    proven = voice.prove(create)
    changed = json.loads(serialise(proven).replace(b"Garage", b"Garbage"))
    assert voice.post(peer.inbox(), serialise(changed), None) == 401
    assert not [entry for entry in peer.log() if (entry.get("heard") or {}).get("object") == made["id"]]


def test_every_term_of_ours_has_a_meaning_for_the_peer(
    peer: FedifyPeer, voice: OwnVoice, words: Words, say: Callable[..., Saying]
) -> None:
    """Full JSON-LD, with our context fetched from us, drops no member of an object, an activity or an actor."""
    made = page(voice, words, "terms")
    alone = served(voice.names, made, voice.prove)
    create = activities.create(voice.names, say("X1"), made, voice.prove)
    described = voice.documents[voice.commons.removeprefix(voice.names.origin)]
    for whole in (alone, create, described):
        (expanded,) = peer.tell("expand", document=whole)
        meant, said = names_of(expanded), names_of(whole) - {"id", "type", "nameMap", "@context"}
        assert not [name for name in meant if not name.startswith(("http://", "https://"))]
        assert len(meant) == len(said), (sorted(meant), sorted(said))
        assert "rdfType" not in said or values_of(expanded, "@id") >= RDF_TYPES
    assert "/ns/carrefour/v1" in voice.asked


RDF_TYPES = {"http://schema.org/Project", "https://w3id.org/carrefour/vocab#Project"}


def names_of(value: Any) -> set[str]:
    """The names of all members, but for the keywords of JSON-LD and what a context defines."""
    if isinstance(value, list):
        return set().union(*map(names_of, value))
    if not isinstance(value, dict):
        return set()
    own = {name for name in value if not name.startswith("@")}
    return own.union(*(names_of(each) for name, each in value.items() if name not in ("@context", "nameMap")))


def values_of(value: Any, name: str) -> set[str]:
    """All texts that members of a name have."""
    if isinstance(value, list):
        return set().union(*(values_of(each, name) for each in value))
    if not isinstance(value, dict):
        return set()
    own = {value[name]} if isinstance(value.get(name), str) else set()
    return own.union(*(values_of(each, name) for each in value.values()))


# -- Fedify before us -----------------------------------------------------------------------------------------------


def judged(message: Message, voice: OwnVoice, peer: FedifyPeer) -> dict[str, Any]:
    """An activity of the peer, taken by our own HTTP verification: its owner's document lists the key."""
    parsed = parse(message, origin=voice.names.origin, now=now())
    activity = parse_activity(message.body)
    actor = check_sender(activity, parsed.key_id)
    described = document(actor)
    assert check_actor(described).inbox == peer.inbox("asso")
    listed = listed_key(described, parsed.key_id, Purpose.HTTP)
    verify(parsed, keys.read_public_pem(listed.material))
    return activity


@pytest.mark.parametrize("dialect", list(Dialect))
def test_we_verify_the_http_signatures_of_the_peer(peer: FedifyPeer, voice: OwnVoice, dialect: Dialect) -> None:
    """What Fedify signs, in both dialects, passes our strict reading and our coverage policy."""
    activity = {
        "@context": AS2,
        "id": f"{peer.origin}/activities/{dialect}",
        "type": "Create",
        "actor": peer.actor("asso"),
        "to": [f"{AS2}#Public"],
        "object": {"id": f"{peer.origin}/documents/{dialect}", "type": "Page", "name": "Jardin"},
    }
    sent = peer.send("asso", voice.avise, activity, "http", SPEC[dialect])
    assert [knock["dialect"] for knock in sent["knocks"]] == [dialect.value]
    message = voice.next_post()
    taken = judged(message, voice, peer)
    assert taken["id"] == activity["id"]
    assert parse(message, origin=voice.names.origin, now=now()).dialect is dialect


def test_we_verify_the_proofs_of_the_peer(peer: FedifyPeer, voice: OwnVoice) -> None:
    """A proof of Fedify holds without HTTP signature, and beside an LD signature, which we never read."""
    for sign in ("proof", "both"):
        activity = {
            "@context": AS2,
            "id": f"{peer.origin}/activities/by-{sign}",
            "type": "Create",
            "actor": peer.actor("asso"),
            "object": {"id": f"{peer.origin}/documents/by-{sign}", "type": "Page", "name": "Jardin"},
        }
        peer.send("asso", voice.avise, activity, sign)
        message = voice.next_post()
        whole = parse_activity(message.body)
        assert ("signature" in whole) == (sign == "both")
        proof = proofs.parse(whole, now=now())
        assert proof is not None
        described = document(peer.actor("asso"))
        listed = listed_key(described, proof.verification_method, Purpose.PROOF)
        taken = proofs.verify(proof, keys.decode_multikey(listed.material))
        assert taken["id"] == activity["id"]
        assert "signature" not in taken
