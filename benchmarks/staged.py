"""Offer, channel and slot chosen one after another, or at once: `python -m benchmarks.staged [--json]`.

The default policy scores every action (offer x channel x slot) and draws one. The staged form has a learner
for each step: which offer, then which channel for it, then when; the probability is the product of the three.
Both are the default learner with its settings but for `spare`, which is 0, as steps have no one score to be
charged. They live through the same seasons of `newsletter` and `retail` with the same customers and the same
luck, and are compared by expected net reward a customer, exact under the truth: `mean_ratio` and its standard
error, over seasons.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.domain import ArmName, PolicySpec
from policies import make
from policies.base import Actions, Feedback, Floats, Mask, feedback
from policies.linear import Linear
from policies.state import State
from simulator.run import run
from simulator.worlds import world

ARMS: dict[ArmName, float] = {"policy": 0.9, "holdout": 0.1}
STEPS = 3


class Staged:
    """A product of three default learners: offers, channels of an offer, slots of both."""

    kind = "staged"

    def __init__(self) -> None:
        self.settings: Mapping[str, Any] = {}
        self._learners = [Linear() for _ in range(STEPS)]

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) the product of the probabilities of the three steps."""
        made = np.ones(mask.shape)
        for depth, learner in enumerate(self._learners, 1):
            own, of = level(actions, depth)
            feasible, best = lifted(mask, prior, of, len(own))
            scores = learner.scores(X, own, best)
            before = level(actions, depth - 1)[1] if depth > 1 else np.zeros(len(of), dtype=np.int64)
            step = np.zeros(feasible.shape)
            for parent in np.unique(before):
                inside = feasible & np.isin(np.arange(len(own)), of[before == parent])
                rows = np.flatnonzero(inside.any(axis=1))
                if len(rows):
                    step[rows] += learner.explore(scores[rows], X[rows], own, inside[rows], best[rows])
            made *= step[:, of]
        return made * mask

    def learn(self, given: Feedback) -> None:
        """Teach every step the reward of what it chose."""
        for depth, learner in enumerate(self._learners, 1):
            own, of = level(given.actions, depth)
            learner.learn(
                feedback(
                    given.X,
                    own,
                    of[given.action],
                    given.reward,
                    given.propensity,
                    given.prior,
                    given.weight,
                )
            )

    def scores(self, X: Floats, actions: Actions, prior: Floats) -> Floats:
        """(n, k) what the last step expects."""
        return self._learners[-1].scores(X, actions, prior)

    def explore(self, scores: Floats, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) as `pmf`: every step has scores of its own."""
        return self.pmf(X, actions, mask, prior)

    def state(self) -> State:
        """What the three have learnt."""
        states = [one.state() for one in self._learners]
        arrays = {f"{i} {name}": a for i, one in enumerate(states) for name, a in one.arrays.items()}
        return State({"steps": [dict(one.words) for one in states]}, arrays)

    def restore(self, state: State) -> None:
        """Become the policy that gave this state."""
        for i, (learner, words) in enumerate(zip(self._learners, state.words["steps"], strict=True)):
            own = {name[2:]: a for name, a in state.arrays.items() if name.startswith(f"{i} ")}
            learner.restore(State(words, own))


def level(actions: Actions, depth: int) -> tuple[Actions, np.ndarray]:
    """The choices after so many steps as actions, and (k,) which of them each action is under."""
    if depth == STEPS:
        return actions, np.arange(len(actions))
    names = ["/".join(name.split("/")[:depth]) for name in actions.names]
    own = list(dict.fromkeys(names))
    of = np.array([own.index(name) for name in names])
    kinds = ("no_action", "offer=", "channel=")[: depth + 1]
    kept = [j for j, factor in enumerate(actions.factors) if factor.startswith(kinds)]
    first = [names.index(name) for name in own]
    factors = tuple(actions.factors[j] for j in kept)
    return Actions(tuple(own), factors, actions.features[np.ix_(first, kept)]), of


def lifted(mask: Mask, prior: Floats, of: np.ndarray, count: int) -> tuple[Mask, Floats]:
    """(n, count) whether any action under a choice is feasible, and the best prior among those."""
    feasible, best = np.zeros((len(mask), count), dtype=np.bool_), np.full((len(mask), count), -np.inf)
    for j, parent in enumerate(of.tolist()):
        feasible[:, parent] |= mask[:, j]
        best[:, parent] = np.maximum(best[:, parent], np.where(mask[:, j], prior[:, j], -np.inf))
    return feasible, np.where(np.isfinite(best), best, 0.0)


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--worlds", nargs="*", default=["newsletter", "retail"])
    asked.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    asked.add_argument("--customers", type=int, default=800)
    asked.add_argument("--days", type=int, default=21)
    asked.add_argument("--every", type=int, default=3, help="days from one lesson to the next")
    given = asked.parse_args()
    make.KINDS["staged"] = lambda: Staged  # type: ignore[index]
    start, rows = time.process_time(), list[dict[str, Any]]()
    for name in given.worlds:
        for seed in given.seeds:
            rows.append(one(name, seed, given.customers, given.days, given.every))
            if not given.json:
                print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    ratios = [row["staged_over_joint"] for row in rows]
    found = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "customers": given.customers,
        "days": given.days,
        "rows": rows,
        "mean_ratio": statistics.mean(ratios),
        "error": statistics.stdev(ratios) / len(ratios) ** 0.5 if len(ratios) > 1 else None,
        "cpu_s": round(time.process_time() - start, 1),
    }
    told = f"mean ratio staged over joint: {found['mean_ratio']:.4f}, standard error {found['error']}"
    print(json.dumps(found) if given.json else told)


def one(name: str, seed: int, customers: int, days: int, every: int) -> dict[str, Any]:
    """One season of a world with each of the two."""
    found: dict[str, Any] = {"world": name, "seed": seed}
    for label, policy in (("joint", PolicySpec("linear", {"spare": 0.0})), ("staged", PolicySpec("staged"))):
        start = time.process_time()
        rung = run(world(name), customers, days, seed, policy, ARMS, every=every).rung("policy")
        assert rung is not None
        found |= {label: round(rung.value, 4), f"{label}_regret": round(rung.regret, 4)}
        found[f"{label}_cpu_s"] = round(time.process_time() - start, 1)
    found["staged_over_joint"] = round(found["staged"] / found["joint"], 4)
    return found


if __name__ == "__main__":
    main()
