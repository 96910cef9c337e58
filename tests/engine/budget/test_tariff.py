from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.budget.tariff import LIFE_US, Tariff, tariffs
from engine.calendar import microseconds
from engine.domain import Budget, Program, Quota
from tests.engine.programs import spring

NOON = microseconds(datetime(2026, 11, 25, 12, 30, tzinfo=UTC))  # a Wednesday
periods = st.sampled_from([timedelta(minutes=1), timedelta(hours=5), timedelta(days=1), timedelta(days=7)])


def tariff(budget: Budget, program: Program | None = None) -> Tariff:
    return tariffs(replace(program or spring(), budgets=(budget,)))[0]


@pytest.mark.parametrize(
    ("period", "start"),
    [
        (timedelta(hours=1), datetime(2026, 11, 25, 12, tzinfo=UTC)),
        (timedelta(days=1), datetime(2026, 11, 25, tzinfo=UTC)),
        (timedelta(days=7), datetime(2026, 11, 23, tzinfo=UTC)),
    ],
)
def test_a_period_starts_on_the_hour_at_midnight_and_on_monday(period: timedelta, start: datetime) -> None:
    assert tariff(Budget("b", "contacts", Quota(5, period))).start(NOON) == microseconds(start)


@settings(deadline=None)
@given(periods, st.lists(st.integers(-(10**15), 10**16), min_size=1))
def test_every_instant_falls_into_the_period_that_starts_last(period: timedelta, at: list[int]) -> None:
    one = tariff(Budget("b", "contacts", Quota(5, period)))
    starts = one.starts(np.array(at))
    assert starts.tolist() == [one.start(t) for t in at]
    assert all(start <= t < start + one.period_us for start, t in zip(starts.tolist(), at, strict=True))


def test_each_action_draws_what_it_costs_on_the_budgets_it_is_a_member_of() -> None:
    program = spring()
    cash = tariff(Budget("cash", "money", Quota(5)))
    names = [program.actions[j].name for j in cash.members]
    assert dict(zip(names, cash.units.tolist(), strict=True))["loyalty/sms/now"] == 600_000
    assert cash.cost[0] == 0
    assert len(names) == len(program.actions) - 1
    mails = tariff(Budget("b", "contacts", Quota(5), ("sale",), ("email",)))
    assert [program.actions[j].name for j in mails.members] == ["sale/email/now", "sale/email/tonight"]
    assert mails.units.tolist() == [1_000_000, 1_000_000]
    assert mails.start(NOON) == LIFE_US


def test_a_budget_nothing_draws_on_is_none() -> None:
    free = replace(spring(), budgets=(Budget("b", "stock", Quota(5), ("sale",), ("sms",)),))
    program = replace(free, actions=tuple(a for a in free.actions if a.channel != "sms"))
    assert tariffs(program) == ()


def test_a_budget_for_life_ends_with_the_last_of_its_offers() -> None:
    program, end = spring(), datetime(2026, 12, 1, tzinfo=UTC)
    budget = Budget("b", "stock", Quota(5), ("sale", "news"))
    ending = {
        name: [replace(o, ends=end) if o.name in name else o for o in program.offers]
        for name in ("sale", "sale news")
    }
    assert tariff(budget, replace(program, offers=tuple(ending["sale"]))).open_until(LIFE_US) is None
    known = tariff(budget, replace(program, offers=tuple(ending["sale news"])))
    assert known.open_until(LIFE_US) == microseconds(end)
