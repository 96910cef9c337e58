"""What a million rows cost: four estimators with clustered intervals, and the usual row bootstrap beside it.

A log of 1,000,000 decisions of 200,000 customers among 10 actions, with 10 numbers known of each. The reward
model is fitted first and timed apart. Then IPS, SNIPS, DM and DR get intervals by customer, with the
diagnosis and the lift. The usual way resamples rows by numpy indexing, 1,000 times, for the same four
estimates; 40 resamples are timed and the time multiplied, as each costs the same. CPU seconds of all threads;
memory is the most that the process ever held. `python -m benchmarks.ope_speed --model boosted --json`.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time

import numpy as np
import polars as pl

from policies.base import Actions, Floats, draw
from simulator.estimators.base import Rows
from simulator.evaluate import Fitted, fit, judge, rows_of, table
from simulator.logs import Log
from simulator.method import Method
from simulator.models import DEFAULT, MODELS
from simulator.targets import Target

ACTIONS, CONTEXTS, CUSTOMERS = 10, 10, 200_000
RESAMPLES, TIMED = 1000, 40
ESTIMATORS = ("ips", "snips", "dm", "dr")


def logged(n: int) -> tuple[Log, Floats]:
    """A log and the pmf (n, k) of a target."""
    rng = np.random.Generator(np.random.PCG64(1))
    X = rng.standard_normal((n, CONTEXTS))
    score = X @ (0.3 * rng.standard_normal((CONTEXTS, ACTIONS)))
    action, propensity = draw(0.8 * _softmax(0.5 * score) + 0.2 / ACTIONS, rng.random(n))
    chance = 1.0 / (1.0 + np.exp(2.5 - score[np.arange(n), action]))
    reward = (rng.random(n) < chance).astype(np.float64)
    target = _softmax(1.5 * score)
    log = Log(
        X=X,
        names=tuple(f"x{j}" for j in range(CONTEXTS)),
        frame=pl.DataFrame({"reward": reward}),
        actions=Actions.plain(tuple(f"a{j}" for j in range(ACTIONS))),
        action=action,
        propensity=propensity,
        reward=reward,
        mask=np.ones((n, ACTIONS), dtype=np.bool_),
        cluster=np.unique(rng.integers(CUSTOMERS, size=n), return_inverse=True)[1],
    )
    return log, target


def _softmax(score: Floats) -> Floats:
    odds = np.exp(score)
    odds /= odds.sum(axis=1, keepdims=True)
    return odds


def bootstrap_by_rows(rows: Rows, resamples: int) -> Floats:
    """(resamples, 4) IPS, SNIPS, DM and DR of rows drawn with replacement: the usual way."""
    rng = np.random.Generator(np.random.PCG64(2))
    n, weighted, surprise = len(rows), rows.weight * rows.reward, rows.weight * (rows.reward - rows.q)
    made = np.empty((resamples, 4))
    for b in range(resamples):
        i = rng.integers(n, size=n)
        ips, weight, dm = weighted[i].mean(), rows.weight[i].mean(), rows.baseline[i].mean()
        made[b] = ips, ips / weight, dm, dm + surprise[i].mean()
    return made


def spent(start: float) -> float:
    return time.process_time() - start


def measured(n: int, named: str) -> dict[str, object]:
    """Seconds and bytes of every part."""
    log, target = logged(n)
    method = Method(estimators=ESTIMATORS, model=named)
    start = time.process_time()
    fitted = fit(log, method)
    model, start = spent(start), time.process_time()
    found = table([judge(Target("target", target), fitted, method)], fitted, method)
    estimating, memory = spent(start), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    usual = _usual(fitted, target)
    return {
        "machine": platform.machine(),
        "rows": n,
        "model": named,
        "reward model CPU s": round(model, 2),
        "four estimators CPU s": round(estimating, 2),
        "whole CPU s": round(model + estimating, 2),
        "memory GB": round(memory / 1e9, 2),
        "row bootstrap CPU s": round(usual, 1),
        "times faster": round(usual / estimating, 1),
        "verdict": found.policies[0].verdict,
    }


def _usual(fitted: Fitted, target: Floats) -> float:
    rows = rows_of(fitted.log, Target("target", target), fitted.q)
    start = time.process_time()
    bootstrap_by_rows(rows, TIMED)
    return spent(start) * RESAMPLES / TIMED


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--model", choices=list(MODELS), default=DEFAULT)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    line = measured(given.rows, given.model)
    print(json.dumps(line) if given.json else "\n".join(f"{k:24}{v}" for k, v in line.items()))


if __name__ == "__main__":
    main()
