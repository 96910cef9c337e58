"""What a decision costs without HTTP and log: `python -m benchmarks.core [--json] [--rounds N] [--wide]`.

From a gathered situation to the drawn action and its reasons: 200 rules, 200 actions scored by a learnt
policy, 30 features, consent, quiet hours and caps, the exact propensity. Microseconds of processor time a
decision, for groups of several sizes: the median of many rounds, and the least, which a busy machine disturbs
least. The garbage collector is set as in a server. `linear` is the policy without waves, `default` with its
300. `--wide` takes a program of 1,993 actions without rules, of which all are feasible.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `nextbest serve` does

from benchmarks._big import features
from benchmarks.serve import CUSTOMERS, prepare
from engine.api.parts import YOUNG
from engine.choose import Live, choose
from engine.enrol import enrol
from engine.explain import reasons
from engine.gather import gather
from engine.live import live
from engine.request import Request
from engine.situation import Situation, columns
from engine.store import open_store

GROUPS = (1, 8, 16, 64)
POLICIES = {"linear": "linear:0", "default": "linear"}
ROUNDS = 20
ROUND = 256  # decisions


def situations(folder: Path, policy: str, wide: bool = False) -> tuple[Live, list[Situation]]:
    """A program that has learnt, and what is known of customers who ask, each at a moment of its own."""
    chance, now = random.Random(3), datetime.now(UTC)
    asked = [
        Request(f"c{who:05}", "big", f"core-{i}", now + timedelta(milliseconds=i), features(chance))
        for i, who in enumerate(chance.sample(range(CUSTOMERS), ROUND))
    ]
    store = open_store(prepare(folder, policy, wide))
    with store.write() as c:
        current = live(c, "big")
        enrolled = enrol(c, current.program, [one.customer for one in asked], now)
        found = gather(c, current.program, asked, enrolled)
    store.close()
    return current, found


def measure(current: Live, found: Sequence[Situation], group: int, rounds: int) -> dict[str, float]:
    """Microseconds of processor time a decision, in groups of that size."""
    _decide(current, found, group)
    taken = []
    for _ in range(rounds):
        before = time.process_time_ns()
        _decide(current, found, group)
        taken.append((time.process_time_ns() - before) / len(found) / 1e3)
    return {"median_us": round(statistics.median(taken), 1), "least_us": round(min(taken), 1)}


def _decide(current: Live, found: Sequence[Situation], group: int) -> None:
    for start in range(0, len(found), group):
        some = found[start : start + group]
        choices = choose(current, columns(current.program, some))
        for i in range(len(some)):
            reasons(current, choices, i)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of {ROUND} decisions each")
    parser.add_argument("--wide", action="store_true", help="1,993 feasible actions")
    given = parser.parse_args()
    told: dict[str, Any] = {
        "benchmark": "core",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }
    for name, policy in POLICIES.items():
        with tempfile.TemporaryDirectory() as folder:
            current, found = situations(Path(folder), policy, given.wide)
            gc.collect()
            gc.freeze()
            gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
            mask = choose(current, columns(current.program, found)).feasible.mask
            told[f"{name}_feasible"] = round(float(mask.sum(axis=1).mean()), 1)
            told[name] = {str(group): measure(current, found, group, given.rounds) for group in GROUPS}
    print(json.dumps(told) if given.json else "\n".join(f"{name}: {one}" for name, one in told.items()))


if __name__ == "__main__":
    main()
