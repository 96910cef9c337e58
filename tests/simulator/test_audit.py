"""Violations are found where there are some, by code that shares nothing with the engine's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.calendar import microseconds
from engine.contact import exceeds
from engine.domain import Cap
from engine.program import loads
from simulator.audit import NEVER, Audit, Contacts, audit, over_cap
from simulator.worlds import world

RETAIL = world("retail")
PROGRAM = loads(RETAIL.program().encode(), "retail.yaml")
PEOPLE = RETAIL.customers(50, 1)
MORNING = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
DAY_US = 86_400_000_000


def found(
    rows: list[int], channel: int, hours: list[float], withdrawn: int = NEVER, held: bool = False
) -> Audit:
    """The audit of contacts at so many hours after the morning, decided an hour before each."""
    send = np.array([microseconds(MORNING) + int(hour * 3.6e9) for hour in hours], dtype=np.int64)
    n = len(PEOPLE)
    contacts = Contacts(np.array(rows), np.full(len(rows), channel), send - 3_600_000_000, send)
    return audit(PROGRAM, PEOPLE, contacts, np.full(n, held), 0, np.full(n, withdrawn, dtype=np.int64))


def willing(purpose: str) -> int:
    return int(np.flatnonzero(PEOPLE.consent[purpose])[0])


@given(
    times=st.lists(st.integers(0, 20), max_size=12),
    count=st.integers(1, 3),
    width=st.integers(1, 9),
)
def test_a_cap_is_broken_exactly_if_some_window_holds_too_many(
    times: list[int], count: int, width: int
) -> None:
    cap = Cap(count, timedelta(microseconds=width))
    send = np.array(times, dtype=np.int64)
    fullest = max((sum(t - width < other <= t for other in times) for t in times), default=0)
    assert (over_cap(cap, np.zeros(len(times), dtype=np.int64), send) > 0) == (fullest > count)


@given(times=st.lists(st.integers(0, 40), max_size=15), count=st.integers(1, 3), width=st.integers(1, 9))
def test_whoever_asks_the_engine_before_each_contact_breaks_no_cap(
    times: list[int], count: int, width: int
) -> None:
    cap = Cap(count, timedelta(microseconds=width))
    sent: list[int] = []
    for time in times:
        if not exceeds(cap, sent, time):
            sent.append(time)
    assert over_cap(cap, np.zeros(len(sent), dtype=np.int64), np.array(sent, dtype=np.int64)) == 0


def test_the_contacts_of_two_customers_do_not_add_up() -> None:
    cap = Cap(1, timedelta(days=7))
    assert over_cap(cap, np.array([1, 2, 1]), np.array([0, 0, 7 * DAY_US])) == 0
    assert over_cap(cap, np.array([1, 2, 1]), np.array([0, 0, 7 * DAY_US - 1])) == 1


def test_a_third_contact_in_a_week_is_one_too_many() -> None:
    one = willing("marketing")
    assert found([one, one], 0, [0, 24]).violations == 0
    assert found([one, one, one], 0, [0, 24, 48]).caps == 1


def test_contact_without_consent_or_after_its_withdrawal_is_counted() -> None:
    unwilling = int(np.flatnonzero(~PEOPLE.consent["sms"])[0])
    assert found([unwilling], 1, [0]).consent == 1
    before = microseconds(MORNING) - 2 * 3_600_000_000
    assert found([willing("marketing")], 0, [0], withdrawn=before).consent == 1


def test_a_withdrawal_between_decision_and_sending_is_told_apart() -> None:
    between = microseconds(MORNING) - 1_800_000_000
    told = found([willing("marketing")], 0, [0], withdrawn=between)
    assert told.overtaken == 1 and told.violations == 0


@pytest.mark.parametrize(("hours", "quiet"), [([0.0], 0), ([13.0], 1), ([21.0], 1)])
def test_an_sms_at_night_on_the_customers_clock_is_counted(hours: list[float], quiet: int) -> None:
    oslo = np.flatnonzero(PEOPLE.consent["sms"] & (PEOPLE.zone == "Europe/Oslo"))
    assert found([int(oslo[0])], 1, hours).quiet == quiet


def test_a_contact_of_the_holdout_is_counted() -> None:
    assert found([willing("marketing")], 0, [0], held=True).holdout == 1
