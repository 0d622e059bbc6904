"""The sentences that a partner reads, in French and English, one pair for each rule. Must never carry logic."""

from __future__ import annotations

from federation.model import Finding, Severity, Text, place_in
from federation.pipeline.cleaning import Problem

_V, _W, _I = Severity.VIOLATION, Severity.WARNING, Severity.INFO

_OPEN_FR = (
    "Si vous en avez le droit, choisissez une licence ouverte : Licence Ouverte, CC0, CC BY, CC BY-SA, ODbL, ODC-By ou "
    "PDDL."
)
_OPEN_EN = (
    "If the rights are yours, choose an open licence: Licence Ouverte, CC0, CC BY, CC BY-SA, ODbL, ODC-By or PDDL."
)

RULES: dict[str, tuple[Severity, str, str]] = {
    "id-missing": (
        _V,
        "la fiche n'a ni identifiant ni adresse de page : elle ne peut pas être retrouvée au prochain passage. "
        "Donnez un identifiant stable.",
        "the record has neither an id nor the address of a page, so it could not be found again. Give it a stable id.",
    ),
    "id-from-page": (
        _I,
        "pas d'identifiant : l'adresse de la page en tient lieu. Si un identifiant vient plus tard, la fiche changera "
        "d'adresse.",
        "no id: the address of the page stands for it. If an id comes later, the record will change its address.",
    ),
    "id-placeholder": (
        _V,
        "« {value} » n'est pas un identifiant : la fiche ne pourrait pas être retrouvée. Donnez-lui le sien, qui ne "
        "change plus.",
        '"{value}" is no id: the record could not be found again. Give it one of its own that never changes.',
    ),
    "id-duplicate": (
        _V,
        "l'identifiant « {value} » est déjà celui d'une autre ligne ({suggestion}), au contenu différent. "
        "Seule la première est prise.",
        'the id "{value}" already belongs to another row ({suggestion}) with other content. '
        "Only the first one is taken.",
    ),
    "row-repeated": (
        _I,
        "cette ligne répète à l'identique une autre ligne ({suggestion}).",
        "this row repeats another row ({suggestion}) word for word.",
    ),
    "own-record": (
        _I,
        "la fiche vient d'ici même : son adresse, sa page ou sa provenance est la nôtre. Elle n'est pas reprise.",
        "the record comes from this very place: its address, its page or its provenance is ours. It is not taken "
        "again.",
    ),
    "read-at-origin": (
        _I,
        "la fiche vient d'un producteur que nous lisons chez lui ([origins]). Elle n'est pas reprise ici.",
        "the record comes from a producer whom we read at his own place ([origins]). It is not taken again here.",
    ),
    "page-missing": (
        _V,
        "la fiche n'a pas d'adresse de page chez vous : sans elle, personne ne peut revenir à la source.",
        "the record has no address of a page of yours: without it nobody can go back to the origin.",
    ),
    "licence-missing": (
        _V,
        "aucune licence : ni la fiche ni la source n'en donne une.",
        "no licence: neither the record nor the source gives one.",
    ),
    "licence-unreadable": (
        _V,
        "« {value} » n'est pas une licence connue ; par prudence la fiche n'est pas publiée. " + _OPEN_FR,
        '"{value}" is not a licence that we know; to be safe, the record is not published. ' + _OPEN_EN,
    ),
    "licence-not-open": (
        _V,
        "« {value} » n'est pas une licence ouverte : la fiche ne peut pas entrer dans le bien commun. " + _OPEN_FR,
        '"{value}" is not an open licence: the record cannot enter the commons. ' + _OPEN_EN,
    ),
    "access-unreadable": (
        _V,
        "« {value} » n'est pas un niveau d'ouverture (opendata, commons, collective, private) ; "
        "la fiche n'est pas publiée.",
        '"{value}" is not a level of openness (opendata, commons, collective, private); the record is not published.',
    ),
    "text-too-long": (
        _W,
        "le texte dépasse 100 000 caractères (« {value} ») : il est laissé de côté. Donnez-en un résumé.",
        'the text has more than 100,000 characters ("{value}") and is left out. Give a summary of it.',
    ),
    "too-many-values": (
        _W,
        "trop de valeurs : les {suggestion} premières sont prises, les autres ({value}) sont laissées de côté.",
        "too many values: the first {suggestion} are taken, the others ({value}) are left out.",
    ),
    "more-findings": (
        _I,
        "d'autres remarques sur cette fiche ({value}) ne sont pas montrées : corrigez d'abord les premières.",
        "further remarks on this record ({value}) are not shown: put the first ones right.",
    ),
    "record-too-costly": (
        _V,
        "« {value} » demande trop de travail sur cette ligne ; la fiche n'est pas prise. Simplifiez le chemin, ou "
        "donnez moins de valeurs.",
        '"{value}" takes too much work on this row; the record is not taken. Make the path simpler, or give fewer '
        "values.",
    ),
    "repeat-conflict": (
        _W,
        "les lignes de cette fiche ne disent pas la même chose ; la valeur la plus fréquente est prise : « {value} ».",
        'the rows of this record disagree; the most frequent value is taken: "{value}".',
    ),
    "several-values": (
        _I,
        "plusieurs valeurs là où une seule est attendue ; « {value} » est laissée de côté.",
        'several values where one is expected; "{value}" is left out.',
    ),
    "unknown-word": (
        _I,
        "« {value} » n'est pas un mot connu ; il est gardé comme mot-clé.{hint_fr}",
        '"{value}" is not a word that we know; it is kept as a keyword.{hint_en}',
    ),
    "unknown-word-dropped": (
        _I,
        "« {value} » n'est pas un mot connu ; il est laissé de côté.{hint_fr}",
        '"{value}" is not a word that we know; it is left out.{hint_en}',
    ),
    "text-damaged": (
        _W,
        "des caractères ont été perdus (�) : le fichier a été enregistré dans le mauvais encodage. "
        "Enregistrez-le en UTF-8.",
        "characters have been lost (�): the file was saved in the wrong encoding. Save it as UTF-8.",
    ),
    "text-double-encoded": (
        _W,
        "des accents sont abîmés (« Ã© » pour « é ») : le texte a été encodé deux fois en UTF-8.",
        'accents are broken ("Ã©" for "é"): the text was encoded as UTF-8 twice.',
    ),
    "date-unreadable": (
        _W,
        "« {value} » n'est pas une date. Écrivez 2024-05-31, 31/05/2024, mai 2024 ou 2024.",
        '"{value}" is not a date. Write 2024-05-31, 31/05/2024, May 2024 or 2024.',
    ),
    "date-vague": (
        _I,
        "« {value} » ne donne pas le jour, qui est attendu ici.",
        '"{value}" does not give the day, which is expected here.',
    ),
    "number-unreadable": (
        _W,
        "« {value} » n'est pas un nombre.",
        '"{value}" is not a number.',
    ),
    "boolean-unreadable": (_W, "« {value} » n'est ni oui ni non.", '"{value}" is neither yes nor no.'),
    "point-unreadable": (
        _W,
        "« {value} » n'est pas un point (latitude, longitude en degrés).",
        '"{value}" is not a point (latitude, longitude in degrees).',
    ),
    "point-null": (
        _W,
        "le point (0, 0) est au large de l'Afrique : sans doute une case vide.",
        "the point (0, 0) lies off Africa: probably an empty cell.",
    ),
    "point-swapped": (
        _W,
        "latitude et longitude étaient échangées (« {value} ») ; remises en ordre : {suggestion}.",
        'latitude and longitude were exchanged ("{value}"); put right: {suggestion}.',
    ),
    "point-doubtful": (
        _W,
        "latitude et longitude semblent échangées : « {value} » est au large de la Somalie ou tout près, "
        "« {suggestion} » serait en France. Le point est gardé tel quel ; s'il est faux, corrigez-le. En GeoJSON la "
        "longitude vient d'abord.",
        'latitude and longitude seem to be exchanged: "{value}" lies in or off East Africa, "{suggestion}" would be in '
        "France. The point is kept as it is; if it is wrong, correct it. In GeoJSON the longitude comes first.",
    ),
    "point-outside": (
        _I,
        "le point « {value} » est hors du territoire de la source.",
        'the point "{value}" lies outside the territory of the source.',
    ),
    "postcode-zero": (
        _W,
        "« {value} » n'a que quatre chiffres : lu {suggestion}, comme si un tableur avait ôté le zéro du début. Si "
        "c'est un autre chiffre qui manque, ou le code d'un autre pays, c'est faux : vérifiez, et enregistrez la "
        "colonne comme du texte.",
        '"{value}" has only four digits: read as {suggestion}, as if a spreadsheet had removed the zero at the start. '
        "If another digit is missing, or the code is that of another country, this is wrong: check it, and save the "
        "column as text.",
    ),
    "email-unreadable": (
        _W,
        "cette valeur n'est pas une adresse de courriel (nom@domaine.fr) ; elle est laissée de côté.",
        "this value is not an e-mail address (name@domain.org); it is left out.",
    ),
    "postcode-unreadable": (_W, "« {value} » n'est pas un code postal.", '"{value}" is not a postcode.'),
    "commune-zero": (
        _I,
        "« {value} » a perdu son zéro : lu {suggestion}. Enregistrez la colonne comme du texte.",
        '"{value}" has lost its zero: read as {suggestion}. Save the column as text.',
    ),
    "commune-unreadable": (
        _W,
        "« {value} » n'est pas un code INSEE de commune (5 caractères).",
        '"{value}" is not the INSEE code of a commune (5 characters).',
    ),
    "organisation-placeholder": (
        _I,
        "« {value} » n'est pas un numéro SIREN, SIRET ou RNA mais un bouche-trou.",
        '"{value}" is not a SIREN, SIRET or RNA number but a placeholder.',
    ),
    "organisation-unreadable": (
        _W,
        "« {value} » n'est pas un numéro SIREN (9 chiffres), SIRET (14) ou RNA (W et 9 chiffres).",
        '"{value}" is not a SIREN (9 digits), SIRET (14) or RNA (W and 9 digits) number.',
    ),
    "organisation-check": (
        _W,
        "« {value} » n'est pas un vrai numéro SIREN ou SIRET (clé de contrôle fausse).",
        '"{value}" is not a real SIREN or SIRET number (wrong check digit).',
    ),
    "iri-unreadable": (
        _W,
        "« {value} » n'est pas une adresse web (http ou https).",
        '"{value}" is not a web address (http or https).',
    ),
    "iri-in-text": (
        _I,
        "l'adresse est entourée d'autre chose ({value}) ; lue {suggestion}.",
        "the address stands among other words ({value}); read as {suggestion}.",
    ),
    "iri-scheme": (
        _I,
        "l'adresse « {value} » n'a pas de https:// ; lue {suggestion}.",
        'the address "{value}" has no https://; read as {suggestion}.',
    ),
    "too-long": (
        _W,
        "le texte a plus de {suggestion} caractères ; il est laissé de côté : « {value} ».",
        'the text has more than {suggestion} characters; it is left out: "{value}".',
    ),
    "country-unreadable": (
        _I,
        "« {value} » n'est pas un pays connu. Écrivez son code de deux lettres (FR).",
        '"{value}" is not a country that we know. Write its two-letter code (FR).',
    ),
    "code-unreadable": (
        _W,
        "« {value} » n'est pas un code de cette forme.",
        '"{value}" is not a code of this form.',
    ),
    "reference-dangling": (
        _W,
        "« {value} » renvoie à quelque chose que le flux ne décrit pas ; c'est laissé de côté. Décrivez-le dans le "
        "flux, au moins par son nom.",
        '"{value}" refers to something that the feed does not describe; it is left out. Describe it in the feed, at '
        "least by its name.",
    ),
    "node-incomplete": (
        _I,
        "« {value} » est laissé de côté : il y manque une information indispensable (un nom, une adresse).",
        '"{value}" is left out: something it cannot do without is missing (a name, an address).',
    ),
    "territory-unreadable": (
        _W,
        "« {value} » n'est pas un territoire. Écrivez com-63113, dep-63, reg-84, epci- et 9 chiffres, ou pays-FR.",
        '"{value}" is not a territory. Write com-63113, dep-63, reg-84, epci- and 9 digits, or pays-FR.',
    ),
}


_OF_TWO_ROWS = {"id-duplicate", "row-repeated"}
"""Rules whose suggestion is the address of the other row."""


def finding(problem: Problem, where: str, field: str | None, term: str | None, record: str | None) -> Finding:
    """Say a problem in a partner's words. ``field`` is their column or path, ``term`` ours."""
    severity, french, english = RULES[problem.rule]
    value, near = clipped(problem.value), clipped(problem.suggestion or "")
    said = {
        "value": value,
        "suggestion": near,
        "hint_fr": f" Le plus proche : {near}." if near else "",
        "hint_en": f" The nearest: {near}." if near else "",
    }
    there = place_in(near, "en") if problem.rule in _OF_TWO_ROWS else near
    named = problem.rule not in {"id-missing", "licence-missing", "row-repeated"}
    return Finding(
        rule=problem.rule,
        severity=severity,
        message={"fr": french.format(**said), "en": english.format(**{**said, "suggestion": there})},
        where=where,
        field=field if named else None,
        term=term,
        value=value,
        suggestion=problem.suggestion,
        record=record,
    )


def unquoted(rule: str) -> Text | None:
    """What a rule says of a row, without quoting anything of it; None if it is none of ours."""
    if rule not in RULES:
        return None
    _, french, english = RULES[rule]
    nothing = {"value": "…", "suggestion": "…", "hint_fr": "", "hint_en": ""}
    return {"fr": french.format(**nothing), "en": english.format(**nothing)}


def left_out(why: str) -> tuple[Finding, ...]:
    """Say once for all its rows why a part of a feed is left out, where the partner may not expect it."""
    rule = {"own": "own-record", "origin": "read-at-origin"}.get(why)
    return () if rule is None else (finding(Problem(rule, ""), "", None, None, None),)


def clipped(text: str) -> str:
    """At most 200 characters, without lone surrogates."""
    text = text if len(text) <= 200 else text[:199] + "…"
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
