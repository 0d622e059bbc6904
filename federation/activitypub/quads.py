"""Which statements of an expanded document are kept: its own, about itself, without keys and endpoints.

It must never let a statement through whose subject belongs to somebody else. Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from federation.activitypub.refusal import Refused
from federation.model import Term, Triple

_IRI = r"<[^<>\x00-\x20]*>"
_BLANK = r"_:[^\x00-\x20]+"
_LITERAL = rf'"[^"\\]*(?:\\.[^"\\]*)*"(?:@[A-Za-z0-9-]+|\^\^{_IRI})?'
_QUAD = re.compile(
    rf"({_IRI}|{_BLANK}) ({_IRI}|{_BLANK}) ({_IRI}|{_BLANK}|{_LITERAL})( {_IRI}| {_BLANK})? \.", re.DOTALL
)

_RDF_TYPE: Final = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
_AS2 = "https://www.w3.org/ns/activitystreams#"
_TOOT = "http://joinmastodon.org/ns#"
_KEY_SPACES = (
    "<https://w3id.org/security#",  # keys, proofs, verification methods
    "<https://www.w3.org/ns/did#",  # services and their endpoints
    "<https://w3id.org/fep/5711#",  # whose inbox, outbox, followers this is
)
_ACTOR_WORDS = (
    *("outbox", "following", "followers", "liked", "streams", "endpoints", "sharedInbox", "uploadMedia", "proxyUrl"),
    *("oauthAuthorizationEndpoint", "oauthTokenEndpoint", "provideClientKey", "signClientKey", "inbox"),
    *("movedTo", "alsoKnownAs"),  # claims of an identity, which nobody's word alone proves
)
_TOOT_WORDS = (
    *("featured", "featuredTags", "devices", "claim", "fingerprintKey", "identityKey", "publicKeyBase64"),
    *("Device", "Ed25519Signature", "Ed25519Key", "Curve25519Key"),
)
_DROPPED_PREDICATES = frozenset(
    {
        *(f"<{_AS2}{word}>" for word in _ACTOR_WORDS),
        *(f"<{_TOOT}{word}>" for word in _TOOT_WORDS),
        "<http://www.w3.org/ns/ldp#inbox>",
        "<http://litepub.social/ns#oauthRegistrationEndpoint>",
    }
)
_DROPPED_CLASSES = frozenset(
    {
        *(f"<{_AS2}{word}>" for word in ("Person", "Application", "Group", "Organization", "Service")),
        *(f"<{_TOOT}{word}>" for word in _TOOT_WORDS),
    }
)
_NAME_LENGTH = 24  # hexadecimal digits of a blank node's name: 96 bits


def own_statements(lines: Iterable[str], subject: str) -> tuple[Triple, ...]:
    """Keep what a document says of ``subject`` (an absolute IRI), of its fragments, and of its own blank nodes.

    ``lines`` are N-Quads, each ending in `` .``; only those of the default graph count. A blank node becomes a
    fragment of ``subject`` whose name depends on what is said of it, not on labels or on the order of keys (but for
    nodes that nothing else tells apart). A blank node of which nothing is said goes. Sorted, without repeats.
    Raises Refused(``quads:syntax``) for a line that is no N-Quads. Design, section 5, step 13.
    """
    triples = [triple for line in lines if (triple := _triple(line)) is not None and not _is_dropped(triple)]
    kept = _without_silent(_reachable(triples, subject))
    names = _names(kept, subject)
    return tuple(sorted({(names.get(s, s), p, names.get(o, o)) for s, p, o in kept}))


def _triple(line: str) -> Triple | None:
    match = _QUAD.fullmatch(line)
    if match is None:
        raise Refused("quads:syntax")
    subject, predicate, value, graph = match.groups()
    return None if graph else (subject, predicate, value)


def _is_dropped(triple: Triple) -> bool:
    _, predicate, value = triple
    if predicate.startswith(("_:", *_KEY_SPACES)) or predicate in _DROPPED_PREDICATES:
        return True
    return predicate == _RDF_TYPE and (value in _DROPPED_CLASSES or value.startswith(("_:", *_KEY_SPACES)))


def _fragments(subject: str) -> str:
    """How the IRIs begin that a document with this id may speak of, besides itself."""
    return f"{subject}-" if "#" in subject else f"{subject}#"


def _reachable(triples: list[Triple], subject: str) -> list[Triple]:
    by_subject: dict[Term, list[Triple]] = defaultdict(list)
    for triple in triples:
        by_subject[triple[0]].append(triple)
    own = f"<{_fragments(subject)}"
    waiting = [s for s in by_subject if s == f"<{subject}>" or s.startswith(own)]
    seen = set(waiting)
    kept: list[Triple] = []
    while waiting:
        found = by_subject.get(waiting.pop(), [])
        kept += found
        for _, _, value in found:
            if value.startswith("_:") and value not in seen:
                seen.add(value)
                waiting.append(value)
    return kept


def _without_silent(triples: list[Triple]) -> list[Triple]:
    """Leave out blank nodes of which nothing is said, and those of which only that is said that they have such ones."""
    while True:
        speaking = {s for s, _, _ in triples}
        kept = [t for t in triples if not t[2].startswith("_:") or t[2] in speaking]
        if len(kept) == len(triples):
            return kept
        triples = kept


def _names(triples: list[Triple], subject: str) -> dict[Term, Term]:
    """Name each blank node by what is said of it and by what leads to it; equals by the order in which they come."""
    colours = _colours(triples)
    numbers: dict[str, int] = defaultdict(int)
    names: dict[Term, Term] = {}
    for node, colour in colours.items():
        numbers[colour] += 1
        again = f"-{numbers[colour]}" if numbers[colour] > 1 else ""
        names[node] = f"<{_fragments(subject)}b{colour[:_NAME_LENGTH]}{again}>"
    return names


def _colours(triples: list[Triple]) -> dict[Term, str]:
    """Refine colours until no round tells more nodes apart: at most one round per node (nodes are few, see expand)."""
    ground: dict[Term, list[str]] = {s: [] for t in triples for s in (t[0], t[2]) if s.startswith("_:")}
    between: dict[tuple[Term, Term], list[str]] = defaultdict(list)  # by pair: many predicates cost no more than one
    for s, p, o in triples:
        if s in ground and o in ground:
            between[s, o].append(p)
        elif s in ground:
            ground[s].append(f"> {p} {o}")
        elif o in ground:
            ground[o].append(f"< {p} {s}")
    edges = [(s, _digest(predicates), o) for (s, o), predicates in between.items()]
    colours = {node: _digest(said) for node, said in ground.items()}
    for _ in ground:
        around: dict[Term, list[str]] = {node: [colour] for node, colour in colours.items()}
        for s, p, o in edges:
            around[s].append(f"> {p} {colours[o]}")
            around[o].append(f"< {p} {colours[s]}")
        refined = {node: _digest(said) for node, said in around.items()}
        stable = len(set(refined.values())) == len(set(colours.values()))
        colours = refined
        if stable:
            break
    return colours


def _digest(said: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(said)).encode()).hexdigest()
