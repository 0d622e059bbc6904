"""Who may say what: origins, owners, keys, actors, statements (laws 1 and 2; design, section 6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from federation.activitypub.authority import (
    Known,
    Origin,
    Purpose,
    Standing,
    actor_of,
    address_of,
    changed_members,
    check_actor,
    check_sender,
    id_of,
    is_actor,
    key_of_own_document,
    listed_key,
    may_state,
    origin_of,
    owner_of,
    same_origin,
)
from federation.activitypub.refusal import Forbidden, Refused, Unauthorised

A = "https://a.example"
ALICE, BOB, EVE = f"{A}/alice", f"{A}/bob", "https://evil.example/eve"
KEY, PROOF_KEY = f"{ALICE}#main-key", f"{ALICE}#ed25519-key"


def activity(kind: str, thing: Any, actor: str = ALICE, **more: Any) -> dict[str, Any]:
    """An activity of an actor, on the actor's origin."""
    return {"id": f"{origin_of(actor)}/activities/1", "type": kind, "actor": actor, "object": thing, **more}


def page(owner: Any = ALICE, name: str = f"{A}/objects/1") -> dict[str, Any]:
    """An object with an owner."""
    return {"id": name, "type": "Page", "attributedTo": owner, "name": "x"}


def actor(name: str = ALICE, **more: Any) -> dict[str, Any]:
    """An actor document with both kinds of key."""
    return {
        "id": name,
        "type": "Organization",
        "inbox": f"{name}/inbox",
        "outbox": f"{name}/outbox",
        "endpoints": {"sharedInbox": f"{A}/inbox"},
        "publicKey": {"id": f"{name}#main-key", "owner": name, "publicKeyPem": "PEM"},
        "assertionMethod": [
            {"id": f"{name}#ed25519-key", "type": "Multikey", "controller": name, "publicKeyMultibase": "z6Mk"}
        ],
        **more,
    }


# ---- Origins


@pytest.mark.abuse(11)
@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://a.example", Origin("https", "a.example", 443)),
        ("HTTPS://A.Example:443/x", Origin("https", "a.example", 443)),
        ("https://a.example:0443/", Origin("https", "a.example", 443)),
        ("http://a.example?x=/", Origin("http", "a.example", 80)),
        ("http://127.0.0.1:3000/x#y", Origin("http", "127.0.0.1", 3000)),
        ("https://bücher.example/", Origin("https", "xn--bcher-kva.example", 443)),
        ("https://xn--bcher-kva.example/", Origin("https", "xn--bcher-kva.example", 443)),
        ("https://BÜCHER。example/", Origin("https", "xn--bcher-kva.example", 443)),
        ("https://ｅxample.com/", Origin("https", "example.com", 443)),
        ("https://[2001:DB8:0::1]:8443/", Origin("https", "2001:db8::1", 8443)),
    ],
)
def test_spellings_of_one_origin_are_one(written: str, origin: Origin) -> None:
    """Case, default port, IDNA and IPv6 spelling do not make another origin; and its own form parses to itself."""
    assert origin_of(written) == origin
    assert origin_of(str(origin)) == origin


@pytest.mark.abuse(11)
@pytest.mark.parametrize(
    "written",
    [
        "https://a.example./",
        "https://user@a.example/",
        "https://a.example@evil.example/",
        "https://a.example%2f@evil.example/",
        "https://a%2Fb.example/",
        "https://%61.example/",
        "https://a.example\\@evil.example/",
        "https://a.example\t/",
        "https://a.example\n",
        " https://a.example/",
        "https://a.example:/",
        "https://a.example:0/",
        "https://a.example:65536/",
        "https://a..example/",
        "https://-a.example/",
        "https://xn--a/",
        "https://xn--/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[::1/",
        "https://2130706433/",
        "https://127.1/",
        "https://0x7f.0.0.1/",
        "https://010.0.0.1/",
        "https:a.example/",
        "https:///a.example/",
        "//a.example/",
        "ftp://a.example/",
        "javascript:alert(1)",
        "acct:a@a.example",
        "",
        "https://a.example/" + "x" * 2048,
        "https://a.example/\u202e",
        "https://a.example/\ud800",
        None,
        1,
        ["https://a.example/"],
    ],
)
def test_what_two_parsers_might_read_differently_has_no_origin(written: Any) -> None:
    """User information, escapes, odd numbers, final dots, controls: refused, so never the same as anything."""
    with pytest.raises(Refused):
        origin_of(written)

    assert not same_origin(written, written)


@pytest.mark.abuse(11)
@pytest.mark.parametrize(
    "other",
    [
        "http://a.example/x",
        "https://a.example:8443/x",
        "https://b.example/x",
        "https://a.example.evil.example/x",
        "https://evil-a.example/x",
        "https://а.example/x",  # Cyrillic
    ],
)
def test_scheme_host_and_port_all_count(other: str) -> None:
    """Another scheme, port or host is another origin, however much alike."""
    assert not same_origin("https://a.example/x", other)


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("HTTPS://A.example:443#main-key", "https://a.example/"),
        ("https://a.example/é?q=ü#f", "https://a.example/%C3%A9?q=%C3%BC"),
        ("https://a.example/%c3%a9/%2f", "https://a.example/%C3%A9/%2F"),
        ("https://a.example:444?x", "https://a.example:444/?x"),
        ("https://[::1]:3000/x", "https://[::1]:3000/x"),
    ],
)
def test_an_address_has_one_form_on_the_wire(written: str, address: str) -> None:
    """What is signed is what is asked for: ASCII, upper-case escapes, no fragment; writing it again changes nothing."""
    assert address_of(written) == address
    assert address_of(address) == address


@pytest.mark.parametrize("written", ["https://a.example/%", "https://a.example/%zz", "https://a.example/100%/x"])
def test_broken_escapes_are_no_address(written: str) -> None:
    """Libraries escape them again in ways of their own."""
    with pytest.raises(Refused, match="url:escape"):
        address_of(written)


# ---- Owners


@pytest.mark.abuse(19)
@pytest.mark.parametrize("owner", [None, [], [ALICE], [ALICE, BOB], {"id": ALICE}, "", 1, "alice", "did:key:z6Mk"])
def test_an_object_has_exactly_one_owner(owner: Any) -> None:
    """An array, an object, none, or what is no address: refused."""
    with pytest.raises(Refused):
        owner_of(page(owner))


@pytest.mark.abuse(13)
def test_an_owner_lives_where_its_object_does() -> None:
    """The origin of the id is the authority; another's name on it counts for nothing."""
    assert owner_of(page()) == ALICE
    with pytest.raises(Forbidden, match="owner:origin"):
        owner_of(page(EVE))


@pytest.mark.abuse(7)
@pytest.mark.parametrize("who", [None, [ALICE], {"id": ALICE}, [ALICE, EVE], EVE])
def test_an_activity_has_one_actor_of_its_own_origin(who: Any) -> None:
    """One string, and the activity's id lies on the actor's origin."""
    with pytest.raises(Refused):
        actor_of({"id": f"{A}/1", "type": "Create", "actor": who})


@pytest.mark.abuse(7)
@pytest.mark.parametrize(
    ("key", "name", "who"),
    [
        (f"{EVE}#key", f"{A}/1", ALICE),
        (KEY, "https://evil.example/1", ALICE),
        (KEY, f"{A}/1", EVE),
        (KEY, None, ALICE),
        (KEY, f"{A}/1", [ALICE]),
        ("not an address", f"{A}/1", ALICE),
        ("http://a.example/alice#main-key", f"{A}/1", ALICE),
    ],
)
def test_key_activity_and_actor_share_an_origin_before_any_fetch(key: str, name: Any, who: Any) -> None:
    """Otherwise the sender is not believed, and nothing is asked of anyone."""
    with pytest.raises(Unauthorised):
        check_sender({"id": name, "actor": who}, key)

    assert check_sender({"id": f"{A}/1", "actor": ALICE}, KEY) == ALICE


# ---- Keys


def test_an_actor_lists_its_keys_by_purpose() -> None:
    """The HTTP key and the proof key are found, each for its own purpose only."""
    assert listed_key(actor(), KEY, Purpose.HTTP).material == "PEM"
    assert listed_key(actor(), PROOF_KEY, Purpose.PROOF).material == "z6Mk"
    for key, purpose in ((KEY, Purpose.PROOF), (PROOF_KEY, Purpose.HTTP)):
        with pytest.raises(Unauthorised):
            listed_key(actor(), key, purpose)


@pytest.mark.abuse(7, 8)
@pytest.mark.parametrize(
    "document",
    [
        actor(publicKey={"id": KEY, "owner": BOB, "publicKeyPem": "PEM"}),
        actor(publicKey={"id": KEY, "publicKeyPem": "PEM"}),
        actor(publicKey={"id": KEY, "owner": ALICE}),
        actor(publicKey={"id": KEY, "owner": ALICE, "publicKeyPem": ["PEM"]}),
        actor(publicKey={"id": f"{ALICE}#other", "owner": ALICE, "publicKeyPem": "PEM"}),
        actor(publicKey=KEY),
        actor(publicKey=None),
        actor(publicKey=[{"id": KEY, "owner": ALICE, "publicKeyPem": p} for p in ("PEM", "EVIL")]),
        actor(type="Note"),
        actor(EVE, publicKey={"id": KEY, "owner": EVE, "publicKeyPem": "EVIL"}),
        actor(BOB, publicKey={"id": KEY, "owner": ALICE, "publicKeyPem": "EVIL"}),
        {"id": KEY, "owner": ALICE, "publicKeyPem": "PEM"},
    ],
)
def test_a_key_counts_only_if_its_owners_document_lists_it(document: dict[str, Any]) -> None:
    """Owner, id, material, kind of document and origin must all agree; two keys of one id are none."""
    with pytest.raises(Unauthorised):
        listed_key(document, KEY, Purpose.HTTP)


@pytest.mark.abuse(8)
def test_a_key_in_a_document_of_its_own_is_named_by_its_owner_too() -> None:
    """The key names the owner and the owner names the same key, by id or with the same material."""
    key = f"{ALICE}/key"
    document = {"id": key, "owner": ALICE, "publicKeyPem": "PEM"}

    assert key_of_own_document(document, actor(publicKey=key), key, Purpose.HTTP).material == "PEM"
    assert key_of_own_document(document, actor(publicKey=document), key, Purpose.HTTP).owner == ALICE
    for refused in (
        actor(),
        actor(publicKey={**document, "publicKeyPem": "OTHER"}),
        actor(publicKey=[key, key]),
        actor(BOB, publicKey=key),
        actor(EVE, publicKey=key),
    ):
        with pytest.raises(Unauthorised):
            key_of_own_document(document, refused, key, Purpose.HTTP)
    with pytest.raises(Unauthorised, match="key:id"):
        key_of_own_document({**document, "id": f"{ALICE}/other"}, actor(publicKey=key), key, Purpose.HTTP)


# ---- Actors


def test_an_actor_document_gives_what_counts() -> None:
    """Inbox, shared inbox and key ids, all on its origin; an array of types is read."""
    found = check_actor(actor(type=["schema:Organization", "Organization"]))

    assert (found.type, found.inbox, found.delivery_inbox) == ("Organization", f"{ALICE}/inbox", f"{A}/inbox")
    assert found.key_ids == (KEY, PROOF_KEY)


@pytest.mark.abuse(23)
@pytest.mark.parametrize(
    "change",
    [
        {"inbox": "https://evil.example/inbox"},
        {"inbox": None},
        {"inbox": {"id": f"{ALICE}/inbox"}},
        {"inbox": "http://a.example/alice/inbox"},
        {"outbox": "https://evil.example/outbox"},
        {"followers": "https://evil.example/f"},
        {"endpoints": {"sharedInbox": "https://evil.example/inbox"}},
        {"publicKey": {"id": f"{EVE}#key", "owner": ALICE, "publicKeyPem": "EVIL"}},
        {"publicKey": {"owner": ALICE, "publicKeyPem": "EVIL"}},
        {"type": "Note"},
        {"id": "acct:alice@a.example"},
    ],
)
def test_an_actor_keeps_to_its_origin(change: dict[str, Any]) -> None:
    """Its inbox, collections, endpoints and keys elsewhere: the whole document is refused."""
    with pytest.raises(Refused):
        check_actor(actor(**change))


@pytest.mark.abuse(23)
def test_what_an_update_moves_is_named_and_the_id_never_moves() -> None:
    """A new key or inbox is told to the log; another id is another actor."""
    before = check_actor(actor())
    after = check_actor(actor(inbox=f"{A}/new", publicKey={"id": f"{ALICE}#2", "owner": ALICE, "publicKeyPem": "P"}))

    assert changed_members(before, after) == ("inbox", "key_ids")
    assert changed_members(before, before) == ()
    with pytest.raises(Forbidden, match="actor:id"):
        changed_members(before, check_actor(actor(BOB)))


@pytest.mark.abuse(24)
def test_a_move_and_aliases_are_ignored() -> None:
    """Neither says anything about an object; an actor that claims aliases is the same actor."""
    assert may_state(activity("Move", ALICE, target=EVE)) is Standing.NOTHING
    assert check_actor(actor(alsoKnownAs=[EVE], movedTo=EVE)) == check_actor(actor())


# ---- Statements


def test_an_owner_may_state_what_is_its_own() -> None:
    """Create, Update, Delete, Undo, Add and Remove of one's own."""
    follow = {"id": f"{A}/activities/0", "type": "Follow", "actor": ALICE, "object": BOB}
    mine = Known(owner=ALICE)

    assert may_state(activity("Create", page())) is Standing.EMBEDDED
    assert may_state(activity("Update", page()), mine) is Standing.EMBEDDED
    assert may_state(activity("Update", f"{A}/objects/1"), mine) is Standing.FETCH
    assert may_state(activity("Update", actor())) is Standing.FETCH
    assert may_state(activity("Delete", f"{A}/objects/1"), mine) is Standing.EMBEDDED
    assert may_state(activity("Delete", {"id": f"{A}/objects/1", "type": "Tombstone"}), mine) is Standing.EMBEDDED
    assert may_state(activity("Undo", follow)) is Standing.EMBEDDED
    assert may_state(activity("Add", EVE, target=f"{ALICE}/list"), mine) is Standing.EMBEDDED
    assert may_state(activity("Follow", EVE)) is Standing.NOTHING


@pytest.mark.abuse(14)
@pytest.mark.parametrize("speaker", [BOB, EVE])
@pytest.mark.parametrize("kind", ["Create", "Update", "Delete", "Undo", "Add", "Remove"])
@pytest.mark.parametrize("embedded", [True, False])
def test_nobody_states_what_is_anothers(kind: str, speaker: str, embedded: bool) -> None:
    """Neither a neighbour on the same origin nor a stranger, with the object embedded or only named."""
    name = f"{A}/objects/1"
    thing: Any = (page() | ({"actor": ALICE} if kind == "Undo" else {})) if embedded else name

    with pytest.raises(Forbidden):
        may_state(activity(kind, thing, speaker, target=f"{ALICE}/list"), Known(owner=ALICE))


@pytest.mark.abuse(14)
@pytest.mark.parametrize("kind", ["Create", "Update", "Undo"])
def test_an_embedded_object_says_itself_whose_it_is(kind: str) -> None:
    """Even if we know nothing of it yet, a neighbour's object or activity is not the speaker's."""
    thing = page() | {"actor": ALICE}

    with pytest.raises(Forbidden, match="state:owner"):
        may_state(activity(kind, thing, BOB))


@pytest.mark.abuse(13)
@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
@pytest.mark.parametrize("owner", [ALICE, EVE])
def test_an_object_on_a_foreign_origin_is_not_the_speakers(kind: str, owner: str) -> None:
    """Whatever owner it claims."""
    with pytest.raises(Forbidden, match="state:origin"):
        may_state(activity(kind, page(owner), EVE))


@pytest.mark.abuse(19)
@pytest.mark.parametrize("owner", [None, [ALICE], {"id": ALICE}, [ALICE, EVE]])
def test_an_object_without_one_owner_is_not_taken(owner: Any) -> None:
    """Its embedded form is refused, not guessed at."""
    with pytest.raises(Refused):
        may_state(activity("Create", page(owner)))


def test_the_application_of_an_origin_may_delete_there_and_nothing_else() -> None:
    """It deletes what its actors own; it cannot update it, nor delete elsewhere."""
    boss = f"{A}/actor"
    known = Known(owner=ALICE, application=boss)

    assert may_state(activity("Delete", f"{A}/objects/1", boss), known) is Standing.EMBEDDED
    for kind, thing, speaker, knowledge in (
        ("Update", f"{A}/objects/1", boss, known),
        ("Delete", f"{A}/objects/1", EVE, Known(owner=ALICE, application=EVE)),
        ("Delete", f"{A}/objects/1", BOB, known),
    ):
        with pytest.raises(Forbidden):
            may_state(activity(kind, thing, speaker), knowledge)


def test_what_cannot_be_judged_from_here_is_confirmed_first() -> None:
    """An unknown object, an actor's own deletion, an Undo by id: a fetch must show it."""
    for each in (
        activity("Delete", f"{A}/objects/unknown"),
        activity("Delete", ALICE),
        activity("Undo", f"{A}/activities/0"),
        activity("Remove", EVE, target=f"{ALICE}/list"),
    ):
        assert may_state(each) is Standing.CONFIRM


@pytest.mark.abuse(17)
@pytest.mark.parametrize(
    "thing",
    [
        page(),
        page(EVE),
        page([EVE]),
        {"id": f"{A}/1", "type": "Create", "actor": ALICE, "object": page()},
        actor(),
        f"{A}/objects/1",
        {"id": "https://evil.example/1", "type": "Create", "actor": EVE, "attributedTo": EVE},
    ],
)
def test_what_is_announced_is_fetched_from_its_origin(thing: Any) -> None:
    """An announced object or activity is never believed as embedded, unless it is the announcer's own object."""
    assert may_state(activity("Announce", thing, EVE)) is Standing.FETCH


def test_an_announcers_own_object_is_taken() -> None:
    """Same origin and same owner; but not if we know another owner."""
    assert may_state(activity("Announce", page())) is Standing.EMBEDDED
    assert may_state(activity("Announce", page()), Known(owner=BOB)) is Standing.FETCH


@pytest.mark.abuse(18)
@pytest.mark.parametrize("kind", ["Create", "Update", "Announce"])
@pytest.mark.parametrize("type_", ["Person", ["Object", "Service"]])
def test_an_embedded_actor_is_never_believed(kind: str, type_: Any) -> None:
    """Its key and inbox count only from a fetch of its id; another's actor is not even named."""
    mine, bobs = actor(type=type_), actor(BOB, type=type_)

    if kind == "Create":
        with pytest.raises(Forbidden, match="state:actor"):
            may_state(activity(kind, mine))
    else:
        assert may_state(activity(kind, mine)) is Standing.FETCH
    if kind != "Announce":
        with pytest.raises(Forbidden, match="state:actor"):
            may_state(activity(kind, bobs))


@pytest.mark.parametrize("thing", [None, [page()], 1, {"type": "Page"}, {"id": 1}, ""])
@pytest.mark.parametrize("kind", ["Create", "Update", "Delete", "Undo", "Add", "Announce"])
def test_an_activity_speaks_of_one_object_with_an_id(kind: str, thing: Any) -> None:
    """Arrays, numbers and nameless objects are refused."""
    with pytest.raises(Refused):
        may_state(activity(kind, thing, target=f"{ALICE}/list"))


def test_an_id_is_an_address() -> None:
    """Of an object or of a bare reference."""
    assert id_of(page()) == id_of(f"{A}/objects/1") == f"{A}/objects/1"
    with pytest.raises(Refused):
        id_of({"id": "urn:x"})


@pytest.mark.needs_shared
def test_every_object_of_the_corpora_is_judged_or_refused(shared: Path) -> None:
    """Owner, actor, keys and standing of every object in every document: a value, or a refusal with a rule."""
    judged = refused = 0
    for thing in _objects(shared / "activitypub"):
        for judge in (owner_of, actor_of, check_actor, may_state, id_of, _first_key):
            try:
                found = judge(thing)  # type: ignore[operator]
            except Refused:
                refused += 1
                continue
            judged += 1
            if judge in (owner_of, actor_of):
                assert same_origin(found, thing["id"])

    assert judged > 1000
    assert refused > 1000


@pytest.mark.needs_shared
def test_actors_of_other_servers_are_taken_with_their_keys(shared: Path) -> None:
    """Actor documents as real servers publish them pass the rules of origin."""
    known = [thing for thing in _objects(shared / "activitypub" / "fedify-fixtures") if is_actor(thing)]
    real = [thing for thing in known if "inbox" in thing and isinstance(thing.get("publicKey"), dict)]

    assert real
    for thing in real:
        assert check_actor(thing).inbox == thing["inbox"]
        assert listed_key(thing, thing["publicKey"]["id"], Purpose.HTTP).owner == thing["id"]


def _first_key(thing: dict[str, Any]) -> Any:
    return listed_key(thing, check_actor(thing).key_ids[0], Purpose.HTTP) if thing.get("publicKey") else None


def _objects(folder: Path) -> Iterator[dict[str, Any]]:
    """Every JSON object in every document of a folder."""
    for path in sorted(folder.rglob("*.json")):
        try:
            waiting: list[Any] = [json.loads(path.read_bytes())]
        except ValueError:
            continue
        while waiting:
            node = waiting.pop()
            if isinstance(node, dict):
                yield node
                waiting.extend(node.values())
            elif isinstance(node, list):
                waiting.extend(node)
