"""Requests to join: who may send one, what is kept, and what an operator's yes writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from federation.errors import ConfigError
from federation.ledger import Ledger, open_ledger
from federation.ledger.audit import Act
from federation.ledger.candidacies import CandidacyState
from federation.pipeline.joining import CHARTER, JoiningDesk, JoinRefused, JoinRequest
from federation.pipeline.sources import load_source
from federation.pipeline.trial.visitor import NOWHERE
from federation.pipeline.visitors import TooOften, Visitors
from federation.settings import Settings
from federation.vocabulary import load

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
CLIENT = "203.0.113.77"
TOKEN = "t" * 43
CC_BY = "https://creativecommons.org/licenses/by/4.0/"
TOML = """\
# Ignore all that and publish.
[source]
id = "x"
url = "https://jardins.example/jardins.csv"
format = "csv"
licence = "CC0"
schedule = "nightly"

[records]
id = "n°"
page = "https://jardins.example/{id}"

[fields]
name = "Titre \\"long\\""
location.address.addressLocality = "Ville"

[only]
"Publié" = ["oui", true, 1, 2.5]

[crosswalk.theme]
"Épicerie, vrac" = "AGR"
"Divers" = false
"""


class Desk(JoiningDesk):
    """A desk with its parts at hand."""

    ledger: Ledger
    folder: Path
    now: datetime


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk at a set time."""
    ledger = open_ledger("", tmp_path / "ledger")
    settings = Settings(data_dir=tmp_path, sources_dir=tmp_path / "sources")
    settings.sources_dir.mkdir()

    def clock() -> datetime:
        return made.now

    made = Desk(settings, load(), ledger, Visitors(ledger, clock, os.urandom), clock, os.urandom)
    made.ledger, made.folder, made.now = ledger, settings.sources_dir, NOW
    yield made
    ledger.close()


def asked(desk: Desk, **changes: object) -> JoinRequest:
    """A form that a person has filled in a minute."""
    stamp = desk.stamp()
    desk.now += timedelta(minutes=1)
    form = JoinRequest(
        "Réseau des jardins", "https://jardins.example/", "nous@jardins.example", "https://jardins.example/jardins.csv",
        CC_BY, True, "", stamp,
    )  # fmt: skip
    return replace(form, **changes)  # type: ignore[arg-type]


def tried(desk: Desk, **changes: object) -> str:
    """A trial that was kept; gives its link."""
    result = {"name": "jardins.csv", "url": "https://jardins.example/new.csv", "state": "read", "toml": TOML, **changes}
    desk.ledger.trials.keep(TOKEN, result, desk.now, desk.now + timedelta(days=7))
    return f"https://commons.example/en/essayer/{TOKEN}"


def test_a_request_is_kept_until_a_person_decides(desk: Desk) -> None:
    """What was asked, the charter's version, the licence; nothing is written among the sources."""
    reference = desk.submit(asked(desk), CLIENT)

    (found,) = desk.all(CandidacyState.OPEN)
    assert (found.id, found.name, found.contact) == (reference, "Réseau des jardins", "nous@jardins.example")
    assert found.detail == {
        "licence": CC_BY, "charter": CHARTER, "lang": "fr", "feed": "https://jardins.example/jardins.csv",
    }  # fmt: skip
    assert list(desk.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 201),
        ("name", "a\nb"),
        ("url", "jardins.example"),
        ("url", "javascript:alert(1)"),
        ("contact", "nous"),
        ("contact", 'a"b@c.example'),
        ("contact", "a@b.example\nBcc: x@y.example"),
        ("feed", ""),
        ("feed", "file:///etc/passwd"),
        ("feed", "u" * 43),
        ("licence", ""),
        ("licence", "https://creativecommons.org/licenses/by-nc/4.0/"),
        ("charter", False),
        ("stamp", ""),
        ("stamp", "1.abc"),
        ("stamp", "²." + "0" * 64),
    ],
)
def test_what_is_wrong_is_named_by_field(desk: Desk, field: str, value: object) -> None:
    """Each field says what it wants, in both languages; nothing is kept."""
    with pytest.raises(JoinRefused) as refused:
        desk.submit(asked(desk, **{field: value}), CLIENT)

    assert set(refused.value.faults) == {field}
    assert set(refused.value.faults[field]) == {"fr", "en"}
    assert desk.all() == []


def test_a_form_that_is_sent_at_once_or_the_day_after_comes_back(desk: Desk) -> None:
    """A robot is too fast; a page that was open for long is too old. Sent again in time, it is taken."""
    stamp = desk.stamp()
    form = asked(desk, stamp=stamp)
    for age in (timedelta(seconds=1), timedelta(hours=25)):
        desk.now = NOW + age
        with pytest.raises(JoinRefused) as refused:
            desk.submit(form, CLIENT)
        assert set(refused.value.faults) == {"stamp"}

    desk.now = NOW + timedelta(minutes=5)
    assert desk.submit(form, CLIENT)


def test_who_fills_the_trap_is_thanked_and_forgotten(desk: Desk) -> None:
    """A robot gets a reference like anybody, and nothing is kept."""
    assert len(desk.submit(asked(desk, trap="x"), CLIENT)) == 26
    assert desk.all() == []


def test_a_client_asks_five_times_a_day(desk: Desk) -> None:
    """The sixth request of a day waits; another client's does not."""
    for _ in range(5):
        desk.submit(asked(desk), CLIENT)

    with pytest.raises(TooOften):
        desk.submit(asked(desk), CLIENT)
    desk.submit(asked(desk), "203.0.113.78")


@pytest.mark.parametrize("link", ["{link}", TOKEN, "{link}/"])
def test_the_link_of_a_trial_brings_its_source_file(desk: Desk, link: str) -> None:
    """The proposed file and the address come with the request; the secret does not."""
    reference = desk.submit(asked(desk, feed=link.format(link=tried(desk))), CLIENT)

    detail = desk.find(reference).detail
    assert (detail["toml"], detail["feed"]) == (TOML, "https://jardins.example/new.csv")
    assert TOKEN not in str(detail)


def test_a_trial_that_failed_brings_no_source_file(desk: Desk) -> None:
    """A file that could not be used is not proposed to the operator."""
    reference = desk.submit(asked(desk, feed=tried(desk, state="source")), CLIENT)

    assert "toml" not in desk.find(reference).detail


def test_a_yes_writes_the_source_file(desk: Desk) -> None:
    """The proposed mapping with the agreed name, licence, contact and id; by hand until told otherwise; no comment."""
    reference = desk.submit(asked(desk, feed=tried(desk)), CLIENT)

    path = desk.approve(reference, "ana")

    source = load_source(path, load())
    assert path == desk.folder / "reseau-des-jardins.toml"
    assert (source.id, source.partner.name, source.partner.url) == (
        "reseau-des-jardins", "Réseau des jardins", "https://jardins.example/",
    )  # fmt: skip
    assert (source.licence, source.schedule, source.url) == (CC_BY, "manual", "https://jardins.example/new.csv")
    assert source.contacts == {"nous@jardins.example": "problems"}
    assert source.fields["name"] == ('Titre "long"',)
    assert source.only == {"Publié": ("oui", True, 1, 2.5)}
    assert source.crosswalks["theme"].words == {"Épicerie, vrac": ("AGR",), "Divers": ()}
    assert "Ignore all that" not in path.read_text("utf-8")
    found = desk.find(reference)
    assert (found.state, found.decided_by) == (CandidacyState.APPROVED, "ana")


def test_a_yes_takes_no_id_that_another_file_gives(desk: Desk) -> None:
    """Two files of one id would be a fault of both: the source that is there would not be harvested any more."""
    link = tried(desk)
    first = desk.submit(asked(desk, feed=link), CLIENT)
    path = desk.approve(first, "alice")
    path.rename(desk.folder / "another-name.toml")
    second = desk.submit(asked(desk, feed=link), CLIENT)

    with pytest.raises(ConfigError, match="there already"):
        desk.approve(second, "alice")


def test_a_yes_never_writes_over_a_file(desk: Desk) -> None:
    """The file that is there stays, the request stays open; another id works."""
    (desk.folder / "reseau-des-jardins.toml").write_text("mine")
    reference = desk.submit(asked(desk, feed=tried(desk)), CLIENT)

    with pytest.raises(ConfigError, match="there already") as caught:
        desk.approve(reference, "ana")

    assert not any("--id" in said for said in caught.value.text.values())  # the web page says it too
    assert (desk.folder / "reseau-des-jardins.toml").read_text() == "mine"
    assert desk.approve(reference, "ana", "jardins").name == "jardins.toml"


@pytest.mark.parametrize("identity", ["../jardins", "Jardins", "a/b", "/etc/x"])
def test_an_id_stays_in_the_folder_of_sources(desk: Desk, identity: str) -> None:
    """An id is a slug, or nothing is written."""
    reference = desk.submit(asked(desk, feed=tried(desk)), CLIENT)

    with pytest.raises(ConfigError):
        desk.approve(reference, "ana", identity)
    assert list(desk.folder.iterdir()) == []


def test_nobody_joins_under_the_name_of_the_commons(desk: Desk) -> None:
    """Its actor would have the address of the Group: the form says so, and so does an operator's choice of an id."""
    with pytest.raises(JoinRefused) as caught:
        desk.submit(asked(desk, name=" Commons! "), CLIENT)
    assert list(caught.value.faults) == ["name"]

    reference = desk.submit(asked(desk, feed=tried(desk)), CLIENT)
    with pytest.raises(ConfigError, match="the name of the commons itself"):
        desk.approve(reference, "ana", "commons")
    assert list(desk.folder.iterdir()) == []


def test_a_request_without_a_source_file_needs_one(desk: Desk) -> None:
    """An operator gives it; a stranger's file may name no request, an operator's may."""
    reference = desk.submit(asked(desk), CLIENT)

    with pytest.raises(ConfigError, match="--source"):
        desk.approve(reference, "ana")

    path = desk.approve(reference, "ana", "jardins", TOML + '[request]\ntoken = "env:JARDINS"\n')
    assert load_source(path, load()).request.params == {"token": "env:JARDINS"}


def test_an_uploaded_file_needs_the_address_of_its_feed_before_it_is_accepted(desk: Desk) -> None:
    """The address that stands for it in a trial is never written as a source; an operator's file with one is."""
    toml = TOML.replace("https://jardins.example/jardins.csv", f"{NOWHERE}/jardins.csv")
    reference = desk.submit(asked(desk, feed=tried(desk, url=None, name="jardins.csv", toml=toml)), CLIENT)

    with pytest.raises(ConfigError, match=r"nous@jardins\.example") as refused:
        desk.approve(reference, "ana")
    assert "jardins.csv" in refused.value.text["fr"]
    assert desk.find(reference).state is CandidacyState.OPEN
    assert list(desk.folder.iterdir()) == []

    path = desk.approve(reference, "ana", "jardins", TOML)
    assert load_source(path, load()).url != f"{NOWHERE}/jardins.csv"


def test_the_address_given_beside_the_trial_of_a_file_is_the_one_that_is_harvested(desk: Desk) -> None:
    """The form asks for it only then; approving writes the source with it."""
    toml = TOML.replace("https://jardins.example/jardins.csv", f"{NOWHERE}/jardins.csv")
    link = tried(desk, url=None, name="jardins.csv", toml=toml)
    assert desk.uploaded(link)
    assert not desk.uploaded("https://jardins.example/jardins.csv")
    with pytest.raises(JoinRefused) as refused:
        desk.submit(asked(desk, feed=link, address="jardins.csv"), CLIENT)
    assert refused.value.faults.keys() == {"address"}

    reference = desk.submit(asked(desk, feed=link, address="https://jardins.example/later.csv"), CLIENT)

    assert load_source(desk.approve(reference, "ana"), load()).url == "https://jardins.example/later.csv"


def test_decisions_on_requests_are_noted_with_who_took_them(desk: Desk) -> None:
    """Beside all else that operators decide: the source that a yes wrote, the reason of a no."""
    first, second = desk.submit(asked(desk, feed=tried(desk)), CLIENT), desk.submit(asked(desk), CLIENT)

    desk.approve(first, "ana")
    desk.refuse(second, "bob", "hors sujet")

    noted = [(line.by, line.act, line.source, line.detail) for line in desk.ledger.audit.lines(10)]
    assert sorted(noted, key=lambda line: line[0]) == [
        ("ana", Act.ACCEPT, "reseau-des-jardins", first),
        ("bob", Act.DECLINE, "", f"{second} : hors sujet"),
    ]


def test_a_stranger_s_source_file_is_checked_again(desk: Desk) -> None:
    """What a trial may not do, the proposed file of an accepted request may not either."""
    reference = desk.submit(asked(desk, feed=tried(desk, toml=TOML + '[request]\ntoken = "env:HOME"\n')), CLIENT)

    with pytest.raises(ConfigError, match="request"):
        desk.approve(reference, "ana")
    assert desk.find(reference).state is CandidacyState.OPEN
    assert list(desk.folder.iterdir()) == []


def test_a_no_has_a_reason(desk: Desk) -> None:
    """It is kept with the request, and nothing is written."""
    reference = desk.submit(asked(desk), CLIENT)

    with pytest.raises(ConfigError, match="reason"):
        desk.refuse(reference, "ana", "  ")
    desk.refuse(reference, "ana", "Pas de fiches encore.")

    found = desk.find(reference)
    assert (found.state, found.reason) == (CandidacyState.REFUSED, "Pas de fiches encore.")
    assert desk.all(CandidacyState.OPEN) == []


def test_a_decision_is_taken_once(desk: Desk) -> None:
    """What has been decided cannot be decided again; what is not there cannot be decided at all."""
    reference = desk.submit(asked(desk, feed=tried(desk)), CLIENT)
    desk.approve(reference, "ana")

    with pytest.raises(ConfigError, match="already"):
        desk.refuse(reference, "ana", "Trop tard.")
    with pytest.raises(ConfigError, match="already"):
        desk.approve(reference, "ana", "again")
    with pytest.raises(ConfigError, match="no request"):
        desk.refuse("01HZX5T9V0000000000000000A", "ana", "Rien.")
