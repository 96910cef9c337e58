"""Layers: programs that share no customer.

Each owns ranges of the layer's hashes, half-open integers on 64 bits, given when it is applied. One that
grows is given free ranges and keeps those it has, so nobody else's move; one that shrinks gives back its
last. A customer in a program's range is claimed by it when first seen, for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection

from engine.assign import SPACE, signed, unit_hash
from engine.domain import Layer, Program
from engine.errors import RefusedError
from engine.store import lots
from engine.store.lots import LotRow, StakeRow

Range = tuple[int, int]  # from the first up to, not with, the second
_OFFSET = SPACE // 2
_ROUNDING = 1 << 16  # shares that sum to 1 may miss it by as much


def lot_of(layer: str) -> str:
    """The name under which a layer's claims are stored."""
    return f"layer {layer}"


def excluded(
    connection: Connection, program: Program, layer: Layer, units: Mapping[str, str], at_us: int
) -> set[str]:
    """The customers whom a program may not have; the others are claimed by it from now on.

    Args:
        units: by customer who has no arm in the program yet, the unit whose hash counts.
    """
    name = lot_of(layer.name)
    claimed = lots.lots(connection, name, units)
    own = [(low, high) for low, high, owner in _ranges(connection, layer.name) if owner == program.name]
    hashed = {customer: unit_hash(name, unit) for customer, unit in units.items() if customer not in claimed}
    mine = [one for one, hash_ in hashed.items() if any(low <= hash_ < high for low, high in own)]
    lots.put_lots(connection, [LotRow(one, name, program.name, signed(hashed[one]), at_us) for one in mine])
    theirs = {one for one, owner in claimed.items() if owner != program.name}
    return theirs | (hashed.keys() - set(mine))


def allot(connection: Connection, program: Program) -> None:
    """Give a program that is applied the ranges of the layer it names, and take back those of others.

    Raises:
        RefusedError: the layer has not that much left.
    """
    for layer in lots.staked(connection, program.name):
        if program.layer is None or layer != program.layer.name:
            lots.stake(connection, layer, program.name, [])
    if program.layer is None:
        return
    name, share = program.layer.name, program.layer.share
    held = _ranges(connection, name)
    own = [(low, high) for low, high, owner in held if owner == program.name]
    free = list(_gaps([(low, high) for low, high, _ in held]))
    wanted, left = round(share * SPACE), _size(own) + _size(free)
    if wanted > left + _ROUNDING:
        others = {owner: 0 for *_, owner in held if owner != program.name}
        for low, high, owner in held:
            if owner in others:
                others[owner] += high - low
        rest = ", ".join(f"{owner} {size / SPACE:.3g}" for owner, size in others.items())
        raise RefusedError(
            f"{program.source}: layer '{name}' has {left / SPACE:.3g} left, share is {share:g}; the rest is "
            f"taken by {rest}. Take a smaller share, or apply one of them with a smaller one first."
        )
    rows = [
        StakeRow(name, low - _OFFSET, high - 1 - _OFFSET, program.name)
        for low, high in _first([*own, *free], min(wanted, left))
    ]
    lots.stake(connection, name, program.name, rows)


def _ranges(connection: Connection, layer: str) -> list[tuple[int, int, str]]:
    return [
        (row.low + _OFFSET, row.last + _OFFSET + 1, row.program) for row in lots.stakes(connection, layer)
    ]


def _gaps(held: Sequence[Range]) -> Iterator[Range]:
    """What nobody has, in order."""
    at = 0
    for low, high in sorted(held):
        if low > at:
            yield at, low
        at = high
    if at < SPACE:
        yield at, SPACE


def _first(ranges: Sequence[Range], size: int) -> Iterator[Range]:
    """The ranges in order, as far as they make up that size."""
    for low, high in ranges:
        if size > 0:
            yield low, min(high, low + size)
            size -= high - low


def _size(ranges: Sequence[Range]) -> int:
    return sum(high - low for low, high in ranges)
