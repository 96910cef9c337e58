"""Blocks: the situations of many decisions kept together, as columns.

A row of the log holds either its situation or a reference to a place in a block; whoever reads a row gets the
situation.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, select, update

from engine.errors import StoreError
from engine.store.statement import execute, prepare, prepare_insert, run, run_many
from engine.store.tables import table

_block = table("block")
_MARK = b"\x00block"  # a situation itself is JSON and starts with a brace
_REFERENCE = struct.Struct(f">{len(_MARK)}sQI")
_INSERT = prepare_insert(_block, ["number", "body"])
_LAST = prepare(select(func.coalesce(func.max(_block.c.number), 0)))
_REPLACE = prepare(
    update(_block).where(_block.c.number == bindparam("number")).values(body=bindparam("content"))
)
_BODY = prepare(select(_block.c.body).where(_block.c.number == bindparam("number")))


def put_block(c: Connection, content: bytes) -> int:
    """Keep a block (`engine.block.pack`); its number."""
    number = int(run(c, _LAST)[0][0]) + 1
    run_many(c, _INSERT, [(number, content)])
    return number


def reference(number: int, place: int) -> bytes:
    """What a row of the log holds in place of its situation: a place of a block."""
    return _REFERENCE.pack(_MARK, number, place)


def resolved(c: Connection, situations: Sequence[bytes]) -> list[bytes]:
    """Situations as JSON, whether they stand in their rows or in blocks.

    Raises:
        StoreError: a block is gone.
    """
    found = list(situations)
    for number, places in _referred(found).items():
        from engine.block import unpack

        bodies = unpack(body(c, number), [place for _, place in places])
        for (i, _), situation in zip(places, bodies, strict=True):
            found[i] = situation
    return found


def blank(c: Connection, situations: Sequence[bytes]) -> None:
    """Take out of their blocks what rows of the log, about to be deleted, refer to."""
    from engine.block import blank as blanked

    for number, places in _referred(situations).items():
        content = blanked(body(c, number), [place for _, place in places])
        execute(c, _REPLACE, number=number, content=content)


def _referred(situations: Sequence[bytes]) -> dict[int, list[tuple[int, int]]]:
    """(index, place) of the situations that are references, by the number of their block."""
    wanted: dict[int, list[tuple[int, int]]] = {}
    for i, one in enumerate(situations):
        if len(one) == _REFERENCE.size and one.startswith(_MARK):
            _, number, place = _REFERENCE.unpack(one)
            wanted.setdefault(number, []).append((i, place))
    return wanted


def body(c: Connection, number: int) -> bytes:
    """The block of that number.

    Raises:
        StoreError: it is gone.
    """
    rows = run(c, _BODY, number=number)
    if not rows:
        raise StoreError(f"block {number} of situations is not in the store; restore it from a copy.")
    found: bytes = rows[0][0]
    return found
