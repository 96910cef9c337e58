"""How often the 95 % intervals cover the truth, and how wide they are, over worlds whose truth is exact.

Every world has 40 actions, contexts that the reward bends with (so the linear reward model is
misspecified), a logging policy that depends on the context, and a target whose weights reach up to 20 in
one of three shapes: a few favourites, a long tail, or lognormal. In half of the worlds the target prefers
what is good. Logs that `diagnose` refuses are left out and counted. `python -m benchmarks.coverage --json`
prints machine-readable lines; `--worlds` sets their number. "gamma, supported" are the logs whose verdict was
`supported`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import asdict, dataclass

import numpy as np
from scipy.special import gammaincinv

from policies.base import Actions, Floats, Ints, draw
from simulator.choice import DEFAULT
from simulator.diagnose import diagnose
from simulator.estimators import PLAIN
from simulator.estimators.base import Rows, evidence
from simulator.estimators.dr import dr
from simulator.estimators.ips import ips
from simulator.evaluate import rows_of
from simulator.folds import folds
from simulator.interval.base import Evidence, Interval, within
from simulator.interval.betting import against_high, against_low
from simulator.interval.bootstrap import bootstrap
from simulator.interval.gamma import gamma
from simulator.interval.likelihood import likelihood
from simulator.interval.student import student
from simulator.logs import Log, log_of
from simulator.reward_model import cross_fit
from simulator.targets import Target

ACTIONS, CONTEXTS, LARGEST = 40, 256, 20.0
SIZES = (1000, 10_000)
SIGMA = {"lognormal": 1.2, "open bandit": 1.8}  # the latter: mean weight 1, size-biased mean 5.8


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of world.

    Attributes:
        rate: how often the target earns a reward.
        shapes: of the target's weights, in turn.
        aligned: share of the worlds in which the target prefers actions that earn more.
        money: rewards are lognormal amounts with sigma 1, not 1.
        wrong: the reward model is replaced by numbers drawn at random.
        even: the logging policy gives every action the same chance.
    """

    rate: float
    shapes: tuple[str, ...] = ("favourites", "tail", "lognormal")
    aligned: float = 0.5
    money: bool = False
    wrong: bool = False
    even: bool = False


CASES = {
    "50 %": Case(0.5),
    "5 %": Case(0.05),
    "0.34 %": Case(0.0034, shapes=("open bandit",), aligned=0.0),
    "0.34 %, any shape": Case(0.0034),
    "money": Case(0.01, money=True),
    "wrong q": Case(0.05, wrong=True),
    "1 %": Case(0.01),
    "5 %, the target prefers what is good": Case(0.05, aligned=1.0),
    "2 %, even chances, two favourites": Case(0.02, shapes=("favourites",), aligned=0.0, even=True),
    "85 %": Case(0.85),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Contexts (c, 2); under each the logging and the target pmf and the chance of a reward, all (c, k)."""

    X: Floats
    logging: Floats
    target: Floats
    chance: Floats


@dataclass(frozen=True, slots=True)
class World:
    """One log of n rows, the target's pmf on it, and the target's exact value."""

    log: Log
    pmf: Floats
    truth: float


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: an interval in a case."""

    case: str
    n: int
    interval: str
    coverage: float
    above: float
    below: float
    width: float
    worlds: int
    refused: float


def world(case: Case, n: int, shape: str, rng: np.random.Generator) -> World:
    """A world drawn at random, and a log of n rows from it."""
    return logged(place(case, shape, rng), n, case.money, rng)


def place(case: Case, shape: str, rng: np.random.Generator) -> Place:
    """Contexts and policies drawn at random; the expected reward under the target is the case's rate."""
    X = rng.standard_normal((CONTEXTS, 2))
    logging = _softmax((0.0 if case.even else 0.5) * X @ rng.standard_normal((2, ACTIONS)))
    target = logging * _preference(shape, rng)[_order(X, rng)]
    target = _capped(target / target.sum(axis=1, keepdims=True), logging)
    bend = np.exp(0.4 * np.sin(3 * X[:, :1]) + 0.3 * rng.standard_normal(ACTIONS))
    if rng.random() < case.aligned:
        bend = bend * (target / logging) ** 0.3
    chance = np.minimum(case.rate * bend / np.mean((target * bend).sum(axis=1)), 0.9)
    return Place(X, logging, target, chance)


def logged(made: Place, n: int, money: bool, rng: np.random.Generator) -> World:
    """A log of n rows; rewards are 1, or lognormal amounts of money."""
    i = rng.integers(CONTEXTS, size=n)
    action, propensity = draw(made.logging[i], rng.random(n))
    reward = (rng.random(n) < made.chance[i, action]).astype(np.float64)
    amount = float(np.exp(4.5)) if money else 1.0
    if money:
        reward *= rng.lognormal(4.0, 1.0, n)
    names = Actions.plain(tuple(f"a{j}" for j in range(ACTIONS)))
    truth = float(np.mean((made.target * made.chance).sum(axis=1))) * amount
    return World(log_of(made.X[i], names, action, propensity, reward), made.target[i], truth)


def _softmax(scores: Floats) -> Floats:
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    pmf: Floats = odds / odds.sum(axis=1, keepdims=True)
    return pmf


def _preference(shape: str, rng: np.random.Generator) -> Floats:
    if shape == "favourites":
        return np.where(np.arange(ACTIONS) < 2, LARGEST, 0.2)
    if shape == "tail":
        return 1.0 / np.arange(1, ACTIONS + 1)
    return rng.lognormal(0.0, SIGMA[shape], ACTIONS)


def _order(X: Floats, rng: np.random.Generator) -> Ints:
    """(contexts, k) rank of each action; it differs between two kinds of context."""
    orders = np.stack([rng.permutation(ACTIONS) for _ in range(2)])
    rank: Ints = orders[(X[:, 1] > 0).astype(int)]
    return rank


def _capped(target: Floats, logging: Floats) -> Floats:
    """The target with no weight above the largest, still summing to 1."""
    for _ in range(50):
        target = np.minimum(target, LARGEST * logging)
        target = target / target.sum(axis=1, keepdims=True)
    return np.minimum(target, LARGEST * logging * 1.0001)


def intervals(one: World, rng: np.random.Generator, wrong: bool, all_kinds: bool) -> dict[str, Interval]:
    """Every interval on one log; none if the log is refused."""
    log = one.log
    if wrong:
        q = np.tile(rng.uniform(0.0, 0.2, ACTIONS), (len(log), 1))
    else:
        q = cross_fit(log.X, log.action, log.reward, folds(log), ACTIONS)
    rows = rows_of(log, Target("target", one.pmf), q)
    surprise = rows.reward - rows.q
    verdict = diagnose(log, one.pmf, rows.weight, evidence(dr(rows), surprise, None)).verdict
    if verdict == "refused":
        return {}
    proof = evidence(PLAIN[DEFAULT](rows), surprise, None)
    default = {"gamma": within(gamma(proof), log.reward.min(), log.reward.max())}
    if verdict == "supported":
        default["gamma, supported"] = default["gamma"]
    return default | (others(proof, rows, rng) if all_kinds else {})


def others(proof: Evidence, rows: Rows, rng: np.random.Generator) -> dict[str, Interval]:
    """What the default is compared with."""
    most = float(max(rows.reward.max(), 1.0))
    return {
        "Fay and Feuer on IPS": fay_feuer(rows.weight, rows.reward),
        "gamma on IPS": gamma(evidence(ips(rows), rows.reward - rows.q, None)),
        "student": student(proof),
        "bootstrap": bootstrap(proof, rng),
        "likelihood on IPS": likelihood(rows.weight, rows.reward, LARGEST, 0.0, most),
    }


def fay_feuer(weight: Floats, reward: Floats, level: float = 0.95) -> Interval:
    """Fay and Feuer's gamma interval of a count, with the size-biased mean weight for the largest."""
    n, tail = len(weight), (1 - level) / 2
    term = weight * reward
    value, variance = float(term.mean()), float(term @ term) / n**2
    one = float(weight @ weight / weight.sum()) / n
    low = 0.0 if value == 0 else variance / value * float(gammaincinv(value**2 / variance, tail))
    above, spread = value + one, variance + one**2
    high = spread / above * float(gammaincinv(above**2 / spread, 1 - tail))
    return Interval(value, low, high, variance**0.5)


def coverage(case: str, n: int, worlds: int, seed: int, all_kinds: bool = True) -> list[Line]:
    """Coverage and mean width of every interval in one case, over `worlds` worlds; each shape in turn."""
    kind = CASES[case]
    rng = np.random.Generator(np.random.PCG64([seed, n, list(CASES).index(case)]))
    found: dict[str, list[tuple[bool, bool, float]]] = {}
    for number in range(worlds):
        one = world(kind, n, kind.shapes[number % len(kind.shapes)], rng)
        limits = intervals(one, rng, kind.wrong, all_kinds)
        for name, limit in limits.items():
            missed = (limit.low > one.truth, limit.high < one.truth, limit.high - limit.low)
            found.setdefault(name, []).append(missed)
    return [_line(case, n, name, np.array(seen, dtype=np.float64), worlds) for name, seen in found.items()]


def _line(case: str, n: int, name: str, seen: Floats, worlds: int) -> Line:
    above, below, width = (float(mean) for mean in seen.mean(axis=0))
    return Line(case, n, name, 1 - above - below, above, below, width, len(seen), 1 - len(seen) / worlds)


def watched(worlds: int, seed: int, n: int = 10_000, every: int = 100, level: float = 0.95) -> float:
    """Share of worlds in which the anytime-valid limits, looked at `every` so many rows, ever miss the
    truth.
    """
    rng = np.random.Generator(np.random.PCG64([seed, n]))
    risk, missed = (1 - level) / 2, 0
    for number in range(worlds):
        kind = CASES[("50 %", "5 %", "0.34 %, any shape")[number % 3]]
        one = world(kind, n, kind.shapes[number // 3 % len(kind.shapes)], rng)
        weight = one.pmf[np.arange(n), one.log.action] / one.log.propensity
        term = weight * one.log.reward
        low = against_low(term, risk)(one.truth)
        high = against_high(weight, term, LARGEST * 1.001, risk)(one.truth)
        missed += bool(max(low[every - 1 :: every].max(), high[every - 1 :: every].max()) >= -np.log(risk))
    return missed / worlds


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worlds", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--default", action="store_true", help="the default interval alone, which is quicker")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    given = parser.parse_args()
    show(asdict(Machine(platform.machine(), os.cpu_count() or 1, given.worlds, given.seed)), given.json)
    for case in given.cases:
        for n in given.sizes:
            for line in coverage(case, n, given.worlds, given.seed, not given.default):
                show(asdict(line), given.json)
    if given.cases == list(CASES):
        missed = watched(given.worlds, given.seed)
        show({"anytime": "watched every 100 rows", "ever missed": missed}, given.json)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and how the table was made."""

    machine: str
    cpus: int
    worlds: int
    seed: int


def show(line: dict[str, object], as_json: bool) -> None:
    """One line of the table."""
    shown = {key: round(one, 5) if isinstance(one, float) else one for key, one in line.items()}
    print(
        json.dumps(shown) if as_json else "  ".join(f"{key} {one}" for key, one in shown.items()), flush=True
    )


if __name__ == "__main__":
    main()
