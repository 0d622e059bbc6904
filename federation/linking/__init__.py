"""Which records speak of one project. A score proposes, never merges; a record's own graph is never written here.

:func:`regroup` is the one function that the pipeline calls; exact.py and clusters.py are pure.
"""

from __future__ import annotations

from federation.linking.clusters import Decision, Link, Member, answering, mint, partition
from federation.linking.components import Arrival, Cluster, Regrouping, regroup
from federation.linking.exact import claims_of, exact_links, normal_form

__all__ = [
    "Arrival",
    "Cluster",
    "Decision",
    "Link",
    "Member",
    "Regrouping",
    "answering",
    "claims_of",
    "exact_links",
    "mint",
    "normal_form",
    "partition",
    "regroup",
]
