"""Who is told what and when: changes only, by preference, once; later if the server is down, not if we are at fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mailbox_server import mailbox

from federation.catalogue.disclosure import Disclosure
from federation.catalogue.letters import mail_of
from federation.engines.mail import MailServer, send
from federation.errors import EngineUnavailable
from federation.ledger import Ledger, open_ledger
from federation.ledger.notices import NoticeRow
from federation.ledger.sources import PartnerRow, SourceRow
from federation.model import Counts, Finding, Hold, Part, Rule, RunKind, RunReport, RunState, Severity
from federation.pipeline.notices import NoticeKind, fleet, recipients
from federation.pipeline.postbox import SETTLE, STALE, TRIES, Posted, deliver, tell
from federation.settings import Settings
from federation.vocabulary import load

NIGHT = datetime(2026, 11, 21, 2, tzinfo=UTC)
DAY = timedelta(days=1)
CONTACT = "jeanne@fedrec.example"
OPERATOR = "tech@commons.example"
SETTINGS = Settings(base_url="https://commons.example", contact=OPERATOR)
GOOD = Counts(read=9, accepted=9)
REJECTS = Counts(read=9, accepted=8, rejected=1)
SHRINK = (Hold(Rule.SHRINK, 60, 42, frozenset({Part.WITHDRAWALS})),)


class Desk:
    """A ledger with sources, runs that end as a test says, and a mail server."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.server: MailServer | None = None
        self.tried = 0

    def run(
        self,
        state: RunState,
        at: datetime,
        counts: Counts = GOOD,
        source: str = "recycleries",
        contacts: dict[str, str] | None = None,
        **more: object,
    ) -> NoticeKind | None:
        """End a run of a source and say what is told."""
        self.ledger.sources.declare(PartnerRow("p", "Fédération"), SourceRow(source, "p", f"Flux {source}"))
        name = self.ledger.runs.start(source, "p", at, 1)
        report = replace(RunReport(name, source, "p", state, at, at, counts, live=214), **more)  # type: ignore[arg-type]
        self.ledger.runs.finish(report)
        wanted = {CONTACT: "problems"} if contacts is None else contacts
        return tell(report, wanted, self.ledger, at, gone=bool(more.get("message") == "gone"))

    def post(self, notice: NoticeRow) -> None:
        """Write the letter and send it."""
        self.tried += 1
        if self.server is None:
            raise EngineUnavailable("down", "en panne")
        mail = mail_of(notice, self.ledger, lambda _run: Disclosure(load().fields, {}), SETTINGS)
        send(mail, self.server)

    def deliver(self, at: datetime) -> Posted:
        """Send what is due."""
        return deliver(self.ledger, OPERATOR, self.post, at)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A new desk."""
    ledger = open_ledger("", tmp_path)
    yield Desk(ledger)
    ledger.close()


# -- what is told ---------------------------------------------------------------------------------------------------


@pytest.mark.fault(1)
def test_a_failure_is_told_on_the_second_night(desk: Desk) -> None:
    """Not the first time, nor for tries of the same night; then once, and not again."""
    said = [desk.run(RunState.SUCCEEDED, NIGHT)]
    said += [desk.run(RunState.FAILED, NIGHT + DAY + timedelta(hours=n), Counts()) for n in range(3)]
    said += [desk.run(RunState.FAILED, NIGHT + n * DAY, Counts()) for n in (2, 3)]
    said += [desk.run(RunState.SUCCEEDED, NIGHT + n * DAY) for n in (4, 5)]

    assert said[1:] == [None, None, None, NoticeKind.FAILING, None, None, None]
    assert desk.ledger.notices.waiting() == []


def test_a_recovery_is_told_only_to_who_was_told_of_the_problem(desk: Desk) -> None:
    """Once the letter about a problem has left, its end is told; before that, both are dropped."""
    desk.run(RunState.SUCCEEDED, NIGHT)
    assert desk.run(RunState.HELD, NIGHT + DAY, holds=SHRINK) is NoticeKind.HELD
    assert desk.run(RunState.SUCCEEDED, NIGHT + DAY + timedelta(hours=1)) is None
    assert [one.kind for one in desk.ledger.notices.waiting()] == []

    with mailbox() as box:
        desk.server = box.server
        assert desk.run(RunState.HELD, NIGHT + 2 * DAY, holds=SHRINK) is NoticeKind.HELD
        desk.deliver(NIGHT + 2 * DAY + SETTLE)
    assert desk.run(RunState.SUCCEEDED, NIGHT + 3 * DAY) is NoticeKind.RECOVERED
    assert desk.run(RunState.SUCCEEDED, NIGHT + 4 * DAY) is None


def test_held_first_rejects_and_gone_are_told_once(desk: Desk) -> None:
    """A change of what is wrong is told anew; that it still is, once a week."""
    said = [
        desk.run(RunState.WITH_REJECTS, NIGHT, REJECTS),
        desk.run(RunState.UNCHANGED, NIGHT + DAY, REJECTS),
        desk.run(RunState.HELD, NIGHT + 2 * DAY, holds=SHRINK),
        desk.run(RunState.HELD, NIGHT + 3 * DAY, holds=SHRINK),
        desk.run(RunState.HELD, NIGHT + 9 * DAY, holds=SHRINK),
        desk.run(RunState.HELD, NIGHT + 10 * DAY, holds=SHRINK),
        desk.run(RunState.HELD, NIGHT + 16 * DAY, holds=SHRINK),
        desk.run(RunState.FAILED, NIGHT + 17 * DAY, Counts(), message="gone"),
        desk.run(RunState.FAILED, NIGHT + 18 * DAY, Counts(), message="gone"),
    ]

    kinds = [None if one is None else one.value for one in said]
    assert kinds == ["rejects", None, "held", None, "digest", None, "digest", "gone", None]


@pytest.mark.parametrize("kind", [RunKind.UNDO, RunKind.RETIRE])
def test_what_operators_do_is_not_told(desk: Desk, kind: RunKind) -> None:
    """An undo or a retirement is no news of the feed; nor is a run that we abandoned."""
    assert desk.run(RunState.HELD, NIGHT, kind=kind) is None
    assert desk.run(RunState.ABANDONED, NIGHT + DAY) is None


def test_preferences_are_kept(desk: Desk) -> None:
    """never: nothing; problems: what is wrong and its end; always: also that the first harvest is online."""
    contacts = {"n@x.example": "never", "p@x.example": "problems", "a@x.example": "always"}

    assert recipients(contacts, NoticeKind.STARTED) == ["a@x.example"]
    for kind in set(NoticeKind) - {NoticeKind.STARTED}:
        assert recipients(contacts, kind) == ["p@x.example", "a@x.example"]
    assert desk.run(RunState.SUCCEEDED, NIGHT, contacts=contacts) is NoticeKind.STARTED
    assert desk.run(RunState.SUCCEEDED, NIGHT + DAY, contacts=contacts) is None
    assert [one.recipient for one in desk.ledger.notices.waiting()] == ["a@x.example"]


def test_what_nobody_reads_is_remembered(desk: Desk) -> None:
    """Without a contact nothing waits, and the same is not found new each night."""
    said = [desk.run(RunState.HELD, NIGHT + n * DAY, holds=SHRINK, contacts={}) for n in range(3)]

    assert said == [NoticeKind.HELD, None, None]
    assert desk.ledger.notices.waiting() == []


# -- sending --------------------------------------------------------------------------------------------------------


def test_a_letter_says_what_the_page_says(desk: Desk) -> None:
    """French, then English: figure and limit, grouped findings, unknown words, the address of the report."""
    desk.run(RunState.HELD, NIGHT, Counts(read=154, accepted=153, rejected=1), holds=SHRINK)
    (notice,) = desk.ledger.notices.waiting()
    dates = [
        Finding(
            "date-unreadable",
            Severity.WARNING,
            {"fr": f"« 3{n}/02 » n'est pas une date.", "en": f'"3{n}/02" is not a date.'},
            f"ligne {n}",
            "Début",
            "startDate",
            f"3{n}/02",
        )
        for n in range(10)
    ]
    word = Finding("unknown-word", Severity.INFO, {"fr": "x", "en": "x"}, "ligne 1", "tags", "theme", "Épicerie")
    secret = replace(dates[0], term="contact.email", value="s3cret", message={"fr": "s3cret", "en": "s3cret"})
    desk.ledger.findings.add(notice.run, [*dates, word, word, replace(secret, field="Courriel")])

    with mailbox() as box:
        desk.server = box.server
        desk.deliver(NIGHT + SETTLE)

    (letter,) = box.letters
    text = letter.get_content()
    assert letter["To"] == CONTACT
    assert "Flux recycleries : une partie de la moisson attend un accord" in letter["Subject"]
    for part in (
        "60 fiches absentes sur 214, limite 42",
        "60 of 214 gone, limit 42",
        "- ×10 colonne « Début » : « 30/02 » n'est pas une date. (ligne 0, ligne 1, ligne 2 …)",
        "« Épicerie » ×2",
        f"https://commons.example/runs/{notice.run}",
        f"https://commons.example/en/runs/{notice.run}",
        OPERATOR,
    ):
        assert part in text
    assert text.index("Votre flux") < text.index("Your feed")
    assert "s3cret" not in text


@pytest.mark.fault(46)
def test_a_mail_server_that_is_down_delays_letters_and_sends_each_once(desk: Desk) -> None:
    """Queued, one attempt, longer and longer pauses; when it is back every letter leaves, once."""
    for source in ("a", "b"):
        desk.run(RunState.HELD, NIGHT, source=source, holds=SHRINK)
    at = NIGHT + SETTLE

    first = desk.deliver(at)
    assert first.problem is not None
    assert desk.tried == 1  # the second letter was not even tried
    pauses = []
    for _ in range(3):
        waiting = min(one.next_try for one in desk.ledger.notices.waiting() if one.tries and one.next_try)
        pauses.append(waiting - at)
        at = waiting
        assert desk.deliver(at).problem is not None
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1]

    with mailbox() as box:
        desk.server = box.server
        at += 2 * DAY
        assert desk.deliver(at) == Posted(sent=2)
        assert desk.deliver(at + DAY) == Posted()
    assert sorted(str(letter["Subject"]).split(" : ")[0] for letter in box.letters) == [
        "[Carrefour] Flux a",
        "[Carrefour] Flux b",
    ]


def test_a_letter_is_given_up_in_the_end(desk: Desk) -> None:
    """After the last try it waits no more; a refused address at once, and the others still get theirs."""
    desk.run(RunState.HELD, NIGHT, holds=SHRINK)
    at = NIGHT + SETTLE
    for _ in range(TRIES):
        desk.deliver(at)
        at += 2 * DAY
    assert (desk.tried, desk.ledger.notices.waiting()) == (TRIES, [])

    with mailbox() as box:
        desk.server, box.refuses = box.server, {"gone@x.example"}
        contacts = {"gone@x.example": "problems", CONTACT: "problems"}
        desk.run(RunState.HELD, NIGHT, source="b", holds=SHRINK, contacts=contacts)
        assert desk.deliver(NIGHT + SETTLE) == Posted(sent=1, refused=1)


def test_old_news_is_not_sent(desk: Desk) -> None:
    """A mail server set up weeks later does not get the letters of weeks ago; what holds is told anew."""
    desk.run(RunState.HELD, NIGHT, holds=SHRINK)

    assert desk.deliver(NIGHT + STALE + DAY) == Posted()
    assert desk.run(RunState.HELD, NIGHT + STALE + DAY, holds=SHRINK) is NoticeKind.HELD


# -- fleet ----------------------------------------------------------------------------------------------------------


def reports(held: int, fine: int) -> Callable[[Desk], None]:
    """A night on which some sources are held for shrinking and the others are well."""

    def play(desk: Desk) -> None:
        for number in range(held):
            desk.run(RunState.HELD, NIGHT + timedelta(minutes=number), source=f"held-{number}", holds=SHRINK)
        for number in range(fine):
            desk.run(RunState.SUCCEEDED, NIGHT + timedelta(hours=1), source=f"fine-{number}")

    return play


@pytest.mark.fault(19)
def test_when_many_sources_fall_the_operator_is_told_instead(desk: Desk) -> None:
    """Three sources of 12 on one rule: no partner gets a letter, the operator one, with the sources."""
    reports(3, 9)(desk)
    with mailbox() as box:
        desk.server = box.server
        first = desk.deliver(NIGHT + SETTLE)
        desk.deliver(NIGHT + SETTLE + timedelta(hours=1))

    assert (first.held_back, first.sent) == (3, 1)
    (letter,) = box.letters
    assert letter["To"] == OPERATOR
    assert "held-0" in letter.get_content()
    assert "fine-0" not in letter.get_content()
    assert desk.run(RunState.HELD, NIGHT + 2 * DAY, source="held-0", holds=SHRINK) is NoticeKind.HELD


@pytest.mark.parametrize(("held", "fine"), [(2, 0), (3, 13)])
def test_a_few_sources_are_no_fleet(desk: Desk, held: int, fine: int) -> None:
    """Two sources, or three of sixteen: each partner gets its letter."""
    reports(held, fine)(desk)
    with mailbox() as box:
        desk.server = box.server
        delivered = desk.deliver(NIGHT + SETTLE + timedelta(hours=1))

    assert (delivered.held_back, delivered.sent) == (0, held)
    assert {letter["To"] for letter in box.letters} == {CONTACT}


def test_the_fleet_is_of_one_day_and_counts_sources() -> None:
    """Runs of other days do not count, nor several of one source; an outage makes failures a fleet, too."""

    def run(source: str, at: datetime, **more: object) -> RunReport:
        held = RunReport("r", source, "p", RunState.HELD, at, at, Counts(), holds=SHRINK)
        return replace(held, **more)  # type: ignore[arg-type]

    now = NIGHT + timedelta(hours=6)

    assert set(fleet([run(one, NIGHT) for one in "abc"], now)) == {"shrink"}
    assert fleet([run("a", NIGHT), run("b", NIGHT), run("c", NIGHT - DAY)], now) == {}
    assert fleet([run("a", NIGHT)] * 5, now) == {}
    failed = [run(one, NIGHT, state=RunState.FAILED, holds=()) for one in "abc"]
    assert fleet(failed, now) == {"failed": frozenset("abc")}
