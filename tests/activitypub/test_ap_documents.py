"""Our ActivityPub documents: shapes that other servers take, terms that contexts define, bytes that never vary."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
from pyld import jsonld
from sample_commons import BASE, SCRIPT, Reader, Sample, make_platform

from federation.activitypub import activities, actors, collections, nodeinfo, objects, webfinger
from federation.activitypub.activities import FollowRef, Saying
from federation.activitypub.actors import AS2, Document, Profile, PublicKeys
from federation.activitypub.audience import PUBLIC, any_public, is_public
from federation.activitypub.authority import Known, Purpose, check_actor, listed_key, may_state
from federation.activitypub.contexts import CARREFOUR_CONTEXT, Bundle, bundled, localise
from federation.activitypub.names import COMMONS, INSTANCE, Names, outbox_page
from federation.activitypub.objects import Facts, project_object, record_data, record_digest, served, tombstone
from federation.activitypub.proofs import parse, verify
from federation.activitypub.strictjson import parse_activity, parse_document
from federation.catalogue.words import Words
from federation.model import Reason, Triple, from_lines, text_literal

NAMES = Names(BASE)
KEYS = PublicKeys("-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----\n", "z6Mkr")
WHEN = datetime(2026, 11, 21, 14, 55, 1, 125000, tzinfo=UTC)
FACTS = Facts("p1", WHEN.replace(year=2025), WHEN)
AVISE = NAMES.partner("avise")
SAY = Saying("01KAJ00000000000000000000A", AVISE, WHEN)
RECORD = f"{BASE}/records/avise/123"


@pytest.fixture(scope="module")
def platform() -> Sample:
    """The hand-written commons."""
    return make_platform()


@pytest.fixture(scope="module")
def words(platform: Sample) -> Words:
    """The tables of the vocabulary."""
    return Words.of(platform.vocabulary)


@pytest.fixture(scope="module")
def page(platform: Sample, words: Words) -> Document:
    """One record of the sample, as it is embedded."""
    return project_object(NAMES, RECORD, platform.reader.graph(RECORD), FACTS, words)


@pytest.fixture(scope="module")
def full(words: Words) -> Document:
    """A record that has everything a Page shows."""
    lines = f"""
<{RECORD}> <http://xmlns.com/foaf/0.1/primaryTopic> <{RECORD}#project> .
<{RECORD}> <http://purl.org/dc/terms/license> <https://creativecommons.org/licenses/by/4.0/> .
<{RECORD}> <http://purl.org/dc/terms/source> <https://avise.example/1> .
<{RECORD}#project> <http://schema.org/name> "Garage solidaire"@fr .
<{RECORD}#project> <http://schema.org/description> "Un garage\\u202E <b>gras</b> & plus.\\n\\nDeuxième."@fr .
<{RECORD}#project> <http://purl.org/dc/terms/subject> <https://w3id.org/carrefour/theme/MOB> .
<{RECORD}#project> <http://schema.org/image> <{RECORD}#image-1> .
<{RECORD}#image-1> <http://schema.org/contentUrl> <https://avise.example/1.jpg> .
<{RECORD}#image-1> <http://schema.org/creditText> "Photo Avise" .
<{RECORD}#project> <http://schema.org/location> <{RECORD}#place-1> .
<{RECORD}#place-1> <http://schema.org/name> "Riom" .
<{RECORD}#place-1> <http://schema.org/latitude> "45.9"^^<http://www.w3.org/2001/XMLSchema#decimal> .
<{RECORD}#place-1> <http://schema.org/longitude> "3.1"^^<http://www.w3.org/2001/XMLSchema#decimal> .
"""
    triples = [
        (str(one.subject), str(one.predicate), str(one.object))
        for one in ox.parse(input=lines, format=ox.RdfFormat.N_TRIPLES)
    ]
    return project_object(NAMES, RECORD, triples, FACTS, words)


# -- the object -----------------------------------------------------------------------------------------------------


def test_a_record_is_a_page_of_its_partner_in_the_commons(page: Document) -> None:
    """The members of the design, in the shapes that Lemmy and Mastodon read."""
    assert page["type"] == "Page"
    assert page["id"] == f"{BASE}/objects/avise/123"
    assert page["attributedTo"] == AVISE
    assert page["audience"] == f"{BASE}/actors/commons"
    assert page["context"] == f"{BASE}/contexts/p1"
    assert (page["to"], page["cc"]) == ([PUBLIC], [f"{BASE}/actors/commons", f"{AVISE}/followers"])
    assert page["name"] == "Graine(s) de troc"
    assert page["nameMap"] == {"en": "Seed swap", "fr": "Graine(s) de troc"}
    assert page["summary"] == "Échanger des semences par la poste."
    assert page["content"] == "<p>Une plateforme pour échanger des graines.</p><p>Partout en France.</p>"
    assert page["url"] == f"{BASE}/projet/p1"
    assert page["updated"] == "2026-11-21T14:55:01.125Z"
    assert page["location"] == {"type": "Place", "name": "La Rochelle", "latitude": 46.16, "longitude": -1.15}
    assert page["sourceRecord"] == "https://avise.example/fiche/123"
    assert {"@context", "proof", "language"}.isdisjoint(page)


def test_a_page_shows_picture_licence_and_themes(full: Document) -> None:
    """One image with words for those who cannot see it, hashtags that lead to pages here."""
    assert full["image"] == {
        "type": "Image",
        "url": "https://avise.example/1.jpg",
        "name": "Garage solidaire – Photo Avise",
    }
    assert full["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert [tag["href"] for tag in full["tag"]] == [f"{BASE}/theme/MOB"]
    assert all(tag["name"].startswith("#") and " " not in tag["name"] for tag in full["tag"])


def test_a_summary_stands_alone_where_there_is_no_short_text(full: Document) -> None:
    """The description takes its place, on one line."""
    assert full["summary"] == "Un garage &lt;b&gt;gras&lt;/b&gt; &amp; plus. Deuxième."


def test_texts_keep_no_mark_that_turns_direction(full: Document) -> None:
    """U+202E would let a page say the contrary of what it is."""
    assert "\u202e" not in json.dumps(full, ensure_ascii=False)


@pytest.mark.abuse(37)
@pytest.mark.needs_shared
def test_markup_of_others_leaves_as_text(shared: Path, words: Words) -> None:
    """Of every tag in the corpus nothing but our own two are tags in content and summary."""
    corpus = json.loads((shared / "activitypub" / "funfedi-inputs" / "html_bad.json").read_text("utf-8"))
    texts = [example["content"] for example in corpus["examples"]]
    texts += [
        '<a href="javascript:alert(1)">x</a>',
        "<img src=x onerror=alert(1)>",
        "<p onclick=x>y",
        "</p><svg/onload=x>",
    ]

    for text in texts:
        triple = (f"<{RECORD}#project>", "<http://schema.org/description>", text_literal(text, "fr"))
        made = project_object(NAMES, RECORD, [triple], FACTS, words)
        for html in (made["content"], made["summary"]):
            assert set(re.findall(r"<[^>]*", html)) <= {"<p", "</p"}, text
        assert unescape(made["summary"]) == text


@pytest.mark.abuse(37)
def test_scripts_of_a_partner_do_not_leave(platform: Sample, words: Words) -> None:
    """Every HTML member is text by the time it leaves; an address that runs code is no address."""
    record = f"{BASE}/records/malin/x"
    made = project_object(NAMES, record, platform.reader.graph(record), FACTS, words)

    assert "<script" not in made["content"] + made["summary"]
    assert made["name"] == SCRIPT  # plain text by definition (AS2 vocabulary): whoever shows it as HTML escapes it
    assert "sourceRecord" not in made


def test_a_text_that_is_too_long_is_cut_between_words(words: Words) -> None:
    """A summary has at most 500 characters."""
    long = "mot " * 500
    triple = (f"<{RECORD}#project>", "<http://schema.org/description>", f'"{long}"@fr')
    made = project_object(NAMES, RECORD, [triple], FACTS, words)

    assert len(made["summary"]) <= 500
    assert made["summary"].endswith("mot…")


@pytest.mark.parametrize("number", ["1e999", "nan", "91", ""])
def test_a_place_that_is_nowhere_has_no_coordinates(words: Words, number: str) -> None:
    """JSON has neither infinity nor NaN; a latitude ends at 90 degrees."""
    place = f"<{RECORD}#place>"
    triples = [
        (f"<{RECORD}#project>", "<http://schema.org/location>", place),
        (place, "<http://schema.org/name>", '"Riom"'),
        (place, "<http://schema.org/latitude>", f'"{number}"'),
        (place, "<http://schema.org/longitude>", '"3.1"'),
    ]
    assert project_object(NAMES, RECORD, triples, FACTS, words)["location"] == {"type": "Place", "name": "Riom"}


def test_the_data_of_a_record_is_its_graph_in_sorted_lines(platform: Sample, page: Document) -> None:
    """No blank node, every subject the record or its fragment, digest of these very bytes."""
    data = record_data(platform.reader.graph(RECORD))
    triples: list[Triple] = list(from_lines(data.decode()))

    assert page["recordData"] == f"{RECORD}.nt"
    assert page["recordDigest"] == record_digest(data)
    assert data.decode().splitlines() == sorted(set(data.decode().splitlines()))
    assert all(s == f"<{RECORD}>" or s.startswith(f"<{RECORD}#") for s, _, _ in triples)
    assert not any(term.startswith("_:") for triple in triples for term in triple)


def test_a_foreign_record_has_no_object_here(words: Words) -> None:
    """Only what this instance names can it publish."""
    with pytest.raises(ValueError, match="elsewhere"):
        project_object(NAMES, "https://elsewhere.example/records/a/1", [], FACTS, words)


def test_object_and_record_name_each_other() -> None:
    """Decision 20: the same path, both ways, whatever the key holds."""
    for key in ("123", "h-abc", "a/b", "%C3%A9", "a.b~c"):
        record = f"{BASE}/records/avise/{key}"
        assert NAMES.record(NAMES.object(record) or "") == record
    assert NAMES.object("https://elsewhere.example/records/a/1") is None
    assert NAMES.object(f"{BASE}/records/") is None


def test_a_tombstone_says_what_was_there_since_when_it_is_gone_and_why() -> None:
    """Design, section 3."""
    made = tombstone(f"{BASE}/objects/avise/1", WHEN, Reason.ABSENT)

    assert made == {
        "id": f"{BASE}/objects/avise/1",
        "type": "Tombstone",
        "formerType": "Page",
        "deleted": "2026-11-21T14:55:01.125Z",
        "reason": "absent",
    }


def test_served_alone_an_object_carries_its_own_proof(platform: Sample, page: Document) -> None:
    """The proof holds for the document with its context, by the partner's key."""
    keys = platform.keys
    made = served(NAMES, page, lambda document: keys.prove(AVISE, document, WHEN))
    proof = parse(made, now=WHEN)

    assert made["@context"][0] == AS2
    assert proof is not None
    assert proof.verification_method == f"{AVISE}#ed25519-key"
    assert verify(proof, keys.private.public_key())["id"] == page["id"]


# -- activities -----------------------------------------------------------------------------------------------------


def every_document(page: Document) -> Iterator[tuple[str, Document]]:
    """One of each kind that we serve or send."""
    profile = Profile("Avise", "Des <projets> & des gens", f"{BASE}/contributeur/avise", WHEN)
    actor = actors.partner_actor(NAMES, "avise", profile, KEYS)
    gone = tombstone(str(page["id"]), WHEN, Reason.LICENCE)
    asked = FollowRef("https://peer.example/f/1", "https://peer.example/u", NAMES.commons)
    group = Saying(SAY.ulid, NAMES.commons, WHEN)
    made = activities.create(NAMES, SAY, page, None)
    yield "Organization", actor
    yield "Application", actors.instance_actor(NAMES, profile, KEYS)
    yield "Group", actors.commons_actor(NAMES, profile, KEYS)
    yield "moderators", actors.moderators(NAMES, ["avise"])
    yield "actor tombstone", actors.tombstone_actor(AVISE, "Organization", WHEN)
    yield "object", served(NAMES, page, None)
    yield "tombstone", served(NAMES, gone, None)
    yield "Create", made
    yield "Update", activities.update(NAMES, SAY, page, None)
    yield "Delete", activities.delete(NAMES, SAY, gone, None)
    yield "Announce activity", json.loads(activities.announce_activity(NAMES, group, activities.serialise(made)))
    yield "Announce object", activities.announce_object(NAMES, group, str(page["id"]))
    yield "Update actor", activities.update_actor(NAMES, SAY, actor, None)
    yield "Follow", activities.follow(NAMES, SAY, asked.followed)
    yield "Accept", activities.accept(NAMES, SAY, asked)
    yield "Reject", activities.reject(NAMES, SAY, asked)
    yield "Reject record", activities.reject_record(NAMES, SAY, "https://peer.example/u", "https://p.example/a", BASE)
    yield "Undo", activities.undo(NAMES, SAY, asked)
    yield "outbox", collections.outbox(AVISE, 51)
    yield "outbox page", collections.outbox_page(AVISE, 2, [NAMES.activity(SAY.ulid)])
    yield "followers", collections.followers(AVISE, 3)
    yield "context", collections.project_context(NAMES, "p1", [str(page["id"])])


def test_every_key_is_mapped_by_its_contexts(platform: Sample, full: Document) -> None:
    """Fedify reads documents as whole JSON-LD: a key that no context defines (AS2 sets ``@vocab: _:``) is a fault."""
    known = bundled(platform.vocabulary)

    def load(url: str, _options: object) -> dict[str, Any]:
        found = known[CARREFOUR_CONTEXT if url == BASE + CARREFOUR_CONTEXT else url]
        return {"contextUrl": None, "documentUrl": url, "document": found, "contentType": "application/ld+json"}

    for name, document in every_document(full):
        dropped: list[object] = []
        expanded = jsonld.JsonLdProcessor(on_property_dropped=dropped.append).expand(
            dict(document), {"documentLoader": load}
        )
        found = {key for node in _nodes(expanded) for key in node if not key.startswith("@")}
        assert not dropped, name
        assert all(key.startswith("http") for key in found), (name, found)


def test_proofs_and_keys_are_mapped_too(platform: Sample, page: Document) -> None:
    """A proof says the same to a reader of JSON-LD as to a reader of JSON."""
    known = bundled(platform.vocabulary)

    def load(url: str, _options: object) -> dict[str, Any]:
        found = known[CARREFOUR_CONTEXT if url == BASE + CARREFOUR_CONTEXT else url]
        return {"contextUrl": None, "documentUrl": url, "document": found, "contentType": "application/ld+json"}

    made = activities.create(NAMES, SAY, page, lambda document: platform.keys.prove(AVISE, document, WHEN))
    (expanded,) = jsonld.expand(dict(made), {"documentLoader": load})
    profile = Profile("Avise", "", f"{BASE}/contributeur/avise")
    (actor,) = jsonld.expand(dict(actors.partner_actor(NAMES, "avise", profile, KEYS)), {"documentLoader": load})

    assert "https://w3id.org/security#proof" in expanded
    assert "https://w3id.org/security#assertionMethod" in actor
    assert "https://w3id.org/security#publicKey" in actor


def _nodes(tree: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for one in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(one)


def test_what_we_say_another_carrefour_takes(platform: Sample, full: Document) -> None:
    """Strict JSON, known contexts, a document's own statements only, and an author who may say it."""
    bundle = Bundle(bundled(platform.vocabulary))
    for name, document in every_document(full):
        read = parse_document(activities.serialise(document))
        assert read == document, name
        assert localise(read, bundle)["id"] == document["id"], name
        if name in {"Create", "Update", "Delete", "Announce activity", "Announce object", "Update actor"}:
            assert parse_activity(activities.serialise(document)) == document
            may_state(document, Known(owner=SAY.actor))


def test_an_actor_of_ours_lists_its_keys_as_we_ask_of_others() -> None:
    """Everything on one origin, each key by its owner."""
    made = actors.partner_actor(NAMES, "avise", Profile("Avise", "", f"{BASE}/contributeur/avise"), KEYS)
    checked = check_actor(made)

    assert checked.shared_inbox == f"{BASE}/inbox"
    assert listed_key(made, f"{AVISE}#main-key", Purpose.HTTP).owner == AVISE
    assert listed_key(made, f"{AVISE}#ed25519-key", Purpose.PROOF).material == KEYS.ed25519_multibase


def test_no_context_of_ours_stands_between_a_reader_and_a_key(full: Document) -> None:
    """An actor can be read, and its key verified, while this instance is down."""
    for name, document in every_document(full):
        if name in {"Organization", "Application", "Group", "Update actor"}:
            assert not any(isinstance(one, str) and one.startswith(BASE) for one in document["@context"]), name


def test_every_activity_has_to_and_cc(full: Document) -> None:
    """Lemmy needs both, even if one is empty; relations are for one actor, all else is public."""
    for name, document in every_document(full):
        if "actor" in document:
            private = name in {"Follow", "Accept", "Reject", "Reject record", "Undo"}
            assert isinstance(document["to"], list), name
            assert isinstance(document["cc"], list), name
            assert is_public(document) is not private, name


def test_no_address_has_a_query_string(full: Document) -> None:
    """Implementations differ on whether a signature covers it."""
    for name, document in every_document(full):
        text = json.dumps({key: value for key, value in document.items() if key != "@context"})
        assert f"{BASE}/" not in text or "?" not in text, name


def test_the_same_document_gives_the_same_bytes() -> None:
    """Canonical JSON: the order in which members were set does not show."""
    one = activities.serialise({"b": 1, "a": [1.50, "é"], "@context": AS2})

    assert one == activities.serialise({"@context": AS2, "a": [1.5, "é"], "b": 1})
    assert one == b'{"@context":"https://www.w3.org/ns/activitystreams","a":[1.5,"\xc3\xa9"],"b":1}'


@pytest.mark.parametrize(
    "inner", [b'{"id": "https://p.example/1",  "type":"Create"}', b'{"a":"\\u0000","b":"\xc3\xa9"}']
)
def test_an_announce_embeds_the_bytes_it_passes_on(inner: bytes) -> None:
    """Spaces, escapes and order stay: the proof inside was made over them."""
    group = Saying(SAY.ulid, NAMES.commons, WHEN)
    made = activities.announce_activity(NAMES, group, inner)

    assert inner in made
    assert json.loads(made)["object"] == json.loads(inner)
    assert json.loads(made)["type"] == "Announce"


def test_an_announce_of_canonical_bytes_is_canonical() -> None:
    """So our own can be made again and compare equal."""
    group = Saying(SAY.ulid, NAMES.commons, WHEN)
    made = activities.announce_activity(NAMES, group, activities.serialise({"id": "x", "b": 1}))

    assert activities.serialise(json.loads(made)) == made


# -- actors ---------------------------------------------------------------------------------------------------------


def test_the_group_lets_only_its_partners_post() -> None:
    """FEP-1b12 as Lemmy reads it."""
    made = actors.commons_actor(NAMES, Profile("Commun", "", f"{BASE}/projets"), KEYS)

    assert (made["type"], made["postingRestrictedToMods"]) == ("Group", True)
    assert made["attributedTo"] == f"{BASE}/actors/commons/moderators"


def test_an_actor_shows_both_keys_and_what_it_implements() -> None:
    """RSA under publicKey, Ed25519 under assertionMethod (FEP-521a), RFC 9421 under generator (FEP-844e)."""
    made = actors.instance_actor(NAMES, Profile("Commun", "a < b", f"{BASE}/"), KEYS)

    assert made["id"] == f"{BASE}/actor"
    assert made["publicKey"] == {"id": f"{BASE}/actor#main-key", "owner": made["id"], "publicKeyPem": KEYS.rsa_pem}
    assert made["assertionMethod"][0]["controller"] == made["id"]
    assert made["endpoints"] == {"sharedInbox": f"{BASE}/inbox"}
    assert made["summary"] == "<p>a &lt; b</p>"
    assert {"href": actors.RFC_9421} in made["generator"]["implements"]


def test_no_partner_is_the_group() -> None:
    """Its slug is taken."""
    with pytest.raises(ValueError, match=COMMONS):
        actors.partner_actor(NAMES, COMMONS, Profile("", "", BASE), KEYS)
    assert actors.moderators(NAMES, ["b", COMMONS, "a"])["orderedItems"] == [NAMES.partner("a"), NAMES.partner("b")]


# -- collections, discovery -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("total", "newest"), [(0, 1), (1, 1), (50, 1), (51, 2), (100, 2), (101, 3)])
def test_outbox_pages_are_numbered_from_the_oldest(total: int, newest: int) -> None:
    """Readers begin at the newest; a full page has nothing that will change."""
    made = collections.outbox(AVISE, total)

    assert made["first"] == f"{AVISE}/outbox/{newest}"
    assert made["last"] == f"{AVISE}/outbox/1"
    assert "prev" not in collections.outbox_page(AVISE, newest, [])


def test_an_outbox_page_has_the_newest_first_and_leads_to_older_ones() -> None:
    """ActivityPub, section 5: reverse chronological order."""
    made = collections.outbox_page(AVISE, 2, ["a", "b"])

    assert made["orderedItems"] == ["b", "a"]
    assert made["next"] == f"{AVISE}/outbox/1"
    assert "next" not in collections.outbox_page(AVISE, 1, [])


@pytest.mark.parametrize("text", ["0", "01", "-1", "1.0", "٣", "", "1" * 12])
def test_a_page_number_has_one_writing(text: str) -> None:
    """Every page has one address."""
    assert outbox_page(text) is None
    assert outbox_page("12") == 12


def test_followers_are_counted_never_named() -> None:
    """Who follows whom is nobody's business."""
    assert set(collections.followers(AVISE, 3)) == {"@context", "id", "type", "totalItems"}


@pytest.mark.parametrize(
    ("resource", "username"),
    [
        ("acct:avise@127.0.0.1:8000", "avise"),
        ("acct:@Avise@127.0.0.1:8000", "avise"),
        ("acct:instance.actor@127.0.0.1:8000", INSTANCE),
        (f"{BASE}/actors/avise", "avise"),
        (f"{BASE}/actor", INSTANCE),
        (f"{BASE}/actors/commons", COMMONS),
    ],
)
def test_a_resource_names_an_actor(resource: str, username: str) -> None:
    """By account or by address."""
    asked = webfinger.read_resource(NAMES, resource)

    assert asked is not None
    assert asked.username == username


@pytest.mark.abuse(46)
@pytest.mark.parametrize(
    "resource",
    [
        "acct:avise@elsewhere.example",
        "acct:avise@127.0.0.1",
        "acct:avise",
        "avise@127.0.0.1:8000",
        "https://elsewhere.example/actors/avise",
        f"{BASE}/actors/avise/outbox",
        f"{BASE}/actors/",
        f"{BASE}.evil.example/",
        "",
    ],
)
def test_a_resource_of_others_names_nobody(resource: str) -> None:
    """The authority is the configured one, port and all."""
    assert webfinger.read_resource(NAMES, resource) is None


def test_the_origin_leads_to_the_instance_actor() -> None:
    """FEP-d556, FEP-2677."""
    answer = webfinger.origin_answer(NAMES)
    links = nodeinfo.well_known(NAMES)["links"]

    assert answer["subject"] == f"{BASE}/"
    assert answer["links"] == [{"rel": webfinger.SERVICE, "type": "application/activity+json", "href": NAMES.instance}]
    assert {"rel": nodeinfo.APPLICATION, "href": NAMES.instance} in links


def test_webfinger_gives_the_relations_asked_for() -> None:
    """RFC 7033, section 4.3; the self link is the id."""
    actor = actors.instance_actor(NAMES, Profile("Commun", "", f"{BASE}/"), KEYS)
    answer = webfinger.actor_answer(NAMES, actor, ["self"])

    assert [(link["rel"], link["href"]) for link in answer["links"]] == [("self", actor["id"])]


def test_node_info_counts_nobody() -> None:
    """Version 2.1 with its required members, all empty where they would speak of people."""
    made = nodeinfo.node_info("1.0", "Commun")

    assert made["usage"] == {"users": {}}
    assert made["services"] == {"inbound": [], "outbound": []}
    assert (made["version"], made["protocols"], made["openRegistrations"]) == ("2.1", ["activitypub"], False)


@pytest.mark.parametrize("name", [PUBLIC, "as:Public", "Public"])
def test_everybody_has_three_names(name: str) -> None:
    """ActivityPub, section 5.6."""
    assert is_public({"cc": name})
    assert is_public({"audience": [{"id": name}]})
    assert not is_public({"to": ["https://peer.example/u"], "content": name})
    assert not any_public([])


def test_an_empty_reader_has_no_data() -> None:
    """Nothing is made up."""
    assert record_data(Reader().graph(RECORD)) == b""
    assert objects.context(NAMES)[0] == AS2
