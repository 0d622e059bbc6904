"""A mail server on the loopback that keeps what it is given, or misbehaves on purpose."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from federation.engines.mail import MailServer, Security

LOOPBACK = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEq/8QYAQA/PkY5rw
JMT8J3Ry8NULiAkHQxL4VSkkyoOhRANCAASGA9M38t0j9lOj2fYfkmqa4yLI4osU
4ljwm7iPxnOoMVT7mcmaPjXL2FJekBW+yFiVd4AQ9JloubvkyafkkjD2
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBnzCCAUagAwIBAgIUNJtJqzeHuLilTog/9sBxOmFEQVUwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMTEwMjYzMloYDzIxMjYxMDI4
MTAyNjMyWjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASGA9M38t0j9lOj2fYfkmqa4yLI4osU4ljwm7iPxnOoMVT7mcmaPjXL
2FJekBW+yFiVd4AQ9JloubvkyafkkjD2o3QwcjAdBgNVHQ4EFgQUVLcH+KeNsSig
W3qFWjYxfZQ1ECMwHwYDVR0jBBgwFoAUVLcH+KeNsSigW3qFWjYxfZQ1ECMwDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMA4GA1UdDwEB/wQEAwIChDAK
BggqhkjOPQQDAgNHADBEAiAvempwib/FuEkWE2Hlico5A8uZAeRN0CB0+niEhZt2
8QIgO2Qb/sE3xqQzcNflz4DrQBgQ4hlMUYdiS5KXa8ARmoc=
-----END CERTIFICATE-----
"""  # for tests only: a key that everybody knows, and a certificate of 127.0.0.1 that ends in a hundred years


@dataclass
class Mailbox:
    """What came in. ``refuses``: addresses refused for good; ``answers``: what DATA answers instead of taking it."""

    letters: list[EmailMessage] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    answers: str = ""
    rcpt_answer: str = "550 5.1.1 no such user"
    port: int = 0
    security: Security = Security.NONE
    encrypted: list[bool] = field(default_factory=list)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        """Take or refuse a recipient."""
        if address in self.refuses:
            return self.rcpt_answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep a letter, and whether it came encrypted."""
        self.encrypted.append(_session.ssl is not None or self.security is Security.TLS)
        if self.answers:
            return self.answers
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 OK"

    @property
    def server(self) -> MailServer:
        """Settings that reach it."""
        return MailServer("127.0.0.1", self.port, "carrefour@commons.example", security=self.security)


class _Controller(Controller):
    """On a port that the system chooses."""

    def _trigger_server(self) -> None:
        sockets: Any = getattr(self.server, "sockets", ())
        self.port = sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def certificate_file(folder: Path) -> Path:
    """Write the key and the certificate of 127.0.0.1, which vouches for itself, into a file."""
    file = folder / "loopback.pem"
    file.write_text(LOOPBACK, "ascii")
    return file


@contextmanager
def mailbox(
    login: tuple[str, str] | None = None, certificate: Path | None = None, security: Security = Security.NONE
) -> Iterator[Mailbox]:
    """Run a mail server until the block ends; with a ``login``, it asks for that one."""
    box = Mailbox(security=security)

    def knows(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        right = login == (data.login.decode(), data.password.decode())
        return AuthResult(success=right, handled=right)  # not handled: the server answers 535 itself

    more: dict[str, Any] = {"authenticator": knows, "auth_required": True, "auth_require_tls": False} if login else {}
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        more |= (
            {"ssl_context": context} if security is Security.TLS else {"tls_context": context, "require_starttls": True}
        )
    controller = _Controller(box, hostname="127.0.0.1", port=0, **more)
    controller.start()
    try:
        box.port = controller.port
        yield box
    finally:
        controller.stop()
