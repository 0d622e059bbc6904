"""What is wrong in a source file, in French and English. Must never decide what is wrong: load.py does."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from federation.errors import ConfigError
from federation.model import Text

FAULTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "table": ("il n'y a pas de table [{key}].", "there is no table [{key}]."),
        "not-a-table": ("« {key} » est une table : écrivez [{key}].", '"{key}" is a table: write [{key}].'),
        "no-source": (
            "la table [source] manque ; elle contient au moins `url` et `format`.",
            "the table [source] is missing; it holds at least `url` and `format`.",
        ),
        "profile": ("il n'y a pas de profil « {name} ».", 'there is no profile "{name}".'),
        "key": ("il n'y a pas de « {key} » dans [{table}].", 'there is no "{key}" in [{table}].'),
        "misplaced": (
            "`{key}` est une clé de [source], et se trouve ici sous [{table}] : déplacez-la.",
            "`{key}` is a key of [source], and stands under [{table}] here: move it.",
        ),
        "missing": ("`{key}` manque dans [{table}].", "`{key}` is missing in [{table}]."),
        "choice": ("`{key}` ne peut pas être « {value} ».", '`{key}` cannot be "{value}".'),
        "no-format": (
            "`format` manque dans [source] et aucun profil ne le donne.",
            "`format` is missing in [source] and no profile gives it.",
        ),
        "url": (
            "`url` est une adresse http(s) ou le chemin d'un fichier.",
            "`url` is an http(s) address or the path of a file.",
        ),
        "reserved": (
            "« {slug} » est le nom du commun lui-même, qu'aucun contributeur ne peut avoir : donnez-en un autre dans "
            "`partner`.",
            '"{slug}" is the name of the commons itself, which no partner may have: give another one in `partner`.',
        ),
        "licence": (
            "« {text} » n'est pas une licence que nous connaissons. Licences ouvertes : {known}.",
            '"{text}" is not a licence that we know. Open licences: {known}.',
        ),
        "not-text": ("« {key} » dans [{table}] doit être un texte.", '"{key}" in [{table}] must be text.'),
        "not-a-path": (
            "« {term} » doit être une colonne, un chemin, ou une liste de ceux-ci.",
            '"{term}" must be a column, a path, or a list of these.',
        ),
        "long-path": (
            "le chemin de « {term} » a plus de 200 caractères.",
            'the path of "{term}" has more than 200 characters.',
        ),
        "not-values": (
            "« {term} » dans [{table}] doit être une valeur ou une liste de valeurs.",
            '"{term}" in [{table}] must be a value or a list of values.',
        ),
        "xpath": (
            "« {name} » dans [select] n'est pas une expression XPath 1.0 ({reason}).",
            '"{name}" in [select] is not an XPath 1.0 expression ({reason}).',
        ),
        "level": ("« {value} » n'est pas un niveau d'ouverture.", '"{value}" is not a level.'),
        "not-words": (
            "« {word} » doit être un mot, une liste de mots, ou false.",
            '"{word}" must be a word, a list of words, or false.',
        ),
        "site": (
            "il n'y a pas de dictionnaire du site « {site} ».",
            'there is no dictionary of the site "{site}".',
        ),
        "not-a-parameter": (
            "« {key} » dans [request] doit être un texte ou un nombre.",
            '"{key}" in [request] must be text or a number.',
        ),
        "secret": (
            "« {key} » ressemble à un secret : écrivez « env:NOM » et donnez une valeur à la variable NOM.",
            '"{key}" looks like a secret: write "env:NAME" and set the variable NAME.',
        ),
        "not-mapped": (
            "« {term} » ne se met pas en correspondance : il vient de [records] et de [source].",
            '"{term}" is not mapped: it comes from [records] and [source].',
        ),
        "field": (
            "il n'y a pas de champ « {term} » dans [{table}].",
            'there is no field "{term}" in [{table}].',
        ),
        "openness": ("« {word} » n'est pas un niveau d'ouverture.", '"{word}" is not a level of openness.'),
        "word": ("« {word} » n'est pas un mot de {term}.", '"{word}" is not a word of {term}.'),
    }
)
"""Rule → the sentence in French and in English."""

_VALUES: Mapping[str, str] = MappingProxyType(
    {
        "int_parsing": "un nombre entier est attendu",
        "int_type": "un nombre entier est attendu",
        "int_from_float": "un nombre entier est attendu",
        "float_parsing": "un nombre est attendu",
        "float_type": "un nombre est attendu",
        "bool_parsing": "true ou false est attendu",
        "bool_type": "true ou false est attendu",
        "string_type": "un texte est attendu",
        "list_type": "une liste est attendue",
        "tuple_type": "une liste est attendue",
        "dict_type": "une table est attendue",
        "greater_than": "un nombre plus grand que {gt} est attendu",
        "greater_than_equal": "un nombre d'au moins {ge} est attendu",
        "less_than": "un nombre plus petit que {lt} est attendu",
        "less_than_equal": "un nombre d'au plus {le} est attendu",
        "string_too_short": "le texte est trop court (au moins {min_length} caractère)",
        "string_too_long": "le texte est trop long (au plus {max_length} caractères)",
        "string_pattern_mismatch": "cette valeur n'a pas la forme attendue ({pattern})",
        "slug": "« {value} » doit être fait de lettres minuscules, de chiffres et de tirets (64 au plus)",
        "long_path": "un chemin a au plus 200 caractères",
        "one_way": "il faut exactement l'un de next, link, page, offset",
    }
)
"""French for the types of pydantic's errors, and for our own (schema.py)."""


def say(rule: str, near: str | None = None, /, **values: object) -> Text:
    """The sentence of a rule, with the nearest valid word, if there is one."""
    fr, en = (sentence.format(**values) for sentence in FAULTS[rule])
    if near is not None:
        fr, en = f"{fr} Vouliez-vous « {near} » ?", f'{en} Did you mean "{near}"?'
    return {"fr": fr, "en": en}


def strange(key: str, table: str, known: Iterable[str], of_source: Iterable[str]) -> Text:
    """What to say of a key that ``table`` does not know: one of [source] stands in the wrong place."""
    if table != "source" and key in of_source:
        return say("misplaced", key=key, table=table)
    return say("key", nearest(key, known), key=key, table=table)


def missing(rule: str, key: str, table: str, request: Mapping[str, Any]) -> Text:
    """What to say of a key that is not there; under [request], where anything may stand, it is a parameter."""
    text = say(rule, key=key, table=table)
    if table != "source" or key not in request:
        return text
    hint = say("misplaced", key=key, table="request")
    return {lang: f"{said} {hint[lang]}" for lang, said in text.items()}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The nearest of some valid words, or None."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)), None)


def value_fault(key: str, item: Mapping[str, Any]) -> Text:
    """One error of pydantic, in our words."""
    french = _VALUES.get(item["type"], "cette valeur ne convient pas").format(**item.get("ctx", {}))
    return {"fr": f"`{key}` : {french}.", "en": f"`{key}`: {item['msg']}."}


def all_faults(name: str, faults: Iterable[tuple[int, Text]]) -> ConfigError:
    """The faults of the file ``name``, one per line, in the order of the file."""
    said = sorted({(line, text["en"], text["fr"]) for line, text in faults})
    return ConfigError(
        "\n".join(f"{name}, line {line}: {en}" for line, en, _ in said),
        "\n".join(f"{name}, ligne {line} : {fr}" for line, _, fr in said),
    )
