"""Learning beside serving: every few minutes, in a thread of its own, a small piece at a time.

Decisions go on while it reads and learns. They wait only while what was learnt is published. Once an hour it
looks at the guardrail of each program (`engine.guard`), and goes back where customers fare worse.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from engine.api.metrics import Metrics
from engine.errors import RefusedError
from engine.learn import publish, study
from engine.store import Store, programs

PIECE = 20_000  # decisions learnt at once, for one snapshot
PAUSE_S = 0.05
LOOKS = timedelta(hours=1)  # between two looks at a program's guardrail
log = structlog.get_logger()


class Teacher:
    """Learns what has matured, every `every_s` seconds, until it is closed.

    Args:
        store: whose decisions and outcomes are learnt.
        every_s: seconds between two rounds, > 0.
        now: the clock.
        metrics: where looks at guardrails are counted.
    """

    def __init__(
        self, store: Store, every_s: float, now: Callable[[], datetime], metrics: Metrics | None = None
    ) -> None:
        self._store = store
        self._every_s = every_s
        self._now = now
        self._metrics = metrics or Metrics()
        self._told: dict[str, str] = {}
        self._looked: dict[str, datetime] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="teacher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish the piece under way, then stop."""
        self._closing.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._closing.wait(self._every_s):
            try:
                self._round()
            except Exception as error:  # a round that fails must not end all learning
                log.error("learning failed, decisions go on as before", exc_info=error)

    def _round(self) -> None:
        with self._store.read() as connection:
            names = programs.program_names(connection)
        for name in names:
            try:
                while self._piece(name) and not self._closing.wait(PAUSE_S):
                    pass
            except RefusedError as error:  # somebody has to decide; saying so once is enough
                if self._told.get(name) != str(error):
                    log.warning("learning waits", program=name, reason=str(error))
                self._told[name] = str(error)
                self._metrics.learning_waits.labels(name).set(1.0)
            else:
                self._told.pop(name, None)
                self._metrics.learning_waits.labels(name).set(0.0)
                self._guard(name)

    def _guard(self, name: str) -> None:
        """Look at a program's guardrail if it is time; go back to the last good snapshot if harm is shown."""
        from engine.guard import go_back, guard

        at = self._now()
        if name in self._looked and at - self._looked[name] < LOOKS:
            return
        self._looked[name] = at
        with self._store.read() as connection:
            found = guard(connection, name, at)
        self._metrics.guarded(name, found)
        if not found.harm or found.step is None:
            return
        if found.step.before is None:
            log.error("harm is shown, there is no snapshot to go back to", program=name, harm=found.harm)
            return
        with self._store.write() as connection:
            copy = go_back(connection, name, found, at)
        self._metrics.went_back.labels(name).inc()
        log.error(
            "harm is shown, the last good snapshot serves", program=name, harm=found.harm, snapshot=copy
        )

    def _piece(self, name: str) -> bool:
        """Learn one piece of a program; True if there may be more."""
        at = self._now()
        with self._store.read() as connection:
            done = study(connection, name, at, PIECE)
        if done is None:
            return False
        with self._store.write() as connection:
            lesson = publish(connection, done, at)
        for source, count in lesson.held.items() if lesson else ():
            self._metrics.held.labels(name, source).inc(count)
        return max(len(done.due), len(done.late)) >= PIECE
