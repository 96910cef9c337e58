"""How often a change is seen where there is none: `python -m benchmarks.false_alarms [FILES] --json`.

Streams in which nothing changes: classification sets as in `benchmarks.bakeoff`, and made-up campaigns of
three offers on two channels and no_action, with clicks (10 %), purchases (1 %), money (1 % buy, for
log-normal amounts) and normal rewards, with and without predictions, learnt in lessons of several sizes.
The default policy decides and learns. Printed are, for each kind of stream, how many there were, how many
decisions they had, and in how many of them the policy put aside what it had learnt.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks.bakeoff import read
from benchmarks.drift import played
from policies.base import NO_ACTION, Actions, Floats, draw, feedback
from policies.linear import Linear

ROWS, COLUMNS = 6000, 5
LESSONS = (20, 300)  # decisions in a lesson
WAVES = 50  # of the made-up streams, which are straight: a sixth of the time
Luck = Callable[[Floats, np.random.Generator], Floats]  # chances of a purchase to rewards


@dataclass(frozen=True, slots=True)
class Streams:
    """One kind of stream: how many, how many decisions together, how many false alarms."""

    kind: str
    streams: int
    decisions: int
    alarms: int
    seconds: float


def _spent(chance: Floats, rng: np.random.Generator) -> Floats:
    spent: Floats = (rng.random(len(chance)) < chance) * rng.lognormal(3.0, 1.0, len(chance))
    return spent


def _happened(chance: Floats, rng: np.random.Generator) -> Floats:
    return (rng.random(len(chance)) < chance).astype(np.float64)


def _normal(chance: Floats, rng: np.random.Generator) -> Floats:
    return np.asarray(10.0 * chance + rng.standard_normal(len(chance)))


KINDS: dict[str, tuple[float, Luck]] = {
    "clicks": (0.1, _happened),
    "purchases": (0.01, _happened),
    "money": (0.01, _spent),
    "normal": (0.1, _normal),
}


def crossed() -> Actions:
    """no_action, and three offers on two channels."""
    pairs = [(f"offer=o{i}", f"channel={channel}") for i, channel in product(range(3), ("email", "sms"))]
    factors = (NO_ACTION, *sorted({one for pair in pairs for one in pair}))
    rows = [(NO_ACTION,), *pairs]
    loading = np.array([[float(factor in row) for factor in factors] for row in rows])
    return Actions((NO_ACTION, *("/".join(pair) for pair in pairs)), factors, loading)


def campaign(kind: str, lesson: int, predicted: bool, seed: int) -> bool:
    """One made-up stream; whether a change was seen."""
    rng, actions = np.random.Generator(np.random.PCG64(seed)), crossed()
    rate, luck = KINDS[kind]
    taste = 0.5 * rng.standard_normal((COLUMNS + 1, len(actions)))
    off = rng.uniform(0.5, 1.5, len(actions))  # how far predictions of each action are out, always
    policy, mask = Linear(waves=WAVES), np.ones((lesson, len(actions)), dtype=np.bool_)
    for _ in range(0, ROWS, lesson):
        X = rng.standard_normal((lesson, COLUMNS))
        odds = rate / (1.0 - rate) * np.exp(taste[0] + X @ taste[1:])
        chance = odds / (1.0 + odds)
        prior = off * chance if predicted else np.zeros_like(chance)
        action, propensity = draw(policy.pmf(X, actions, mask, prior), rng.random(lesson))
        row = np.arange(lesson)
        reward = luck(chance[row, action], rng)
        policy.learn(feedback(X, actions, action, reward, propensity, prior[row, action]))
    return policy.changes is not None


def made_up(seeds: int) -> Iterator[Streams]:
    """The made-up streams, kind by kind."""
    for kind in KINDS:
        start = time.process_time()
        seen = [campaign(kind, *how) for how in product(LESSONS, (False, True), range(seeds))]
        seconds = round(time.process_time() - start, 1)
        yield Streams(kind, len(seen), len(seen) * ROWS, sum(seen), seconds)


def classified(path: Path, shuffles: int) -> Streams:
    """A classification set in several orders."""
    labelled, start = read(path), time.process_time()
    seen = [played(labelled, {}, seed, False)[1] for seed in range(shuffles)]
    seconds = round(time.process_time() - start, 1)
    return Streams(labelled.name, shuffles, shuffles * len(labelled.label), sum(seen), seconds)


def main() -> None:
    """Read the command line, count, print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.false_alarms", description=__doc__.split("\n")[0]
    )
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--shuffles", type=int, default=8, help="orders of each set")
    parser.add_argument("--seeds", type=int, default=4, help="made-up streams of each kind, size and prior")
    chosen = parser.parse_args()
    found = []
    for one in (*made_up(chosen.seeds), *(classified(path, chosen.shuffles) for path in chosen.files)):
        found.append(one)
        if not chosen.json:
            print(json.dumps(asdict(one)), flush=True)
    total = {"streams": sum(one.streams for one in found), "alarms": sum(one.alarms for one in found)}
    print(json.dumps({"kinds": [asdict(one) for one in found], **total} if chosen.json else total))


if __name__ == "__main__":
    main()
