"""Items of microdata in a page, as rows of the form that JSON-LD rows have (jsonld_rows).

Source: HTML standard (WHATWG), section 5.2 "Encoding microdata". Must never follow ``itemref`` in a circle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from lxml.html import HtmlElement

from federation.pipeline.readers.jsonld_rows import Names, Row

_SCHEMA = ("http://schema.org/", "https://schema.org/", "http://www.schema.org/", "https://www.schema.org/")
_SOURCES = frozenset({"audio", "embed", "iframe", "img", "source", "track", "video"})
_LINKS = frozenset({"a", "area", "link"})
_VALUES = 5_000
"""Properties that are read on one page; ``itemref`` could repeat the same ones without end."""

_STEPS = 200_000
"""Elements that are visited in search of properties, for the same reason."""

_DEPTH = 12


class Microdata:
    """The items of one page. ``foreign`` counts items at the top of other vocabularies than schema.org; ``clipped``:
    the page refers to its own parts so often that not all of it was read."""

    def __init__(self, page: HtmlElement, base: str, names: Names) -> None:
        self._base, self._names = base, names
        self._elements = list(page.iter("*"))
        self._order = {element: number for number, element in enumerate(self._elements)}
        self._by_id: dict[str, HtmlElement] = {}
        for element in self._elements:
            if name := element.get("id"):
                self._by_id.setdefault(name, element)
        self._left, self._steps = _VALUES, _STEPS
        self.clipped = False
        self.foreign = 0

    def rows(self) -> Iterator[Row]:
        """Yield each top item of schema.org in the order of the page."""
        for element in self._elements:
            if element.get("itemscope") is None or element.get("itemprop") is not None:
                continue
            types = (element.get("itemtype") or "").split()
            if self.clipped:
                return
            if any(name.startswith(_SCHEMA) for name in types):
                row = self._item(element, ())
                if row.keys() - {"@id", "@type"}:
                    yield row
            else:
                self.foreign += 1

    def _item(self, element: HtmlElement, inside: tuple[HtmlElement, ...]) -> Row:
        found: dict[str, list[Any]] = {}
        if identity := (element.get("itemid") or "").strip():
            found["@id"] = [self._address(identity)]
        if types := (element.get("itemtype") or "").split():
            found["@type"] = [self._names.short(name) for name in types]
        for child in self._properties(element):
            self._left -= 1
            if self._left < 0:
                self.clipped = True
                break
            value = self._value(child, (*inside, element))
            if value in (None, "", {}):
                continue
            for name in dict.fromkeys((child.get("itemprop") or "").split()):
                found.setdefault(self._names.short(name) if ":" in name else name, []).append(value)
        return {key: values if len(values) > 1 else values[0] for key, values in found.items()}

    def _properties(self, item: HtmlElement) -> list[HtmlElement]:
        """The elements that hold the properties of an item, in tree order (section 5.2.5)."""
        seen = {item}
        found = []
        named = (self._by_id.get(name) for name in (item.get("itemref") or "").split())
        pending = [*item, *(element for element in named if element is not None)]
        while pending:
            current = pending.pop()
            if current in seen or current not in self._order:
                continue
            seen.add(current)
            self._steps -= 1
            if self._steps < 0:
                self.clipped = True
                break
            if current.get("itemscope") is None:
                pending += list(current)
            if (current.get("itemprop") or "").strip():
                found.append(current)
        return sorted(found, key=self._order.__getitem__)

    def _value(self, element: HtmlElement, inside: tuple[HtmlElement, ...]) -> Any:
        """The value of a property, by kind of element (section 5.2.4)."""
        tag = element.tag
        if element.get("itemscope") is not None:
            circle = element in inside or len(inside) > _DEPTH
            return None if circle else self._item(element, inside)
        if tag == "meta":
            return (element.get("content") or "").strip()
        if tag in _SOURCES:
            return self._address(element.get("src"))
        if tag in _LINKS:
            return self._address(element.get("href"))
        if tag == "object":
            return self._address(element.get("data"))
        if tag in ("data", "meter") and element.get("value") is not None:
            return str(element.get("value")).strip()
        if tag == "time" and element.get("datetime") is not None:
            return str(element.get("datetime")).strip()
        return str(element.text_content()).strip()

    def _address(self, written: str | None) -> str:
        if not written:
            return ""
        try:
            return urljoin(self._base, written.strip())
        except ValueError:  # brackets that are no IPv6 address
            return ""
