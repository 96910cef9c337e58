"""nextbest against clones of vendors' policies where the truth is known: `python -m benchmarks.season`.

Every policy lives through the same seasons: the same customers in the same arms with the same luck, the
program file of the world with its own arms, caps and goal, and the real engine. Told is the mean true value a
customer of the arm `policy` over the season, without the luck of outcomes, and against the best clone the
difference with its standard error over seeds. In the world null, where nothing works, `claims` is in how many
seasons the report's 95 % interval of the lift over the holdout lies above 0, also where the report would
withhold its verdict.

The vendors' policies are documented-behaviour clones (`simulator.clones`): no product was run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from engine.domain import PolicySpec
from simulator.clones import CLONES, PREFIX, told
from simulator.run import run
from simulator.worlds import world

OURS = "nextbest"
WORLDS = ("retail", "telco", "airline", "subscription", "b2b")
POLICIES = (OURS, *(f"{PREFIX}{name}" for name in CLONES))


@dataclass(frozen=True, slots=True)
class Task:
    """One season to live through."""

    world: str
    policy: str
    seed: int
    customers: int
    days: int


@dataclass(frozen=True, slots=True)
class Lived:
    """What one season came to. Money per customer of the arm `policy`; `claims`: its interval is above 0."""

    world: str
    policy: str
    seed: int
    value: float
    lift: float
    regret: float
    contacts: float
    violations: int
    claims: bool
    cpu_s: float


def live(task: Task) -> Lived:
    """Live through a season."""
    before = time.process_time()
    spec = None if task.policy == OURS else PolicySpec(task.policy)
    every = 1 if task.policy == OURS else 7  # the engine has nothing to learn where a clone serves
    season = run(world(task.world), task.customers, task.days, task.seed, spec, every=every)
    rung = season.rung("policy")
    assert rung is not None
    return Lived(
        task.world,
        task.policy,
        task.seed,
        rung.value,
        rung.true_lift,
        rung.regret,
        rung.contacts,
        season.audit.violations,
        rung.lift is not None and rung.lift.low > 0,
        time.process_time() - before,
    )


def standing(lived: Sequence[Lived]) -> dict[str, Any]:
    """One world: policies from the best to the worst, and how far nextbest is from the best clone."""
    of = {
        name: [one for one in lived if one.policy == name] for name in dict.fromkeys(p.policy for p in lived)
    }
    mean = {name: float(np.mean([one.value for one in seasons])) for name, seasons in of.items()}
    order = sorted(mean, key=lambda name: -mean[name])
    told_of = {
        name: {
            "rank": order.index(name) + 1,
            "value": mean[name],
            "true_lift": float(np.mean([one.lift for one in of[name]])),
            "contacts": float(np.mean([one.contacts for one in of[name]])),
            "violations": sum(one.violations for one in of[name]),
            "claims": sum(one.claims for one in of[name]),
            "seasons": len(of[name]),
            "cpu_s": float(np.mean([one.cpu_s for one in of[name]])),
            "what": told(name),
        }
        for name in order
    }
    return {"policies": told_of, "against_best_clone": _against(of, mean)}


def _against(of: dict[str, list[Lived]], mean: dict[str, float]) -> dict[str, Any] | None:
    clones = [name for name in mean if name.startswith(PREFIX)]
    if OURS not in mean or not clones:
        return None
    best = max(clones, key=lambda name: mean[name])
    gap = [a.value - b.value for a, b in zip(of[OURS], of[best], strict=True)]
    error = float(np.std(gap, ddof=1) / np.sqrt(len(gap))) if len(gap) > 1 else None
    return {"clone": best, "difference": float(np.mean(gap)), "standard_error": error}


def main() -> None:
    """Live through all seasons and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.season", description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--worlds", nargs="+", default=[*WORLDS, "null"])
    parser.add_argument("--policies", nargs="+", default=list(POLICIES))
    parser.add_argument("--customers", type=int, default=2500)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    given = parser.parse_args()
    seeds = range(1, given.seeds + 1)
    tasks = [
        Task(name, policy, seed, given.customers, given.days)
        for name, seed, policy in product(given.worlds, seeds, given.policies)
    ]
    with ProcessPoolExecutor(given.jobs) as pool:
        lived = [_noted(one) for one in pool.map(live, tasks)]
    found = {name: standing([one for one in lived if one.world == name]) for name in given.worlds}
    if given.json:
        print(json.dumps({**_setting(given), "worlds": found, "seasons": [asdict(one) for one in lived]}))
    else:
        _show(found)


def _noted(one: Lived) -> Lived:
    """Tell on stderr what a season came to, since all of them take long."""
    print(json.dumps(asdict(one)), file=sys.stderr, flush=True)
    return one


def _setting(given: argparse.Namespace) -> dict[str, Any]:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    named = {name: getattr(given, name) for name in ("customers", "days", "seeds")}
    return {"benchmark": "season", "machine": machine, **named}


def _show(found: dict[str, dict[str, Any]]) -> None:
    for name, one in found.items():
        print(name)
        for policy, row in one["policies"].items():
            print(
                f"  {row['rank']}. {policy:20} value {row['value']:8.3f}  lift {row['true_lift']:+8.3f}  "
                f"contacts {row['contacts']:6.2f}  violations {row['violations']}  "
                f"claims {row['claims']}/{row['seasons']}  cpu {row['cpu_s']:.1f} s"
            )
        if one["against_best_clone"]:
            gap = one["against_best_clone"]
            error = gap["standard_error"]
            spread = "" if error is None else f" (standard error {error:.3f})"
            print(f"  nextbest less {gap['clone']}: {gap['difference']:+.3f}{spread}")
    print("clone: documented-behaviour clone, no product was run")


if __name__ == "__main__":
    main()
