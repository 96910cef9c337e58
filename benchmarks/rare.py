"""Rare rewards without predictions: `python -m benchmarks.rare [--json]`.

Made-up campaigns of four offers on two channels and no_action, where 0.3, 1 or 3 % of customers buy, some of
them whether they are contacted or not; a purchase is worth 50, a contact costs 15 % of what the base rate
brings. Nothing is predicted beforehand. The same learner (50 waves) sees the actions in three ways:

- `plain`: as classes that have nothing in common, as in `benchmarks.bakeoff`;
- `common`: all contacts share one factor, so that what a context is worth whatever is done has an intercept
  of its own (decision record 039);
- `program`: as a program's actions are, by offer, channel and slot, and with it `risk`: 0.5.

`gain` is the expected net reward a decision over sending nothing, exact under the truth, over all decisions,
exploring included; `best_fixed` is that of the best single action, `best` of the best for each customer.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np

from policies.base import NO_ACTION, Actions, Floats, draw, feedback
from policies.linear import Linear

RATES = (0.003, 0.01, 0.03)
ROWS, LESSON, COLUMNS, WORTH = 12_000, 400, 6, 50.0
PAIRS = [(f"offer=o{i}", f"channel={channel}") for i, channel in product(range(4), ("email", "sms"))]
NAMES = (NO_ACTION, *("/".join(pair) for pair in PAIRS))


@dataclass(frozen=True, slots=True)
class Campaign:
    """One rate and one way of seeing the actions; means over the seeds, with the standard error of `gain`."""

    rate: float
    seen_as: str
    gain: float
    error: float
    best_fixed: float
    best: float


def seen(how: str) -> Actions:
    """The actions with the factors that the learner is told of."""
    if how == "plain":
        return Actions.plain(NAMES)
    rows = [(NO_ACTION,), *((("contact",) if how == "common" else (*pair, "slot=now")) for pair in PAIRS)]
    factors = tuple(dict.fromkeys(factor for row in rows for factor in row))
    return Actions(NAMES, factors, np.array([[float(one in row) for one in factors] for row in rows]))


def lived(rate: float, actions: Actions, settings: dict[str, Any], seed: int) -> Floats:
    """(3,) earned over sending nothing, a decision: by the policy, the best one action, the best of all."""
    rng, k = np.random.Generator(np.random.PCG64(seed)), len(NAMES)
    main, common = 0.35 * rng.standard_normal(k), 0.2 * rng.standard_normal(COLUMNS)
    taste = common[:, None] + 0.2 * rng.standard_normal((COLUMNS, k))
    main[0], cost = -0.3, np.where(np.arange(k) > 0, 0.15 * rate * WORTH, 0.0)
    policy, mask = Linear(waves=50, **settings), np.ones((LESSON, k), dtype=np.bool_)
    prior, earned, worth = np.tile(-cost, (LESSON, 1)), [], []
    for _ in range(0, ROWS, LESSON):
        X, u = rng.standard_normal((LESSON, COLUMNS)), rng.random((2, LESSON))
        odds = rate / (1.0 - rate) * np.exp(main + X @ taste)
        chance = odds / (1.0 + odds)
        worth.append(WORTH * chance - cost)
        pmf, row = policy.pmf(X, actions, mask, prior), np.arange(LESSON)
        action, propensity = draw(pmf, u[0])
        bought = u[1] < chance[row, action]
        earned.append((pmf * worth[-1]).sum(axis=1))
        reward = WORTH * bought - cost[action]
        policy.learn(feedback(X, actions, action, reward, propensity, prior[row, action]))
    value = np.concatenate(worth)
    found = [np.concatenate(earned).mean(), value.mean(axis=0).max(), value.max(axis=1).mean()]
    over: Floats = np.array(found) - value[:, 0].mean()
    return over


def main() -> None:
    """Live through the campaigns and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rare", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    chosen = parser.parse_args()
    ways: list[tuple[str, str, dict[str, Any]]] = [
        *((how, how, {}) for how in ("plain", "common", "program")),
        ("program, risk", "program", {"risk": 0.5}),
    ]
    found = []
    for rate, (name, how, settings) in product(RATES, ways):
        each = np.array([lived(rate, seen(how), settings, seed) for seed in range(chosen.seeds)])
        error = each[:, 0].std(ddof=1) / np.sqrt(chosen.seeds) if chosen.seeds > 1 else 0.0
        found.append(Campaign(rate, name, float(each[:, 0].mean()), float(error), *each[:, 1:].mean(axis=0)))
        if not chosen.json:
            print(json.dumps({key: round(v, 4) if v != name else v for key, v in asdict(found[-1]).items()}))
    if chosen.json:
        print(json.dumps({"campaigns": [asdict(one) for one in found], "seeds": chosen.seeds}))


if __name__ == "__main__":
    main()
