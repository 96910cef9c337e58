"""Exported vowpalwabbit scores against vowpalwabbit: `python -m benchmarks.vw_export [--json]`.

A model learns some rows; then 20 actions are scored in standardised contexts, by vowpalwabbit (`--cb_adf`
with the same settings, taught the same text; the text to be scored is made beforehand) and from the exported
arrays in one batch. Printed are the largest difference (`apart`), the least processor time of a context in
five rounds, and the ratio. The time of the export itself is `export_ms`.

vowpalwabbit adds up in single precision. So beside `apart` stand the largest differences of either from the
sum of the same terms in extended precision: `ours_off` and `theirs_off`. Rewards are 0 and 1, and once more
0 and 10, for scores of a size at which single precision itself steps by 5e-7.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from itertools import product
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


def rows(n: int, d: int, seed: int, worth: float = 1.0) -> Feedback:
    """n decisions by chance, rewards of 0 and `worth` that depend on the context."""
    rng = np.random.Generator(np.random.PCG64(seed))
    X, action = rng.standard_normal((n, d)), rng.integers(0, len(ACTIONS), n)
    reward = np.where(X[np.arange(n), action % d] > 0.5, worth, 0.0)
    return feedback(X, ACTIONS, action, reward, np.full(n, 1.0 / len(ACTIONS)))


def took(work: Callable[[], Floats]) -> tuple[Floats, float]:
    """What the work gives, and the processor seconds it took."""
    start = time.process_time()
    return work(), time.process_time() - start


def exactly(policy: VW, X: Floats) -> Floats:
    """(n, k) the scores in extended precision, from the weights a policy has exported."""
    assert policy._table is not None, "it was asked before"
    table = policy._table[1].astype(np.longdouble)
    found: Floats = -(table[0] + X.astype(np.longdouble) @ table[1:])
    return found


def measured(estimator: str, interact: bool, worth: float, n: int, d: int) -> dict[str, Any]:
    """The figures of one kind of model."""
    past, X = rows(1000, d, 1, worth), rows(n, d, 2).X
    policy = taught(estimator, interact, past)
    prior, few = np.zeros((n, len(ACTIONS))), X[:200]
    workspace, texts = twin(policy, past), [*policy.questions(few, ACTIONS, prior[:200])]
    asked = [took(lambda: np.array([workspace.predict(one) for one in texts])) for _ in range(5)]
    costs, text_s = min(asked, key=itemgetter(1))
    _, export_s = took(lambda: policy.scores(X[:1], ACTIONS, prior[:1]))
    scores, array_s = min(
        (took(lambda: policy.scores(X, ACTIONS, prior)) for _ in range(5)), key=itemgetter(1)
    )
    exact = exactly(policy, few)
    return {
        "estimator": estimator,
        "interact": interact,
        "worth": worth,
        "apart": float(np.abs(scores[:200] + costs).max()),
        "ours_off": float(np.abs(scores[:200] - exact).max()),
        "theirs_off": float(np.abs(costs + exact).max()),
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
    kinds = [(*one, worth) for one in product(("mtr", "ips", "dr"), (True, False)) for worth in (1.0, 10.0)]
    found = [measured(*kind, given.contexts, given.columns) for kind in kinds]
    print(json.dumps({"models": found}) if given.json else "\n".join(map(str, found)))


if __name__ == "__main__":
    main()
