"""What happens: the mean is the truth, luck is shared between actions, effects follow their causes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.arbitrate import cost
from engine.reward import worth
from policies.base import Ints
from simulator.happen import Outcomes, earned, outcomes
from simulator.truth import count, response
from tests.simulator.seasons import NAMES, Season, season


def _after(now: Season, day: int, action: Ints) -> Outcomes:
    return outcomes(now.world, now.customers, now.state, day, now.program.actions, action)


def _set(follow: Outcomes, law: str) -> dict[int, tuple[float, float]]:
    """Row -> (days, value) of the outcomes of one law."""
    mine = follow.law == law
    return dict(
        zip(follow.row[mine].tolist(), zip(follow.days[mine], follow.value[mine], strict=True), strict=True)
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_mean_of_what_is_earned_by_each_action_is_what_is_expected(name: str) -> None:
    n = 60_000
    now = season(name, n)
    expected = response(now.world, now.program, now.customers, now.state, 9)
    for j in range(len(now.program.actions)):
        action = np.full(n, j)
        surplus = earned(now.program, action, _after(now, 9, action)) - expected[:, j]
        assert abs(surplus.mean()) <= 4 * surplus.std() / np.sqrt(n), now.program.actions[j].name


def test_outcomes_after_the_window_count_neither_in_the_truth_nor_in_the_sample() -> None:
    n = 200_000
    now = season("retail", n)
    short = replace(now.program, goal=replace(now.program.goal, window=timedelta(days=1)))
    action = np.random.default_rng(4).integers(0, len(short.actions), n)
    expected = response(now.world, short, now.customers, now.state, 9)[np.arange(n), action]
    surplus = earned(short, action, _after(now, 9, action)) - expected
    assert abs(surplus.mean()) < 4 * surplus.std() / np.sqrt(n)
    week = response(now.world, now.program, now.customers, now.state, 9)[np.arange(n), action]
    assert week.mean() - expected.mean() > 10 * surplus.std() / np.sqrt(n)


def test_what_is_earned_follows_what_is_expected_customer_by_customer() -> None:
    """The regression of the earned on the expected has slope 1: the truth is right within customers too."""
    n = 200_000
    now = season("retail", n)
    action = np.random.default_rng(5).integers(0, len(now.program.actions), n)
    expected = response(now.world, now.program, now.customers, now.state, 9)[np.arange(n), action]
    surplus = earned(now.program, action, _after(now, 9, action)) - expected
    lean = (expected - expected.mean()) * surplus
    assert abs(lean.mean()) < 4 * lean.std() / np.sqrt(n)


@pytest.mark.parametrize("kind", ["seen", "click", "purchase", "unsubscribe"])
def test_outcomes_of_each_kind_are_as_many_as_expected_within_the_window(kind: str) -> None:
    n = 100_000
    now = season("retail", n)
    action = np.random.default_rng(6).integers(0, len(now.program.actions), n)
    expected = count(now.world, now.program, now.customers, now.state, 9, kind)[np.arange(n), action]
    follow = _after(now, 9, action)
    happened = np.bincount(
        follow.row[(follow.kind == kind) & (follow.days < now.program.goal.window / timedelta(days=1))],
        minlength=n,
    )
    surplus = happened - expected
    assert abs(surplus.mean()) < 4 * surplus.std() / np.sqrt(n)
    assert (follow.per_customer(kind, n) >= happened).all()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(first=st.integers(0, 400), n=st.integers(1, 100), day=st.integers(0, 400), seed=st.integers(0, 100))
def test_what_happens_to_a_customer_does_not_depend_on_who_else_is_asked_or_what_they_are_given(
    name: str, first: int, n: int, day: int, seed: int
) -> None:
    now = season(name, 500)
    chance = np.random.default_rng(seed)
    action = chance.integers(0, len(now.program.actions), 500)
    others = chance.integers(0, len(now.program.actions), 500)
    others[first : first + n] = action[first : first + n]
    crowd = _after(now, day, others)
    rows = slice(first, first + n)
    alone = _after(now.take(rows), day, action[rows])
    mine = (crowd.row >= first) & (crowd.row < first + n)
    assert (crowd.row[mine] - first).tolist() == alone.row.tolist()
    for name_of_column in ("law", "kind", "days", "value"):
        assert getattr(crowd, name_of_column)[mine].tolist() == getattr(alone, name_of_column).tolist()


def test_luck_is_shared_between_actions() -> None:
    """What is likelier under another action happens under it whenever it happened under the first."""
    now = season("retail", 20_000)
    names = [action.name for action in now.program.actions]
    email, sms = (np.full(20_000, names.index(f"new_arrivals/{channel}/now")) for channel in ("email", "sms"))
    chances = [
        now.world.laws(now.customers, now.state, 4, now.world.choice(now.program.actions).of(action))[
            0
        ].chance[:, 0]
        for action in (email, sms)
    ]
    by_email, by_sms = _set(_after(now, 4, email), "seen"), _set(_after(now, 4, sms), "seen")
    likelier = np.flatnonzero(chances[1] >= chances[0])
    assert set(likelier) & set(by_email) <= set(by_sms)
    both = set(by_email) & set(by_sms)
    assert both and all(by_email[i] == by_sms[i] for i in both)


def test_nobody_is_made_to_buy_unasked_by_a_contact() -> None:
    now = season("retail", 50_000)
    nothing, sale = np.zeros(50_000, dtype=np.int64), np.full(50_000, 1)
    without, under = _set(_after(now, 4, nothing), "organic"), _set(_after(now, 4, sale), "organic")
    assert set(under) < set(without)
    assert all(under[i][0] == without[i][0] and under[i][1] <= without[i][1] for i in under)


@pytest.mark.parametrize("name", NAMES)
def test_effects_follow_their_causes(name: str) -> None:
    now = season(name, 20_000)
    action = np.random.default_rng(8).integers(0, len(now.program.actions), 20_000)
    follow = _after(now, 4, action)
    laws = now.world.laws(now.customers, now.state, 4, now.world.choice(now.program.actions))
    for law in laws:
        if law.cause:
            effect, cause = _set(follow, law.name), _set(follow, law.cause)
            assert effect and all(effect[i][0] >= cause[i][0] for i in effect)


def test_another_day_has_other_luck() -> None:
    now = season("retail", 5000)
    action = np.full(5000, 3)
    monday, tuesday = (_after(now, day, action) for day in (7, 8))
    assert _set(monday, "click").keys() != _set(tuesday, "click").keys()


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_counts_the_same_reward_from_the_same_outcomes(name: str) -> None:
    now = season(name, 3000)
    action = np.random.default_rng(9).integers(0, len(now.program.actions), 3000)
    follow = _after(now, 4, action)
    counted = -cost(now.program)[action]
    for row, kind, value, days in zip(follow.row, follow.kind, follow.value, follow.days, strict=True):
        if days < now.program.goal.window / timedelta(days=1):
            counted[row] += worth(now.program.goal, str(kind), float(value))
    np.testing.assert_allclose(earned(now.program, action, follow), counted, atol=1e-9)


def test_nothing_follows_from_no_decisions() -> None:
    now = season("retail", 0)
    follow = _after(now, 4, np.zeros(0, dtype=np.int64))
    assert len(follow) == 0 and earned(now.program, np.zeros(0, dtype=np.int64), follow).shape == (0,)
