from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from engine.budget.tariff import LIFE_US, Tariff, tariffs
from engine.calendar import microseconds
from engine.domain import Budget, Program, Quota
from engine.period import Period
from tests.engine.programs import spring

NOON = microseconds(datetime(2026, 11, 25, 12, 30, tzinfo=UTC))  # a Wednesday


def tariff(budget: Budget, program: Program | None = None) -> Tariff:
    return tariffs(replace(program or spring(), budgets=(budget,)))[0]


def test_a_budget_goes_by_the_calendar_of_its_program() -> None:
    quota = Quota(5, Period(1, "month"))
    oslo = tariff(Budget("b", "contacts", quota), replace(spring(), zone="Europe/Oslo"))
    assert oslo.start(NOON) == microseconds(datetime(2026, 10, 31, 23, tzinfo=UTC))
    assert oslo.in_words(oslo.start(NOON)) == " until 2026-12-01"
    assert oslo.before_us == 0
    assert oslo.open_until(oslo.start(NOON)) == microseconds(datetime(2026, 11, 30, 23, tzinfo=UTC))
    assert tariff(Budget("b", "contacts", quota)).start(NOON) == microseconds(
        datetime(2026, 11, 1, tzinfo=UTC)
    )


def test_a_contact_for_later_can_fall_into_the_next_month_and_no_further() -> None:
    one = tariff(Budget("b", "contacts", Quota(5, Period(1, "month"))))
    months = [microseconds(datetime(2026, month, 1, tzinfo=UTC)) for month in (11, 12)]
    assert list(one.following(one.start(NOON))[:2]) == months
    assert one.periods == 2


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
