"""The filter of statements: nobody speaks of another's things, keys and endpoints never enter, names are stable."""

from __future__ import annotations

import itertools

import pytest

from federation.activitypub.quads import own_statements
from federation.activitypub.refusal import Refused

ID = "https://a.example/objects/1"
ME = f"<{ID}>"
AS = "https://www.w3.org/ns/activitystreams#"
TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
NAME = f"<{AS}name>"
TAG = f"<{AS}tag>"


def test_own_statements_and_those_of_fragments_are_kept() -> None:
    """The object and its fragments, sorted and without repeats; the object of a statement may be anyone's."""
    lines = [f'{ME} {NAME} "a \\"b\\" . <c>"@fr .', f'<{ID}#place> {NAME} "p" .', f"{ME} {TAG} <https://b.example/t> ."]
    assert own_statements([*lines, lines[0]], ID) == (
        (f"<{ID}#place>", NAME, '"p"'),
        (ME, NAME, '"a \\"b\\" . <c>"@fr'),
        (ME, TAG, "<https://b.example/t>"),
    )


@pytest.mark.abuse(27)
@pytest.mark.parametrize(
    "subject",
    [
        "<https://b.example/1>",
        "<https://a.example/objects/2>",
        "<https://a.example/objects/1/more>",
        "<https://a.example/objects/12#x>",
        "<https://A.example/objects/1>",
        "<https://a.example/objects/1?x>",
        f"<{AS}name>",
        "_:free",
    ],
)
def test_foreign_subjects_go(subject: str) -> None:
    """Neither another host, nor a sibling or a lookalike of the id, nor a blank node out of reach is spoken of."""
    lines = [f'{ME} {NAME} "a" .', f"{ME} {TAG} <https://b.example/1> .", f'{subject} {NAME} "evil" .']
    assert [s for s, _, _ in own_statements(lines, ID)] == [ME, ME]


@pytest.mark.abuse(27)
def test_blank_node_of_a_foreign_subject_goes() -> None:
    """A blank node belongs to the document only where the object itself leads to it."""
    lines = [f"{ME} {TAG} <https://b.example/1> .", f"<https://b.example/1> {TAG} _:x .", f'_:x {NAME} "evil" .']
    assert own_statements(lines, ID) == ((ME, TAG, "<https://b.example/1>"),)


@pytest.mark.abuse(26)
def test_named_graphs_go() -> None:
    """Only the default graph counts, whatever names the other one."""
    lines = [f'{ME} {NAME} "a" .', f'{ME} {NAME} "b" _:g .', f'{ME} {NAME} "c" <{ID}> .', f"{ME} {TAG} {ME} {ME} ."]
    assert own_statements(lines, ID) == ((ME, NAME, '"a"'),)


@pytest.mark.abuse(25)
@pytest.mark.parametrize(
    "statement",
    [
        "<http://www.w3.org/ns/ldp#inbox> <https://evil.example/>",
        f"<{AS}inbox> <https://evil.example/>",
        f"<{AS}outbox> <https://evil.example/>",
        f"<{AS}followers> <https://evil.example/>",
        f"<{AS}endpoints> _:e",
        f"<{AS}sharedInbox> <https://evil.example/>",
        f"<{AS}alsoKnownAs> <https://evil.example/>",
        f"<{AS}movedTo> <https://evil.example/>",
        '<https://w3id.org/security#publicKeyPem> "pem"',
        "<https://w3id.org/security#publicKey> _:k",
        "<https://w3id.org/security#proof> _:p",
        "<https://w3id.org/security#assertionMethod> _:k",
        "<https://www.w3.org/ns/did#service> _:s",
        "<http://joinmastodon.org/ns#identityKey> _:k",
        "<https://w3id.org/fep/5711#inboxOf> <https://evil.example/>",
        '_:unknown "x"',
        f"{TYPE} <https://w3id.org/security#Key>",
        f"{TYPE} <https://w3id.org/security#Multikey>",
        f"{TYPE} <{AS}Person>",
        f"{TYPE} <{AS}Organization>",
        f"{TYPE} _:Unknown",
        f"{NAME} _:silent",
    ],
)
def test_keys_endpoints_and_actors_never_enter(statement: str) -> None:
    """Predicates and classes of keys, endpoints, proofs and actors go, and blank nodes that only they lead to."""
    lines = [f'{ME} {NAME} "a" .', f"{ME} {statement} .", f'<{ID}#k> <https://w3id.org/security#owner> "x" .']
    lines += [f'_:{node} {NAME} "behind" .' for node in "ekps"]
    assert own_statements(lines, ID) == ((ME, NAME, '"a"'),)


def test_blank_nodes_get_stable_names() -> None:
    """The name of a blank node depends on what is said, not on its label nor on the order of lines."""
    place = [f"{ME} {TAG} _:a .", f'_:a {NAME} "one" .', f"_:a <{AS}image> _:b .", f'_:b {NAME} "deep" .']
    other = [f"{ME} {TAG} _:c .", f'_:c {NAME} "two" .']
    expected = own_statements(place + other, ID)
    assert len(expected) == 6
    assert all(s == ME or s.startswith(f"<{ID}#b") for s, _, _ in expected)
    for lines in itertools.permutations(place + other):
        renamed = [line.replace("_:a", "_:z9") for line in lines]
        assert own_statements(renamed, ID) == expected


def test_same_words_in_another_place_are_another_node() -> None:
    """Two nodes that say the same but hang on different predicates are told apart, whatever the order."""
    lines = [f"{ME} {TAG} _:a .", f"{ME} <{AS}image> _:b .", f'_:a {NAME} "x" .', f'_:b {NAME} "x" .']
    results = {own_statements(order, ID) for order in itertools.permutations(lines)}
    assert len(results) == 1
    assert len({s for s, _, _ in results.pop()}) == 3


def test_id_with_a_fragment_speaks_for_itself_only() -> None:
    """The siblings of a fragment are not its own; its blank nodes are named after it."""
    subject = f"{ID}#2"
    lines = [f"<{subject}> {TAG} _:a .", f'_:a {NAME} "x" .', f'<{ID}#3> {NAME} "y" .', f'{ME} {NAME} "z" .']
    assert [s.startswith(f"<{subject}") for s, _, _ in own_statements(lines, subject)] == [True, True]


def test_spaces_of_unicode_are_letters_of_an_iri() -> None:
    """RFC 3987 allows them in an IRI, and N-Quads splits at ASCII spaces only."""
    lines = [f'{ME} {NAME} "a\u2028b" .', f"{ME} {TAG} <https://b.example/\u00a0\u3000> ."]
    assert len(own_statements(lines, ID)) == 2


@pytest.mark.abuse(32)
def test_clique_of_blank_nodes_is_named_at_once() -> None:
    """Nodes that nothing tells apart are numbered as they come: there is no search among their permutations."""
    nodes = [f"_:n{n}" for n in range(64)]
    lines = [f"{a} {TAG} {b} ." for a in nodes for b in nodes if a != b]
    kept = own_statements([f"{ME} {TAG} {nodes[0]} .", *lines], ID)
    assert len(kept) == 1 + 64 * 63
    assert len({s for s, _, _ in kept}) == 65


@pytest.mark.parametrize(
    "line", ["", f"{ME} {NAME}", f'{ME} {NAME} "a"', f'"a" {NAME} "a" .', f'{ME} {NAME} "a\\" .', "x y z ."]
)
def test_what_is_no_statement_is_refused(line: str) -> None:
    """A line that is not N-Quads is not guessed at."""
    with pytest.raises(Refused, match="quads:syntax"):
        own_statements([line], ID)
