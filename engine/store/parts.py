"""Where customers are folded: what is read of folds without making rows of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from engine.store import folds, unfolding
from engine.store.directory import Hashes, hashes


@dataclass(frozen=True, slots=True)
class Part:
    """Decisions of a fold: the one at each of m places of its block is of a customer among those asked for.

    Attributes:
        row, place: (m,) index of the customer, and place.
    """

    fold: unfolding.Fold
    row: NDArray[np.int64]
    place: NDArray[np.int64]


def parts(c: Connection, ids: Sequence[str], made: NDArray[np.bool_]) -> list[Part]:
    """Where some customers are folded, the oldest decisions first.

    Args:
        made: (n,) who may have rows of the log: the decisions of theirs that are rows are left out.
    """
    if (turn := folds.turn_of(c)) is None or not len(ids):
        return []
    wanted, found = hashes(ids), list[Part]()
    for number, row in _by_fold(folds.find(c, turn, "customers", wanted)):
        if (fold := unfolding.fold(c, number)) is None:
            continue
        at, hit = _within(np.frombuffer(fold.customers, dtype=np.uint64), wanted[row])
        part = Part(fold, row[hit], at[hit])
        if made[part.row].any():
            left = ~np.isin(part.place, unfolding.there(c, fold))
            part = Part(fold, part.row[left], part.place[left])
        if len(part.row):
            found.append(part)
    return found


def latest(c: Connection, program: str, version: int, ids: Sequence[str], each: int, most: int) -> list[Part]:
    """Where the newest `each` decisions of each customer stand that are no rows, in at most `most` folds.

    Of the program in that version and of no fallback, the newest fold first.
    """
    from engine.unfold import header_of

    if (turn := folds.turn_of(c)) is None or not ids:
        return []
    wanted, own, found = hashes(ids), set(folds.numbers(c, program)), list[Part]()
    lacks = np.full(len(ids), each)
    for number, row in reversed(_by_fold(folds.find(c, turn, "customers", wanted))):
        row = row[lacks[row] > 0]
        if number not in own or not len(row) or (fold := unfolding.fold(c, number)) is None:
            continue
        header = header_of(fold.header)
        if header.program_version != version or len(found) == most:
            break
        if header.fallback is None and len((part := _left(c, fold, wanted, row)).row):
            lacks[part.row] -= 1
            found.append(part)
    return found


def newest(c: Connection, ids: Sequence[str]) -> NDArray[np.int64]:
    """(n,) the number of the newest fold that may hold each customer, 0 for none."""
    made = np.zeros(len(ids), dtype=np.int64)
    if (turn := folds.turn_of(c)) is not None:
        places = np.array(folds.find(c, turn, "customers", hashes(ids)), dtype=np.int64).reshape(-1, 2)
        np.maximum.at(made, places[:, 1], places[:, 0])
    return made


def within(c: Connection, names: Sequence[str]) -> list[tuple[str, int]]:
    """(customer, number) of the folds that may hold some customers, their rows made or not."""
    if (turn := folds.turn_of(c)) is None:
        return []
    return [(names[i], number) for number, i in folds.find(c, turn, "customers", hashes(names))]


def held(c: Connection, ids: Collection[str]) -> set[str]:
    """Those among some customers who are in a fold, their rows made or not."""
    asked = list(ids)
    found = parts(c, asked, np.zeros(len(asked), dtype=np.bool_))
    return {asked[i] for part in found for i in part.row.tolist()}


def _by_fold(found: Sequence[folds.Place]) -> list[tuple[int, NDArray[np.int64]]]:
    """The numbers of the folds in order, with the indexes of the customers in each."""
    places = np.array(found, dtype=np.int64).reshape(-1, 2)
    places = places[np.lexsort((places[:, 1], places[:, 0]))]
    number, first = np.unique(places[:, 0], return_index=True)
    return list(zip(number.tolist(), np.split(places[:, 1], first[1:]), strict=True)) if len(number) else []


def _left(c: Connection, fold: unfolding.Fold, wanted: Hashes, row: NDArray[np.int64]) -> Part:
    """The places of a fold that are of some customers, and whose rows are not made."""
    at, hit = _within(np.frombuffer(fold.customers, dtype=np.uint64), wanted[row])
    hit &= ~np.isin(at, unfolding.there(c, fold))
    return Part(fold, row[hit], at[hit])


def _within(names: Hashes, wanted: Hashes) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(m,) where each of the wanted stands among the names, and whether it does."""
    order = np.argsort(names)
    at = order[np.minimum(np.searchsorted(names[order], wanted), len(names) - 1)]
    return at, names[at] == wanted
