"""Our keys, by actor: RSA signs HTTP, Ed25519 signs proofs; made when first needed, kept sealed, changed without a gap.

It must never hand out a private key, make keys for an actor that is not ours, nor write a secret where others read.
"""

from __future__ import annotations

import contextlib
import os
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from federation.activitypub import proofs, signatures
from federation.activitypub.actors import Document, PublicKeys
from federation.activitypub.exchange import Sign
from federation.activitypub.keys import (
    SECRET_BYTES,
    PrivateKey,
    encode_multikey,
    generate_ed25519,
    generate_rsa,
    public_pem,
    seal,
    unseal,
)
from federation.activitypub.names import COMMONS, INSTANCE, Names
from federation.activitypub.origins import origin_of
from federation.activitypub.proofs import ProofKey
from federation.activitypub.signatures import Dialect, Message, SigningKey
from federation.errors import ConfigError, EngineUnavailable, os_reason
from federation.ledger.ap_keys import Keys, OurKey, OurKind

FILE_NAME: Final = "federation.key"
CURRENT_FOR: Final = timedelta(seconds=2)
"""How long the key in use is not looked up again. A switch here counts at once, in another process after this."""

_FRAGMENT: Final = {OurKind.RSA: "#main-key", OurKind.ED25519: "#ed25519-key"}
_SIGNED_ANEW: Final = frozenset({"host", "date", "digest", "content-digest", "signature", "signature-input"})


def load_secret(configured: str, folder: Path, random: Callable[[int], bytes]) -> bytes:
    """Give the secret that seals private keys: the configured one, else that of ``federation.key`` in ``folder``.

    The file is made when there is none, for this user alone. Raises ConfigError (too short), EngineUnavailable.
    """
    if configured:
        secret = configured.encode()
        if len(secret) < SECRET_BYTES:
            raise ConfigError(
                f"The setting `federation_secret` needs {SECRET_BYTES} characters or more, at random.",
                f"Le réglage `federation_secret` doit avoir au moins {SECRET_BYTES} caractères tirés au hasard.",
            )
        return secret
    path = folder / FILE_NAME
    try:
        with contextlib.suppress(FileNotFoundError):
            return _checked_secret(path)
        _write_secret(path, urlsafe_b64encode(random(SECRET_BYTES)))
        return _checked_secret(path)
    except OSError as error:
        why = os_reason(error)
        raise EngineUnavailable(
            f"The secret of the federation {path} cannot be read or made: {why['en']}.",
            f"Le secret de la fédération {path} ne peut être ni lu ni créé : {why['fr']}.",
        ) from error


def _checked_secret(path: Path) -> bytes:
    secret = path.read_bytes().strip()
    if len(secret) < SECRET_BYTES:
        raise ConfigError(
            f"{path} holds no secret of {SECRET_BYTES} bytes or more: put back the one that sealed our keys.",
            f"{path} ne contient pas de secret d'au moins {SECRET_BYTES} octets : remettez celui qui a scellé nos "
            "clés.",
        )
    return secret


def _write_secret(path: Path, secret: bytes) -> None:
    """Make the file whole or not at all; of two processes the first wins."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secret + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
    finally:
        aside.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@dataclass(frozen=True, slots=True)
class _Held:
    """A key in use, opened, and until when that is believed."""

    row: OurKey
    private: PrivateKey
    until: datetime


class Keyring:
    """One per process, safe for threads. ``exists`` says whether an actor is one of ours: no other gets keys."""

    def __init__(
        self,
        keys: Keys,
        names: Names,
        secret: bytes,
        exists: Callable[[str], bool],
        now: Callable[[], datetime],
        random: Callable[[int], bytes],
    ) -> None:
        self._keys, self._names, self._secret = keys, names, secret
        self._exists, self._now, self._random = exists, now, random
        self._held: dict[tuple[str, OurKind], _Held] = {}
        self._guard = threading.Lock()

    # ---- what documents show and carry

    def public(self, actor: str) -> PublicKeys | None:
        """The current public keys of an actor of ours, made if it has none yet; None if it is not ours."""
        rsa = self._current(actor, OurKind.RSA)
        ed25519 = self._current(actor, OurKind.ED25519)
        return None if rsa is None or ed25519 is None else PublicKeys(rsa.row.public, ed25519.row.public)

    def prove(self, actor: str, document: Document, created: datetime) -> Document:
        """A document with a proof by the current Ed25519 key of an actor of ours. Raises LookupError."""
        return proofs.create(document, key=self.proof_key(actor), created=created)

    def proof_key(self, actor: str) -> ProofKey:
        """The key for proofs of an actor of ours. Raises LookupError for any other actor."""
        held = self._of(actor, OurKind.ED25519)
        if not isinstance(held.private, Ed25519PrivateKey):
            raise LookupError(actor)
        return ProofKey(held.row.key_id, held.private)

    # ---- HTTP

    def signing_key(self, actor: str) -> SigningKey:
        """The key for HTTP signatures of an actor of ours. Raises LookupError for any other actor."""
        held = self._of(actor, OurKind.RSA)
        if not isinstance(held.private, RSAPrivateKey):
            raise LookupError(actor)
        return SigningKey(held.row.key_id, held.private)

    def sign(self, actor: str, message: Message, origin: str, dialect: Dialect) -> Message:
        """Sign a request to ``origin``; see :func:`signatures.sign`. Raises LookupError, ValueError."""
        return signatures.sign(message, origin=origin, key=self.signing_key(actor), now=self._now(), dialect=dialect)

    def signer(self, actor: str | None = None, dialect: Dialect = Dialect.CAVAGE) -> Sign:
        """What :class:`~federation.activitypub.remote.Remote` signs its requests with; by default as the instance."""
        who = self._names.instance if actor is None else actor

        def sign(method: str, address: str, headers: Mapping[str, str]) -> Mapping[str, str]:
            origin = str(origin_of(address))
            kept = tuple((name, value) for name, value in headers.items() if name.lower() not in _SIGNED_ANEW)
            message = Message(method, address[len(origin) :] or "/", kept)
            return dict(self.sign(who, message, origin, dialect).headers)

        return sign

    # ---- rotation

    def rotate(self, actor: str) -> PublicKeys:
        """Put new keys beside the old ones and show them; the old ones sign until :meth:`switch`.

        Meanwhile the ``Update`` of the actor, whose document shows the new keys, goes out signed by the old ones.
        Called again before the switch it gives the same keys. Raises LookupError if the actor is not ours.
        """
        if self.public(actor) is None:
            raise LookupError(actor)
        staged = self._staged(actor)
        for kind in OurKind:
            if kind not in staged:
                self._make(actor, kind, use=False)
        staged = self._staged(actor)
        return PublicKeys(staged[OurKind.RSA].public, staged[OurKind.ED25519].public)

    def rotating(self, actor: str) -> bool:
        """Whether new keys of an actor wait for their switch (after a crash too)."""
        return len(self._staged(actor)) == len(OurKind)

    def switch(self, actor: str, tx: Connection) -> None:
        """Let the new keys of an actor sign from now on; the old ones are retired. Raises LookupError without new ones.

        Both kinds in one transaction of the ledger. Once it is committed, :meth:`forget` makes it count at once.
        """
        staged = self._staged(actor)
        if len(staged) != len(OurKind):
            raise LookupError(actor)
        for row in staged.values():
            self._keys.switch(row.number, self._now(), tx)

    def forget(self, actor: str) -> None:
        """Look the keys of an actor up anew."""
        with self._guard:
            for kind in OurKind:
                self._held.pop((actor, kind), None)

    # ---- within

    def _staged(self, actor: str) -> dict[OurKind, OurKey]:
        rows = self._keys.of(actor)
        return {OurKind(row.kind): row for row in rows if row.used_from is None and row.retired is None}

    def _of(self, actor: str, kind: OurKind) -> _Held:
        held = self._current(actor, kind)
        if held is None:
            raise LookupError(actor)
        return held

    def _current(self, actor: str, kind: OurKind) -> _Held | None:
        """The key in use, made if the actor is ours and has none."""
        now = self._now()
        with self._guard:
            held = self._held.get((actor, kind))
        if held is not None and held.until > now:
            return held
        row = self._keys.current(actor, kind)
        if row is None:
            if not self._exists(actor):
                return None
            with contextlib.suppress(IntegrityError):  # another process was first
                self._make(actor, kind, use=True)
            row = self._keys.current(actor, kind)
            if row is None:
                raise LookupError(actor)
        same = held is not None and held.row.number == row.number
        private = held.private if held is not None and same else unseal(row.private, self._secret, row.key_id)
        held = _Held(row, private, now + CURRENT_FOR)
        with self._guard:
            self._held[(actor, kind)] = held
        return held

    def _make(self, actor: str, kind: OurKind, *, use: bool) -> None:
        key_id = actor + _FRAGMENT[kind]
        if kind is OurKind.RSA:
            rsa = generate_rsa()
            public, private = public_pem(rsa.public_key()), seal(rsa, self._secret, key_id, self._random)
        else:
            ed25519 = generate_ed25519()
            public, private = (
                encode_multikey(ed25519.public_key()),
                seal(ed25519, self._secret, key_id, self._random),
            )
        self._keys.add(actor, kind, key_id, public, private, self._now(), use)


def known_actors(names: Names, partner: Callable[[str], object | None]) -> Callable[[str], bool]:
    """Say which IRIs are actors of ours: the instance, the commons, and each slug that ``partner`` knows."""

    def exists(actor: str) -> bool:
        username = names.username(actor)
        if username is None or quote(username) != username:
            return False
        return username in (INSTANCE, COMMONS) or partner(username) is not None

    return exists
