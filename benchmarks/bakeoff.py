"""Contextual bandit bake-off on classification sets: `python -m benchmarks.bakeoff FILES --json`.

Class labels are the actions, the reward is 1 for the right one and 0 for any other, every row is seen once.
The loss is 1 - the mean reward of the actions that were sampled, over several shuffles. The policy is the
default one with the same settings for every set; it decides in batches of 2 % of the rows seen so far, then
learns them. Numbers are standardised by their mean and deviation over the rows seen so far, texts become one
column a level; labels are looked at through the reward alone.

Files are CSV, gzipped or not, with a header and the label in the last column.

Source: Bietti, Agarwal and Langford (2021), "A Contextual Bandit Bake-off", section 4.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from policies.base import Actions, Floats, Ints, Mask, Policy, draw, feedback
from policies.make import make

GROWTH = 0.02  # a batch, as a share of the rows seen before it


@dataclass(frozen=True, slots=True)
class Labelled:
    """A classification set: X (n, d), which columns are numbers (d,), label (n,) in 0..k-1."""

    name: str
    X: Floats
    numeric: Mask
    label: Ints
    k: int


@dataclass(frozen=True, slots=True)
class Score:
    """Loss on one set, mean over the shuffles, and the least propensity a sampled action had."""

    set: str
    loss: float
    error: float  # standard error over the shuffles
    least_propensity: float
    rows: int
    classes: int
    seconds: float


def read(path: Path) -> Labelled:
    """A set from a CSV file whose last column is the label."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        columns = list(zip(*list(csv.reader(lines))[1:], strict=True))
    classes, label = np.unique(columns[-1], return_inverse=True)
    blocks = [_block(column) for column in columns[:-1]]
    X = np.column_stack([block for block, _ in blocks])
    numeric = np.concatenate([np.full(block.shape[1], number) for block, number in blocks])
    return Labelled(path.name.split(".")[0], X, numeric, label.astype(np.int64), len(classes))


def _block(column: tuple[str, ...]) -> tuple[Floats, bool]:
    try:
        return np.array(column, dtype=np.float64)[:, None], True
    except ValueError:
        levels = np.unique(column)
        return (np.array(column)[:, None] == levels).astype(np.float64), False


def batches(n: int) -> Iterator[slice]:
    """Rows in batches that grow with what has been seen."""
    start = 0
    while start < n:
        end = min(n, start + max(1, int(GROWTH * start)))
        yield slice(start, end)
        start = end


def play(labelled: Labelled, kind: str, settings: dict[str, Any], seed: int) -> tuple[float, float]:
    """Loss of one pass over the rows in the order of `seed`, and the least propensity of a sampled action."""
    rng = np.random.Generator(np.random.PCG64(seed))
    order = rng.permutation(len(labelled.label))
    reward, propensity = earned(labelled, order, labelled.label[order], make(kind, settings), rng)
    return 1.0 - float(reward.mean()), float(propensity.min())


def earned(
    labelled: Labelled, order: Ints, label: Ints, policy: Policy, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """(n,) rewards and propensities of the actions sampled for the rows in an order with (n,) labels."""
    X, actions = labelled.X[order], Actions.plain(tuple(f"class {a}" for a in range(labelled.k)))
    sums, squares = np.cumsum(X - X[0], axis=0), np.cumsum((X - X[0]) ** 2, axis=0)
    reward, propensity = np.zeros(len(label)), np.zeros(len(label))
    for rows in batches(len(label)):
        center = sums[rows.stop - 1] / rows.stop
        deviation = np.sqrt(np.maximum(squares[rows.stop - 1] / rows.stop - center**2, 0.0))
        scale = np.where(labelled.numeric & (deviation > 0.0), deviation, 1.0)
        x = (X[rows] - np.where(labelled.numeric, X[0] + center, 0.0)) / scale
        shape = (len(x), labelled.k)
        pmf = policy.pmf(x, actions, np.ones(shape, dtype=np.bool_), np.zeros(shape))
        action, propensity[rows] = draw(pmf, rng.random(len(x)))
        reward[rows] = action == label[rows]
        policy.learn(feedback(x, actions, action, reward[rows], propensity[rows]))
    return reward, propensity


def score(path: Path, kind: str, settings: dict[str, Any], shuffles: int) -> Score:
    """One set, all shuffles."""
    labelled, start = read(path), time.perf_counter()
    played = np.array([play(labelled, kind, settings, seed) for seed in range(shuffles)])
    error = float(played[:, 0].std(ddof=1) / np.sqrt(shuffles)) if shuffles > 1 else 0.0
    seconds = round(time.perf_counter() - start, 1)
    loss, least = float(played[:, 0].mean()), float(played[:, 1].min())
    return Score(labelled.name, loss, error, least, len(labelled.label), labelled.k, seconds)


def main() -> None:
    """Read the command line, score every file, print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bakeoff", description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--shuffles", type=int, default=5)
    parser.add_argument("--policy", default="linear", help="kind of policy, with its default settings")
    parser.add_argument("--settings", type=json.loads, default={}, help="settings of the policy as JSON")
    chosen = parser.parse_args()
    scores = []
    for path in chosen.files:
        scores.append(score(path, chosen.policy, chosen.settings, chosen.shuffles))
        if not chosen.json:
            one = scores[-1]
            size = f"{one.rows} rows, {one.classes} classes, {one.seconds} s"
            print(f"{one.set:12} {one.loss:.4f} +- {one.error:.4f}  {size}", flush=True)
    if chosen.json:
        machine = f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}"
        sets = [asdict(one) for one in scores]
        print(json.dumps({"sets": sets, "shuffles": chosen.shuffles, "machine": machine}))


if __name__ == "__main__":
    main()
