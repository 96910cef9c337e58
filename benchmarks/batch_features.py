"""What features of a program add to a batch: `python -m benchmarks.batch_features [--json] [FEATURE ...]`.

As `benchmarks.batch`, with one more thing in the program or in the store: pauses after contacts that were
ignored (`cooldowns`), texts filled for whom they are sent to (`creative`), a tenth of the ids merged into
others (`merged`), or stock of every offer, money and capacity (`budgets`). `plain` has none of these. Two
days over the same customers; half of those contacted on the first day answer before the second.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection

from benchmarks._big import OFFERS
from benchmarks.batch import FIRST, _figures, _run, customers_file
from benchmarks.serve import TAUGHT, prepare
from engine.applied import apply
from engine.calendar import microseconds
from engine.learn import learn
from engine.merge import merge
from engine.store import Store, decisions, open_store, outcomes
from engine.store.rows import OutcomeRow

Change = Callable[[dict[str, Any], int], None]


def _cooldowns(program: dict[str, Any], n: int) -> None:
    program["cooldowns"] = ["ignored 2 times in 30 days: pause 60 days", "purchase: pause 3 days"]


def _creative(program: dict[str, Any], n: int) -> None:
    for name, offer in program["offers"].items():
        subject = f"{name}: {{{{ f01 }}}} points, {{{{ f02 | some }}}} more"
        offer["creative"] = {"default": {"subject": subject, "link": f"/{name}"}}


def _budgets(program: dict[str, Any], n: int) -> None:
    for offer in program["offers"].values():
        offer["stock"] = max(n // (2 * OFFERS), 1)
    program["budgets"] = {
        "post": {"money": f"{n * 0.004:.2f} per day"},
        "calls": {"contacts": f"{n // 4} per day", "channels": ["channel_3"]},
    }


CHANGES: Mapping[str, Change] = {
    "plain": lambda program, n: None,
    "cooldowns": _cooldowns,
    "creative": _creative,
    "merged": lambda program, n: None,
    "budgets": _budgets,
}


def measure(folder: Path, n: int, policy: str, feature: str) -> list[dict[str, Any]]:
    """Two days of a program with that feature."""
    customers, store = customers_file(folder, n), prepare(folder, policy)
    _change(folder, store, n, feature)
    out, found = folder / "decisions.parquet", list[dict[str, Any]]()
    for day in range(2):
        line = ["batch", str(customers), "-p", "big", "--out", str(out), "--name", f"day-{day}"]
        used = _run([*line, "--at", (FIRST + timedelta(days=2 * day)).isoformat()], store)
        decided = pl.read_parquet(out)
        contacts = decided["channel"].drop_nulls().len()
        found.append({"feature": feature, "day": day + 1, **_figures(used, n), "contacts": contacts})
        if day == 0:
            _answer(store, decided)
    return found


def _change(folder: Path, path: Path, n: int, feature: str) -> None:
    file = folder / "big.yaml"
    program = json.loads(file.read_text())
    CHANGES[feature](program, n)
    file.write_text(json.dumps(program))
    store = open_store(path)
    with store.write() as connection:
        apply(connection, file, FIRST - timedelta(days=1))
        _reward(connection)
        for i in range(0, n if feature == "merged" else 0, 10):
            merge(connection, f"b{i:08}", f"person-{i:08}", FIRST - timedelta(days=1), "a benchmark")
    store.close()


def _reward(connection: Connection) -> None:
    """Half of the contacts that the policy learnt from were worth it, so that it makes more of them."""
    rows = decisions.decisions_iter(connection, "big", 0, TAUGHT)
    bought = [
        OutcomeRow(f"p{i}", row.id, row.customer, "purchase", 60.0, row.at_us + 1, row.at_us + 1)
        for i, row in enumerate(rows)
        if row.contact and i % 2
    ]
    outcomes.append_outcomes(connection, bought)
    learn(connection, "big", datetime.now(UTC))


def _answer(path: Path, decided: pl.DataFrame) -> None:
    """Half of those who were contacted answer, three days' purchases among a tenth of them."""
    store: Store = open_store(path)
    sent = decided.filter(pl.col("channel").is_not_null()).gather_every(2)
    at_us = microseconds(FIRST + timedelta(hours=18))
    with store.write() as connection:
        rows = [
            OutcomeRow(f"e{i}", None, who, "purchase" if i % 10 == 0 else "visit", 9.0, at_us, at_us)
            for i, who in enumerate(sent["customer"])
        ]
        outcomes.append_outcomes(connection, rows)
    store.close()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("features", nargs="*", default=list(CHANGES), metavar="FEATURE")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--customers", type=int, default=60_000)
    parser.add_argument("--policy", default="linear:0", help="kind of policy, and its waves")
    chosen = parser.parse_args()
    if wrong := [one for one in chosen.features if one not in CHANGES]:
        parser.error(f"{wrong[0]}: choose from {', '.join(CHANGES)}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    runs = []
    for feature in chosen.features:
        with tempfile.TemporaryDirectory() as name:
            runs += measure(Path(name), chosen.customers, chosen.policy, feature)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if chosen.json:
        print(json.dumps({"machine": machine, "policy": chosen.policy, "runs": runs}))
        return
    print(machine)
    for run in runs:
        print(run)


if __name__ == "__main__":
    main()
