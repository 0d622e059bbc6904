"""What operators do about our own keys: have them changed, of one actor or of all.

It only puts new keys beside the old ones; profiles.py tells of them, signed by the old, and lets them sign then. Must
never take an actor's last key away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from federation.activitypub.names import COMMONS, INSTANCE, Names
from federation.activitypub.profiles import Rotation
from federation.errors import ConfigError
from federation.ledger import Ledger
from federation.ledger.audit import Act, AuditLine
from federation.pipeline.peering import noted


class Rekeying:
    """One per process. ``by`` is who does it."""

    def __init__(self, ledger: Ledger, names: Names, keyring: Rotation, clock: Callable[[], datetime]) -> None:
        self._ledger, self._names, self._keyring, self._clock = ledger, names, keyring, clock

    def rotate(self, named: Sequence[str], by: str) -> list[str]:
        """Begin to change the keys of actors, named by slug, user name or id; of all of ours if none is named.

        Returns their ids. Asked again before the new keys sign, nothing more changes. Raises ConfigError: there is no
        such actor here; then no keys are changed.
        """
        usernames = [self._username(name) for name in named] or self._all()
        actors = [self._names.actor(username) for username in dict.fromkeys(usernames)]
        for actor in actors:
            self._keyring.rotate(actor)
        with self._ledger.write() as tx:
            for actor in actors:
                self._ledger.audit.add(AuditLine(self._clock(), by, Act.ROTATE, "", None, actor), tx)
        return actors

    def _all(self) -> list[str]:
        return [INSTANCE, COMMONS, *self._partners()]

    def _partners(self) -> list[str]:
        """Partners of this instance; those of other Carrefours have their keys there."""
        return [row.slug for row in self._ledger.sources.partners() if noted(row.slug, self._ledger) is None]

    def _username(self, named: str) -> str:
        username = self._names.username(named) if "://" in named else named
        known = self._all()
        if username not in known:
            raise ConfigError(
                f"There is no actor {named!r} here. Ours are: {', '.join(known)}.",
                f"Il n'y a pas d'acteur « {named} » ici. Les nôtres : {', '.join(known)}.",
            )
        return username
