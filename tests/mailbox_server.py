"""A mail server on the loopback that keeps what it is given, or misbehaves on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from federation.engines.mail import MailServer


@dataclass
class Mailbox:
    """What came in. ``refuses``: addresses refused for good; ``answers``: what DATA answers instead of taking it."""

    letters: list[EmailMessage] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    answers: str = ""
    rcpt_answer: str = "550 5.1.1 no such user"
    port: int = 0

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        """Take or refuse a recipient."""
        if address in self.refuses:
            return self.rcpt_answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep a letter."""
        if self.answers:
            return self.answers
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 OK"

    @property
    def server(self) -> MailServer:
        """Settings that reach it."""
        return MailServer("127.0.0.1", self.port, "carrefour@commons.example", starttls=False)


class _Controller(Controller):
    """On a port that the system chooses."""

    def _trigger_server(self) -> None:
        sockets: Any = getattr(self.server, "sockets", ())
        self.port = sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def mailbox(login: tuple[str, str] | None = None) -> Iterator[Mailbox]:
    """Run a mail server until the block ends; with a ``login``, it asks for that one."""
    box = Mailbox()

    def knows(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=login == (data.login.decode(), data.password.decode()))

    more: dict[str, Any] = {"authenticator": knows, "auth_required": True, "auth_require_tls": False} if login else {}
    controller = _Controller(box, hostname="127.0.0.1", port=0, **more)
    controller.start()
    try:
        box.port = controller.port
        yield box
    finally:
        controller.stop()
