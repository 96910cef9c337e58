"""Repeats answered while the log cannot be written: what it has of their keys needs no transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress

from engine.decide import ConflictError, Decided, repeated
from engine.errors import StoreError
from engine.request import Request
from engine.store import Store, decisions


def repeats(
    store: Store, requests: Sequence[Request], moving: Collection[tuple[str, str]]
) -> dict[int, Decided | ConflictError]:
    """The answers to those requests whose key has a row in the log, by `id` of the request.

    Args:
        moving: program and key of what is being decided or withdrawn, of which the log has not had its last
            word: none of these is answered.
    """
    asked: dict[str, list[Request]] = {}
    for one in requests:
        if (one.program, one.key) not in moving:
            asked.setdefault(one.program, []).append(one)
    found: dict[int, Decided | ConflictError] = {}
    if asked:
        with suppress(StoreError), store.read() as connection:
            for program, some in asked.items():
                rows = decisions.rows_by_key(connection, program, [one.key for one in some])
                found |= {id(one): repeated(rows[one.key], one) for one in some if one.key in rows}
    return found
