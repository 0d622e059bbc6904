"""Failures, sorted by who must act. They know nothing of HTTP or of exit codes: web/ and cli.py translate.

An invalid record is not an error: it is a ``Finding`` in a ``RunReport`` (see model.py).
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping


class CarrefourError(Exception):
    """Root of every failure we raise on purpose: a sentence a person can act on.

    ``text`` is that sentence by language, always ``fr`` and ``en``; ``str()`` of the error is the English one.
    """

    text: Mapping[str, str]

    def __init__(self, message: str, fr: str | None = None) -> None:
        super().__init__(message)
        self.text = {"fr": message if fr is None else fr, "en": message}


class ConfigError(CarrefourError):
    """The operator must act: a setting, a source file, a vocabulary or a shapes file is wrong."""


class PartnerError(CarrefourError):
    """The partner must act: its feed cannot be read as a whole (truncated, wrong format, too large, ...)."""


class PeerError(CarrefourError):
    """Another server on the network must act (unreachable, too slow, answers nonsense)."""


class QueryRejected(CarrefourError):
    """The author of a SPARQL query must act.

    ``reason`` is one of ``syntax``, ``forbidden`` (SERVICE), ``update`` (LOAD or any write), ``timeout``,
    ``too_large`` (rows or bytes over the limit), ``memory``, ``busy`` (too many at once for one client).
    ``line`` and ``column`` count from 1 and are given for syntax errors.
    """

    def __init__(
        self, reason: str, message: str, line: int | None = None, column: int | None = None, fr: str | None = None
    ) -> None:
        super().__init__(message, fr)
        self.reason = reason
        self.line = line
        self.column = column


class EngineUnavailable(CarrefourError):
    """The operator must act: a store, an index or the ledger cannot be opened or written (disk full, locked, ...)."""


class DataFolderBusy(EngineUnavailable):
    """Another process is writing to this data folder."""


def os_reason(error: OSError | UnicodeError) -> Mapping[str, str]:
    """Why the system, or the encoding of a file, stops us: a clause without final stop, in French and English."""
    if isinstance(error, UnicodeError):
        return {"fr": "le fichier n'est pas en UTF-8", "en": "the file is not UTF-8"}
    said = error.strerror or str(error)
    french = {
        errno.ENOENT: "ce fichier ou ce dossier n'existe pas",
        errno.EACCES: "cet utilisateur n'en a pas le droit",
        errno.EPERM: "cet utilisateur n'en a pas le droit",
        errno.EROFS: "ce disque est en lecture seule",
        errno.ENOSPC: "le disque est plein",
        errno.EDQUOT: "le quota de disque est atteint",
        errno.EISDIR: "c'est un dossier",
        errno.ENOTDIR: "une partie du chemin n'est pas un dossier",
        errno.EEXIST: "il existe déjà",
        errno.ENAMETOOLONG: "son nom est trop long",
        errno.EADDRINUSE: "cette adresse sert déjà à un autre programme",
        errno.EADDRNOTAVAIL: "cette adresse n'est pas celle de cette machine",
    }
    return {"fr": french.get(error.errno or 0, said), "en": said}


_TOML_PLACE = re.compile(r"(.*?) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_TOML_WORDS = (
    ("Invalid value", "cette valeur n'est pas valide (un texte se met entre guillemets)"),
    ("Expected '='", "il manque « = » entre le nom et la valeur"),
    ("Expected newline", "il y a quelque chose de trop après la valeur"),
    ("Expected ']", "il manque le crochet fermant d'une table"),
    ("Unclosed array", "une liste n'est pas fermée : il manque « ] »"),
    ("Unclosed inline table", "une table n'est pas fermée : il manque « } »"),
    ("Unterminated string", "un texte n'est pas fermé : il manque les guillemets de la fin"),
    ("Unescaped '\\'", "une barre oblique inverse s'écrit deux fois : « \\\\ »"),
    ("Illegal character", "un caractère n'est pas permis ici (un texte tient sur une ligne)"),
    ("Invalid date", "cette date n'est pas valide"),
    ("Invalid initial character", "un nom avec des accents ou des espaces se met entre guillemets"),
    ("Cannot declare", "cette table est déclarée deux fois"),
    ("Cannot overwrite", "ce nom reçoit une valeur deux fois"),
    ("Duplicate", "ce nom reçoit une valeur deux fois"),
    ("Invalid statement", "cette ligne n'est ni une table ni « nom = valeur »"),
)


def toml_fault(name: str, error: ValueError) -> Mapping[str, str]:
    """Say where the file ``name`` is not TOML (a TOMLDecodeError), or that it is not UTF-8, in French and English."""
    if isinstance(error, UnicodeError):
        return {
            "fr": f"{name} : le fichier n'est pas en UTF-8. Enregistrez-le en UTF-8.",
            "en": f"{name}: the file is not UTF-8. Save it as UTF-8.",
        }
    match = _TOML_PLACE.fullmatch(str(error))
    said = match[1] if match else str(error)
    french = next((fr for en, fr in _TOML_WORDS if said.startswith(en)), said)
    if match is None or match[2] is None:
        end = {"fr": " (à la fin du fichier)", "en": " (at the end of the file)"} if match else {"fr": "", "en": ""}
        return {
            "fr": f"{name} : ce n'est pas du TOML valide : {french}{end['fr']}.",
            "en": f"{name}: this is not valid TOML: {said}{end['en']}.",
        }
    return {
        "fr": f"{name}, ligne {match[2]}, colonne {match[3]} : ce n'est pas du TOML valide : {french}.",
        "en": f"{name}, line {match[2]}, column {match[3]}: this is not valid TOML: {said}.",
    }


def did_you_mean(near: str | None) -> Mapping[str, str]:
    """The end of a sentence that suggests ``near``, in French and English; empty if nothing is near."""
    if near is None:
        return {"fr": "", "en": ""}
    return {"fr": f" Vouliez-vous « {near} » ?", "en": f" Did you mean `{near}`?"}
