"""Group commit: everyone who waits to write shares one transaction and one flush to disk."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from sqlalchemy import Connection

from engine.errors import StoreError
from engine.store.store import Store

T = TypeVar("T")
R = TypeVar("R")
Waiting = tuple[T, "Future[R]"]


class Writer(Generic[T, R]):
    """One thread that handles waiting items in groups, each group in one write transaction.

    A result is given only after the commit, in the order of submission: what was acknowledged is on disk.
    An exception among the results goes to its caller alone; nothing may have been written for that item. If
    `handle` or the commit raises, nothing of the group is written and all its callers get the error; the next
    group goes on.

    Args:
        store: where to.
        handle: takes a connection and items, returns one result or exception for each, in order.
        max_group: the most items in one transaction.
        max_wait_s: how long to wait for more items once there is one; 0 takes those that are there.
    """

    def __init__(
        self,
        store: Store,
        handle: Callable[[Connection, list[T]], Sequence[R | Exception]],
        max_group: int = 256,
        max_wait_s: float = 0.0,
    ) -> None:
        self._store = store
        self._handle = handle
        self._max_group = max_group
        self._max_wait_s = max_wait_s
        self._queue: SimpleQueue[Waiting[T, R] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, item: T) -> Future[R]:
        """Queue an item; the future is done once it is on disk. Cancelling helps until its group is taken.

        Raises:
            StoreError: the writer is closed.
        """
        future: Future[R] = Future()
        with self._lock:
            if self._closed:
                raise StoreError(f"{self._store.path}: the writer is closed, nothing more can be written.")
            self._queue.put((item, future))
        return future

    def close(self) -> None:
        """Write what is waiting, then stop. Closing twice is harmless."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        going = True
        while going:
            group, going = self._take()
            running = [one for one in group if one[1].set_running_or_notify_cancel()]
            if running:
                self._write(running)

    def _take(self) -> tuple[list[Waiting[T, R]], bool]:
        """The next group, and whether there may be another after it."""
        group: list[Waiting[T, R]] = []
        deadline = 0.0
        while len(group) < self._max_group:
            try:
                one = self._queue.get() if not group else self._more(deadline)
            except Empty:
                break
            if one is None:
                return group, False
            if not group:
                deadline = time.monotonic() + self._max_wait_s
            group.append(one)
        return group, True

    def _more(self, deadline: float) -> Waiting[T, R] | None:
        left = deadline - time.monotonic() if self._max_wait_s else 0.0
        return self._queue.get(timeout=left) if left > 0 else self._queue.get_nowait()

    def _write(self, group: list[Waiting[T, R]]) -> None:
        try:
            with self._store.write() as connection:
                results = self._handle(connection, [item for item, _ in group])
                if len(results) != len(group):
                    raise StoreError(f"handle gave {len(results)} results for {len(group)} items.")
        except BaseException as error:  # whatever it is, the callers wait for it and the next group goes on
            for _, future in group:
                future.set_exception(error)
            return
        for (_, future), result in zip(group, results, strict=True):
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)
