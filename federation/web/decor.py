"""Decorative shapes drawn from a name: rounded, striped or dotted. They replace pictures and say nothing.

Pure: the same name gives the same shape. Colours are classes, so that dark and print styles can change them.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from markupsafe import Markup

_COLOURS = 6
_PATTERNS = ("stripes", "dots", "plain", "bars")


def _numbers(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=12).digest()


def _outline(kind: int, x: float, y: float, size: float) -> str:
    half = size / 2
    if kind == 0:
        return f'<circle cx="{x:g}" cy="{y:g}" r="{half:g}"'
    if kind == 1:
        return f'<rect x="{x - half:g}" y="{y - half:g}" width="{size:g}" height="{size:g}" rx="{size * 0.22:g}"'
    if kind == 2:
        height = size * 0.52
        return f'<rect x="{x - half:g}" y="{y - height / 2:g}" width="{size:g}" height="{height:g}" rx="{height / 2:g}"'
    if kind == 3:  # a leaf: two opposite corners round, two small
        big, small = size * 0.5, size * 0.12
        return (
            f'<path d="M{x - half + big:g} {y - half:g}H{x + half - small:g}'
            f"a{small:g} {small:g} 0 0 1 {small:g} {small:g}"
            f"V{y + half - big:g}a{big:g} {big:g} 0 0 1 {-big:g} {big:g}H{x - half + small:g}"
            f"a{small:g} {small:g} 0 0 1 {-small:g} {-small:g}V{y - half + big:g}"
            f'a{big:g} {big:g} 0 0 1 {big:g} {-big:g}z"'
        )
    return (  # a half moon on its side
        f'<path d="M{x - half:g} {y + half / 2:g}a{half:g} {half:g} 0 0 1 {size:g} 0'
        f"a{size * 0.08:g} {size * 0.08:g} 0 0 1 {-size * 0.08:g} {size * 0.08:g}H{x - half + size * 0.08:g}"
        f'a{size * 0.08:g} {size * 0.08:g} 0 0 1 {-size * 0.08:g} {-size * 0.08:g}z"'
    )


def _pattern(identifier: str, kind: str, turn: int, scale: float, colour: int) -> str:
    step = max(round(scale), 4)
    head = (
        f'<pattern id="{identifier}" width="{step}" height="{step}" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate({turn})">'
    )
    if kind == "dots":
        mark = f'<circle cx="{step / 2:g}" cy="{step / 2:g}" r="{step * 0.24:g}" class="d{colour}"/>'
    else:
        width = step * (0.5 if kind == "stripes" else 0.22)
        mark = f'<rect width="{width:g}" height="{step}" class="d{colour}"/>'
    return f"{head}{mark}</pattern>"


def _shape(name: str, prefix: str, x: float, y: float, size: float) -> str:
    numbers = _numbers(name)
    kind, pattern = numbers[0] % 5, _PATTERNS[numbers[1] % len(_PATTERNS)]
    back, front = numbers[2] % _COLOURS, numbers[3] % (_COLOURS - 1)
    front = front if front < back else front + 1
    turn = (numbers[4] % 8) * 22 - 88
    outline = _outline(kind, x, y, size)
    tilt = f' transform="rotate({numbers[5] % 60 - 30} {x:g} {y:g})"'
    if pattern == "plain":
        return f'<g{tilt}>{outline} class="d{back}"/></g>'
    identifier = f"{prefix}{numbers.hex()[:8]}"
    return (
        f"<defs>{_pattern(identifier, pattern, turn, size / 9, front)}</defs>"
        f'<g{tilt}>{outline} class="d{back} soft"/>{outline} fill="url(#{identifier})"/></g>'
    )


def badge(name: str, prefix: str = "b") -> Markup:
    """One small shape (64 units) for a card or a page head."""
    return Markup(  # noqa: S704 - built from numbers only
        f'<svg class="badge" viewBox="0 0 64 64" width="64" height="64" aria-hidden="true" focusable="false">'
        f"{_shape(name, prefix, 32, 32, 48)}</svg>"
    )


_PLACES = (
    (110, 140, 150), (300, 96, 78), (64, 350, 96), (175, 530, 170), (395, 590, 88), (1085, 140, 160),
    (905, 92, 80), (1140, 345, 100), (1030, 525, 176), (805, 596, 84), (600, 630, 54), (505, 66, 46),
)  # fmt: skip
"""Where the shapes of the home page lie (x, y, size in a field of 1200 by 680): around the words, never under them."""


def scene(names: Sequence[str]) -> Markup:
    """The ground of the home page: up to twelve shapes around its middle, one per project."""
    shapes = "".join(_shape(name, "s", *place) for name, place in zip(names, _PLACES, strict=False))
    return Markup(  # noqa: S704 - built from numbers only
        '<svg class="scene" viewBox="0 0 1200 680" preserveAspectRatio="xMidYMid slice" aria-hidden="true" '
        f'focusable="false">{shapes}</svg>'
    )
