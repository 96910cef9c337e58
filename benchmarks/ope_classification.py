"""Error of the estimators on classification sets turned into logs, where the truth is exact.

Every class is an action and the reward is 1 for the right one. The log is drawn half at random, half by a
weak classifier that saw 60 rows; the target is 90 % a better classifier that saw a third of the set, 10 %
at random; what is left is the log. The truth is the target's own probability of the right class. `worse` is
how much larger the default's error is than that of the best of the others, and `sure` by how many standard
errors its squares are, log by log: with 30 logs differences of 10 % are noise. `python -m
benchmarks.ope_classification FILE... --json`, where the last column of each CSV file is the class.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from policies.base import Actions, Floats, Ints, draw
from simulator.choice import DEFAULT
from simulator.contexts import encode
from simulator.estimators import PLAIN
from simulator.estimators.base import value
from simulator.evaluate import rows_of
from simulator.folds import folds
from simulator.logs import log_of
from simulator.reward_model import cross_fit
from simulator.targets import Target

OTHERS = ("ips", "snips", "dm", "dr")
COMPARED = (*OTHERS, DEFAULT)


def errors(X: Floats, label: Ints, rng: np.random.Generator) -> Mapping[str, float]:
    """Estimate less truth, of each estimator, on one log drawn from the set."""
    k = int(label.max()) + 1
    order = rng.permutation(len(X))
    seen, log_rows = order[: len(X) // 3], order[len(X) // 3 :]
    x, right = X[log_rows], label[log_rows]
    logging = 0.5 * _classify(X, label, seen[:60], x, k) + 0.5 / k
    target = 0.9 * _classify(X, label, seen, x, k) + 0.1 / k
    action, propensity = draw(logging, rng.random(len(x)))
    reward = (action == right).astype(np.float64)
    log = log_of(x, Actions.plain(tuple(map(str, range(k)))), action, propensity, reward)
    rows = rows_of(log, Target("target", target), cross_fit(x, action, reward, folds(log), k))
    truth = float(target[np.arange(len(x)), right].mean())
    return {name: value(PLAIN[name](rows)) - truth for name in COMPARED}


def _classify(X: Floats, label: Ints, seen: Ints, x: Floats, k: int) -> Floats:
    """(n, k) 1 for the class that a ridge regression on the rows `seen` finds the likeliest."""
    Z = np.column_stack([np.ones(len(seen)), X[seen]])
    beta = np.linalg.solve(Z.T @ Z + 10.0 * np.eye(Z.shape[1]), Z.T @ np.eye(k)[label[seen]])
    chosen: Floats = np.eye(k)[np.argmax(np.column_stack([np.ones(len(x)), x]) @ beta, axis=1)]
    return chosen


def judged(path: Path, seeds: int) -> dict[str, float | str]:
    """Root mean squared errors over `seeds` logs of one set, and the default's against the best other."""
    frame = pl.read_csv(path, infer_schema_length=None)
    X, _ = encode(frame, frame.columns[:-1])
    label = (frame[frame.columns[-1]].cast(pl.String).rank("dense").to_numpy() - 1).astype(np.int64)
    found = [errors(X, label, np.random.Generator(np.random.PCG64(seed))) for seed in range(seeds)]
    square = {name: np.array([one[name] ** 2 for one in found]) for name in COMPARED}
    root = {name: float(np.sqrt(one.mean())) for name, one in square.items()}
    best = min(OTHERS, key=lambda name: root[name])
    apart = square[DEFAULT] - square[best]
    sure = float(apart.mean() / (apart.std(ddof=1) / np.sqrt(seeds)))
    return {**root, "best": best, "worse": root[DEFAULT] / root[best] - 1, "sure": sure}


def main() -> None:
    """Print one line a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    for path in given.files:
        told = judged(path, given.seeds)
        found = {name: round(one, 5) if isinstance(one, float) else one for name, one in told.items()}
        line = {"set": path.name.split(".")[0], "logs": given.seeds, **found}
        print(json.dumps(line) if given.json else "  ".join(f"{k} {v}" for k, v in line.items()), flush=True)


if __name__ == "__main__":
    main()
