"""Says whether a row comes from this very instance, which somebody harvests. Pure; it must never look at other rows.

Source: harvesting design, section 6: records that come from us are not harvested again.
"""

from __future__ import annotations

from typing import Any

from federation.pipeline.mapping.identity import normal_id
from federation.pipeline.mapping.paths import Row
from federation.pipeline.mapping.values import leaves, plain

_DERIVED = ("@id", "prov:wasDerivedFrom", "wasDerivedFrom", "record", "isBasedOn", "schema:isBasedOn", "dcterms:source")
"""Where a row may name what it was made of; ``record`` is what our own published form calls it."""


class Own:
    """Knows the addresses of this instance's records and projects, whatever their scheme and the case of the host."""

    def __init__(self, base_url: str) -> None:
        base = normal_id(base_url)
        self._starts = (f"{base}/records/", f"{base}/id/")

    def names(self, address: Any) -> bool:
        """Whether an address, or an id in normal form, is of a record or a project of ours."""
        return isinstance(address, str) and normal_id(address).startswith(self._starts)

    def made(self, row: Row) -> bool:
        """Whether a row says that it is, or was made of, a record or a project of ours.

        ``sameAs`` says something else: that a partner's own record and one of ours are about one project.
        """
        given = (value for name in _DERIVED if (value := row.get(name)) is not None)
        return any(self.names(plain(leaf)) for value in given for leaf in leaves(value))
