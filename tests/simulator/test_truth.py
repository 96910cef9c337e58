"""What is true: ranges, independence of who else is asked, head-room, harm, and nothing at all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.arbitrate import cost
from policies.base import Floats
from simulator.truth import best, chances, count, regret, response, true_value
from simulator.world import State
from tests.simulator.seasons import NAMES, Season, season


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(day=st.integers(0, 400), seed=st.integers(0, 1000))
def test_chances_are_chances_and_no_effect_is_likelier_than_its_cause(name: str, day: int, seed: int) -> None:
    now = season(name, 200, seed)
    laws = now.world.laws(now.customers, now.state, day, now.world.choice(now.program.actions))
    happens = chances(laws)
    for law in laws:
        assert np.all((law.chance >= 0) & (law.chance <= 1)) and law.delay > 0
        assert not law.cause or np.all(happens[law.name] <= happens[law.cause])


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(first=st.integers(0, 5000), n=st.integers(1, 100))
def test_the_response_of_a_customer_does_not_depend_on_who_else_is_asked(
    name: str, first: int, n: int
) -> None:
    now = _crowd(name)
    part = now.take(slice(first, first + n))
    alone = response(now.world, now.program, part.customers, part.state, 9)
    np.testing.assert_allclose(alone, _responses(name)[first : first + n], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_expected_of_an_action_does_not_depend_on_the_other_actions(name: str) -> None:
    now = season(name, 500)
    every = now.world.choice(now.program.actions)
    action = np.random.default_rng(1).integers(0, len(now.program.actions), 500)
    together = chances(now.world.laws(now.customers, now.state, 9, every))
    alone = chances(now.world.laws(now.customers, now.state, 9, every.of(action)))
    for name_of_law, chance in alone.items():
        full = np.broadcast_to(together[name_of_law], (500, len(now.program.actions)))
        np.testing.assert_allclose(
            np.broadcast_to(chance, (500, 1))[:, 0], full[np.arange(500), action], rtol=1e-12
        )


def test_the_true_value_is_the_mean_over_the_pmf_and_regret_is_what_it_lacks() -> None:
    value = np.array([[1.0, 3.0, 9.0], [2.0, 0.0, -1.0]])
    mask = np.array([[True, True, False], [True, True, True]])
    pmf = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    assert best(value, mask).tolist() == [1, 0]
    assert true_value(value, pmf).tolist() == [2.0, -1.0]
    assert regret(value, mask, pmf).tolist() == [1.0, 3.0]


def test_retail_rewards_personalisation_twice_as_well_as_the_best_action_for_all() -> None:
    now = season("retail", 20_000)
    value = response(now.world, now.program, now.customers, now.world.fresh(20_000), 9)
    own = value[np.arange(20_000), best(value, np.ones(value.shape, dtype=np.bool_))]
    constant = value.mean(axis=0)
    assert constant.argmax() != 0
    assert own.mean() > 1.8 * constant.max()
    assert constant.max() > 2 * constant[0]


def test_much_of_the_head_room_in_retail_can_be_reached_from_what_is_seen() -> None:
    """A plain regression on observable attributes, learnt on one half and judged on the other."""
    now = season("retail", 20_000)
    value = response(now.world, now.program, now.customers, now.world.fresh(20_000), 9)
    X = np.stack([np.ones(20_000), *_numbers(now.customers.attributes)], axis=1)
    weights = np.linalg.lstsq(X[:10_000], value[:10_000], rcond=None)[0]
    chosen = np.argmax(X[10_000:] @ weights, axis=1)
    assert value[10_000:][np.arange(10_000), chosen].mean() > 1.5 * value[10_000:].mean(axis=0).max()


def test_in_retail_some_are_best_left_alone_and_each_offer_channel_and_slot_has_its_people() -> None:
    now = season("retail", 20_000)
    value = response(now.world, now.program, now.customers, now.world.fresh(20_000), 9)
    chosen = best(value, np.ones(value.shape, dtype=np.bool_))
    assert 0.1 < (chosen == 0).mean() < 0.25
    for part in ("offer", "channel", "slot"):
        names = [getattr(action, part) for action in now.program.actions]
        share = {
            name: np.isin(chosen, [j for j, n in enumerate(names) if n == name]).mean() for name in names
        }
        assert min(share.values()) > 0.02, share


def test_in_retail_contact_makes_sleeping_dogs_buy_less() -> None:
    now = season("retail", 20_000)
    bought = count(now.world, now.program, now.customers, now.world.fresh(20_000), 9, "purchase")
    quiet = now.customers.latent["type"] == 2
    worst = bought[quiet, 1:].min(axis=1)
    assert (worst < 0.9 * bought[quiet, 0]).mean() > 0.5


def test_in_retail_one_contact_more_is_worth_less_to_the_tired() -> None:
    now = season("retail", 2000)
    fresh = now.world.fresh(2000)
    tired = State(fresh.fatigue + 4, fresh.worn + 2, fresh.sated, fresh.left)
    rested, worn = (response(now.world, now.program, now.customers, s, 9) for s in (fresh, tired))
    np.testing.assert_array_equal(rested[:, 0], worn[:, 0])
    assert worn[:, 1:].mean() < 0.5 * rested[:, 1:].mean()


def test_in_the_null_world_no_contact_earns_anything_but_its_cost() -> None:
    now = season("null", 2000)
    value = response(now.world, now.program, now.customers, now.state, 9)
    np.testing.assert_allclose(
        value + cost(now.program), value[:, [0]] @ np.ones((1, value.shape[1])), rtol=1e-12
    )
    assert (cost(now.program)[1:] > 0).all()
    assert (best(value, np.ones(value.shape, dtype=np.bool_)) == 0).all()
    clicks = count(now.world, now.program, now.customers, now.state, 9, "click")
    assert clicks[:, 1:].mean(axis=0).max() > 2 * clicks[:, 1:].mean(axis=0).min() > 0


@cache
def _crowd(name: str) -> Season:
    return season(name, 5100)


@cache
def _responses(name: str) -> Floats:
    crowd = _crowd(name)
    return response(crowd.world, crowd.program, crowd.customers, crowd.state, 9)


def _numbers(attributes: Mapping[str, NDArray[Any]]) -> list[Floats]:
    """Numbers standardised, texts as one column a level."""
    columns: list[Floats] = []
    for column in attributes.values():
        if column.dtype.kind == "U":
            columns += [(column == level).astype(np.float64) for level in np.unique(column)[1:]]
        else:
            columns.append((column - column.mean()) / column.std())
    return columns
