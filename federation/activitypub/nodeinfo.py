"""NodeInfo 2.1: which software this is and what it speaks (FEP-f1d5, FEP-0151). Says nothing of people.

Pure. Capabilities are never inferred from it; nor must it ever count anybody.
"""

from __future__ import annotations

from federation.activitypub.actors import Document
from federation.activitypub.names import Names

SCHEMA = "http://nodeinfo.diaspora.software/ns/schema/2.1"
APPLICATION = "https://www.w3.org/ns/activitystreams#Application"
"""Relation from a server to its instance actor (FEP-2677)."""

CONTENT_TYPE = f'application/json; profile="{SCHEMA}#"'


def well_known(names: Names) -> Document:
    """Where the description is, and the instance actor."""
    return {
        "links": [
            {"rel": SCHEMA, "href": f"{names.origin}/nodeinfo/2.1"},
            {"rel": APPLICATION, "href": names.instance},
        ]
    }


def node_info(version: str, name: str) -> Document:
    """The description. ``version`` of the software, ``name`` of the commons."""
    return {
        "version": "2.1",
        "software": {"name": "carrefour", "version": version, "homepage": "https://w3id.org/carrefour/"},
        "protocols": ["activitypub"],
        "services": {"inbound": [], "outbound": []},
        "openRegistrations": False,
        "usage": {"users": {}},
        "metadata": {"nodeName": name},
    }
