"""Hands one letter to a mail server (SMTP, RFC 5321).

Must never decide whether a letter is to be sent, nor keep one.
"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from enum import Enum

from federation.errors import EngineUnavailable, PeerError

SECONDS = 30.0  # for each step of the conversation


class Security(Enum):
    """How the connection is encrypted. Nothing is sent over one that is not as asked."""

    STARTTLS = "starttls"  # begun in clear (RFC 3207)
    TLS = "tls"  # from the first byte (RFC 8314, section 3.3)
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where letters are handed in, and as whom."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    security: Security = Security.STARTTLS


@dataclass(frozen=True, slots=True)
class Mail:
    """One plain-text letter. ``id`` names it for ever: a server or a reader can tell a repetition by it."""

    to: str
    subject: str
    body: str
    id: str
    date: datetime


def send(mail: Mail, server: MailServer) -> None:
    """Hand a letter in.

    Raises EngineUnavailable (server down, too slow, refuses us: try later), PeerError (this address is refused for
    good).
    """
    message = _message(mail, server.sender)
    try:
        with _connected(server) as smtp:
            if server.user:
                smtp.login(server.user, server.password)
            smtp.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()), (450, b""))
        answer = f"{code} {_text(said)}"
        raise (_refused(mail.to, answer) if code >= 500 else _down(server, answer)) from error
    except smtplib.SMTPDataError as error:
        why = f"{error.smtp_code} {_text(error.smtp_error)}"
        raise (_refused(mail.to, why) if error.smtp_code >= 500 else _down(server, why)) from error
    except (smtplib.SMTPException, OSError) as error:
        raise _down(server, str(error)) from error


def _connected(server: MailServer) -> smtplib.SMTP:
    """A connection as the operator wants it; the server's certificate must be right for its name."""
    if server.security is Security.TLS:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=SECONDS, context=ssl.create_default_context())
    smtp = smtplib.SMTP(server.host, server.port, timeout=SECONDS)
    if server.security is Security.STARTTLS:
        try:
            smtp.starttls(context=ssl.create_default_context())
        except (smtplib.SMTPException, OSError):
            smtp.close()
            raise
    return smtp


def _message(mail: Mail, sender: str) -> EmailMessage:
    message = EmailMessage()
    try:
        message["From"] = sender
        message["To"] = mail.to
        message["Subject"] = " ".join(mail.subject.split())
        message["Date"] = format_datetime(mail.date)
        message["Message-ID"] = f"<{mail.id}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic reply, please
    except ValueError as error:
        raise _refused(mail.to, str(error)) from error
    message.set_content(mail.body)
    return message


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


def _refused(to: str, said: str) -> PeerError:
    return PeerError(
        f"The mail server refuses to write to {to}: {said}. Correct the address in the source file.",
        f"Le serveur de courrier refuse d'écrire à {to} : {said}. Corrigez l'adresse dans le fichier de la source.",
    )


def _down(server: MailServer, said: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"The mail server {server.host}:{server.port} takes no letter: {said}. It is tried again later; if it lasts, "
        "check the settings smtp_….",
        f"Le serveur de courrier {server.host}:{server.port} ne prend pas de lettre : {said}. Nouvel essai plus tard ; "
        "si cela dure, vérifiez les réglages smtp_….",
    )
