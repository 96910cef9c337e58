"""Learning beside serving: every few minutes, in a thread of its own, a small piece at a time.

Decisions go on while it reads and learns. They wait only while what was learnt is published.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import structlog

from engine.errors import RefusedError
from engine.learn import publish, study
from engine.store import Store, programs

PIECE = 20_000  # decisions learnt at once, for one snapshot
PAUSE_S = 0.05
log = structlog.get_logger()


class Teacher:
    """Learns what has matured, every `every_s` seconds, until it is closed.

    Args:
        store: whose decisions and outcomes are learnt.
        every_s: seconds between two rounds, > 0.
        now: the clock.
    """

    def __init__(self, store: Store, every_s: float, now: Callable[[], datetime]) -> None:
        self._store = store
        self._every_s = every_s
        self._now = now
        self._told: dict[str, str] = {}
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
            else:
                self._told.pop(name, None)

    def _piece(self, name: str) -> bool:
        """Learn one piece of a program; True if there may be more."""
        at = self._now()
        with self._store.read() as connection:
            done = study(connection, name, at, PIECE)
        if done is None:
            return False
        with self._store.write() as connection:
            publish(connection, done, at)
        return max(len(done.due), len(done.late)) >= PIECE
