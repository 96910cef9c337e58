"""What docs/worlds/ says is true in each preset is true in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.domain import PolicySpec
from engine.store import open_store
from policies.base import Floats
from simulator.happen import earned, outcomes, reported
from simulator.run import run
from simulator.truth import best, count, response
from simulator.worlds import world
from simulator.worlds.adversarial import SHIFT
from simulator.worlds.shoppers import BARGAIN, BRAND
from simulator.worlds.telco import ASLEEP, LOYAL, RISKY
from tests.simulator.seasons import Season, season

N = 8000


def _values(now: Season, day: int) -> Floats:
    return response(now.world, now.program, now.customers, now.world.fresh(len(now)), day)


def _counts(now: Season, day: int, kind: str) -> Floats:
    return count(now.world, now.program, now.customers, now.world.fresh(len(now)), day, kind)


def _best(now: Season, day: int) -> list[str]:
    value = _values(now, day)
    chosen = best(value, np.ones(value.shape, dtype=np.bool_))
    return [now.program.actions[j].offer for j in chosen]


@pytest.mark.parametrize("name", ["telco", "airline", "subscription", "b2b", "adversarial"])
def test_every_preset_rewards_personalisation_and_part_of_it_can_be_learnt_from_what_is_seen(
    name: str,
) -> None:
    now = season(name, N)
    value = _values(now, 2)
    columns: list[Floats] = [np.ones(N)]
    for column in now.customers.attributes.values():
        if column.dtype.kind == "U":
            columns += [(column == level).astype(np.float64) for level in np.unique(column)[1:]]
        else:
            columns.append((column - column.mean()) / column.std())
    X, half = np.stack(columns, axis=1), N // 2
    weights = np.linalg.lstsq(X[:half], value[:half], rcond=None)[0]
    learnt = value[half:][np.arange(half), np.argmax(X[half:] @ weights, axis=1)].mean()
    constant = value[half:].mean(axis=0).max()
    own = value[half:].max(axis=1).mean()
    assert constant < learnt < own
    assert (own - constant) > 0.1 * (own - value[half:].mean())


def test_in_telco_contact_wakes_sleepers_and_saves_some_who_are_about_to_leave() -> None:
    now = season("telco", N)
    churn, kind = _counts(now, 9, "churn"), now.customers.latent["type"]
    asleep, risky, loyal = (churn[kind == one] for one in (ASLEEP, RISKY, LOYAL))
    assert (asleep[:, 1:] >= asleep[:, :1]).all() and asleep[:, 1:].mean() > 1.5 * asleep[:, 0].mean()
    assert (risky[:, 1:] <= risky[:, :1]).all() and risky[:, 1:].mean() < 0.95 * risky[:, 0].mean()
    np.testing.assert_allclose(loyal, np.repeat(loyal[:, :1], loyal.shape[1], axis=1))


def test_in_telco_many_take_a_discount_who_would_have_stayed() -> None:
    now = season("telco", N)
    offers = np.array([action.offer for action in now.program.actions])
    taken = _counts(now, 9, "concession")[:, offers == "discount"].sum(axis=1)
    loyal = now.customers.latent["type"] == LOYAL
    assert taken[loyal].sum() > 0.3 * taken.sum()
    value = _values(now, 9)[loyal]
    assert (value[:, offers == "discount"] < value[:, :1]).all()


def test_who_churned_does_nothing_more() -> None:
    now = season("telco", 2000)
    follow = outcomes(now.world, now.customers, now.state, 4, now.program.actions, np.full(2000, 3))
    assert len(follow) and not now.state.left[follow.row].any()


def test_in_airline_waiting_has_a_price_for_those_who_must_fly() -> None:
    now = season("airline", N)
    offers = np.array([action.offer for action in now.program.actions])
    must = now.customers.latent["must"] > 0.6
    monday, sunday = (_values(now, day) for day in (0, 6))
    city, sun = offers == "city", offers == "sun"
    assert sunday[must][:, city].mean() > 3 * monday[must][:, city].mean()
    assert sunday[~must][:, sun].mean() < 0.5 * monday[~must][:, sun].mean()
    assert now.world.moment(0) == {"days_left": 6} and now.world.moment(13) == {"days_left": 0}


def test_no_seat_is_held_twice_in_a_week_of_the_airline(tmp_path: Path) -> None:
    path = tmp_path / "season.db"
    lived = run(world("airline"), 500, 7, 1, PolicySpec("uniform"), {"policy": 1.0}, path=path)
    seats = {j for j, one in enumerate(lived.program.actions) if one.offer in ("sun", "city")}
    store = open_store(path)
    with store.read() as connection:
        rows = connection.exec_driver_sql("SELECT action, count(*) FROM decision GROUP BY action").fetchall()
    store.close()
    assert 590 < sum(number for action, number in rows if action in seats) <= 600


def test_in_subscription_a_contact_before_the_renewal_reminds_the_idle_that_they_pay() -> None:
    now = season("subscription", N)
    idle = now.customers.latent["care"] < 0.35
    late, early = (_counts(now, day, "cancel") for day in (28, 12))
    assert late[idle, 1:].mean() > 1.3 * late[idle, 0].mean()
    assert early[idle, 1:].mean() < early[idle, 0].mean()
    assert late[~idle, 1:].mean() < late[~idle, 0].mean()


def test_in_b2b_agents_turn_down_what_they_do_not_believe_in_and_deals_come_late() -> None:
    now = season("b2b", 30_000)
    channels = np.array([action.channel for action in now.program.actions])
    refused = _counts(now, 1, "turned_down")
    assert refused[:, channels != "agent"].max() == 0.0
    belief = now.customers.latent["belief"]
    agent = refused[:, channels == "agent"]
    assert agent[belief < 0.3].mean() > 1.5 * agent[belief > 0.7].mean()
    demo = next(j for j, one in enumerate(now.program.actions) if one.name == "demo/agent/now")
    follow = outcomes(now.world, now.customers, now.state, 1, now.program.actions, np.full(30_000, demo))
    assert np.median(follow.days[follow.law == "deal"]) > 5


def test_in_adversarial_robots_click_and_never_buy() -> None:
    now = season("adversarial", N)
    robot = now.customers.latent["robot"] > 0
    assert 0.05 < robot.mean() < 0.12
    assert _counts(now, 3, "purchase")[robot].max() == 0.0
    clicks = _counts(now, 3, "click")[:, 1:]
    assert clicks[robot].min() > 0.9 > 2 * clicks[~robot].mean()


def test_in_adversarial_less_is_told_than_is_true_and_much_of_it_late() -> None:
    now = season("adversarial", 60_000)
    action = np.full(
        60_000, 1 + [one.name for one in now.program.actions[1:]].index("new_arrivals/email/now")
    )
    found = outcomes(now.world, now.customers, now.state, 3, now.program.actions, action)
    told = reported(now.world, found)
    assert set(found.law) - set(told.law) == {"by phone"}
    assert 0.2 < (found.days[found.law == "purchase"] > 7).mean() < 0.35
    phone = now.customers.attributes["bought_by"] == "Phone"
    true, seen = (earned(now.program, action, one) for one in (found, told))
    assert seen[phone].mean() < 0.95 * true[phone].mean()
    assert (seen == true)[~phone].all()


def test_in_adversarial_two_kinds_of_customers_change_places() -> None:
    now = season("adversarial", N)
    before, after = _best(now, SHIFT - 2), _best(now, SHIFT + 5)
    for kind, loved in ((BARGAIN, "new_arrivals"), (BRAND, "winter_sale")):
        own = np.flatnonzero(now.customers.latent["type"] == kind)
        share = [sum(offers[i] == loved for i in own) / len(own) for offers in (before, after)]
        assert share[1] > share[0] + 0.2


def test_what_nobody_is_told_is_not_in_the_store_of_a_season(tmp_path: Path) -> None:
    path = tmp_path / "season.db"
    run(world("adversarial"), 300, 8, 1, PolicySpec("uniform"), path=path)
    store = open_store(path)
    with store.read() as connection:
        events = [row[0] for row in connection.exec_driver_sql("SELECT event FROM outcome").fetchall()]
    store.close()
    assert any(event.endswith(":purchase") for event in events)
    assert not any(event.endswith(":by phone") for event in events)
