"""Whether decisions slow down as customers pile up: `python -m benchmarks.stored [--json] [--many 5000000]`.

Two stores that differ in nothing but the number of customers, 10,000 and 5,000,000, each with attributes and
consent. One decision at a time, durable and logged, for customers taken at random, in turns between the two.
Each store is asked a few hundred times first: what is measured is not a cold disk.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks._big import features, program_text
from engine.applied import apply
from engine.decide import decide
from engine.live import live
from engine.request import Request
from engine.store import Store, open_store

FEW, MANY = 10_000, 5_000_000
AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
_PEOPLE = """
    WITH RECURSIVE number (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i + 1 < ?)
    INSERT INTO customer (id, attributes, consent, zone, updated_us)
    SELECT printf('c%07d', i), cast(printf('{"f00":%d.5,"f01":%d.25}', i % 97, i % 89) AS BLOB),
        cast('{"marketing":true}' AS BLOB), 'Europe/Oslo', 1 FROM number"""


class People:
    """A store of n customers, and chance to choose among them."""

    def __init__(self, folder: Path, n: int) -> None:
        self.n, self.chance, self.asked = n, random.Random(1), 0
        file = folder / "big.yaml"
        file.write_text(program_text())
        self.store: Store = open_store(folder / f"{n}.db")
        with self.store.write() as c:
            apply(c, file, AT)
            c.exec_driver_sql(_PEOPLE, (n,))
        with self.store.read() as c:
            self.current = {"big": live(c, "big")}

    def decide(self) -> tuple[float, float]:
        """One decision for someone: seconds it took, seconds of processor time."""
        self.asked += 1
        customer = f"c{self.chance.randrange(self.n):07}"
        at = AT + timedelta(seconds=self.asked)
        request = Request(customer, "big", f"k{self.asked}", at, features(self.chance))
        wall, cpu = time.perf_counter(), time.process_time()
        with self.store.write() as c:
            decide(c, [request], self.current)
        return time.perf_counter() - wall, time.process_time() - cpu


def measure(folder: Path, few: int, many: int, times: int) -> dict[str, Any]:
    """Both stores, in turns."""
    stores = {"few": People(folder, few), "many": People(folder, many)}
    for _ in range(300):
        for people in stores.values():
            people.decide()
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in stores}
    for _ in range(times):
        for name, people in stores.items():
            took[name].append(people.decide())
    figures: dict[str, Any] = {
        name: {
            "customers": people.n,
            "median_ms": statistics.median(wall for wall, _ in took[name]) * 1e3,
            "cpu_ms": statistics.median(cpu for _, cpu in took[name]) * 1e3,
        }
        for name, people in stores.items()
    }
    for people in stores.values():
        people.store.close()
    for unit in ("median_ms", "cpu_ms"):
        figures[f"{unit}_many_over_few"] = figures["many"][unit] / figures["few"][unit]
    return figures


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--few", type=int, default=FEW)
    parser.add_argument("--many", type=int, default=MANY)
    parser.add_argument("--times", type=int, default=2_000, help="decisions measured in each store")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to measure")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        found = measure(Path(folder), chosen.few, chosen.many, chosen.times)
    print(json.dumps(found) if chosen.json else "\n".join(f"{name}: {one}" for name, one in found.items()))


if __name__ == "__main__":
    main()
