"""The nearest known word, against a search through all of them with nothing worked out before."""

from __future__ import annotations

import difflib
import random
from unittest import mock

from federation.vocabulary.neighbours import COMPARED, LIKENESS, Neighbours

KNOWN = ("jardin partage", "agriculture", "emploi", "emplois aides", "habitat", "culture", "numerique", "energies")
LETTERS = "abcdefghijlmnoprstu "


def misspelt(word: str, chance: random.Random) -> str:
    """A word with one to four letters put in, taken out or changed."""
    letters = list(word)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(letters))
        letters[at : at + chance.randint(0, 1)] = chance.choice(["", *LETTERS])
    return "".join(letters)


def test_the_nearest_by_letters_is_the_one_difflib_finds() -> None:
    """For misspelt words that share no whole word with a known one; also when there is none."""
    chance = random.Random(11)
    known = tuple({misspelt(word, chance).replace(" ", "") for word in KNOWN for _ in range(20)})
    neighbours = Neighbours(known)
    found = 0
    for _ in range(300):
        word = misspelt(chance.choice(KNOWN), chance).replace(" ", "")
        if {word.rstrip("sx")} & {other.rstrip("sx") for other in known}:
            continue  # a shared stem decides
        near = difflib.get_close_matches(word, known, n=1, cutoff=LIKENESS)
        assert neighbours.nearest(word) == (near[0] if near else None), word
        found += bool(near)
    assert found > 50


def test_shared_words_come_before_spelling() -> None:
    """Singular or plural; of those that share as many words the shortest, then the last."""
    assert Neighbours(KNOWN).nearest("les jardins") == "jardin partage"
    assert Neighbours(KNOWN).nearest("emploi aide") == "emplois aides"


def test_a_word_is_compared_with_few_whatever_it_is_made_of() -> None:
    """A word made of the letters of all known ones costs no more comparisons than another."""
    neighbours = Neighbours(f"{''.join(random.Random(n).sample('animationsociale', 16))}" for n in range(500))
    with mock.patch.object(difflib.SequenceMatcher, "ratio", autospec=True, return_value=0.1) as compared:
        neighbours.nearest("elaicosnoitamina")
    assert 0 < compared.call_count <= COMPARED


def test_nothing_known_has_no_neighbour() -> None:
    """Neither is there one for a word of no letters."""
    assert Neighbours(()).nearest("emploi") is None
    assert Neighbours(KNOWN).nearest("") is None
