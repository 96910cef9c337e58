"""The newest decisions of some customers as a policy met them: of rows and of folds alike.

What a policy would say of them today is asked of these columns, so that it does not matter whether they were
decided one by one or in a batch. No row is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import Connection

from engine import arbitrate, context
from engine.block import some, whole
from engine.choose import Live
from engine.folded import asked, situations
from engine.situation import Situations, columns, decode
from engine.store import blocks, learning, parts, unfolding
from engine.store.entries import Entries
from engine.store.rows import DueRow
from engine.unfold import CHOICE, feasible_of, header_of
from policies.base import Floats, Ints, Mask

FOLDS = 128  # are read at most: so many hold 8 decisions of each of 400 customers, unless these lie scattered
_ACTION, _FEASIBLE = f"{CHOICE}action", f"{CHOICE}feasible."


@dataclass(frozen=True, slots=True, eq=False)
class Latest:
    """n decisions among k actions, the newest first.

    Attributes:
        customer: (n,) whose.
        contact: (n,) whether something was sent.
        X: (n, d) contexts by the encoding of today.
        mask: (n, k) feasible actions.
        prior: (n, k) expected net value before learning.
    """

    customer: Sequence[str]
    contact: Mask
    X: Floats
    mask: Mask
    prior: Floats

    def __len__(self) -> int:
        return len(self.customer)


def customers(connection: Connection, listed: Entries, arm: str) -> set[str]:
    """Whose decisions of an arm are among some of the log.

    Raises:
        StoreError: a fold is damaged.
    """
    found = set[str]()
    for number, own in listed.by_fold():
        if number == 0:
            found |= set(learning.customers_of(connection, listed.seq[own].tolist(), arm))
        elif (fold := unfolding.fold(connection, number)) is not None:
            table = _read(connection, number, listed.seq[own] - fold.first, {"customer", "arm"}.__contains__)
            found |= set(table.filter(pl.col("arm") == arm)["customer"])
    return found


def latest(connection: Connection, current: Live, arm: str, names: Sequence[str], each: int) -> Latest | None:
    """The last `each` decisions of each of some customers in an arm, by the program as it is; None for none.

    Raises:
        StoreError: a fold is damaged.
    """
    program, version = current.program.name, current.program.version
    rows = learning.newest_of_each(connection, program, version, arm, names, each)
    made = [_of_rows(current, rows)] if rows else []
    for part in parts.latest(connection, program, version, names, each, FOLDS):
        if (found := _of_fold(connection, current, arm, part)) is not None:
            made.append(found)
    return _newest_of_each(made, each) if made else None


_Part = tuple[Ints, Latest]  # numbers in the log, and the decisions


def _of_rows(current: Live, rows: Sequence[DueRow]) -> _Part:
    packed = np.stack([np.frombuffer(row.feasible, dtype=np.uint8) for row in rows])
    contact = np.array([row.contact for row in rows], dtype=np.bool_)
    s = columns(current.program, [decode(row.situation) for row in rows])
    return np.array([row.seq for row in rows], dtype=np.int64), _met(current, s, contact, packed)


def _of_fold(connection: Connection, current: Live, arm: str, part: parts.Part) -> _Part | None:
    table = _read(connection, part.fold.number, part.place, partial(_is_wanted, current))
    own = (table["arm"] == arm).to_numpy()
    if not own.any():
        return None
    table, header = table.filter(pl.Series(own)), header_of(part.fold.header)
    s, packed = situations(current.program, header, table), feasible_of(header, table)
    return part.fold.first + part.place[own], _met(current, s, table[_ACTION].to_numpy() > 0, packed)


def _is_wanted(current: Live, name: str) -> bool:
    return name == _ACTION or name.startswith(_FEASIBLE) or asked(current.program, name)


def _read(connection: Connection, number: int, place: Ints, wanted: Callable[[str], bool]) -> pl.DataFrame:
    with whole(f"fold {number} of the log"):
        return some(blocks.body(connection, number), wanted, place)


def _met(current: Live, s: Situations, contact: Mask, packed: NDArray[np.uint8]) -> Latest:
    mask = np.unpackbits(packed, axis=1, count=len(current.actions)).astype(np.bool_)
    X, prior = context.encode(current.encoding, s), arbitrate.prior(current.program, s)
    return Latest(s.customer, contact, X, mask, prior)


def _newest_of_each(made: Sequence[_Part], each: int) -> Latest:
    """The parts as one, in the log's order, the newest first; no more than `each` of one customer."""
    seq = np.concatenate([number for number, _ in made])
    names = np.array([name for _, one in made for name in one.customer])
    order = np.argsort(-seq, kind="stable")
    _, who = np.unique(names[order], return_inverse=True)
    grouped = np.argsort(who, kind="stable")
    place = np.empty(len(who), dtype=np.int64)
    place[grouped] = np.arange(len(who)) - np.searchsorted(who[grouped], who[grouped])
    kept = order[place < each]
    columns = ("contact", "X", "mask", "prior")
    joined = [np.concatenate([getattr(one, column) for _, one in made])[kept] for column in columns]
    return Latest(names[kept].tolist(), *joined)
