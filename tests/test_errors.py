"""Failures: a sentence in French and in English, whatever the kind."""

from __future__ import annotations

import errno
import os
import pickle
import tomllib

import pytest

from federation.errors import ConfigError, DataFolderBusy, QueryRejected, os_reason, toml_fault
from federation.pipeline.fetch import Fault, FetchFailed
from federation.pipeline.readers import UnreadableFeed


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("Broken.", "Cassé."),
        DataFolderBusy("Broken.", "Cassé."),
        QueryRejected("memory", "Broken.", fr="Cassé."),
        UnreadableFeed("rule", "Cassé.", "Broken."),
        FetchFailed(Fault.TIMEOUT, "Cassé.", "Broken."),
    ],
)
def test_every_failure_speaks_both_languages(error: ConfigError) -> None:
    """Its text has both, and the error as a string is the English one."""
    assert error.text == {"fr": "Cassé.", "en": "Broken."}
    assert str(error) == "Broken."


def test_a_failure_without_french_says_the_same_in_both() -> None:
    """Nobody meets an empty message."""
    assert ConfigError("Broken.").text == {"fr": "Broken.", "en": "Broken."}


def test_a_failure_of_a_worker_process_keeps_its_french() -> None:
    """An error is pickled on its way from a worker process."""
    again = pickle.loads(pickle.dumps(ConfigError("Broken.", "Cassé.")))  # noqa: S301 - our own bytes

    assert (str(again), again.text["fr"]) == ("Broken.", "Cassé.")


def test_what_the_system_says_is_put_in_french() -> None:
    """Common errors have a French clause; the others stay as the system says them."""
    assert os_reason(OSError(errno.EACCES, os.strerror(errno.EACCES)))["fr"] == "cet utilisateur n'en a pas le droit"
    assert os_reason(OSError(errno.ENOENT, "No such file"))["en"] == "No such file"
    assert os_reason(OSError("odd")) == {"fr": "odd", "en": "odd"}


@pytest.mark.parametrize(
    ("toml", "fr", "en"),
    [
        ("a = oui", "x.toml, ligne 1, colonne 5 : ", "x.toml, line 1, column 5: "),
        ("a = [1", "x.toml : ce n'est pas du TOML valide : une liste n'est pas fermée", "at the end of the file"),
    ],
)
def test_a_fault_of_toml_has_its_place(toml: str, fr: str, en: str) -> None:
    """File, line and column stand before the fault, in both languages."""
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(toml)

    said = toml_fault("x.toml", caught.value)

    assert fr in said["fr"]
    assert en in said["en"]
