"""The ``[select]`` table: one XPath 1.0 expression per name, for pages that say nothing in schema.org.

Must never run an expression: the reader of pages does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree

from federation.model import Text
from federation.pipeline.sources.faults import say

_LENGTH = 200


def read_select(table: Mapping[str, Any], fault: Callable[[tuple[str, ...], Text], None]) -> dict[str, str]:
    """Check the expressions (XPath 1.0, at most 200 characters, no extension function) and give those that are right.

    Each wrong one is told to ``fault`` with its path in the file.
    """
    found = {}
    for name, value in table.items():
        if not isinstance(value, str):
            fault(("select", name), say("not-text", key=name, table="select"))
        elif len(value) > _LENGTH:
            fault(("select", name), say("long-path", term=name))
        else:
            try:
                etree.XPath(value, regexp=False)
            except etree.XPathError as error:
                fault(("select", name), say("xpath", name=name, reason=str(error)))
            else:
                found[name] = value
    return found
