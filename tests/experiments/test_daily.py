"""Looking at the growth of an effect on every day does not find what is not there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from engine.experiments.daily import cumulative
from engine.experiments.stored import Panel
from engine.store.flows import DAY_US
from tests.experiments.programs import START

ARMS = ("holdout", "policy")
DAYS = 30


@dataclass(frozen=True, slots=True)
class Nobody:
    """A program that no figure here looks at."""


def world(seed: int, effect: float = 0.0, n: int = 240) -> Panel:
    """Customers who differ for good, and buy by the day; the policy's for `effect` a day more."""
    chance = np.random.default_rng(seed)
    first = int(START.timestamp() * 1e6) // DAY_US
    arm = np.array(ARMS)[(chance.random(n) < 0.7).astype(int)]
    loyal = chance.exponential(1.0, n)
    amount = chance.poisson(0.3 * loyal[:, None], (n, DAYS)) + effect * (arm == "policy")[:, None]
    customer, day = np.nonzero(amount)
    units = pl.DataFrame(
        {"customer": np.arange(n).astype(str), "arm": arm, "assigned_us": [first * DAY_US] * n}
    )
    daily = pl.DataFrame(
        {"customer": customer.astype(str), "day": first + day, "amount": amount[customer, day].astype(float)}
    )
    program, at = Nobody(), START + timedelta(days=DAYS)
    return Panel(program, at, {}, units, daily, daily.select("customer", "day"), ())  # type: ignore[arg-type]


def test_thirty_looks_at_nothing_flag_at_most_one_world_in_twenty() -> None:
    flagged = sum(
        any(
            one.effect.low > 0 or one.effect.high < 0 for one in cumulative(world(seed), ARMS, (0, 1e9), DAYS)
        )
        for seed in range(200)
    )
    assert flagged <= 10 + 2 * (200 * 0.05 * 0.95) ** 0.5


def test_the_last_look_is_hardly_wider_than_a_single_one() -> None:
    last = cumulative(world(1), ARMS, (0, 1e9), DAYS)[-1]
    totals = world(1).daily.group_by("customer").agg(pl.col("amount").sum())
    units = (
        world(1).units.join(totals, on="customer", how="left").with_columns(pl.col("amount").fill_null(0.0))
    )
    own = [units.filter(arm=arm)["amount"].to_numpy() for arm in ARMS]
    se = float(np.sqrt(sum(one.var(ddof=1) / len(one) for one in own)))
    assert last.effect.value == pytest.approx(own[1].mean() - own[0].mean())
    assert last.effect.high - last.effect.value <= 1.35 * 1.96 * se


def test_an_effect_is_found_and_stays_found() -> None:
    looks = cumulative(world(2, effect=0.3), ARMS, (0, 1e9), DAYS)
    assert looks[-1].effect.low > 0
    assert [one.day for one in looks] == list(range(looks[0].day, looks[0].day + DAYS))
