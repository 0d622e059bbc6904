"""Codes are text, never numbers: postcodes, INSEE communes, SIREN, SIRET, RNA.

Must never invent a digit but a lost zero.
"""

from __future__ import annotations

import re
from typing import Any

from federation.pipeline.cleaning.problems import Problem
from federation.pipeline.cleaning.text import as_string, clean_line, is_missing

LA_POSTE = "356000000"
"""Its SIRET numbers obey another rule: the sum of all 14 digits is a multiple of 5 (INSEE)."""

_SPACES = re.compile(r"[\s\xa0\u202f\u2009\u200b.\-]+")
_POSTCODE = re.compile(r"\d{5}$", re.ASCII)
_FOREIGN_POSTCODE = re.compile(r"[A-Z0-9][A-Z0-9 \-]{1,9}$", re.ASCII)
_COMMUNE = re.compile(r"(?:\d{2}|2[AB])\d{3}$", re.ASCII)
_DIGITS = re.compile(r"\d+$", re.ASCII)
_RNA = re.compile(r"W\d{9}$", re.ASCII)
_ALPHA2 = re.compile(r"[A-Z]{2}$", re.ASCII)
_ALPHA3 = re.compile(r"[A-Z]{3}$", re.ASCII)
_COUNTRIES = {
    name: code
    for code, names in {
        "FR": "france|fr|fra|république française",
        "BE": "belgique|belgium|be",
        "CH": "suisse|switzerland|ch",
        "LU": "luxembourg|lu",
        "DE": "allemagne|germany|de",
        "ES": "espagne|spain|es",
        "IT": "italie|italy|it",
        "PT": "portugal|pt",
        "NL": "pays bas|netherlands|the netherlands|nl",
        "GB": "royaume uni|united kingdom|uk|gb|grande bretagne",
        "IE": "irlande|ireland|ie",
        "AT": "autriche|austria|at",
        "PL": "pologne|poland|pl",
        "CZ": "république tchèque|czech republic|tchéquie|czechia",
        "GR": "grèce|greece|gr",
        "RO": "roumanie|romania|ro",
        "NO": "norvège|norway|no",
        "SE": "suède|sweden|se",
        "DK": "danemark|denmark|dk",
        "FI": "finlande|finland|fi",
        "US": "états unis|etats unis|usa|us|united states",
        "CA": "canada|ca",
        "MA": "maroc|morocco|ma",
        "DZ": "algérie|algeria|dz",
        "TN": "tunisie|tunisia|tn",
        "SN": "sénégal|senegal|sn",
        "CI": "côte d'ivoire|ivory coast|ci",
        "MG": "madagascar|mg",
    }.items()
    for name in names.split("|")
}
"""Codes by name, folded. Not a gazetteer: other names are for a source's own [crosswalk]."""
_ICD = re.compile(r"(?:0002|0009):")


def clean_code(raw: Any, problems: list[Problem]) -> str | None:
    """Take any other code as it is, as one line of text."""
    return clean_line(raw, problems)


def clean_postcode(raw: Any, problems: list[Problem]) -> str | None:
    """Read a postcode. A French one of 4 digits (01000 read as a number) gets its zero back."""
    text = as_string(raw)
    if text is None or is_missing(text):
        return None
    code = text.strip().upper()
    if _POSTCODE.match(code):
        return code
    squeezed = _SPACES.sub("", code.removesuffix(".0"))  # a spreadsheet's 1000.0
    if _DIGITS.match(squeezed) and len(squeezed) in {4, 5}:
        if len(squeezed) == 4:
            squeezed = f"0{squeezed}"
            problems.append(Problem("postcode-zero", text, squeezed, kept=True))
        return squeezed
    if _FOREIGN_POSTCODE.match(code) and any(char.isdigit() for char in code) and any(char.isalpha() for char in code):
        return code
    problems.append(Problem("postcode-unreadable", text))
    return None


def clean_commune(raw: Any, problems: list[Problem]) -> str | None:
    """Read the INSEE code of a commune (5 characters: ``63113``, ``2A004``, ``97411``)."""
    text = as_string(raw)
    if text is None or is_missing(text):
        return None
    code = _SPACES.sub("", text).upper()
    if len(code) == 4 and code.isascii() and code.isdigit():
        code = f"0{code}"
        problems.append(Problem("commune-zero", text, code, kept=True))
    if _COMMUNE.match(code):
        return code
    problems.append(Problem("commune-unreadable", text))
    return None


def clean_country(raw: Any, problems: list[Problem]) -> str | None:
    """Read a country: its ISO 3166-1 code, or the usual French or English name of one that our partners write."""
    text = as_string(raw)
    if text is None or is_missing(text):
        return None
    word = " ".join(text.split())
    if _ALPHA2.match(word):
        return "GB" if word == "UK" else word
    code = _COUNTRIES.get(word.casefold().replace("-", " "))
    if code is None:
        problems.append(Problem("country-unreadable", text))
    return code


def clean_currency(raw: Any, problems: list[Problem]) -> str | None:
    """Read a currency: its ISO 4217 code, or a sign or word for the euro."""
    text = as_string(raw)
    if text is None or is_missing(text):
        return None
    word = text.strip()
    if word.casefold() in {"€", "euro", "euros"}:
        return "EUR"
    if _ALPHA3.match(word):
        return word
    problems.append(Problem("code-unreadable", text))
    return None


def clean_organisation(raw: Any, problems: list[Problem]) -> tuple[str, str] | None:
    """Read a SIREN, SIRET or RNA number; give its scheme (``siren``, ``siret``, ``rna``) and digits.

    Spaces of any width and the ISO 6523 prefix are removed; the check digit is verified; placeholders are dropped.
    """
    text = as_string(raw)
    if text is None or is_missing(text):
        return None
    code = _SPACES.sub("", _ICD.sub("", text.strip())).upper()
    if code.startswith("RNA:"):
        code = code[4:]
    if _RNA.match(code):
        return "rna", code
    if not _DIGITS.match(code) or len(set(code)) == 1 or len(code) not in {9, 14}:
        placeholder = not code or len(set(code)) == 1
        problems.append(Problem("organisation-placeholder" if placeholder else "organisation-unreadable", text))
        return None
    if len(code) == 9 and _luhn(code):
        return "siren", code
    if len(code) == 14 and (_luhn(code) or (code.startswith(LA_POSTE) and sum(map(int, code)) % 5 == 0)):
        return "siret", code
    problems.append(Problem("organisation-check", text))
    return None


def _luhn(digits: str) -> bool:
    total = sum(map(int, digits[-1::-2]))
    for digit in digits[-2::-2]:
        double = int(digit) * 2
        total += double - 9 if double > 9 else double
    return total % 10 == 0
