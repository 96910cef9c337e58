"""How fast the decision log is: `python -m benchmarks.log [--json] [--rows N] [--folder DIR]`.

Durable throughout (WAL, synchronous=FULL). Ratios are taken within one run; times depend on the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2
from sqlalchemy import Connection

from engine.store import Store, open_store
from engine.store.customers import customers, put_customers
from engine.store.decisions import append_decisions, contacts, decisions_by_key
from engine.store.rows import CustomerRow, DecisionRow
from engine.store.writer import Writer

SITUATION = json.dumps({f"feature_{n:02}": n * 1.5 for n in range(25)}).encode()[:500]
CALLERS = 64
SECONDS = 3.0


def decision(number: int) -> DecisionRow:
    """Decision `number`, of a customer taken at random, with a situation of about 500 bytes."""
    customer = f"c{number * 2654435761 % 1_000_003}"
    name = ("sale", "email", "tonight")
    return DecisionRow(
        f"{number:032x}", "spring", f"send-{number * 40503 % 16_777_213}-{number}", 3, 17, customer,
        1_790_000_000_000_000 + number, "policy", 7, "/".join(name), *name, 1_790_000_000_000_000 + number,
        number % 2 == 0, 0.62, False, None, None, 1.84, b"x" * 32, SITUATION, b"\xff" * 4,
        1_790_000_000_000_000 + number,
    )  # fmt: skip


def append(store: Store, rows: int) -> dict[str, float]:
    """All rows in one transaction."""
    made = [decision(number) for number in range(rows)]
    before = size(store)
    start, busy = time.perf_counter(), time.process_time()
    with store.write() as c:
        append_decisions(c, made)
    taken = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - busy}
    return {"rows": rows, **taken, "bytes_per_decision": (size(store) - before) / rows}


def look_ups(store: Store, rows: int) -> dict[str, float]:
    """Median microseconds of each query for one id, and seconds for 100,000 ids."""
    everyone = [f"c{number}" for number in range(100_000)]
    with store.write() as c:
        put_customers(
            c, [CustomerRow(one, {"recency": 3, "clv": 1.5}, {}, "UTC", 1) for one in everyone], True
        )
    keys = [decision(number).key for number in range(min(rows, 100_000))]
    queries: dict[str, tuple[Callable[[Connection, list[str]], object], list[str]]] = {
        "customers": (customers, everyone),
        "contacts": (lambda c, ids: contacts(c, ids, 0), everyone),
        "decisions_by_key": (lambda c, ids: decisions_by_key(c, "spring", ids), keys),
    }
    found = {}
    with store.read() as c:
        for name, (query, ids) in queries.items():
            found[f"{name}_one_us"] = (
                statistics.median([timed(query, c, [one]) for one in ids[:: len(ids) // 2000]]) * 1e6
            )
            found[f"{name}_{len(ids)}_s"] = timed(query, c, ids)
    return found


def timed(query: Callable[[Connection, list[str]], object], c: Connection, ids: list[str]) -> float:
    """Seconds of one query."""
    start = time.perf_counter()
    query(c, ids)
    return time.perf_counter() - start


def singly(store: Store, first: int) -> dict[str, float]:
    """`CALLERS` threads, each with a commit of its own for each decision."""

    def call(row: DecisionRow) -> None:
        with store.write() as c:
            append_decisions(c, [row])

    return under_load(call, first)


def grouped(store: Store, first: int) -> dict[str, float]:
    """`CALLERS` threads that wait for the group commit."""

    def handle(c: Connection, rows: list[DecisionRow]) -> list[int]:
        append_decisions(c, rows)
        return [0] * len(rows)

    writer: Writer[DecisionRow, int] = Writer(store, handle)
    measured = under_load(lambda row: writer.submit(row).result(), first)
    writer.close()
    return measured


def pipelined(store: Store, first: int) -> dict[str, float]:
    """One thread that keeps `CALLERS` decisions in flight, as an event loop does."""
    room = threading.Semaphore(CALLERS)
    waits: list[float] = []

    def handle(c: Connection, rows: list[DecisionRow]) -> list[int]:
        append_decisions(c, rows)
        return [0] * len(rows)

    def done(start: float) -> None:
        waits.append(time.perf_counter() - start)
        room.release()

    writer: Writer[DecisionRow, int] = Writer(store, handle)
    begin, busy = time.perf_counter(), time.process_time()
    number = first
    while time.perf_counter() - begin < SECONDS:
        room.acquire()
        number += 1
        start = time.perf_counter()
        writer.submit(decision(number)).add_done_callback(lambda _, start=start: done(start))  # type: ignore[misc]
    writer.close()
    return load(waits, time.perf_counter() - begin, time.process_time() - busy)


def under_load(call: Callable[[DecisionRow], object], first: int) -> dict[str, float]:
    """Rate and latency of `call` from `CALLERS` threads for `SECONDS`."""
    waits: list[list[float]] = [[] for _ in range(CALLERS)]
    end = time.perf_counter() + SECONDS

    def work(worker: int) -> None:
        number = first + worker
        while (start := time.perf_counter()) < end:
            call(decision(number))
            waits[worker].append(time.perf_counter() - start)
            number += CALLERS

    begin, busy = time.perf_counter(), time.process_time()
    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(CALLERS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return load(
        [one for each in waits for one in each], time.perf_counter() - begin, time.process_time() - busy
    )


def load(waits: Sequence[float], seconds: float, busy: float) -> dict[str, float]:
    """Rate, CPU time and latency of acknowledged decisions."""
    ordered = sorted(waits)
    p99 = ordered[int(0.99 * (len(ordered) - 1))]
    rates = {"n": len(ordered), "per_second": len(ordered) / seconds, "cpu_us": busy / len(ordered) * 1e6}
    return {**rates, "median_ms": statistics.median(ordered) * 1e3, "p99_ms": p99 * 1e3}


def measure(rows: int, folder: Path) -> dict[str, Any]:
    """Every figure, on a fresh store in the folder."""
    store = open_store(folder / "log.db")
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, SQLite {dbapi2.sqlite_version}",
        "append": append(store, rows),
        "look_ups": look_ups(store, rows),
        "one_commit_each": singly(store, 10_000_000),
        "group_commit": grouped(store, 20_000_000),
        "group_commit_one_thread": pipelined(store, 30_000_000),
    }
    result["group_over_single"] = (
        result["group_commit"]["per_second"] / result["one_commit_each"]["per_second"]
    )
    store.close()
    return result


def size(store: Store) -> int:
    """Bytes the store takes."""
    with store.read() as c:
        pages, page = (
            c.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("page_count", "page_size")
        )
    return int(pages) * int(page)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rows", type=int, default=64_000, help="decisions in one transaction")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to measure")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        result = measure(chosen.rows, Path(folder))
    if chosen.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        figures = value.items() if isinstance(value, dict) else [("", value)]
        print(
            f"{name}: "
            + ", ".join(f"{k} {v:,.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in figures)
        )


if __name__ == "__main__":
    main()
