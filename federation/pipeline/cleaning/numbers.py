"""Numbers, yes and no, and points on the map. Must never move a point unless the repair is certain."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, NamedTuple

from federation.pipeline.cleaning.problems import Problem
from federation.pipeline.cleaning.text import as_string, is_missing

_PLAIN = re.compile(r"[+-]?\d{1,18}(?:\.\d{1,18})?$", re.ASCII)
_MONEY = re.compile(r"(?:€|eur(?:os?)?|\$)\.?", re.IGNORECASE)
_SPACES = re.compile(r"[\s\xa0\u202f\u2009']+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3}){2,}(?:\.\d+)?$|[+-]?\d{1,3}(?:,\d{3})+\.\d+$")
_YES = frozenset({"oui", "true", "1", "yes", "vrai", "o", "y", "x", "on"})
_NO = frozenset({"non", "false", "0", "no", "faux", "n", "off"})

_MAINLAND = (41.0, -5.5, 51.5, 10.0)
"""South, west, north, east of mainland France and Corsica, in degrees. Exchanging axes lands in another hemisphere."""
_FRANCE = (
    _MAINLAND,
    (14.2, -63.3, 18.3, -60.7),  # Antilles
    (1.9, -54.8, 6.0, -51.5),  # Guyane
    (-21.6, 55.0, -20.7, 56.0),  # La Réunion
    (-13.2, 44.9, -12.5, 45.4),  # Mayotte
    (46.6, -56.6, 47.3, -56.0),  # Saint-Pierre-et-Miquelon
    (-23.2, 158.0, -18.0, 172.0),  # Nouvelle-Calédonie
    (-28.0, -155.0, -7.5, -134.0),  # Polynésie
    (-14.5, -178.5, -13.0, -175.8),  # Wallis-et-Futuna
)


class Point(NamedTuple):
    """Decimal degrees, as canonical decimals."""

    latitude: str
    longitude: str


def clean_number(raw: Any, problems: list[Problem], whole: bool = False) -> str | None:
    """Read a decimal number (comma or point; spaces and a currency sign allowed); give its canonical ``xsd:decimal``.

    ``whole`` asks for an integer. Not a number, infinite, or several numbers: problem ``number-unreadable``.
    """
    number = _decimal(raw, problems)
    if number is None:
        return None
    if number == number.to_integral_value():
        return str(int(number))  # without ".0": canonical since XSD 1.1, and what the store gives back
    if whole:
        problems.append(Problem("number-unreadable", str(raw)))
        return None
    return format(number.normalize(), "f")


def clean_boolean(raw: Any, problems: list[Problem]) -> bool | None:
    """Read yes or no, in French or English."""
    if isinstance(raw, bool):
        return raw
    text = (as_string(raw) or "").strip().casefold()
    if text in _YES:
        return True
    if text in _NO:
        return False
    if not is_missing(text):
        problems.append(Problem("boolean-unreadable", text))
    return None


def clean_point(
    latitude: Any, longitude: Any, postcode: str | None, area: tuple[float, ...] | str | None, problems: list[Problem]
) -> Point | None:
    """Read a point in degrees.

    (0, 0) is dropped. Exchanged axes are put right only when that is certain: out of range, or a French mainland
    postcode (or ``area`` FR) whose exchanged point alone lies there. ``area`` is ``FR`` or a box (south, west,
    north, east); a point outside gets a hint. So does, with neither to place it, one in or off East Africa that
    exchanged lies in mainland France: hardly any project is there, but that is not certain.
    """
    ignored: list[Problem] = []
    given = f"{as_string(latitude)}, {as_string(longitude)}"
    lat, lon = _decimal(latitude, ignored), _decimal(longitude, ignored)
    if lat is None or lon is None:
        if not (is_missing(latitude) and is_missing(longitude)):
            problems.append(Problem("point-unreadable", given))
        return None
    y, x = float(lat), float(lon)
    if y == 0 and x == 0:
        problems.append(Problem("point-null", given))
        return None
    if _swapped(y, x, postcode, area):
        lat, lon, y, x = lon, lat, x, y
        problems.append(Problem("point-swapped", given, f"{y}, {x}", kept=True))
    elif postcode is None and area is None and _within(x, y, (_MAINLAND,)):
        problems.append(Problem("point-doubtful", given, f"{x}, {y}", kept=True))
    if not (-90 <= y <= 90 and -180 <= x <= 180):
        problems.append(Problem("point-unreadable", given))
        return None
    if area is not None and not _within(y, x, _FRANCE if area == "FR" else (area,)):  # type: ignore[arg-type]
        problems.append(Problem("point-outside", given, kept=True))
    return Point(_degrees(lat), _degrees(lon))


def _decimal(raw: Any, problems: list[Problem]) -> Decimal | None:
    if is_missing(raw):
        return None
    number = _exact(raw)
    if number is None:
        problems.append(Problem("number-unreadable", str(raw)[:200]))
    return number


def _exact(raw: Any) -> Decimal | None:
    if isinstance(raw, float):
        return Decimal(repr(raw)) if math.isfinite(raw) and abs(raw) < _HUGE else None
    text = as_string(raw)
    if text is None or isinstance(raw, bool):
        return None
    text = text.strip()
    if not _PLAIN.match(text):
        text = _SPACES.sub("", _MONEY.sub("", text))
        text = text.replace(",", "") if _THOUSANDS.match(text) else text.replace(",", ".")
    return Decimal(text) if _PLAIN.match(text) else None


_HUGE = 1e18
"""Beyond this a number in a feed is a mistake, and its decimals are lost anyway."""


def _degrees(number: Decimal) -> str:
    number = round(number, 7)  # 1 cm; more digits are noise
    return str(int(number)) if number == number.to_integral_value() else format(number.normalize(), "f")


def _swapped(y: float, x: float, postcode: str | None, area: tuple[float, ...] | str | None) -> bool:
    if abs(y) > 90 and abs(x) <= 90 and abs(y) <= 180:
        return True
    mainland = bool(postcode and len(postcode) == 5 and postcode[:2] not in {"97", "98"})
    if not mainland and area != "FR":
        return False
    if _within(y, x, (_MAINLAND,)) or not _within(x, y, (_MAINLAND,)):
        return False
    return mainland or not _within(y, x, _FRANCE)


def _within(y: float, x: float, boxes: tuple[tuple[float, ...], ...]) -> bool:
    return any(south <= y <= north and west <= x <= east for south, west, north, east in boxes)
