"""Whether a killed server loses what it has told: `python -m benchmarks.kills [--json] [--kills 50]`.

`nextbest serve` runs in a process group of its own and is sent SIGKILL again and again while callers ask it.
Each caller asks for a key until it is answered, as a sender would. In the end every answer is compared with
the log: an acknowledged decision that is not there is lost; a key there twice is a duplicate.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from engine.store import decisions, open_store

HOST, CALLERS, CUSTOMERS = "127.0.0.1", 8, 200
READY_S = 120.0


class Server:
    """A server that is killed and started again on the same store and port."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "store.db"
        program = folder / "program.yaml"
        program.write_bytes(files("engine").joinpath("starter", "program.yaml").read_bytes())
        with socket.create_server((HOST, 0)) as free:
            self.port = int(free.getsockname()[1])
        where = ["--store", str(self.store), "--port", str(self.port), "--learn-every", "1"]
        self._command = [sys.executable, "-m", "engine.cli", "serve", "-p", str(program), *where]
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, start_new_session=True)
        end = time.monotonic() + READY_S
        while not self._ready():
            if time.monotonic() > end or self.process.poll() is not None:
                raise SystemExit(f"the server did not start (exit {self.process.poll()})")
            time.sleep(0.05)

    def _ready(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        return False

    def kill(self) -> None:
        """SIGKILL to the whole group, without a word before."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Caller(threading.Thread):
    """Asks for one key after the other; each until it is answered."""

    def __init__(self, server: Server, number: int, stop: threading.Event) -> None:
        super().__init__()
        self.told: dict[str, dict[str, Any]] = {}
        self.retries = 0
        self._server, self._number, self._stop_now = server, number, stop
        self._chance = random.Random(number)

    def run(self) -> None:
        """Ask until it is told to stop."""
        asked = 0
        while not self._stop_now.is_set():
            asked += 1
            self._ask(f"{self._number}-{asked}", f"c{self._chance.randrange(CUSTOMERS)}")

    def _ask(self, key: str, customer: str) -> None:
        body = json.dumps({"customer": customer, "program": "first", "key": key, "context": {"spend": 80}})
        while True:
            try:
                connection = http.client.HTTPConnection(HOST, self._server.port, timeout=10)
                connection.request("POST", "/v1/decisions", body, {"content-type": "application/json"})
                answer = connection.getresponse()
                self.told[key] = json.loads(answer.read())
                return
            except (OSError, http.client.HTTPException, ValueError):
                self.retries += 1
                if self._stop_now.wait(0.05):
                    return


def measure(folder: Path, kills: int) -> dict[str, Any]:
    """Kill the server so many times under load, and look at what is left."""
    server, stop, chance = Server(folder), threading.Event(), random.Random(0)
    callers = [Caller(server, number, stop) for number in range(CALLERS)]
    for one in callers:
        one.start()
    for _ in range(kills):
        time.sleep(chance.uniform(0.05, 1.5))
        server.kill()
        server.start()
    time.sleep(1.0)
    stop.set()
    for one in callers:
        one.join()
    server.kill()
    told = {key: answer for one in callers for key, answer in one.told.items()}
    return {"kills": kills, **judged(server.store, told), "retries": sum(one.retries for one in callers)}


def judged(path: Path, told: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What the log says of what callers were told."""
    store = open_store(path)
    with store.read() as c:
        rows = decisions.decisions_iter(c, "first", 0, 1 << 40)
        sound = c.exec_driver_sql("PRAGMA integrity_check").scalar_one()
    store.close()
    logged = {row.key: row for row in rows}
    acknowledged = {key: answer for key, answer in told.items() if answer["id"] is not None}
    sent = {key for key, answer in acknowledged.items() if answer["action"] is not None}
    return {
        "answered": len(told),
        "acknowledged": len(acknowledged),
        "lost": sum(key not in logged or logged[key].id != one["id"] for key, one in acknowledged.items()),
        "sent_but_withdrawn": sum(logged[key].withdrawn for key in sent if key in logged),
        "duplicates": len(rows) - len(logged),
        "integrity_check": sound,
    }


def main() -> None:
    """Print the figures; exit 1 if anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="a folder on the disk to measure")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        found = measure(Path(folder), chosen.kills)
    print(json.dumps(found) if chosen.json else "\n".join(f"{name}: {one}" for name, one in found.items()))
    wrong = found["lost"] + found["sent_but_withdrawn"] + found["duplicates"]
    if wrong or found["integrity_check"] != "ok":
        raise SystemExit(1)


if __name__ == "__main__":
    main()
