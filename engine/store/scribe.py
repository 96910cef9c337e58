"""A thread that waits for the disk, so that the one that computes need not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Scribe:
    """Does one thing after the other, each when it is asked for.

    Args:
        ended: told, in the scribe's thread, that a thing is done (None), or why it is not.
    """

    def __init__(self, ended: Callable[[BaseException | None], None]) -> None:
        self._ended = ended
        self._asked: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="scribe", daemon=True)
        self._thread.start()

    def ask(self, job: Callable[[], None]) -> None:
        """Have something done; returns at once."""
        self._asked.put(job)

    def close(self) -> None:
        """Do what was asked for, then stop. Closing twice is harmless."""
        self._asked.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (job := self._asked.get()) is not None:
            try:
                job()
            except BaseException as error:  # whatever it is, the asker waits for it and may ask again
                self._ended(error)
            else:
                self._ended(None)
