"""Exported vowpalwabbit scores against vowpalwabbit: `python -m benchmarks.vw_export [--json]`.

A model learns some rows; then 20 actions are scored in standardised contexts, by vowpalwabbit (`--cb_adf`
with the same settings, taught the same text; the text to be scored is made beforehand) and from the exported
arrays in one batch. Printed are the largest difference, the least processor time of a context in five rounds,
and the ratio. The time of the export itself is `export_ms`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from operator import itemgetter
from typing import Any

import numpy as np

from policies.base import Actions, Feedback, Floats, feedback
from policies.vw import VW, arguments

ACTIONS = Actions.plain(tuple(f"action {i}" for i in range(20)))


def taught(estimator: str, interact: bool, feedback: Feedback) -> VW:
    """A policy that has learnt, one linear model."""
    policy = VW(explore="epsilon", estimator=estimator, interact=interact)
    policy.learn(feedback)
    return policy


def twin(policy: VW, feedback: Feedback) -> Any:
    """A workspace that gives costs in place of probabilities, taught what the policy was taught."""
    from vowpalwabbit import pyvw

    line = arguments(policy.settings).replace("--cb_explore_adf --epsilon 0.05", "--cb_adf")
    workspace = pyvw.Workspace(line)
    for asked in policy.lessons(feedback):
        workspace.learn(asked)
    return workspace


def rows(n: int, d: int, seed: int) -> Feedback:
    """n decisions by chance, rewards of 0 and 1 that depend on the context."""
    rng = np.random.Generator(np.random.PCG64(seed))
    X, action = rng.standard_normal((n, d)), rng.integers(0, len(ACTIONS), n)
    reward = (X[np.arange(n), action % d] > 0.5).astype(np.float64)
    return feedback(X, ACTIONS, action, reward, np.full(n, 1.0 / len(ACTIONS)))


def took(work: Callable[[], Floats]) -> tuple[Floats, float]:
    """What the work gives, and the processor seconds it took."""
    start = time.process_time()
    return work(), time.process_time() - start


def measured(estimator: str, interact: bool, n: int, d: int) -> dict[str, Any]:
    """The figures of one kind of model."""
    past, X = rows(1000, d, 1), rows(n, d, 2).X
    policy = taught(estimator, interact, past)
    prior, few = np.zeros((n, len(ACTIONS))), X[:200]
    workspace, texts = twin(policy, past), [*policy.questions(few, ACTIONS, prior[:200])]
    asked = [took(lambda: np.array([workspace.predict(one) for one in texts])) for _ in range(5)]
    costs, text_s = min(asked, key=itemgetter(1))
    _, export_s = took(lambda: policy.scores(X[:1], ACTIONS, prior[:1]))
    scores, array_s = min(
        (took(lambda: policy.scores(X, ACTIONS, prior)) for _ in range(5)), key=itemgetter(1)
    )
    return {
        "estimator": estimator,
        "interact": interact,
        "apart": float(np.abs(scores[:200] + costs).max()),
        "largest": float(np.abs(costs).max()),
        "text_us": 1e6 * text_s / len(few),
        "array_us": 1e6 * array_s / n,
        "ratio": text_s / len(few) / (array_s / n),
        "export_ms": 1e3 * export_s,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.vw_export", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--contexts", type=int, default=20_000)
    parser.add_argument("--columns", type=int, default=30)
    given = parser.parse_args()
    kinds = [(estimator, interact) for estimator in ("mtr", "ips", "dr") for interact in (True, False)]
    found = [measured(*kind, given.contexts, given.columns) for kind in kinds]
    print(json.dumps({"models": found}) if given.json else "\n".join(map(str, found)))


if __name__ == "__main__":
    main()
