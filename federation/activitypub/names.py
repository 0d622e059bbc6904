"""Every address of ours that ActivityPub speaks of, made of the configured origin. Pure.

Must never take an origin from a request, nor give an address a query string (design, section 2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

COMMONS = "commons"
"""The slug of the Group. No partner may have it."""

INSTANCE = "instance.actor"
"""User name of the instance. It holds a dot, which no slug of a partner does."""

_PAGE = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Names:
    """``origin`` is the configured base address without final slash (``{o}`` in the design)."""

    origin: str

    @property
    def authority(self) -> str:
        """Host, with the port if it is named: what stands behind ``@`` in ``acct:``."""
        return urlsplit(self.origin).netloc.lower()

    @property
    def instance(self) -> str:
        """The Application."""
        return f"{self.origin}/actor"

    @property
    def commons(self) -> str:
        """The Group."""
        return self.partner(COMMONS)

    @property
    def shared_inbox(self) -> str:
        """Where everything for anybody here may be sent."""
        return f"{self.origin}/inbox"

    @property
    def moderators(self) -> str:
        """The collection of those who may post in the Group."""
        return f"{self.commons}/moderators"

    def partner(self, slug: str) -> str:
        """The Organization of a partner."""
        return f"{self.origin}/actors/{slug}"

    def actor(self, username: str) -> str:
        """The actor of a user name: instance, commons or partner."""
        return self.instance if username == INSTANCE else self.partner(username)

    def username(self, actor: str) -> str | None:
        """The user name of an actor of ours; None for any other IRI."""
        if actor == self.instance:
            return INSTANCE
        slug = self._after("/actors/", actor)
        return slug if slug and "/" not in slug and slug != INSTANCE else None

    def object(self, record: str) -> str | None:
        """The AS2 view of a record: the same path under ``/objects/`` (decision 20). None for a foreign record."""
        rid = self.rid(record)
        return None if rid is None else f"{self.origin}/objects/{rid}"

    def rid(self, record: str) -> str | None:
        """What names a record on this server: ``{partner}/{key}``, as its IRI writes it. None for a foreign record."""
        return self._after("/records/", record)

    def record(self, object_id: str) -> str | None:
        """The record that an object of ours is a view of; None for any other IRI."""
        rid = self._after("/objects/", object_id)
        return None if rid is None else f"{self.origin}/records/{rid}"

    def activity(self, ulid: str) -> str:
        """One activity of ours."""
        return f"{self.origin}/activities/{ulid}"

    def note(self, ulid: str) -> str:
        """The Note that an activity of ours with this ULID has created."""
        return f"{self.origin}/notes/{ulid}"

    def ulid(self, activity: str) -> str | None:
        """The ULID of an activity of ours; None for any other IRI."""
        return self._after("/activities/", activity)

    def context(self, pid: str) -> str:
        """The collection of the records of one project (FEP-7888)."""
        return f"{self.origin}/contexts/{pid}"

    def page(self, pid: str) -> str:
        """The page of a merged project, for people."""
        return f"{self.origin}/projet/{pid}"

    def _after(self, start: str, iri: str) -> str | None:
        found = iri.removeprefix(self.origin + start)
        return found if found != iri and found else None


def outbox_page(text: str) -> int | None:
    """The number of an outbox page in an address; None if it is written in any other way than ours."""
    return int(text) if _PAGE.fullmatch(text) else None
