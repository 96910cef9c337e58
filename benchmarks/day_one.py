"""The first day and the last week beside the predictions alone: `python -m benchmarks.day_one [--json]`.

The default policy starts from predictions that are calibrated, and is compared with the policy that goes by
these predictions for ever (`formula`), among the same customers with the same luck, in the world `retail`,
whose truth is known. Ratios are of expected net reward a customer, exact under the truth, as decided; and of
what of it is earned over never contacting anybody.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Iterable

from engine.domain import ArmName, PolicySpec
from simulator.run import run
from simulator.season import Season
from simulator.worlds import world

WORLD, SEEDS, CUSTOMERS, DAYS, WEEK = "retail", (1, 2, 3, 4, 5), 2000, 28, 7
ARMS: dict[ArmName, float] = {"policy": 0.9, "holdout": 0.1}
POLICIES = {
    "linear": PolicySpec("linear"),
    "formula": PolicySpec("formula"),
    "nothing": PolicySpec("constant", {"action": "no_action"}),
}


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--customers", type=int, default=CUSTOMERS)
    asked.add_argument("--days", type=int, default=DAYS)
    asked.add_argument("--seeds", type=int, nargs="*", default=list(SEEDS))
    given = asked.parse_args()
    start = time.process_time()
    rows = list[dict[str, object]]()
    for seed in given.seeds:
        rows.append(one(seed, given.customers, given.days))
        if not given.json:
            print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    found = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "customers": given.customers,
        "days": given.days,
        "rows": rows,
        "cpu_s": round(time.process_time() - start, 1),
    }
    if given.json:
        print(json.dumps(found))


def one(seed: int, customers: int, days: int) -> dict[str, object]:
    """One season with each of the policies."""
    seasons = {
        label: run(world(WORLD), customers, days, seed, policy, ARMS) for label, policy in POLICIES.items()
    }
    parts = {"first_day": range(1), "last_week": range(days - WEEK, days), "season": range(days)}
    found: dict[str, object] = {"seed": seed}
    for part, of in parts.items():
        value = {label: earned(season, of) for label, season in seasons.items()}
        found[part] = round(value["linear"] / value["formula"], 4)
        over = {label: value[label] - value["nothing"] for label in ("linear", "formula")}
        found[f"{part}_over_nothing"] = round(over["linear"] / over["formula"], 4)
    return found


def earned(season: Season, days: Iterable[int]) -> float:
    """Expected net reward a customer of the arm `policy` on those days."""
    wanted = set(days)
    return sum(one.value for one in season.daily if one.arm == "policy" and one.day in wanted)


if __name__ == "__main__":
    main()
