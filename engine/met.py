"""Customers whom the store has met: which rows there are of each, and what stands of them in folds.

Read by columns, and nothing is unfolded: a chunk of a batch is told apart by this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine.block import some, whole
from engine.domain import Program
from engine.enrol import by_hash_alone
from engine.store import blocks, decisions, merges
from engine.store.parts import parts
from engine.store.standing import Standing, standing
from engine.unfold import Header, header_of
from policies.base import Ints, Mask


class Block:
    """A block of the store that is read when it is first asked for, as most of a customer's are not."""

    def __init__(self, connection: Connection, number: int) -> None:
        self.number = number
        self._connection = connection

    @cached_property
    def body(self) -> bytes:
        """What it holds. Raises `StoreError` if it is gone."""
        return blocks.body(self._connection, self.number)


@dataclass(frozen=True, slots=True)
class Piece:
    """Decisions of one fold.

    Attributes:
        block: of the fold, with its number.
        row, place: (m,) which of the customers asked for each is of, and its place in the block.
    """

    block: Block
    header: Header
    row: Ints
    place: Ints

    def read(self, wanted: Callable[[str], bool], rows: Mask | None = None) -> pl.DataFrame:
        """The columns whose names are wanted, of all or some of the decisions.

        Raises:
            StoreError: the fold is damaged.
        """
        with whole(f"fold {self.block.number} of the log"):
            return some(self.block.body, wanted, self.place if rows is None else self.place[rows])

    def only(self, place: Ints) -> Piece | None:
        """The decisions of some customers, by the (n,) new number of each, below 0 for the others."""
        row = place[self.row]
        kept = row >= 0
        return replace(self, row=row[kept], place=self.place[kept]) if kept.any() else None


@dataclass(frozen=True, slots=True)
class Met:
    """n customers: their rows, and the pieces of folds that hold decisions of theirs, the oldest first."""

    standing: Standing
    pieces: Sequence[Piece]

    def only(self, some: Mask) -> Met:
        """Of some of the customers."""
        place = np.where(some, np.cumsum(some) - 1, -1)
        pieces = [one.only(place) for one in self.pieces]
        return Met(self.standing.only(some), [one for one in pieces if one is not None])

    def within(self, test: Callable[[Header], bool]) -> Mask:
        """(n,) who is in a fold whose header passes."""
        found = np.zeros(len(self.standing.profile), dtype=np.bool_)
        for piece in self.pieces:
            if test(piece.header):
                found[piece.row] = True
        return found


@dataclass(frozen=True, slots=True)
class Sorted:
    """What is to be done for each of n customers of a chunk; just one of these.

    Attributes:
        strangers: the store knows nothing of them.
        known: decided for by the column.
        repeated: decided for in this batch before; the decision stands in a fold.
        merged: decided for by the column as the persons they stand for, who come up in the chunk only so.
        by_row: left to the pipeline; `used` are those whose decision in this batch is a row.
        people: the persons, by id.
    """

    strangers: Mask
    known: Mask
    repeated: Mask
    merged: Mask
    by_row: Mask
    used: Mask
    people: Mapping[str, str]


def meet(connection: Connection, ids: Sequence[str]) -> Met:
    """What there is of some customers."""
    found = standing(connection, ids)
    pieces = []
    for part in parts(connection, ids, found.decisions):
        header = header_of(part.fold.header)
        pieces.append(Piece(Block(connection, part.fold.number), header, part.row, part.place))
    return Met(found, pieces)


def sort(connection: Connection, program: Program, batch: str, ids: Sequence[str], met: Met) -> Sorted:
    """Tell apart who is decided for how, in a batch of that name."""
    rows = met.standing
    folded = met.within(lambda header: True)
    people = merges.people(connection, [ids[i] for i in np.flatnonzero(rows.merged).tolist()])
    by_row = _together(ids, people)
    if not by_hash_alone(connection, program):  # the first arm of who is new to the program is given by it
        by_row |= rows.decisions | rows.merged
        by_row |= folded & ~met.within(lambda one: one.program == program.name)
    asked = rows.decisions | rows.merged
    keys = [f"{batch}:{ids[i]}" for i in np.flatnonzero(asked).tolist()]
    there = decisions.used_keys(connection, program.name, keys) if keys else set[str]()
    used = np.zeros(len(ids), dtype=np.bool_)
    used[np.flatnonzero(asked)] = [key in there for key in keys]
    by_row |= used
    repeated = met.within(lambda one: (one.program, one.name) == (program.name, batch)) & ~by_row
    merged = rows.merged & ~by_row
    known = (rows.any() | folded) & ~by_row & ~repeated & ~merged
    return Sorted(~(known | merged | by_row | repeated), known, repeated, merged, by_row, used, people)


def _together(ids: Sequence[str], people: Mapping[str, str]) -> Mask:
    """(n,) whoever comes up more than once: what is sent to one of them counts for the others."""
    if not people:
        return np.zeros(len(ids), dtype=np.bool_)
    persons = [people.get(one, one) for one in ids]
    often = Counter(persons)
    return np.array([often[one] > 1 for one in persons], dtype=np.bool_)
