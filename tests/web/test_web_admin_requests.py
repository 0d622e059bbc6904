"""The pages on which operators decide on requests to join, over a real instance."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import html5lib
import pytest
from flask.testing import FlaskClient
from operators_desk import PASSWORD, log_in, secret

from federation.ledger.accounts import Role
from federation.ledger.candidacies import Candidacy, CandidacyState
from federation.ledger.runs import ulid
from federation.pipeline.trial import TrialDesk, TrialRequest
from federation.platform import Platform, open_platform
from federation.settings import Settings
from federation.web import create_app
from federation.web.admin_words import note_words
from federation.web.language import LANGUAGE_KEY

NOW = datetime(2026, 11, 21, tzinfo=UTC)
EVIL = "<script>alert(1)</script>"
TOML = (
    '[source]\nid = "x"\nurl = "https://jardins.example/f.csv"\nformat = "csv"\n'
    '[records]\nid = "n"\n[fields]\nname = "n"\n'
)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """An instance with one operator."""
    (tmp_path / "sources").mkdir()
    settings = Settings(data_dir=tmp_path / "data", sources_dir=tmp_path / "sources")
    with closing(open_platform(settings)) as opened:
        with opened.writing():
            pass
        opened.accounts.add("ana", PASSWORD, Role.OPERATOR, NOW)
        yield opened


@pytest.fixture
def ana(platform: Platform) -> FlaskClient:
    """An operator who has logged in."""
    client = create_app(platform).test_client()
    log_in(client)
    return client


def ask(platform: Platform, **detail: object) -> str:
    """A request that waits."""
    reference = ulid(NOW, os.urandom(10))
    known = {"feed": "https://jardins.example/f.csv", "licence": "https://creativecommons.org/licenses/by/4.0/"}
    said = {**known, "charter": "2026-11", "toml": TOML, "counts": {"accepted": 3, "rejected": 1}, **detail}
    made = Candidacy(
        reference, f"Jardins {EVIL}", "https://jardins.example/", "nous@jardins.example", said, CandidacyState.OPEN, NOW
    )
    platform.joining._ledger.candidacies.add(made)
    return reference


def test_a_request_is_read_whole_and_harmless(ana: FlaskClient, platform: Platform) -> None:
    """Who asks, the feed, the licence, the charter, what its trial gave, the proposed file; in both languages."""
    reference = ask(platform)

    for prefix in ("", "/en"):
        for path in ("/admin/requests", "/admin/requests?all=1", f"/admin/requests/{reference}"):
            answer = ana.get(f"{prefix}{path}")
            assert answer.status_code == 200
            html5lib.HTMLParser(strict=True).parse(answer.text)
            assert EVIL not in answer.text
    page = ana.get(f"/admin/requests/{reference}").text
    for said in ("nous@jardins.example", "2026-11", "3 fiches entreraient", "jardins.example/f.csv"):
        assert said in page
    assert ana.get("/admin/requests/NONE").status_code == 404


def test_a_yes_writes_the_proposed_source_file(ana: FlaskClient, platform: Platform) -> None:
    """Under the id of the form, by the account's name; then it waits no more, and cannot be decided again."""
    reference = ask(platform)
    form = {"csrf": secret(ana), "id": "jardins"}

    assert ana.post(f"/admin/requests/{reference}/approve", data=form).status_code == 409
    assert platform.source_ids() == []
    answer = ana.post(f"/admin/requests/{reference}/approve", data={**form, "confirm": "yes"})

    assert answer.status_code == 303
    assert platform.source("jardins").schedule == "manual"
    found = platform.joining.find(reference)
    assert (found.state, found.decided_by) == (CandidacyState.APPROVED, "ana")
    assert "Jardins" in ana.get("/admin/sources/jardins").text
    assert 'href="/admin/sources/jardins"' in ana.get("/admin/sources").text
    assert ana.post("/admin/sources/jardins/harvest", data=form).status_code == 303
    assert reference not in ana.get("/admin/requests").text
    assert reference in ana.get("/admin/requests?all=1").text
    for action in ("approve", "refuse"):
        again = ana.post(f"/admin/requests/{reference}/{action}", data={**form, "confirm": "yes", "reason": "x"})
        assert again.status_code == 409
        assert "déjà tranchée" in again.text


@pytest.mark.parametrize("changes", [{"charter": None}, {"toml": None}])
def test_what_lacks_the_charter_or_a_source_file_is_not_accepted(
    ana: FlaskClient, platform: Platform, changes: dict[str, object]
) -> None:
    """409 with the reason; nothing is written, the request stays open."""
    reference = ask(platform, **changes)

    answer = ana.post(f"/admin/requests/{reference}/approve", data={"csrf": secret(ana), "confirm": "yes"})

    assert answer.status_code == 409
    assert platform.source_ids() == []
    assert platform.joining.find(reference).state is CandidacyState.OPEN


def test_no_source_file_is_taken_from_the_form(ana: FlaskClient, platform: Platform) -> None:
    """An operator of pages cannot name files or secrets of the machine: what was proposed is what is written."""
    reference = ask(platform)
    form = {"csrf": secret(ana), "confirm": "yes", "id": "jardins", "toml": 'x = "env:SECRET"', "text": "x"}

    ana.post(f"/admin/requests/{reference}/approve", data=form)

    assert "env:" not in (platform.settings.sources_dir / "jardins.toml").read_text("utf-8")


def test_a_no_needs_a_reason_that_is_kept(ana: FlaskClient, platform: Platform) -> None:
    """Without one, 409; with one, it is kept with the request and shown."""
    reference, csrf = ask(platform), secret(ana)

    for reason, status in ((" ", 409), ("Hors sujet", 303)):
        answer = ana.post(f"/admin/requests/{reference}/refuse", data={"csrf": csrf, "reason": reason})
        assert answer.status_code == status

    assert platform.joining.find(reference).reason == "Hors sujet"
    assert "Hors sujet" in ana.get(f"/en/admin/requests/{reference}").text
    assert [line.detail for line in platform.operations.audit()] == [f"{reference} : Hors sujet"]


def test_the_feed_can_be_tried_with_the_proposed_file(
    ana: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the very desk that visitors use; the account is behind a secret link."""
    seen: list[TrialRequest] = []

    def run(_desk: TrialDesk, asked: TrialRequest, _client: str | None) -> str:
        seen.append(asked)
        return "T" * 43

    monkeypatch.setattr(TrialDesk, "run", run)
    reference = ask(platform)

    answer = ana.post(f"/admin/requests/{reference}/try", data={"csrf": secret(ana)})

    assert answer.headers["Location"] == f"/essayer/{'T' * 43}"
    assert (seen[0].address, seen[0].toml) == ("https://jardins.example/f.csv", TOML)


def test_a_request_without_a_source_file_has_that_of_an_operators_trial(
    ana: FlaskClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is shown, to be read, and can be accepted; whatever visitors have left of trials. One that came stays."""
    tried = {"name": "f.csv", "state": "read", "toml": TOML, "counts": {"accepted": 7, "rejected": 0}}
    tokens: list[str] = []

    def run(desk: TrialDesk, _asked: TrialRequest, client: str | None) -> str:
        assert client is None
        now = datetime.now(UTC)
        token = chr(ord("A") + len(tokens)) * 43
        desk._ledger.trials.keep(token, tried, now, now + timedelta(days=7))
        tokens.append(token)
        return token

    monkeypatch.setattr(TrialDesk, "run", run)
    without, came = ask(platform, toml=None, counts=None), ask(platform, toml=TOML + "# le nôtre\n")
    assert "Accepter</button>" not in ana.get(f"/admin/requests/{without}").text
    for reference in (without, came):
        assert ana.post(f"/admin/requests/{reference}/try", data={"csrf": secret(ana)}).status_code == 303

    page = ana.get(f"/admin/requests/{without}").text
    assert "Accepter</button>" in page
    assert "7 fiches entreraient" in page
    form = {"csrf": secret(ana), "id": "jardins", "confirm": "yes"}
    assert ana.post(f"/admin/requests/{without}/approve", data=form).status_code == 303
    assert platform.source("jardins").url == "https://jardins.example/f.csv"
    assert str(platform.joining.find(came).detail["toml"]).endswith("# le nôtre\n")


def test_a_feed_that_is_no_address_cannot_be_tried(ana: FlaskClient, platform: Platform) -> None:
    """A file that was sent has no address: the operator reads why."""
    reference = ask(platform, feed="fiches.csv")

    assert ana.post(f"/admin/requests/{reference}/try", data={"csrf": secret(ana)}).status_code == 409


def test_strangers_see_no_request(platform: Platform) -> None:
    """Contacts are for operators."""
    reference = ask(platform)
    stranger = create_app(platform).test_client()

    assert stranger.get(f"/admin/requests/{reference}").headers["Location"].startswith("/admin/login")
    assert stranger.post(f"/admin/requests/{reference}/approve", data={"confirm": "yes"}).status_code == 303
    assert platform.joining.find(reference).state is CandidacyState.OPEN


@pytest.mark.parametrize(("prefix", "label"), [("", "Essayez votre flux"), ("/en", "Try your feed")])
def test_every_page_leads_to_trying_and_joining(ana: FlaskClient, prefix: str, label: str) -> None:
    """From the foot of each page, in both languages."""
    foot = ana.get(f"{prefix}/a-propos").text.partition("<footer")[2]

    assert f'href="{prefix}/essayer">{label}</a>' in foot
    assert f'href="{prefix}/rejoindre"' in foot


def test_requests_that_wait_are_told_of_where_operators_begin(ana: FlaskClient, platform: Platform) -> None:
    """The queue counts them and leads there; nothing to decide is said when nothing is left."""
    reference = ask(platform)

    assert "1 demande de rejoindre" in ana.get("/admin").text
    page = ana.get("/en/admin").text
    assert "1 request to join" in page
    assert "Nothing to decide" not in page
    ana.post(f"/admin/requests/{reference}/refuse", data={"csrf": secret(ana), "reason": "Hors sujet"})
    assert "Nothing to decide" in ana.get("/en/admin").text


def test_a_source_that_stands_still_since_an_undoing_says_so_in_words(ana: FlaskClient) -> None:
    """The note of the ledger is put into the language of the page; a person's own words are left alone."""
    with ana.application.test_request_context("/admin"):
        assert note_words("undone: 01M7") == "moisson annulée\u00a0: 01M7"
        assert note_words("vacances") == "vacances"
    with ana.application.test_request_context("/admin", environ_base={LANGUAGE_KEY: "en"}):
        assert note_words("undone: 01M7") == "run undone: 01M7"
