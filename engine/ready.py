"""Programs ready to decide: a newer snapshot is loaded beside decisions, the old one serves till then.

A newer version of the program itself counts from the next decision on.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import structlog
from sqlalchemy import Connection

from engine.choose import Live
from engine.live import edited, live, newest
from engine.store import Store

log = structlog.get_logger()


class Ready:
    """The programs of one store. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[str, tuple[tuple[int, int], Live]] = {}
        self._in_vain: dict[str, tuple[int, int]] = {}
        self._loading: set[str] = set()
        self._beside = ThreadPoolExecutor(1, "ready")

    def get(self, connection: Connection, name: str) -> Live:
        """The program to decide with, in its current version. The first time it is loaded here and now.

        Raises:
            NotFoundError: there is no such program.
        """
        stands, held = newest(connection, name), self._held.get(name)
        if held is None:
            held = self._held[name] = (stands, live(connection, name))
        elif held[0][0] != stands[0]:
            held = self._held[name] = ((stands[0], held[0][1]), edited(connection, held[1]))
        if held[0] != stands and self._in_vain.get(name) != stands and name not in self._loading:
            self._loading.add(name)
            self._beside.submit(self._load, name)
        return held[1]

    def close(self) -> None:
        """Finish what is being loaded."""
        self._beside.shutdown()

    def _load(self, name: str) -> None:
        """Take the newest in place of the one that serves; if it cannot be loaded, that one serves on."""
        stands = (0, 0)
        try:
            with self._store.read() as connection:
                stands = newest(connection, name)
                self._held[name] = (stands, live(connection, name))
        except Exception as error:  # whatever it is, decisions go on with what there is
            self._in_vain[name] = stands
            log.error("a program cannot be renewed, the old one serves on", program=name, exc_info=error)
        finally:
            self._loading.discard(name)
