"""The fair daily shuffle: the default order of projects, which rewards neither volume nor age.

Pure arithmetic over names. Must never look at what a project says, only at its IRI and its contributors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

PER_ITEM = tuple[str, Sequence[str]]


def draw(seed: str, name: str) -> int:
    """A 64-bit number that depends on nothing but the seed and the name."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8, key=seed.encode()[:64]).digest(), "big")


def counted_for(seed: str, project: str, partners: Sequence[str]) -> str:
    """The one contributor that a shared project counts for today; "" for a project without contributor."""
    if len(partners) < 2:
        return partners[0] if partners else ""
    return min(partners, key=lambda partner: (draw(seed, f"{project} {partner}"), partner))


def fair_order(seed: str, items: Iterable[PER_ITEM]) -> list[str]:
    """Order (project, contributors) pairs: one project per contributor in turn, all by hash of the seed.

    Bound: among the first N, while K contributors are not exhausted, none has more than ceil(N / K).
    """
    queues: dict[str, list[tuple[int, str]]] = {}
    for project, partners in items:
        queues.setdefault(counted_for(seed, project, partners), []).append((draw(seed, project), project))
    return interleave(seed, queues)


def interleave(seed: str, queues: dict[str, list[tuple[int, str]]]) -> list[str]:
    """Take one (draw, project) of each contributor's queue in turn, contributors in hash order too."""
    ranked: list[tuple[int, int, str]] = []
    for turn, partner in enumerate(sorted(queues, key=lambda name: (draw(seed, name), name))):
        ranked.extend((round_, turn, project) for round_, (_, project) in enumerate(sorted(queues[partner])))
    ranked.sort()
    return [project for _, _, project in ranked]
