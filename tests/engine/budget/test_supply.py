from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.choose import Live, choose
from engine.context import fit
from engine.domain import Budget, Quota
from engine.feasible import funnel
from engine.live import built
from engine.period import Period
from engine.screen import screen
from engine.situation import Limit, Situation, columns, decode, encode
from tests.engine.programs import AT, spring

AT_US = int(AT.timestamp()) * 1_000_000
MIDNIGHT = AT_US - 9 * 3_600_000_000
YES = {"marketing": True, "sms": True}


def current(*budgets: Budget) -> Live:
    """The small program with those budgets, by the formula."""
    program = spring()
    program = replace(program, budgets=budgets, policy=replace(program.policy, kind="formula", settings={}))
    policy, bau = built(program.policy, program), built(program.bau, program)
    return Live(program, program.action_set(), screen(program), fit(program, {}), policy, bau, 0)


def situation(limits: dict[str, Limit], key: str = "k", p: float = 0.5) -> Situation:
    values = {"age": 40, "country": "NO", "p_buy.sale": p}
    return Situation("c", key, AT_US, "policy", values, YES, [], "Europe/Oslo", limits=limits)


def test_what_is_used_up_is_not_feasible_and_the_reason_says_until_when() -> None:
    live = current(Budget("mails", "contacts", Quota(5, Period(1, "day")), (), ("email",)))
    rows = [situation({"mails": Limit(MIDNIGHT, 5_000_000, 0.0, [(0, 0, 0.0)])})]
    made = choose(live, columns(live.program, rows)).feasible
    open = {a.name for a, is_open in zip(live.program.actions, made.mask[0], strict=True) if is_open}
    assert open and not any("/email/" in name for name in open)
    assert funnel(made).by_reason["budget: budget mails: used up until 2026-11-24"] == 6
    assert funnel(made).dropped["budget"] == 6


def test_only_what_costs_more_than_is_left_is_not_feasible() -> None:
    live = current(Budget("cash", "money", Quota(5)))
    rows = [situation({"cash": Limit(-(2**62), 5_000_000, 0.0, [(0, 100_000, 0.0)])})]
    made = choose(live, columns(live.program, rows)).feasible
    assert funnel(made).by_reason == {"budget: budget cash: too little left for this": 4}
    assert [live.program.actions[j].offer for j in np.flatnonzero(~made.mask[0])] == ["loyalty"] * 4


def test_a_contact_counts_in_the_period_it_is_sent_in() -> None:
    live = current(Budget("mails", "contacts", Quota(5, Period(1, "hour"))))
    tonight = (17 * 3600 + 1800 - 9 * 3600) // 3600  # hours from nine to half past six in Oslo
    rows = [situation({"mails": Limit(AT_US, 5_000_000, 0.0, [(tonight, 0, 0.0)])})]
    made = choose(live, columns(live.program, rows)).feasible
    assert {live.program.actions[j].slot for j in np.flatnonzero(~made.mask[0])} == {"tonight"}


def test_the_price_is_taken_off_before_the_choice_and_not_off_the_value() -> None:
    live = current(Budget("mails", "contacts", Quota(5), ("sale",)))
    limit = {price: {"mails": Limit(-(2**62), 5_000_000, price)} for price in (0.0, 19.0, 21.0)}
    free, dear, dearer = (
        choose(live, columns(live.program, [situation(limit[price])])) for price in (0.0, 19.0, 21.0)
    )
    assert free.charge is None
    assert live.program.actions[free.action[0]].offer == "sale"
    assert live.program.actions[dear.action[0]].offer == "sale"
    assert live.program.actions[dearer.action[0]].offer != "sale"
    assert (free.value == dearer.value).all()
    assert dear.charge is not None and dear.charge[0, 1] == pytest.approx(19.0, rel=1.1e-3)


def test_of_customers_worth_the_same_a_price_serves_some() -> None:
    live = current(Budget("stock", "stock", Quota(5), ("sale",)))
    shared = {"stock": Limit(-(2**62), 5_000_000, 19.98)}
    rows = [situation(shared, f"k{i}") for i in range(2000)]
    made = choose(live, columns(live.program, rows))
    sold = sum(live.program.actions[j].offer == "sale" for j in made.action)
    assert 0.3 * 2000 < sold < 0.7 * 2000


def test_a_situation_keeps_its_limits_bit_for_bit() -> None:
    one = situation({"b": Limit(-(2**62), 2**53, 0.1 + 0.2, [(0, 17, 1e-300), (3, 0, 3.0)])})
    assert decode(encode(one)) == one
