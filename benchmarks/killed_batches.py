"""Whether a killed batch loses or doubles anything: `python -m benchmarks.killed_batches [--json]`.

`nextbest batch` runs in a process of its own, is sent SIGKILL at a random moment after its first write, and
goes on with `--resume`, again and again until it ends; then anew, until it was killed so many times. What it
leaves is compared with a run that nobody killed: the file of decisions, and every row of the log.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import polars as pl

from engine import cli
from engine.store import assignments, customers, decisions, open_store

AT = "2026-11-24T09:00:00+00:00"
_RUN = """
import sys
from engine import batch, cli
batch.CHUNK = int(sys.argv[1])
sys.exit(cli.main(sys.argv[2:]))
"""


@dataclass(frozen=True, slots=True)
class Left:
    """What a batch left: the file, and by id the rows of the log, arms and profiles."""

    file: pl.DataFrame
    log: dict[str, Any]
    arms: list[Any]
    profiles: dict[str, Any]
    twice: int


class Killed:
    """A batch in a folder of its own, on a store that has decided for some of its customers before."""

    def __init__(self, folder: Path, people: int, chunk: int) -> None:
        self.folder, self.people, self.chunk = folder, people, chunk
        self.file, self.out, self.store = (folder / name for name in ("all.csv", "out.parquet", "store.db"))
        some, program = folder / "some.csv", folder / "program.yaml"
        program.write_bytes(files("engine").joinpath("starter", "program.yaml").read_bytes())
        known = pl.read_csv(bytes(files("engine").joinpath("starter", "customers.csv").read_bytes()))
        every = pl.concat([known] * (people // known.height + 1)).head(people)
        every = every.with_columns(pl.Series("customer", [f"c{i:06}" for i in range(people)]))
        every.write_csv(self.file)
        every.gather_every(5).write_csv(some)
        self._end(["batch", str(some), "-p", str(program), "--out", str(folder / "before.csv")])
        self._fresh = folder / "fresh"
        self._fresh.mkdir()
        self._copy(self.folder, self._fresh)

    def begin(self) -> None:
        """The store as it was before the batch, and no file."""
        for path in (*self.folder.glob("store.db*"), self.out):
            path.unlink(missing_ok=True)
        self._copy(self._fresh, self.folder)

    def run(self, resume: bool, kill_after_s: float | None) -> bool:
        """Run it; whether it was killed, so many seconds after its first write."""
        line = ["batch", str(self.file), "-p", "first", "--out", str(self.out), *["--resume"][: int(resume)]]
        if kill_after_s is None:
            self._end(line)
            return False
        child = self._start(line)
        before = self._size()
        while child.poll() is None and self._size() == before:
            time.sleep(0.001)
        time.sleep(kill_after_s)
        child.send_signal(signal.SIGKILL)
        if (code := child.wait()) not in (0, -signal.SIGKILL):
            raise SystemExit(f"the batch ended with {code}")
        return code != 0

    def left(self) -> Left:
        """What is there now."""
        store = open_store(self.store)
        with store.write() as c:
            rows = decisions.decisions_iter(c, "first", 0, 1 << 40)
            arms = list(assignments.assignments_iter(c, "first"))
            profiles = customers.customers(c, list(customers.customer_ids(c)))
        store.close()
        log = {row.id: msgspec.structs.replace(row, seq=0) for row in rows}
        keys = Counter(row.key for row in rows)
        return Left(pl.read_parquet(self.out), log, arms, profiles, len(rows) - len(keys))

    def _size(self) -> int:
        log = self.store.with_name("store.db-wal")
        return log.stat().st_size if log.exists() else 0

    def _copy(self, source: Path, target: Path) -> None:
        for path in source.glob("store.db*"):
            shutil.copy(path, target / path.name)

    def _start(self, line: list[str]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", _RUN, str(self.chunk), *line, "--at", AT, "--store", str(self.store)]
        return subprocess.Popen([*command, "--json"], stdout=subprocess.DEVNULL)

    def _end(self, line: list[str]) -> None:
        """Run it in this process."""
        where = [*line, "--at", AT, "--store", str(self.store), "--json"]
        with patch("engine.batch.CHUNK", self.chunk), redirect_stdout(StringIO()):
            if (code := cli.main(where)) != 0:
                raise SystemExit(f"the batch ended with {code}")


def measure(folder: Path, kills: int, people: int, chunk: int) -> dict[str, Any]:
    """Kill a batch so many times, and compare what each round of kills leaves with a run of its own."""
    batch, chance = Killed(folder, people, chunk), random.Random(0)
    started = time.perf_counter()
    batch.run(False, None)
    whole_s, expected = time.perf_counter() - started, batch.left()
    done, rounds, half, wrong = 0, 0, 0, Counter[str]()
    while done < kills:
        batch.begin()
        rounds, resume = rounds + 1, False
        while done < kills and batch.run(resume, chance.uniform(0.0, whole_s)):
            done, resume = done + 1, True
            half += batch.out.exists() and not pl.read_parquet(batch.out).equals(expected.file)
        if resume:
            batch.run(True, None)
        wrong += _differences(expected, batch.left())
    return {
        "customers": people,
        "kills": done,
        "rounds": rounds,
        "half_written_files": half,
        **{name: wrong[name] for name in ("files_that_differ", "lost", "added", "changed", "twice")},
    }


def _differences(expected: Left, found: Left) -> Counter[str]:
    one, other = expected.log, found.log
    shared = one.keys() & other.keys()
    others = (expected.arms != found.arms) + (expected.profiles != found.profiles)
    return Counter(
        files_that_differ=int(not expected.file.equals(found.file)),
        lost=len(one.keys() - other.keys()),
        added=len(other.keys() - one.keys()),
        changed=sum(one[id] != other[id] for id in shared) + others,
        twice=found.twice,
    )


def main() -> None:
    """Print the figures; exit 1 if anything was lost, doubled or changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--customers", type=int, default=40_000)
    parser.add_argument("--chunk", type=int, default=2_000, help="customers of one transaction")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to measure")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        found = measure(Path(folder), chosen.kills, chosen.customers, chosen.chunk)
    print(json.dumps(found) if chosen.json else "\n".join(f"{name}: {one}" for name, one in found.items()))
    wrong = ("half_written_files", "files_that_differ", "lost", "added", "changed", "twice")
    if any(found[name] for name in wrong):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
