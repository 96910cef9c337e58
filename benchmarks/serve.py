"""How fast decisions are served: `python -m benchmarks.serve [--json] [--seconds S] [--connections N]`.

Every answer is a durable, logged, ruled decision with reasons: 200 rules, 200 actions scored by a learnt
policy, 30 features, caps. It is compared, turn by turn in one run, with an empty FastAPI endpoint in the same
server set-up, and with the same decision made naively (`benchmarks._naive`), asked the same requests by the
same client. `--wide` takes a program of 1,993 actions without rules, of which all are feasible; the naive
service keeps its 200.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks._big import features, program_text
from benchmarks._load import Load, Requests, load, post
from engine.applied import apply
from engine.decide import decide
from engine.learn import learn
from engine.live import live
from engine.request import Request
from engine.store import Store, open_store
from engine.store.customers import put_customers
from engine.store.rows import CustomerRow

CUSTOMERS = 10_000
TAUGHT = 2_000
TURNS = 3
HOST = "127.0.0.1"
WARM_S = 2.0


def prepare(folder: Path, policy: str, wide: bool = False) -> Path:
    """A store with the program, customers who consent, and a snapshot learnt from past decisions."""
    file, path = folder / "big.yaml", folder / "store.db"
    file.write_text(program_text(policy, wide))
    store = open_store(path)
    past = datetime.now(UTC) - timedelta(days=40)
    with store.write() as c:
        apply(c, file, past)
        rows = [CustomerRow(f"c{i:05}", {}, {"marketing": True}, "Europe/Oslo", 1) for i in range(CUSTOMERS)]
        put_customers(c, rows)
    _teach(store, past)
    store.close()
    return path


def _teach(store: Store, past: datetime) -> None:
    chance = random.Random(1)
    with store.write() as c:
        current = {"big": live(c, "big")}
        asked = [Request(f"c{i:05}", "big", f"past-{i}", past, features(chance)) for i in range(TAUGHT)]
        decide(c, asked, current)
    with store.write() as c:
        learn(c, "big", datetime.now(UTC))


def requests(seed: int) -> Requests:
    """Requests of customers taken at random, each with a key of its own, of about 880 bytes."""
    chance = random.Random(seed)
    contexts = [json.dumps(features(chance), separators=(",", ":")).encode() for _ in range(500)]
    number = 0
    prefix = f"{seed}-{time.time_ns()}".encode()

    def next_request() -> bytes:
        nonlocal number
        number += 1
        body = b'{"customer":"c%05d","program":"big","key":"%s-%d","context":%s,"explain":true}' % (
            chance.randrange(CUSTOMERS), prefix, number, contexts[number % len(contexts)],
        )  # fmt: skip
        return post(HOST, "/v1/decisions", body)

    return next_request


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    process: int

    def cpu_s(self) -> float:
        """Seconds of processor time it has used; NaN where the system does not tell (Linux does)."""
        try:
            fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(") ")[2].split()
        except OSError:
            return math.nan
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of asking measured."""

    load: Load
    cpu_us: float


def ask(server: Server, seed: int, connections: int, seconds: float) -> Turn:
    """Ask a server for `seconds`."""
    before = server.cpu_s()
    measured = load(HOST, server.port, requests(seed), connections, seconds)
    return Turn(measured, (server.cpu_s() - before) / len(measured.waits) * 1e6)


@contextmanager
def server(*arguments: str) -> Iterator[Server]:
    """A server process on a free port."""
    with socket.create_server((HOST, 0)) as free:
        port = int(free.getsockname()[1])
    process = subprocess.Popen([sys.executable, "-m", *(one.format(port=port) for one in arguments)])
    try:
        _await(port, process)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait(20)


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            socket.create_connection((HOST, port)).close()
            return
        except OSError:
            if process.poll() is not None:
                raise SystemExit(f"the server ended with {process.returncode}") from None
            time.sleep(0.1)
    raise SystemExit("the server did not start within 60 s")


def measure(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """The servers, in turns."""
    store, connections = prepare(folder, given.policy, given.wide), given.connections
    with ExitStack() as stack:
        ours = ("engine.cli", "serve", "--store", str(store), "--port", "{port}", "--learn-every", "0")
        servers = {
            "empty": stack.enter_context(server("benchmarks._empty", "{port}")),
            "decision": stack.enter_context(server(*ours)),
            "naive": stack.enter_context(server("benchmarks._naive", "{port}", str(folder / "naive.db"))),
        }
        for one in servers.values():
            ask(one, 1, connections, WARM_S)
        turns: dict[str, list[Turn]] = {name: [] for name in servers}
        for number in range(TURNS):
            for name, one in servers.items():
                turns[name].append(ask(one, 2 + number, connections, given.seconds / TURNS))
    pairs = list(zip(turns["decision"], turns["empty"], strict=True))
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "connections": connections,
        "policy": given.policy,
        "wide": given.wide,
        **{name: _figures(measured) for name, measured in turns.items()},
        "rate_over_empty": statistics.median(a.load.rate / b.load.rate for a, b in pairs),
        "cpu_over_empty": statistics.median(a.cpu_us / b.cpu_us for a, b in pairs),
        "rate_over_naive": statistics.median(
            a.load.rate / b.load.rate for a, b in zip(turns["decision"], turns["naive"], strict=True)
        ),
        "p99_over_empty": statistics.median(
            a.load.percentile(0.99) / b.load.percentile(0.99) for a, b in pairs
        ),
    }


def _figures(turns: list[Turn]) -> dict[str, float]:
    return {
        "n": sum(len(one.load.waits) for one in turns),
        "failed": sum(one.load.failed for one in turns),
        "fallbacks": sum(one.load.fallbacks for one in turns),
        "per_second": statistics.median(one.load.rate for one in turns),
        "cpu_us": statistics.median(one.cpu_us for one in turns),
        "median_ms": statistics.median(one.load.percentile(0.5) for one in turns),
        "p99_ms": statistics.median(one.load.percentile(0.99) for one in turns),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--seconds", type=float, default=9.0, help="of asking each server")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--policy", default="linear", help="kind of policy")
    parser.add_argument("--wide", action="store_true", help="1,993 feasible actions")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to measure")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        result = measure(Path(folder), chosen)
    if chosen.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
