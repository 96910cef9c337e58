"""Everything but decisions that is written: each caller hands in a write, all that wait share one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

from engine.errors import NextbestError
from engine.store import Store
from engine.store.writer import Writer

R = TypeVar("R")
Write = Callable[[Connection], Any]


class Intake:
    """A writer beside the service's, so that outcomes never wait behind decisions in one queue.

    A write may refuse with a `NextbestError` as long as it has written nothing by then.
    """

    def __init__(self, store: Store) -> None:
        self._writer: Writer[Write, Any] = Writer(store, _write_all, max_group=64)

    async def write(self, write: Callable[[Connection], R]) -> R:
        """The write's own result, once it is on disk.

        Raises:
            StoreError: the store cannot write; nothing was written.
        """
        result: R = await asyncio.wrap_future(self._writer.submit(write))
        return result

    def close(self) -> None:
        """Write what waits, then stop."""
        self._writer.close()


def _write_all(connection: Connection, writes: Sequence[Write]) -> list[Any]:
    return [_result(connection, write) for write in writes]


def _result(connection: Connection, write: Write) -> Any:
    try:
        return write(connection)
    except NextbestError as error:
        return error
