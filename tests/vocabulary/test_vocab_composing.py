"""Normal forms of Unicode, also of text that is made to take long."""

from __future__ import annotations

import unicodedata

import pytest

from federation.vocabulary import fold
from federation.vocabulary.composing import LONGEST_RUN, composed, decomposed

HONEST = ("", "ascii", "été", "e\u0301te\u0301", "Œuvre №5 ﬁn", "ṩ s\u0323\u0307", "한국", "जोड़ी", "\U0001e8d0a")


@pytest.mark.parametrize("text", HONEST)
def test_honest_text_is_normalised_as_unicode_says(text: str) -> None:
    """NFC and NFKD, of letters with few marks or none."""
    assert composed(text) == unicodedata.normalize("NFC", text)
    assert decomposed(text) == unicodedata.normalize("NFKD", text)


def test_a_run_of_marks_is_broken() -> None:
    """No more than thirty of them follow each other, all are still there, and doing it again changes nothing."""
    text = "a" + "\u0301\u0323" * 50_000 + "b"

    made = composed(text)

    assert made.count("\u0323") + made.count("ạ") == 50_000
    assert "\u0323" * (LONGEST_RUN + 1) not in made.replace("\u0301", "\u0323")
    assert composed(made) == made
    assert fold(text) == "a" + "\u034f" * fold(text).count("\u034f") + "b"


def test_two_names_stay_two() -> None:
    """What distinguishes two ids is not lost by breaking runs."""
    assert composed("a" + "\u0301" * 100) != composed("a" + "\u0301" * 101)
