"""What a newcomer waits for: `python -m benchmarks.newcomer [--json] [--tests]`.

Clones this checkout into an empty folder with empty package caches, runs `make demo` twice, measures the
installed size and `nextbest --help`, and with --tests runs `make test` in a second clone. Times are wall
seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HELPS = 20


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--tests", action="store_true")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), given.tests)
    print(json.dumps(found) if given.json else "\n".join(f"{name}: {value}" for name, value in found.items()))


def measure(folder: Path, tests: bool) -> dict[str, object]:
    """All figures, by name."""
    clone = cloned(folder, "demo")
    found: dict[str, object] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "load before": os.getloadavg()[0],
        "make demo, cold, s": timed(clone, "make", "demo"),
        "make demo, again, s": timed(clone, "make", "demo"),
        "installed, MB": megabytes(clone / ".venv"),
    }
    helps = sorted(timed(clone, ".venv/bin/nextbest", "--help") for _ in range(HELPS))
    found |= {
        "--help, median s": statistics.median(helps),
        "--help, slowest s": helps[-1],
        "--help, n": HELPS,
    }
    if tests:
        found["make test, cold, s"] = timed(cloned(folder, "test"), "make", "test")
    return found


def cloned(folder: Path, name: str) -> Path:
    """A fresh clone; the package caches beside it are empty."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder / name)], check=True)
    return folder / name


def timed(clone: Path, *command: str) -> float:
    """Wall seconds of one command in the clone. Raises `CalledProcessError` if it fails."""
    caches = {"PIP_CACHE_DIR": str(clone / ".pip-cache"), "UV_CACHE_DIR": str(clone / ".uv-cache")}
    start = time.perf_counter()
    subprocess.run(command, cwd=clone, env={**os.environ, **caches}, check=True, stdout=subprocess.DEVNULL)
    return round(time.perf_counter() - start, 3)


def megabytes(folder: Path) -> int:
    """Size on disk of everything under a folder, as `du -sm` counts it."""
    return int(subprocess.run(["du", "-sm", str(folder)], check=True, capture_output=True).stdout.split()[0])


if __name__ == "__main__":
    main()
