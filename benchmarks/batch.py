"""How fast a file of customers is decided: `python -m benchmarks.batch [--customers N] [--json]`.

The real `nextbest batch` in a process of its own, Parquet to Parquet: 200 actions scored by a learnt policy,
200 rules of five comparisons, 30 features, caps, four arms, exact propensities, every decision durable in the
store. CPU is user and system time of that process, so customers per core-second are comparable between
machines with any number of cores. `--days 3` decides for the same customers again, a day later each time.
`--then learn report export` runs these commands after the last batch, at a time when its decisions have
matured. `--stages` says where the time goes, by a profile of a smaller batch.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import platform
import pstats
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks._big import FEATURES
from benchmarks.serve import prepare
from engine.applied import stored_program
from engine.batch import Batch, run
from engine.outbox import outbox
from engine.roster import open_file, open_rows
from engine.store import open_store

PIECE = 250_000
FIRST = datetime(2026, 11, 24, 9, tzinfo=UTC)
PROFILED = 100_000
STAGES = {
    "read and check the file": ("roster.py", ("open_rows", "open_file", "tables")),
    "who is known": ("customers.py", ("seen",)),
    "keep profiles": ("batch.py", ("_keep",)),
    "arms, keys, columns": ("lane.py", ("_asked",)),
    "funnel: rules, consent, clock, caps": ("feasible.py", ("feasible",)),
    "contexts": ("context.py", ("encode",)),
    "scores": ("linear.py", ("scores",)),
    "exploration": ("choose.py", ("_pmf",)),
    "draw": ("base.py", ("draw",)),
    "log": ("lane.py", ("_log",)),
    "table": ("lane.py", ("_table",)),
    "write decisions": ("outbox.py", ("take", "_join")),
}


def customers_file(folder: Path, n: int, ordered: bool = False) -> Path:
    """n customers: 30 features uniform on 0-100, consent of nine in ten, and a zone; in no order of ids."""
    path, chance = folder / f"customers-{n}.parquet", np.random.default_rng(1)
    if path.exists():
        return path
    ids, parts = np.arange(n) if ordered else chance.permutation(n), []
    for start in range(0, n, PIECE):
        some = ids[start : start + PIECE]
        columns: dict[str, Any] = {"customer": [f"b{i:08}" for i in some.tolist()]}
        features = np.round(chance.uniform(0, 100, (FEATURES, len(some))), 2)
        columns |= {f"f{j:02}": row for j, row in enumerate(features)}
        columns["consent.marketing"] = chance.random(len(some)) < 0.9
        columns["zone"] = chance.choice(["Europe/Oslo", "America/New_York", "Asia/Tokyo"], len(some))
        parts.append(folder / f"part-{start}.parquet")
        pl.DataFrame(columns).write_parquet(parts[-1])
    pl.scan_parquet(parts).sink_parquet(path)
    for part in parts:
        part.unlink()
    return path


def measure(
    folder: Path, n: int, ordered: bool, policy: str, options: list[str], days: int, then: list[str]
) -> list[dict[str, Any]]:
    """Decide for n customers in a fresh store, day after day, and run commands on what that leaves."""
    with ProcessPoolExecutor(1, get_context("spawn")) as elsewhere:  # a process starts at its parent's peak
        customers = elsewhere.submit(customers_file, folder, n, ordered).result()
        store = elsewhere.submit(prepare, folder, policy).result()
    out, found = folder / "decisions.parquet", list[dict[str, Any]]()
    for day in range(days):
        line = ["batch", str(customers), "-p", "big", "--out", str(out), "--name", f"day-{day}", *options]
        used = _run([*line, "--at", (FIRST + timedelta(days=day)).isoformat()], store)
        decided = pl.scan_parquet(out).select(pl.len()).collect().item()
        found.append({"customers": decided, **_figures(used, decided)})
        found[-1]["store_bytes_per_customer"] = round(store.stat().st_size / decided)
    ripe = (FIRST + timedelta(days=days + 15)).isoformat()
    lines = {
        "learn": ["learn", "-p", "big", "--at", ripe],
        "report": ["report", "big", "--at", ripe],
        "export": ["export", "decisions", "-p", "big", "--out", str(folder / "log.parquet"), "--at", ripe],
    }
    for command in then:
        found.append({"then": command, **_figures(_run(lines[command], store), n * days)})
    return found


def _run(line: list[str], store: Path) -> tuple[float, Any]:
    """Wall time of a command in a process of its own, and what it used."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "engine.cli", *line, "--store", str(store), "--json"]
    _, status, used = os.wait4(subprocess.Popen(command, stdout=subprocess.DEVNULL).pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise SystemExit(f"{line[0]} ended with {status}")
    return time.perf_counter() - started, used


def _figures(run: tuple[float, Any], decided: int) -> dict[str, Any]:
    wall_s, used = run
    cpu_s = used.ru_utime + used.ru_stime
    return {
        "customers_per_core_second": round(decided / cpu_s),
        "cpu_us_per_customer": round(cpu_s / decided * 1e6, 2),
        "system_us_per_customer": round(used.ru_stime / decided * 1e6, 2),
        "wall_s": round(wall_s, 1),
        "peak_rss_mb": round(used.ru_maxrss / 1024),
    }


def stages(folder: Path, policy: str, keep: bool) -> dict[str, float]:
    """CPU microseconds a customer of each stage; what is left over is the rest."""
    customers, path = customers_file(folder, PROFILED), prepare(folder, policy)
    store, profile = open_store(path), cProfile.Profile(time.process_time)
    with store.read() as connection:
        program = stored_program(connection, "big")
    profile.enable()
    roster = open_file(program, customers, open_rows(customers))
    with outbox(folder / "profiled.parquet") as take:
        run(store, Batch(program, "profiled", datetime.now(UTC), keep), roster, take)
    profile.disable()
    store.close()
    found: dict[str, float] = dict.fromkeys([*STAGES, "rest"], 0.0)
    figures = pstats.Stats(profile)
    for (file, _, function), (_, _, _, cumulative, _) in figures.stats.items():  # type: ignore[attr-defined]
        for stage, (module, functions) in STAGES.items():
            if Path(file).name == module and function in functions:
                found[stage] += cumulative
    found["rest"] = figures.total_tt - sum(found.values())  # type: ignore[attr-defined]
    return {stage: round(spent / PROFILED * 1e6, 2) for stage, spent in found.items()}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--customers", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--policy", default="linear", help="kind of policy")
    parser.add_argument("--waves", type=int, help="waves of the linear policy")
    parser.add_argument("--ordered", action="store_true", help="a file in the order of its ids")
    parser.add_argument("--no-profiles", action="store_true", help="keep no profiles of new customers")
    parser.add_argument("--days", type=int, default=1, help="batches over the same customers")
    parser.add_argument("--then", nargs="*", default=[], choices=("learn", "report", "export"))
    parser.add_argument("--stages", action="store_true", help="say where the time goes")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to measure; files stay in it")
    chosen = parser.parse_args()
    policy = chosen.policy if chosen.waves is None else f"{chosen.policy}:{chosen.waves}"
    options = ["--no-profiles"] if chosen.no_profiles else []
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # byte code is kept, as where the package is installed
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "policy": policy,
        "ordered": chosen.ordered,
        "profiles": not chosen.no_profiles,
    }
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        result["runs"] = [
            one
            for n in chosen.customers
            for one in measure(_fresh(folder), n, chosen.ordered, policy, options, chosen.days, chosen.then)
        ]
        if chosen.stages:
            result["stages_us_per_customer"] = stages(_fresh(folder), policy, not chosen.no_profiles)
    if chosen.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name}: {value}")


def _fresh(folder: Path) -> Path:
    """The folder without a store in it."""
    for path in folder.glob("store.db*"):
        path.unlink()
    return folder


if __name__ == "__main__":
    main()
