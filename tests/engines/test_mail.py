"""Letters over real SMTP: taken, refused for good, or to be tried again; never unencrypted where that is asked."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mailbox_server import certificate_file, mailbox

from federation.engines.mail import Mail, MailServer, Security, send
from federation.errors import EngineUnavailable, PeerError

MAIL = Mail(
    "jeanne@fedrec.example",
    "[Carrefour] Fiches à corriger",
    "Bonjour,\n\n« 31/02 » n'est pas une date.\n.\nFin\n",
    "notice-1@commons.example",
    datetime(2026, 11, 21, 6, tzinfo=UTC),
)


def test_a_letter_arrives_as_it_was_written() -> None:
    """Accents, a line with a single dot, subject, sender, date and a lasting id."""
    with mailbox() as box:
        send(MAIL, box.server)

    (letter,) = box.letters
    assert letter.get_content().replace("\r\n", "\n") == MAIL.body
    assert (letter["Subject"], letter["To"], letter["From"]) == (MAIL.subject, MAIL.to, "carrefour@commons.example")
    assert letter["Message-ID"] == "<notice-1@commons.example>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"] == "Sat, 21 Nov 2026 06:00:00 +0000"


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_login_is_used_where_one_is_set() -> None:
    """With user and password the letter arrives; with wrong ones the operator is told, and the letter waits."""
    with mailbox(login=("carrefour", "s3cret")) as box:
        send(MAIL, replace(box.server, user="carrefour", password="s3cret"))
        with pytest.raises(EngineUnavailable, match=r"535.*smtp_"):
            send(MAIL, replace(box.server, user="carrefour", password="wrong"))

    assert len(box.letters) == 1


def test_a_server_without_encryption_gets_nothing() -> None:
    """STARTTLS asked for and not offered: no letter in clear."""
    with mailbox() as box, pytest.raises(EngineUnavailable, match="STARTTLS"):
        send(MAIL, replace(box.server, security=Security.STARTTLS))

    assert box.letters == []


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_letter_goes_over_tls_from_the_first_byte_or_later(
    security: Security, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ports 465 and 587 of mail servers: the letter arrives by both ways, and the server saw an encrypted session."""
    file = certificate_file(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with mailbox(certificate=file, security=security) as box:
        send(MAIL, box.server)

    assert [letter["To"] for letter in box.letters] == [MAIL.to]
    assert box.encrypted == [True]


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_a_certificate_that_nobody_vouches_for_gets_nothing(security: Security, tmp_path: Path) -> None:
    """Encrypted to a stranger is not encrypted: the letter waits, and the operator is told."""
    with (
        mailbox(certificate=certificate_file(tmp_path), security=security) as box,
        pytest.raises(EngineUnavailable, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        send(MAIL, box.server)

    assert box.letters == []


def test_a_server_without_tls_gets_nothing_either() -> None:
    """TLS asked for from the first byte, and a server that talks in clear."""
    with mailbox() as box, pytest.raises(EngineUnavailable):
        send(MAIL, replace(box.server, security=Security.TLS))

    assert box.letters == []


def test_a_server_that_is_down_means_later() -> None:
    """Nobody listens: to be tried again, in both languages, without the password."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(EngineUnavailable) as caught:
        send(MAIL, MailServer("127.0.0.1", port, "a@b.example", "u", "s3cret", Security.NONE))

    assert "Nouvel essai plus tard" in caught.value.text["fr"]
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(MailServer("h", 1, "a@b.example", "u", "s3cret"))


@pytest.mark.parametrize(("answer", "error"), [("550 no such user", PeerError), ("450 try later", EngineUnavailable)])
def test_a_refused_recipient_is_for_good_or_for_now(answer: str, error: type[Exception]) -> None:
    """5xx: this address never; 4xx (greylisting): later."""
    with mailbox() as box:
        box.refuses, box.rcpt_answer = {MAIL.to}, answer
        with pytest.raises(error):
            send(MAIL, box.server)


@pytest.mark.parametrize(("answer", "error"), [("554 spam", PeerError), ("452 disk full", EngineUnavailable)])
def test_a_refused_letter_is_for_good_or_for_now(answer: str, error: type[Exception]) -> None:
    """The same after the letter itself."""
    with mailbox() as box:
        box.answers = answer
        with pytest.raises(error):
            send(MAIL, box.server)


def test_no_header_can_be_slipped_in() -> None:
    """Line ends in a subject become spaces; an address with one is refused."""
    with mailbox() as box:
        send(replace(MAIL, subject="Bonjour\r\nBcc: all@evil.example"), box.server)
        with pytest.raises(PeerError):
            send(replace(MAIL, to="a@b.example\r\nBcc: all@evil.example"), box.server)

    (letter,) = box.letters
    assert letter["Bcc"] is None
