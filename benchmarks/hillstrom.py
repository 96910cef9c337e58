"""The real campaign's figures: `python -m benchmarks.hillstrom [--json]`.

Effects of the e-mails as `nextbest report` gives them, and the value of always-Mens and of a learnt policy as
`nextbest evaluate` gives them from the same randomised log.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from engine.experiments.report import analyse
from simulator.evaluate import evaluate
from simulator.logs import read_log

FILE = Path(__file__).resolve().parent.parent / "examples" / "hillstrom" / "hillstrom.csv.gz"
CONTEXT = ["recency", "history", "mens", "womens", "zip_code", "newbie", "channel"]
MENS = "constant:Mens E-Mail"


def main() -> None:
    """Compute and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--json", action="store_true")
    given = asked.parse_args()
    found = {"effects": effects(), "policies": policies()}
    print(json.dumps(found, indent=None if given.json else 1))


def effects() -> dict[str, dict[str, float]]:
    """Absolute effect and half its 95 % interval, by metric and arm."""
    report = analyse(FILE, arm="segment", control="No E-Mail", metrics=["visit", "spend"])
    return {
        f"{metric.metric}, {one.arm}": {
            "effect": one.reading.absolute.value,
            "half width": (one.reading.absolute.high - one.reading.absolute.low) / 2,
        }
        for metric in report.metrics
        for one in metric.comparisons
    }


def policies() -> dict[str, Any]:
    """Always-Mens by SNIPS and IPS beside the arm's mean, and the learnt policy's lift over it."""
    log = read_log(FILE, context=CONTEXT, action="segment", propensity=1 / 3, reward="visit")
    mens = log.frame["segment"].to_numpy() == "Mens E-Mail"
    mean, share = float(log.reward[mens].mean()), float(mens.mean())
    found = evaluate(log, [MENS, "learnt"], ["dr", "ips", "snips"], against=MENS)
    always, learnt = found.policies
    values = {one.estimator: one.value for one in always.estimates}
    return {
        "mean of the arm": mean,
        "SNIPS": values["snips"],
        "IPS": values["ips"],
        "mean x share of the arm x 3": mean * share * 3,
        "DR": values["dr"],
        "verdict": always.verdict,
        "learnt less always-Mens": [learnt.lift.value, learnt.lift.low, learnt.lift.high],
    }


if __name__ == "__main__":
    main()
