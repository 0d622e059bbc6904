"""Planning: each row of a feed is put in exactly one place, given what is known of its record."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import make_record

from federation.model import Counts, Finding, Outcome, Part, Reason, Severity, Tier
from federation.pipeline.plan import Planner, Step, imbalance


@dataclass(frozen=True)
class KnownState:
    """A known record as planning sees it."""

    digest: str
    raw_hash: str = "raw"
    row_hash: str = ""
    mapping_version: str = "m1"
    tier: str | None = "full"
    state: str = "live"


def accepted(key: str = "1", version: int = 0, tier: Tier = Tier.FULL, rows: int = 1) -> Outcome:
    """A row that was mapped and accepted."""
    record = replace(make_record(key=key, version=version), raw_hash="raw")
    return Outcome(f"ligne {key}", record, tier, (), rows=rows, key=key, raw_hash="raw")


def refused(key: str | None = "1") -> Outcome:
    """A row that a Violation refused."""
    return Outcome("ligne 1", None, None, (), key=key)


def known(version: int = 0, **fields: str) -> KnownState:
    """What the ledger knows after version ``version`` of record 1."""
    return replace(KnownState(make_record(key="1", version=version).digest), **fields)  # type: ignore[arg-type]


def test_an_unknown_record_is_new() -> None:
    """Nothing is known of it: it is written."""
    assert Planner({}, "m1").step(accepted()).step is Step.NEW


def test_a_withdrawn_or_rejected_record_that_comes_is_new() -> None:
    """Nothing of it is in the store, so it is written whole."""
    for state in ("withdrawn", "rejected"):
        assert Planner({"1": known(state=state)}, "m1").step(accepted()).step is Step.NEW


def test_a_record_with_another_digest_is_changed() -> None:
    """Its graph is replaced."""
    assert Planner({"1": known(version=1)}, "m1").step(accepted()).step is Step.CHANGED


def test_the_same_record_again_is_unchanged_and_needs_no_note() -> None:
    """Same digest, hashes, mapping and state: nothing is written anywhere."""
    planned = Planner({"1": known()}, "m1").step(accepted())

    assert (planned.step, planned.retiered, planned.noted) == (Step.UNCHANGED, False, False)


def test_an_unchanged_record_may_still_need_a_note() -> None:
    """It came back, was accepted again, or its hashes are older; or it meets another tier."""
    notes = [
        Planner({"1": known(**different)}, "m1").step(accepted()).noted
        for different in ({"state": "missing"}, {"state": "held"}, {"raw_hash": "old"}, {"mapping_version": "m0"})
    ]

    retiered = Planner({"1": known(tier="basic")}, "m1").step(accepted())

    assert notes == [True] * 4
    assert (retiered.step, retiered.retiered) == (Step.UNCHANGED, True)


def test_a_row_of_other_bytes_and_same_meaning_is_noted() -> None:
    """The record was not mapped again, and its new row hash is kept: next time not even its values are read."""
    same = Outcome("ligne 1", None, None, (), key="1", raw_hash="raw", row_hash="new")

    planned = Planner({"1": known(row_hash="old")}, "m1").step(same)

    assert (planned.step, planned.noted) == (Step.UNCHANGED, True)


def test_a_refused_record_holds_its_last_good_version() -> None:
    """Live, held or missing: the version in the store stays; otherwise it is rejected."""
    steps = {
        state: Planner({"1": known(state=state)}, "m1").step(refused()).step
        for state in ("live", "held", "missing", "withdrawn", "rejected")
    }

    assert steps == {
        "live": Step.HELD,
        "held": Step.HELD,
        "missing": Step.HELD,
        "withdrawn": Step.REJECTED,
        "rejected": Step.REJECTED,
    }
    assert Planner({}, "m1").step(refused()).step is Step.REJECTED
    assert Planner({"1": known()}, "m1").step(refused(key=None)).step is Step.REJECTED


def test_a_key_comes_once_in_a_run() -> None:
    """The second row of a key is rejected with a finding in both languages, and the first one stands."""
    planner = Planner({}, "m1")

    first, second = planner.plan([accepted(), accepted(version=1)])

    assert (first.step, second.step) == (Step.NEW, Step.REJECTED)
    assert [finding.rule for finding in second.outcome.findings] == ["key-repeated"]
    assert {"fr", "en"} == set(second.outcome.findings[0].message)
    assert second.outcome.record is None


def test_a_source_never_writes_the_records_of_another() -> None:
    """A key owned by another source of the partner is rejected with a finding."""
    planned = Planner({}, "m1", elsewhere={"1"}).step(accepted())

    assert planned.step is Step.REJECTED
    assert [finding.rule for finding in planned.outcome.findings] == ["key-owned-elsewhere"]


def test_only_a_whole_list_says_what_is_missing() -> None:
    """Records in the store that no row had are missing; refused ones were there; withdrawn ones are not expected."""
    states = {"1": known(), "2": known(), "3": known(), "4": known(state="withdrawn"), "5": known(state="missing")}
    planner = Planner(states, "m1")

    list(planner.plan([accepted("1"), refused("2")]))

    assert planner.missing() == ["3", "5"]
    assert planner.counts(whole=True).missing == 2
    assert planner.counts(whole=False).missing == 0


def test_an_excluded_row_is_counted_and_its_record_is_missing() -> None:
    """A row that its source file leaves out says that the record is not there any more."""
    planner = Planner({"1": known()}, "m1")

    planned = planner.step(Outcome("ligne 1", None, None, (), excluded="only", key="1"))

    assert planned.step is Step.EXCLUDED
    assert planner.counts(whole=True) == Counts(read=1, excluded=1, missing=1)
    assert planner.missing() == ["1"]


@given(
    st.lists(
        st.tuples(st.sampled_from("123456"), st.integers(0, 3), st.integers(1, 3), st.sampled_from(Tier)), max_size=12
    )
)
def test_every_row_is_in_exactly_one_place(rows: list[tuple[str, int, int, Tier]]) -> None:
    """Whatever comes in whatever order, the account balances."""
    states = {"1": known(), "2": known(), "3": known(state="withdrawn"), "4": known(state="held")}
    planner = Planner(states, "m1", elsewhere={"6"})
    makers = (
        lambda key, many, tier: accepted(key, 0, tier, many),
        lambda key, many, tier: accepted(key, 1, tier, many),
        lambda key, _many, _tier: refused(key),
        lambda _key, _many, _tier: Outcome("x", None, None, (), excluded="except"),
    )

    for key, kind, many, tier in rows:
        planner.step(makers[kind](key, many, tier))

    counts = planner.counts(whole=True)
    assert imbalance(counts) == 0
    assert counts.read == sum(many if kind < 2 else 1 for _, kind, many, _ in rows)


def test_an_account_that_does_not_balance_is_noticed() -> None:
    """Lost rows are positive, invented ones negative; parts of accepted must add up."""
    fair = Counts(read=5, accepted=2, held=1, rejected=1, merged=1, new=1, unchanged=1, full=2)

    assert imbalance(fair) == 0
    assert imbalance(replace(fair, read=6)) == 1
    assert imbalance(replace(fair, excluded=1)) == -1
    assert imbalance(replace(fair, new=0)) != 0
    assert imbalance(replace(fair, full=1)) != 0


def closed(rule: str | None = None) -> Outcome:
    """A row whose partner closed it: by its licence or consent (``rule``), or by its openness."""
    if rule is None:
        return Outcome("ligne 1", None, None, (), excluded="openness: commons", key="1", closing=Reason.PARTNER)
    reason = Reason.LICENCE if rule == "licence-not-open" else Reason.PARTNER
    said = Finding(rule, Severity.VIOLATION, {"fr": "", "en": ""})
    return Outcome("ligne 1", None, None, (said,), key="1", closing=reason)


@pytest.mark.parametrize("state", ["live", "held", "missing"])
@pytest.mark.parametrize("rule", ["licence-not-open", "access-unreadable", None])
def test_a_record_that_its_partner_closed_is_withdrawn(rule: str | None, state: str) -> None:
    """Its last good version may not stay public; and the row is neither held nor missing."""
    planner = Planner({"1": known(state=state)}, "m1")
    planned = planner.step(closed(rule))

    assert planned.closing is not None
    assert planned.step is (Step.EXCLUDED if rule is None else Step.REJECTED)
    assert planner.missing() == []
    assert planner.step(accepted()).step is Step.REJECTED, "no further row of the key opens it again"
    assert imbalance(planner.counts(whole=True)) == 0


def test_a_closed_record_that_is_not_public_needs_no_withdrawal() -> None:
    """Nothing of it is in the store."""
    assert not Planner({}, "m1").step(closed()).closing
    assert not Planner({"1": known(state="withdrawn")}, "m1").step(closed("licence-not-open")).closing


def test_a_second_row_that_is_closed_does_not_withdraw_the_first() -> None:
    """The record of a key is settled by its first good row."""
    planner = Planner({"1": known()}, "m1")
    planner.step(accepted())

    assert not planner.step(closed("licence-not-open")).closing


def test_a_forgotten_record_never_comes_back() -> None:
    """A person asked for its removal: the row is left out, whatever it says."""
    planner = Planner({}, "m1", is_forgotten=lambda key: key == "1")

    planned = planner.step(accepted())

    assert (planned.step, planned.outcome.excluded, planned.outcome.record) == (Step.EXCLUDED, "forgotten", None)


def test_what_the_feed_asks_to_delete_is_a_part_that_the_guard_may_withhold() -> None:
    """An explicit delete is one; what a partner closes never is."""
    asked = Outcome("ligne 1", None, None, (), excluded="deleted", key="1", closing=Reason.EXPLICIT)

    parts = [Planner({"1": known()}, "m1").step(outcome).part for outcome in (asked, closed(), accepted(version=1))]

    assert parts == [Part.DELETES, None, Part.CHANGES]
