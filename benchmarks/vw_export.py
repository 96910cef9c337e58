"""Exported vowpalwabbit scores against vowpalwabbit: `python -m benchmarks.vw_export [--json] [--seed 1]`.

A model learns some rows; then 20 actions are scored in contexts it has not seen, by vowpalwabbit (`--cb_adf`
with the same settings, taught the same text; the text to be scored is made beforehand) and from the exported
arrays in one batch. Printed are the largest difference (`apart`), the share of scores that are the same to
the last bit (`equal`), the largest score, the least processor time of a context in five rounds, and the
ratio. The time of the export itself is `export_ms`.

Columns are standard normal, of 0 and 1, counts, a thousand times as large, and a thousandth; priors are
normal in half of the rows. Actions are plain, or four offers through five channels, with three features each.
Rewards are 0 and 1, and once more 0 and 10.
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

PLAIN = Actions.plain(tuple(f"action {i}" for i in range(20)))
_WAYS = [(offer, channel) for offer in range(4) for channel in range(5)]
CROSSED = Actions(
    tuple(f"{offer}/{channel}" for offer, channel in _WAYS),
    tuple(f"{kind} {i}" for kind, many in (("offer", 4), ("channel", 5)) for i in range(many)),
    np.array([[*np.eye(4)[offer], *np.eye(5)[channel]] for offer, channel in _WAYS]),
)


def taught(estimator: str, interact: bool, feedback: Feedback, **settings: Any) -> VW:
    """A policy that has learnt, one linear model."""
    policy = VW(explore="epsilon", estimator=estimator, interact=interact, **settings)
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


def rows(n: int, d: int, seed: int, worth: float = 1.0, actions: Actions = PLAIN) -> Feedback:
    """n decisions by chance, rewards of 0 and `worth` that depend on the context."""
    rng = np.random.Generator(np.random.PCG64(seed))
    X, action = contexts(n, d, rng), rng.integers(0, len(actions), n)
    reward = np.where(X[np.arange(n), action % d] > 0.5, worth, 0.0)
    prior = np.where(rng.random(n) < 0.5, rng.standard_normal(n), 0.0)
    return feedback(X, actions, action, reward, np.full(n, 1.0 / len(actions)), prior)


def contexts(n: int, d: int, rng: np.random.Generator) -> Floats:
    """(n, d) numbers of five sorts in turn."""
    normal = rng.standard_normal((n, d))
    sorts = (normal, normal > 0, np.floor(np.abs(normal) * 20), normal * 1e3, normal * 1e-3)
    return np.stack([sorts[j % len(sorts)][:, j] for j in range(d)], axis=1).astype(np.float64)


def took(work: Callable[[], Floats]) -> tuple[Floats, float]:
    """What the work gives, and the processor seconds it took."""
    start = time.process_time()
    return work(), time.process_time() - start


def measured(
    estimator: str, interact: bool, worth: float, crossed: bool, given: argparse.Namespace
) -> dict[str, Any]:
    """The figures of one kind of model."""
    actions, n, d = CROSSED if crossed else PLAIN, given.contexts, given.columns
    past, X = rows(1000, d, given.seed, worth, actions), rows(n, d, given.seed + 1).X
    prior = np.where(np.arange(n)[:, None] % 2, np.random.default_rng(given.seed).normal(size=(n, 20)), 0.0)
    policy, few = taught(estimator, interact, past), slice(200)
    workspace, texts = twin(policy, past), [*policy.questions(X[few], actions, prior[few])]
    asked = [took(lambda: np.array([workspace.predict(one) for one in texts])) for _ in range(5)]
    costs, text_s = min(asked, key=itemgetter(1))
    _, export_s = took(lambda: policy.scores(X[:1], actions, prior[:1]))
    scores, array_s = min(
        (took(lambda: policy.scores(X, actions, prior)) for _ in range(5)), key=itemgetter(1)
    )
    return {
        "estimator": estimator,
        "interact": interact,
        "worth": worth,
        "crossed": crossed,
        "apart": float(np.abs(scores[few] + costs).max()),
        "equal": float((scores[few] == -costs).mean()),
        "largest": float(np.abs(costs).max()),
        "text_us": 1e6 * text_s / len(texts),
        "array_us": 1e6 * array_s / n,
        "ratio": text_s / len(texts) / (array_s / n),
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
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    kinds = product(("mtr", "ips", "dr"), (True, False), (1.0, 10.0), (False, True))
    found = [measured(*kind, given) for kind in kinds]
    print(json.dumps({"models": found}) if given.json else "\n".join(map(str, found)))


if __name__ == "__main__":
    main()
