"""What a change of the world costs: `python -m benchmarks.drift FILES --json`.

The bake-off's game (`benchmarks.bakeoff`: labels are actions, reward 1 for the right one, one pass, default
settings), but half-way every label becomes another one, by a random permutation that leaves none as is.
The policy is not told. Printed for every set, the loss being averaged over the shuffles:

- `before`: loss over the last quarter of the rounds before the change; `first_half`: over all of them.
- `recovered`: the share of the remaining rounds after which the loss, over the next 5 % of them, is at most
  1.3 times `before`; null if it never is. `recovered_first_half` is the same against `first_half`.
- `after_quarter`: loss over the rounds from 25 % to 35 % of the remaining ones, in units of `before`.
- `end`: loss over their last tenth, in units of `before`.
- `false_alarms`: changes seen in the same games without a change, of so many shuffles.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bakeoff import Labelled, earned, read
from policies.base import Floats, Ints
from policies.linear import Linear

WINDOW, ENOUGH = 0.05, 1.3


@dataclass(frozen=True, slots=True)
class Recovery:
    """One set; see the module for the figures."""

    set: str
    before: float
    first_half: float
    recovered: float | None
    recovered_first_half: float | None
    after_quarter: float
    end: float
    false_alarms: int
    shuffles: int
    seconds: float


def played(labelled: Labelled, settings: dict[str, Any], seed: int, changes: bool) -> tuple[Floats, bool]:
    """(n,) losses of one game, and whether a change was seen."""
    rng = np.random.Generator(np.random.PCG64(seed))
    order = rng.permutation(len(labelled.label))
    label = labelled.label[order]
    if changes:
        half = len(label) // 2
        label[half:] = moved(labelled.k, rng)[label[half:]]
    policy = Linear(**settings)
    reward, _ = earned(labelled, order, label, policy, rng)
    return 1.0 - reward, policy.changes is not None


def moved(k: int, rng: np.random.Generator) -> Ints:
    """A random permutation of k labels that leaves none in its place."""
    while True:
        found = rng.permutation(k)
        if (found != np.arange(k)).all():
            return found


def recovered(after: Floats, most: float) -> float | None:
    """Share of the (m,) rounds after which the loss over the next window is at most `most`."""
    window = max(1, int(WINDOW * len(after)))
    sums = np.concatenate([[0.0], np.cumsum(after)])
    fine = (sums[window:] - sums[:-window]) / window <= most
    return float(np.argmax(fine) / len(after)) if fine.any() else None


def score(path: Path, settings: dict[str, Any], shuffles: int, alarms: bool) -> Recovery:
    """One set, all shuffles."""
    labelled, start = read(path), time.process_time()
    loss = np.mean([played(labelled, settings, seed, True)[0] for seed in range(shuffles)], axis=0)
    false = sum(played(labelled, settings, seed, False)[1] for seed in range(shuffles)) if alarms else 0
    half = len(loss) // 2
    before, first, after = float(loss[half - half // 4 : half].mean()), float(loss[:half].mean()), loss[half:]
    quarter = after[int(0.25 * len(after)) : int(0.35 * len(after))].mean()
    return Recovery(
        labelled.name,
        before,
        first,
        recovered(after, ENOUGH * before),
        recovered(after, ENOUGH * first),
        float(quarter / before),
        float(after[int(0.9 * len(after)) :].mean() / before),
        false,
        shuffles,
        round(time.process_time() - start, 1),
    )


def main() -> None:
    """Read the command line, score every file, print a table or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift", description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--shuffles", type=int, default=5)
    parser.add_argument("--settings", type=json.loads, default={}, help="settings of the policy as JSON")
    parser.add_argument("--alarms", action="store_true", help="count false alarms too: twice the time")
    chosen = parser.parse_args()
    scores = []
    for path in chosen.files:
        scores.append(score(path, chosen.settings, chosen.shuffles, chosen.alarms))
        if not chosen.json:
            print(json.dumps(asdict(scores[-1])), flush=True)
    if chosen.json:
        print(json.dumps({"sets": [asdict(one) for one in scores], "shuffles": chosen.shuffles}))


if __name__ == "__main__":
    main()
