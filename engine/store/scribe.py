"""A thread that opens and ends write transactions for another that computes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from sqlalchemy import Connection

from engine.store.store import Store


class Scribe:
    """Waits for the disk, so that the thread that asks need not: one transaction for each time it is asked.

    Args:
        store: where to.
        work: what is done inside the transaction, called in the scribe's thread.
        ended: told, in the scribe's thread, that the transaction is durable (None), or why it is undone.
    """

    def __init__(
        self, store: Store, work: Callable[[Connection], None], ended: Callable[[BaseException | None], None]
    ) -> None:
        self._store = store
        self._work = work
        self._ended = ended
        self._asked: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="scribe", daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Have one transaction written; returns at once."""
        self._asked.put(True)

    def close(self) -> None:
        """End what was asked for, then stop. Closing twice is harmless."""
        self._asked.put(False)
        self._thread.join()

    def _write(self) -> None:
        while self._asked.get():
            try:
                with self._store.write() as connection:
                    self._work(connection)
            except BaseException as error:  # whatever it is, the asker waits for it and may ask again
                self._ended(error)
            else:
                self._ended(None)
