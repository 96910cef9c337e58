"""The server as a process of its own: `nextbest serve`, asked over the loopback, stopped and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from engine.store import decisions, open_store
from tests.engine.programs import TEXT

ROOT = Path(__file__).parents[2]
WAIT_S = 60


@dataclass(slots=True)
class Process:
    """A server process, and a client of it."""

    process: subprocess.Popen[str]
    http: httpx.Client

    def decide(self, key: str) -> dict[str, Any]:
        """One decision."""
        asked = {"customer": f"c-{key}", "program": "spring", "key": key, "context": {"age": 40}}
        answer = self.http.post("/v1/decisions", json=asked)
        assert answer.status_code == 200
        told: dict[str, Any] = answer.json()
        return told


@dataclass(slots=True)
class Asking:
    """A thread that asks for one decision after the other, and remembers what it was told."""

    server: Process
    name: str
    told: dict[str, dict[str, Any]] = field(default_factory=dict)

    def run(self) -> None:
        """Ask until the server is gone."""
        number = 0
        while True:
            key = f"{self.name}-{number}"
            try:
                self.told[key] = self.server.decide(key)
            except httpx.HTTPError:
                return
            number += 1


@contextmanager
def serving(folder: Path, deadline_ms: int = 30_000) -> Iterator[Process]:
    """`nextbest serve` on a free port, killed at the end if it still runs."""
    program = folder / "spring.yaml"
    program.write_text(TEXT)
    command = ["serve", "-p", str(program), "--store", str(folder / "store.db"), "--port", "0", "--json"]
    environment = {**os.environ, "NEXTBEST_DEADLINE_MS": str(deadline_ms), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.cli", *command],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        with httpx.Client(base_url=_address(process), timeout=WAIT_S) as http:
            yield Process(process, http)
    finally:
        process.kill()
        process.communicate()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.rstrip() == "}":
            address: str = json.loads(text)["address"]
            return address
    raise AssertionError(process.communicate()[1])


def logged(folder: Path) -> dict[str, str]:
    """Id of each decision in the store, by key."""
    store = open_store(folder / "store.db")
    with store.read() as c:
        found = {row.key: row.id for row in decisions.decisions_iter(c, "spring", 0, 1_000_000)}
    store.close()
    return found


def test_decisions_acknowledged_before_a_kill_are_in_the_log(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        asking = [Asking(server, f"caller{i}") for i in range(4)]
        threads = [threading.Thread(target=one.run) for one in asking]
        for thread in threads:
            thread.start()
        while sum(len(one.told) for one in asking) < 60:
            time.sleep(0.01)
        server.process.send_signal(signal.SIGKILL)
        for thread in threads:
            thread.join()
    told = {key: answer for one in asking for key, answer in one.told.items()}
    found = logged(tmp_path)
    assert all(found[key] == answer["id"] for key, answer in told.items())
    assert len(found) <= len(told) + len(asking)


def test_a_server_that_is_stopped_answers_first_and_a_new_one_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        first = server.decide("k1")
        server.process.send_signal(signal.SIGTERM)
        _, errors = server.process.communicate(timeout=WAIT_S)
        assert errors == ""
    with serving(tmp_path) as server:
        assert server.decide("k1") == {**first, "replayed": True}


def test_an_error_is_one_json_line_and_nothing_else_is_logged(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        server.decide("k1")
        server.http.post("/v1/decisions", content=b"{", headers={"content-type": "application/json"})
        store = open_store(tmp_path / "store.db")
        with store.write() as c:
            c.exec_driver_sql("DROP TABLE pending")
        store.close()
        assert server.decide("k2")["fallback"]
        server.process.send_signal(signal.SIGTERM)
        _, errors = server.process.communicate(timeout=WAIT_S)
    lines = [json.loads(line) for line in errors.splitlines()]
    assert [(line["level"], line["key"]) for line in lines] == [("error", "k2")]
