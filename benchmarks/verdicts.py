"""What verdicts are worth: how often a `supported` value misses, and that what must be refused is refused.

Logs are drawn at random far beyond the cells of `benchmarks.coverage`: 200 to 8,000 rows, rewards from 0.5 %
to 60 %, amounts of money, logging with even chances, by context, or greedily with a floor, up to 16 more
columns that mean nothing, weights of four shapes, reward models that fit and models of random numbers. In a
third of them the logging policy never took some actions, in all contexts or in some, and nothing in the log
says so but its rows (`hidden`), or its probabilities do (`said`); what share of the target those are is
known. With `--known` every log carries the whole logging pmf, as a program's own log does.
`python -m benchmarks.verdicts --json`.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

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
COLUMNS = (0, 0, 2, 16)  # that mean nothing, beside the two that matter
RATES = (0.005, 0.02, 0.06, 0.2, 0.6)
ROWS = (200, 500, 1000, 2000, 8200)
FLOORS = (0.05, 0.2, 0.5)  # of the greedy logging policy, shared by all actions


@dataclass(frozen=True, slots=True)
class Outcome:
    """One log: its verdict, whether the limits held (None without a value), and what was known beforehand.

    Attributes:
        ess: effective sample size.
        untried: share of the target on actions that the logging policy never takes, exact.
        hole: how those came about, `HOLES`.
        rows: of the log.
        rate: how often the target earns a reward.
        flat: whether every reward is the same.
    """

    verdict: str
    held: bool | None
    ess: float
    untried: float
    hole: str
    rows: int
    rate: float
    flat: bool


def outcome(rng: np.random.Generator, known: bool = False) -> Outcome:
    """A log drawn at random, judged as `nextbest evaluate` judges it; it may know its whole logging pmf."""
    rate, n = math.exp(rng.uniform(math.log(0.005), math.log(0.6))), int(math.exp(rng.uniform(5.3, 9.0)))
    money, wrong, even = rng.random(3) < (0.2, 0.2, 0.3)
    case = Case(rate, money=bool(money), even=bool(even))
    made = place(case, SHAPES[rng.integers(len(SHAPES))], rng)
    made = floored(made, rng) if rng.random() < 0.2 else made
    hole = HOLES[rng.integers(len(HOLES))]
    made, untried = (made, 0.0) if hole == "none" else emptied(made, rng)
    one = logged(made, n, case.money, rng)
    log = one.log
    if hole == "said" or known:
        log = replace(log, logging=made.logging[_rows(made, log)])
    log = widened(log, rng)
    found = judge(Target("target", one.pmf), fitted(log, bool(wrong), rng), Method())
    verdict, ess, flat = found.diagnosis.verdict, found.diagnosis.ess, bool(np.ptp(log.reward) == 0)
    if found.proof is None:
        return Outcome("refused", None, ess, untried, hole, n, rate, flat)
    limits = within(gamma(found.proof.evidence), float(log.reward.min()), float(log.reward.max()))
    return Outcome(verdict, limits.low <= one.truth <= limits.high, ess, untried, hole, n, rate, flat)


def floored(made: Place, rng: np.random.Generator) -> Place:
    """The place logged by a policy that is greedy with a floor; the target is as bold, about other scores."""
    score = made.X @ rng.standard_normal((2, ACTIONS))
    other = score + rng.standard_normal(ACTIONS)
    logging, target = (_greedy(one, float(rng.choice(FLOORS))) for one in (score, other))
    return replace(made, logging=logging, target=target)


def _greedy(score: Floats, floor: float) -> Floats:
    pmf: Floats = np.eye(ACTIONS)[score.argmax(axis=1)] * (1 - floor) + floor / ACTIONS
    return pmf


def widened(log: Log, rng: np.random.Generator) -> Log:
    """The log with columns of random numbers."""
    more = rng.standard_normal((len(log), int(rng.choice(COLUMNS))))
    names = (*log.names, *(f"noise{j}" for j in range(more.shape[1])))
    return replace(log, X=np.column_stack([log.X, more]), names=names)


def emptied(made: Place, rng: np.random.Generator) -> tuple[Place, float]:
    """The place with some actions never logged, and their share of the target.

    They are never logged anywhere; or in half of the contexts, the tail of a column, or where two columns
    are low; or each in a half of its own.
    """
    X, which = made.X, rng.permutation(ACTIONS)[: rng.integers(1, ACTIONS // 3)]
    own = X @ rng.standard_normal((2, len(which))) > 0
    half, tail, corner = X[:, :1] <= 0, X[:, 1:] <= -0.67, (X <= 0).all(axis=1, keepdims=True)
    gone = np.zeros(made.logging.shape, dtype=np.bool_)
    gone[:, which] = (True, half, tail, corner, own)[rng.integers(5)]
    logging = np.where(gone, 0.0, made.logging)
    left = replace(made, logging=logging / logging.sum(axis=1, keepdims=True))
    return left, float(made.target[gone].sum()) / len(X)


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


def lines(logs: int, seed: int, known: bool = False) -> Iterator[dict[str, object]]:
    """The table."""
    rng = np.random.Generator(np.random.PCG64(seed))
    seen = [outcome(rng, known) for _ in range(logs)]
    yield {"logs": logs, "seed": seed, **Counter(one.verdict for one in seen)}
    for verdict in ("supported", "weak"):
        for holes in (False, True):
            yield covered(
                {"verdict": verdict, "holes": holes},
                [one for one in seen if (one.verdict, one.untried > 0) == (verdict, holes)],
            )
    for low, high in pairwise(RATES):
        yield covered(
            {"supported, rate": f"{low:g} to {high:g}"},
            [
                one
                for one in seen
                if one.verdict == "supported" and low <= one.rate < high and not one.untried
            ],
        )
    small = [one.verdict == "refused" for one in seen if one.ess < LEAST_SIZE]
    yield {"effective size below": LEAST_SIZE, "logs": len(small), "refused": sum(small)}
    large = [one for one in seen if one.ess >= LEAST_SIZE and not one.flat]
    for low, high in pairwise(ROWS):
        within_rows = [one for one in large if low <= one.rows < high]
        for hole in ("said", "hidden"):
            bare = [o.verdict for o in within_rows if o.hole == hole and o.untried > 1 - LEAST_COVERAGE]
            yield {"rows": f"{low} to {high}", "untried, over 5 %": hole, "logs": len(bare), **Counter(bare)}
        whole = [one.verdict for one in within_rows if not one.untried]
        yield {"rows": f"{low} to {high}", "all tried": "", "logs": len(whole), **Counter(whole)}


def covered(name: dict[str, object], seen: list[Outcome]) -> dict[str, object]:
    """How often the limits held, with its standard error."""
    held = [bool(one.held) for one in seen]
    share = float(np.mean(held)) if held else None
    error = None if share is None else (share * (1 - share) / len(held)) ** 0.5
    return name | {"logs": len(held), "coverage": share, "se": error}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--logs", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--known", action="store_true", help="each log with its whole logging pmf")
    given = parser.parse_args()
    for line in lines(given.logs, given.seed, given.known):
        print(json.dumps(line) if given.json else "  ".join(f"{k} {v}" for k, v in line.items()), flush=True)


if __name__ == "__main__":
    main()
