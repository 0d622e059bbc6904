"""The federation of an open instance: puts the pieces of activitypub/ together, once, and runs what must run.

It must never decide anything about an activity, nor open an engine: platform.py hands over what it has opened.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime

from federation.activitypub.changes import Changes
from federation.activitypub.contexts import bundled
from federation.activitypub.deciding import Decider
from federation.activitypub.delivery import Deliverer
from federation.activitypub.desk import Desk
from federation.activitypub.directory import Directory
from federation.activitypub.expand import Expander
from federation.activitypub.follows import Relations
from federation.activitypub.graphs import Graphs
from federation.activitypub.hearing import Hearing
from federation.activitypub.hiding import Hiding
from federation.activitypub.inbox import Inbox
from federation.activitypub.intake import Intake
from federation.activitypub.keycache import KeyCache
from federation.activitypub.keyring import Keyring, known_actors, load_secret
from federation.activitypub.knock import Knock
from federation.activitypub.memory import memory_of
from federation.activitypub.names import Names
from federation.activitypub.origins import origin_of
from federation.activitypub.outbound import Outbound
from federation.activitypub.peers import Peers
from federation.activitypub.profiles import Profiles
from federation.activitypub.reading import Readers
from federation.activitypub.reconcile import Reconciler, ask_host
from federation.activitypub.rekeying import Rekeying
from federation.activitypub.relay import Relay
from federation.activitypub.remote import Remote
from federation.activitypub.resolve import Resolver
from federation.activitypub.sending import Sender
from federation.activitypub.tallying import Tallier
from federation.catalogue.words import Words
from federation.engines import GraphReader
from federation.ledger import Ledger
from federation.pipeline.fetch.visit import user_agent
from federation.settings import Settings
from federation.vocabulary import Vocabulary
from federation.writer import Writer


class Station:
    """One per process. What reads is made when first asked for; :meth:`at_work` runs what delivers and takes in."""

    def __init__(
        self,
        settings: Settings,
        vocabulary: Vocabulary,
        words: Words,
        ledger: Ledger,
        reader: Callable[[], GraphReader],
        clock: Callable[[], datetime],
        format_of: Callable[[str], str],
    ) -> None:
        """``format_of``: what a source reads, as its file says."""
        self._settings, self._vocabulary, self._words = settings, vocabulary, words
        self._ledger, self._reader, self._clock, self._format_of = ledger, reader, clock, format_of
        self.names = Names(settings.base_url)

    # -- for anybody

    @functools.cached_property
    def keyring(self) -> Keyring:
        """Our keys. Raises ConfigError, EngineUnavailable (their secret)."""
        secret = load_secret(self._settings.federation_secret, self._settings.data_dir, os.urandom)
        exists = known_actors(self.names, self._ledger.sources.partner)
        return Keyring(self._ledger.ap_keys, self.names, secret, exists, self._clock, os.urandom)

    @functools.cached_property
    def desk(self) -> Desk:
        """What anybody may read of us by ActivityPub."""
        return Desk(self._settings, memory_of(self._ledger), self._reader, self._words, self.keyring)

    @functools.cached_property
    def inbox(self) -> Inbox:
        """Where others put what they say."""
        blocks = self._ledger.ap_blocks.all
        return Inbox(
            self._settings.base_url, self._keys, self._ledger.ap_inbox, blocks, self._clock, time.monotonic,
            known=self._is_known,
        )  # fmt: skip

    @functools.cached_property
    def readers(self) -> Readers:
        """Who may read in secure mode."""
        return Readers(self._settings.base_url, self._keys, self._ledger.ap_blocks, self._clock, time.monotonic)

    @functools.cached_property
    def changes(self) -> Changes:
        """What other Carrefours keep in step by."""
        return Changes(self._settings.base_url, self._ledger, self._reader)

    # -- for operators

    @functools.cached_property
    def peers(self) -> Peers:
        """What operators do about other servers."""
        return Peers(self._ledger, self.names, self._relations, self._directory, self._clock, self._format_of)

    @functools.cached_property
    def rekeying(self) -> Rekeying:
        """What operators do about our keys."""
        return Rekeying(self._ledger, self.names, self.keyring, self._clock)

    # -- for the worker

    @contextlib.contextmanager
    def at_work(self, writer: Writer) -> Iterator[Callable[[], bool]]:
        """Deliver in the background; yields the errand that takes in, for the thread that may write."""
        sender = self._sender
        outbound = Outbound(
            self._ledger, self.names, self.desk, lambda: self._reader().seq, self.keyring, sender, self._relay,
            self._settings.federation_notes,
        )  # fmt: skip
        profiles = Profiles(self._ledger, self.names, self.desk, self.keyring, sender, self._clock)
        knock = Knock(self.keyring, self._remote, self._clock)
        deliverer = Deliverer(
            self._ledger, self.names, knock, self._clock, random.random,
            returned=self._returned, feeds=(outbound.work, profiles.work),
        )  # fmt: skip
        expander = Expander(bundled(self._vocabulary))
        intake = self._intake(expander)
        reconciler = Reconciler(self._ledger, self._remote, self._clock, self.keyring.signer())
        tallier = Tallier(self._ledger, self._reader(), self._settings.base_url)
        deliverer.start()
        try:
            yield lambda: any([intake.take(writer), reconciler.step(writer), tallier.step()])
        finally:
            deliverer.stop()
            reconciler.close()
            intake.close()
            expander.close()

    def _intake(self, expander: Expander) -> Intake:
        resolver = Resolver(self._remote, self._keys, expander, self._clock, self.keyring.signer())
        spoke = self._hearing.spoke
        decider = Decider(self._ledger, self.names, self._relations, self._directory, resolver, spoke)
        graphs = Graphs(self._ledger, self.names, self._sender, self._relay, self._clock)
        return Intake(self._ledger, decider, graphs, Hiding(self._ledger), self._clock, f"worker-{os.getpid()}")

    def close(self) -> None:
        """Write what waits in the inbox; let connections go."""
        for name in ("inbox", "_remote"):
            if name in self.__dict__:
                self.__dict__[name].close()

    # -- within

    @functools.cached_property
    def _remote(self) -> Remote:
        own = origin_of(self._settings.base_url)
        private = self._settings.fetch_private
        return Remote(own, user_agent(self._settings), time.monotonic, allow_private=private)

    @functools.cached_property
    def _sender(self) -> Sender:
        return Sender(self._ledger, self.names, self._clock, os.urandom)

    @functools.cached_property
    def _relay(self) -> Relay:
        return Relay(self.names, self._sender)

    @functools.cached_property
    def _relations(self) -> Relations:
        return Relations(self._ledger, self.names, self._sender, self._clock)

    @functools.cached_property
    def _directory(self) -> Directory:
        sign, private, forget = self.keyring.signer(), self._settings.fetch_private, self._keys.forget
        declares = self._hearing.declares
        return Directory(self._ledger, self._remote, self._clock, sign, private, forget, declares)

    @functools.cached_property
    def _hearing(self) -> Hearing:
        return Hearing(self._ledger.ap_hosts, self._clock, self._returned)

    @functools.cached_property
    def _keys(self) -> KeyCache:
        return KeyCache(self._ledger.ap_remote_keys, self._remote, self._clock, self.keyring.signer())

    def _is_known(self, actor: str) -> bool:
        """Whether there is an actor, as far as we know, with whom we have had to do."""
        known = self._ledger.ap_actors.get(actor)
        return known is not None and known.gone is None

    def _returned(self, host: str) -> None:
        """A host answers again: what it missed, and what we missed of it, is asked for."""
        ask_host(self._ledger, host, self._clock())


@contextlib.contextmanager
def at_rest() -> Iterator[Callable[[], bool]]:
    """The errand of a worker that only carries out orders: none."""
    yield lambda: False
