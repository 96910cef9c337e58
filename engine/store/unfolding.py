"""Rows made of a fold: see `engine.store.folds`, which is what asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, delete, select, update

from engine.store import blocks, taught
from engine.store.directory import Hashes
from engine.store.rows import AssignmentRow, CustomerRow, DecisionRow
from engine.store.sqlite import among, insert_new, upsert
from engine.store.sqlite import ids as as_ids
from engine.store.statement import execute, prepare, prepare_insert, run, run_many
from engine.store.tables import table

_fold, _decision, _pending = table("fold"), table("decision"), table("pending")
_assignment, _customer, _learnt = table("assignment"), table("customer"), table("learnt")
_GIVEN = DecisionRow.__struct_fields__[:-2]
_ARM = AssignmentRow.__struct_fields__
_PROFILE = list(_customer.columns.keys())
_FOLD = prepare(select(*_fold.columns).where(_fold.c.number == bindparam("number")))
_THERE = prepare(
    select(_decision.c.seq).where(_decision.c.seq.between(bindparam("first"), bindparam("last")))
)
_ADD = prepare_insert(_decision, ["seq", *_GIVEN])
_ADD_PENDING = prepare_insert(_pending, ["program", "at_us", "decision"])
_ADD_LEARNT = prepare_insert(_learnt, ["decision", "reward", "learnt_us", "until_us", "seen", "rest"])
_ADD_ARM = prepare_insert(_assignment, _ARM, insert_new(_assignment))
_PUT_PROFILE = prepare_insert(_customer, _PROFILE, upsert(_customer))
_OLDER = prepare(select(*(_customer.c[name] for name in _PROFILE)).where(among(_customer.c.id)))
_arm = attrgetter(*_ARM)
_DROP = prepare(delete(_fold).where(_fold.c.number == bindparam("number")))
_FORGET = prepare(
    update(_fold)
    .where(_fold.c.number == bindparam("its_number"))
    .values(customers=bindparam("who"), ids=bindparam("which"))
)
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(dict[str, Any]).decode
_SEQ, _PROGRAM, _AT_US, _FALLBACK = (
    ["seq", *_GIVEN].index(name) for name in ("seq", "program", "at_us", "fallback")
)


@dataclass(frozen=True, slots=True)
class Fold:
    """A fold without its columns, the block of its number; `first` is its first place in the log."""

    number: int
    program: str
    name: str
    first: int
    n: int
    header: bytes
    customers: bytes
    ids: bytes


@dataclass(frozen=True, slots=True)
class Missing:
    """Places of a fold whose rows are to be made; `last` if they are all that were left."""

    fold: Fold
    places: list[int]
    last: bool


def fold(c: Connection, number: int) -> Fold | None:
    """The fold of that number; None if all its rows were made, or it is not there."""
    found = run(c, _FOLD, number=number)
    return Fold(*found[0]) if found else None


def missing(c: Connection, number: int, names: Hashes | None) -> Missing | None:
    """Which rows of a fold are yet to be made; None for none.

    Args:
        names: hashes of customers or of ids; None for all of the fold.
    """
    if (one := fold(c, number)) is None:
        return None
    customers, ids = np.frombuffer(one.customers, dtype=np.uint64), np.frombuffer(one.ids, dtype=np.uint64)
    if names is None:
        return Missing(one, left(c, one).tolist(), True)
    asked = np.flatnonzero(np.isin(customers, names) | np.isin(ids, names)).tolist()
    places = [i for i in asked if not run(c, _THERE, first=one.first + i, last=one.first + i)]
    return Missing(one, places, False) if places else None


def left(c: Connection, fold: Fold) -> NDArray[np.int64]:
    """The places of a fold that are somebody's, and whose rows are not made."""
    places = np.frombuffer(fold.customers, dtype=np.uint64) != 0
    places[there(c, fold)] = False
    return np.flatnonzero(places)


def there(c: Connection, fold: Fold) -> list[int]:
    """The places of a fold whose rows are made."""
    return [seq - fold.first for (seq,) in run(c, _THERE, first=fold.first, last=fold.first + fold.n - 1)]


def customers_of(c: Connection, number: int, ids: Hashes) -> Hashes:
    """Hashes of the customers whose decisions are of those ids, by their hashes; none if the fold is gone."""
    if (one := fold(c, number)) is None:
        return np.zeros(0, dtype=np.uint64)
    return np.frombuffer(one.customers, dtype=np.uint64)[np.isin(np.frombuffer(one.ids, np.uint64), ids)]


def make(c: Connection, wanted: Missing) -> None:
    """Make rows of a fold: decisions, what waits to be learnt or was, arms, profiles."""
    from engine.unfold import header_of, unfold

    one, places = wanted.fold, wanted.places
    made = unfold(header_of(one.header), one.number, one.first, blocks.body(c, one.number), places)
    run_many(c, _ADD, made.decisions)
    _mark(c, one, made.decisions)
    run_many(c, _ADD_ARM, [_arm(row) for row in made.arms])
    run_many(c, _PUT_PROFILE, _laid_over(c, made.profiles))
    if wanted.last:
        execute(c, _DROP, number=one.number)
        taught.drop(c, one.number)


def _mark(c: Connection, fold: Fold, rows: Sequence[tuple[Any, ...]]) -> None:
    """Have rows just made wait to be learnt; where the fold is settled, note what they were learnt with."""
    if (lesson := taught.lesson_of(c, fold.number)) is None:
        waiting = [row for row in rows if row[_FALLBACK] is None]
        run_many(c, _ADD_PENDING, [(row[_PROGRAM], row[_AT_US], row[_SEQ]) for row in waiting])
        return
    same = (lesson.learnt_us, lesson.until_us, lesson.seen)
    reward, rest = lesson.rewards.tolist(), lesson.rests.tolist()
    places = [row[_SEQ] - fold.first for row in rows]
    marked = [(fold.first + i, reward[i], *same, rest[i]) for i in places if reward[i] == reward[i]]
    run_many(c, _ADD_LEARNT, marked)


def _laid_over(c: Connection, profiles: Sequence[CustomerRow]) -> list[tuple[Any, ...]]:
    """Rows of the profiles, each laid over what an older fold left of the customer."""
    older = {id: values for id, *values in run(c, _OLDER, wanted=as_ids(one.id for one in profiles))}
    rows = []
    for one in profiles:
        attributes, consent, zone = one.attributes, one.consent, one.zone
        if one.id in older:
            was, granted, where, _ = older[one.id]
            attributes, consent = {**_decode(was), **attributes}, {**_decode(granted), **consent}
            zone = where if zone is None else zone
        rows.append((one.id, _encode(attributes), _encode(consent), zone, one.updated_us))
    return rows


def forget(c: Connection, number: int, names: Hashes) -> None:
    """Take customers, by their hashes, out of what a fold can be found by."""
    if (one := fold(c, number)) is None:
        return
    customers, ids = (np.frombuffer(it, dtype=np.uint64).copy() for it in (one.customers, one.ids))
    gone = np.isin(customers, names)
    customers[gone] = ids[gone] = 0
    execute(c, _FORGET, its_number=number, who=customers.tobytes(), which=ids.tobytes())
    taught.forget(c, number, gone)
