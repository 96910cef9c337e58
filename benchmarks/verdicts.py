"""What verdicts are worth: how often a `supported` value misses, and that what must be refused is refused.

Logs are drawn at random far beyond the cells of `benchmarks.coverage`: 200 to 8,000 rows, rewards from 0.5 %
to 60 %, amounts of money, logging by context or with even chances, weights of four shapes, reward models that
fit and models of random numbers. In a third of them the logging policy never took some actions, in all
contexts or in some, and nothing in the log says so but its rows (`hidden`), or its probabilities do (`said`);
what share of the target those are is known. `python -m benchmarks.verdicts --json`.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.coverage import ACTIONS, Case, Place, logged, place
from policies.base import Floats, Ints
from simulator.diagnose import LEAST_COVERAGE, LEAST_SIZE
from simulator.evaluate import Fitted, judge
from simulator.folds import folds, train_on
from simulator.interval.base import within
from simulator.interval.gamma import gamma
from simulator.logs import Log
from simulator.method import Method
from simulator.reward_model import cross_fit
from simulator.targets import Target

SHAPES = ("favourites", "tail", "lognormal", "open bandit")
HOLES = ("none", "none", "none", "none", "hidden", "said")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One log: its verdict, whether the limits held (None without a value), and what was known beforehand.

    Attributes:
        ess: effective sample size.
        untried: share of the target on actions that the logging policy never takes, exact.
        hole: how those came about, `HOLES`.
    """

    verdict: str
    held: bool | None
    ess: float
    untried: float
    hole: str


def outcome(rng: np.random.Generator) -> Outcome:
    """A log drawn at random, judged as `nextbest evaluate` judges it."""
    rate, n = math.exp(rng.uniform(math.log(0.005), math.log(0.6))), int(math.exp(rng.uniform(5.3, 9.0)))
    money, wrong, even = rng.random(3) < (0.2, 0.2, 0.3)
    case = Case(rate, money=bool(money), even=bool(even))
    made = place(case, SHAPES[rng.integers(len(SHAPES))], rng)
    hole = HOLES[rng.integers(len(HOLES))]
    made, untried = (made, 0.0) if hole == "none" else emptied(made, rng)
    one = logged(made, n, case.money, rng)
    log = one.log
    if hole == "said":
        log = replace(log, logging=made.logging[_rows(made, log)])
    found = judge(Target("target", one.pmf), fitted(log, bool(wrong), rng), Method())
    if found.proof is None:
        return Outcome("refused", None, found.diagnosis.ess, untried, hole)
    limits = within(gamma(found.proof.evidence), float(log.reward.min()), float(log.reward.max()))
    held = limits.low <= one.truth <= limits.high
    return Outcome(found.diagnosis.verdict, held, found.diagnosis.ess, untried, hole)


def emptied(made: Place, rng: np.random.Generator) -> tuple[Place, float]:
    """The place with some actions never logged, everywhere or in half the contexts; their target share."""
    gone = np.zeros(made.logging.shape, dtype=np.bool_)
    gone[:, rng.permutation(ACTIONS)[: rng.integers(1, ACTIONS // 3)]] = True
    if rng.random() < 0.5:
        gone[made.X[:, 0] > 0] = False
    logging = np.where(gone, 0.0, made.logging)
    left = replace(made, logging=logging / logging.sum(axis=1, keepdims=True))
    return left, float(made.target[gone].sum()) / len(made.X)


def _rows(made: Place, log: Log) -> Ints:
    """(n,) context of each row."""
    order = np.argsort(made.X[:, 0])
    found: Ints = order[np.searchsorted(made.X[order, 0], log.X[:, 0])]
    return found


def fitted(log: Log, wrong: bool, rng: np.random.Generator) -> Fitted:
    """The log with its reward model, or with one that says random numbers about the size of rewards."""
    fold = folds(log)
    q: Floats = cross_fit(log.X, log.action, log.reward, fold, ACTIONS)
    if wrong:
        q = np.tile(rng.uniform(0.0, 4.0 * log.reward.mean(), ACTIONS), (len(log), 1))
    return Fitted(log, fold, train_on(fold, False), q, float(log.reward.min()), float(log.reward.max()))


def lines(logs: int, seed: int) -> Iterator[dict[str, object]]:
    """The table."""
    rng = np.random.Generator(np.random.PCG64(seed))
    seen = [outcome(rng) for _ in range(logs)]
    yield {"logs": logs, "seed": seed, **Counter(one.verdict for one in seen)}
    for verdict in ("supported", "weak"):
        for holes in (False, True):
            held = [bool(one.held) for one in seen if (one.verdict, one.untried > 0) == (verdict, holes)]
            share = float(np.mean(held)) if held else None
            yield {"verdict": verdict, "some never tried": holes, "logs": len(held), "coverage": share}
    small = [one.verdict == "refused" for one in seen if one.ess < LEAST_SIZE]
    yield {"effective size below": LEAST_SIZE, "logs": len(small), "refused": sum(small)}
    for hole in ("said", "hidden"):
        bare = [one.verdict for one in seen if one.hole == hole and one.untried > 1 - LEAST_COVERAGE]
        yield {"untried, more than 5 %": hole, "logs": len(bare), **Counter(bare)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--logs", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for line in lines(given.logs, given.seed):
        print(json.dumps(line) if given.json else "  ".join(f"{k} {v}" for k, v in line.items()), flush=True)


if __name__ == "__main__":
    main()
