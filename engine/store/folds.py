"""Folds: decisions of a batch kept as columns, until somebody needs their rows.

A row with its indexes costs tens of microseconds, a place in a fold about one. So a batch writes folds, and
the rows of a customer come into being the first time anything asks for that customer, key or id, those of a
program when all its decisions are read: the rows that would have been written at once, with the numbers in
the log that were set aside for them.

Whatever reads decisions, arms or profiles calls `customers`, `keys`, `ids`, `program` or `everyone` first;
that is all there is to know of folds (but see `engine.store.parts`). A customer may be in many folds. The
rows of the older are made before those of the newer, since a profile that stands in a fold is laid over what
was known before: all of a customer together, and with those of a program all that came before them. A
connection that only reads has the rows made by the one that writes, and sees the store as it is then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from sqlalchemy import Connection, bindparam, column, insert, select, update
from sqlalchemy import table as any_table

from engine.store import unfolding
from engine.store.directory import Directory, Hashes, hashes, id_hashes
from engine.store.headers import Common, common
from engine.store.sqlite import among
from engine.store.sqlite import ids as as_ids
from engine.store.statement import execute, prepare, prepare_insert, run, run_many
from engine.store.tables import table
from engine.store.unchanged import unchanged

Column: TypeAlias = Literal["customers", "ids"]
Batch: TypeAlias = tuple[str, str]  # a program, and the name of a batch
Place: TypeAlias = tuple[int, int]  # number of a fold that may hold a name, and which of those asked for
_fold, _decision = table("fold"), table("decision")
_sequence = any_table("sqlite_sequence", column("name"), column("seq"))
_COLUMNS = list(_fold.columns.keys())
_INSERT = prepare_insert(_fold, _COLUMNS)
_NEWEST = prepare(select(_fold.c.number).order_by(_fold.c.number.desc()).limit(1))
_ENTRIES = {
    name: prepare(
        select(_fold.c.number, _fold.c.program, _fold.c.name, _fold.c[name])
        .where(_fold.c.number > bindparam("after"))
        .order_by(_fold.c.number)
    )
    for name in ("customers", "ids")
}
_KEYS = prepare(
    select(_decision.c.key).where(_decision.c.program == bindparam("program"), among(_decision.c.key))
)
_IDS = prepare(select(_decision.c.id).where(among(_decision.c.id)))
_LISTED = prepare(select(_fold.c.number, _fold.c.program).order_by(_fold.c.number))
_LAST = prepare(select(_sequence.c.seq).where(_sequence.c.name == bindparam("log")))
_SET_LAST = prepare(
    update(_sequence).where(_sequence.c.name == bindparam("log")).values(seq=bindparam("last"))
)
_BEGIN = prepare(insert(_sequence).values(name=bindparam("log"), seq=bindparam("last")))
_TURN = "folds"  # under which a connection keeps what its transaction knows of them
_LEFT = "left folded"


@dataclass(slots=True)
class Known:
    """What the folds hold, in memory, shared by all connections of a store: of committed folds only.

    Attributes:
        customers, ids: where they are; those of ids are read when somebody asks for one.
        batch, batches: that of each fold, by its number, and all there are.
        common: what the decisions of a fold have in common, by its number, where it was asked.

    Whose rows are there is not among it: that is asked of the store, as the asker sees it.
    """

    customers: Directory = field(default_factory=Directory)
    ids: Directory = field(default_factory=Directory)
    batch: dict[int, Batch] = field(default_factory=dict)
    batches: set[Batch] = field(default_factory=set)
    common: dict[int, Common] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, c: Connection, column: Column) -> None:
        """Enter the folds that are newer."""
        directory: Directory = getattr(self, column)
        with self.lock:
            for number, program, name, hashed in run(c, _ENTRIES[column], after=directory.newest):
                self.batch[number] = batch = program, name
                self.batches.add(batch)
                directory.add(number, np.frombuffer(hashed, dtype=np.uint64))


@dataclass(slots=True)
class _Turn:
    """What one transaction knows: `wrote` is whether it wrote folds or rows that are not committed yet."""

    transaction: object
    newest: int
    known: Known
    wrote: bool = False


def put(
    c: Connection, number: int, program: str, name: str, header: bytes, customers: Hashes, ids: Hashes
) -> int:
    """Keep decisions as the fold of a block (`engine.store.blocks`), and set aside their places in the log;
    the first of them is returned.

    Args:
        name: of the batch: the key of each decision is "NAME:CUSTOMER".
        header: what they have in common (`engine.unfold.Header`).
        customers: (n,) hashes of the customers, in the order of the block.
        ids: (n,) `id_hashes` of the decisions.
    """
    n, found = len(customers), run(c, _LAST, log="decision")
    last = found[0][0] if found else 0
    execute(c, _SET_LAST if found else _BEGIN, log="decision", last=last + n)
    run_many(c, _INSERT, [(number, program, name, last + 1, n, header, customers.tobytes(), ids.tobytes())])
    c.info[_TURN] = _Turn(c.get_transaction(), number, c.get_execution_options()["folds"], True)
    return last + 1


def customers(c: Connection, ids: Collection[str]) -> None:
    """Have the rows of those customers made, where they are folded."""
    if (turn := _asked(c)) is None:
        return
    asked, wanted = list(ids), hashes(ids)
    if not (found := find(c, turn, "customers", wanted)):
        return
    own, keyed = _own_batches(c, turn), dict[str, dict[str, Place]]()
    for number, i in found:
        program, name = own.get(number) or turn.known.batch[number]
        keyed.setdefault(program, {})[f"{name}:{asked[i]}"] = number, i
    left = [
        place
        for program, places in keyed.items()
        for place in _without(places, run(c, _KEYS, program=program, wanted=as_ids(places)))
    ]
    _make(c, turn, _by_fold(left, wanted))


def profiles(c: Connection, ids: Collection[str]) -> None:
    """Have the rows of those customers made whose profiles may stand in a fold."""
    if (turn := _asked(c)) is not None:
        asked = list(ids)
        found = find(c, turn, "customers", hashes(asked))
        customers(c, {asked[i] for number, i in found if common(c, number).profiles})


def keys(c: Connection, program: str, keys: Collection[str]) -> None:
    """Have the decisions of a program under those keys made rows, where they are folded."""
    if (turn := _asked(c)) is None:
        return
    own = _own_batches(c, turn).values()
    cut = [(key[:at], key[at + 1 :]) for key in keys for at, one in enumerate(key) if one == ":"]
    batches = {name for name, _ in cut if (program, name) in turn.known.batches or (program, name) in own}
    customers(c, {customer for name, customer in cut if name in batches})


def ids(c: Connection, ids: Collection[str]) -> None:
    """Have the decisions of those ids made rows, with all of their customers, where they are folded."""
    if (turn := _asked(c)) is None:
        return
    asked, wanted = list(ids), id_hashes(ids)
    if found := {asked[i]: (number, i) for number, i in find(c, turn, "ids", wanted)}:
        left = _by_fold(_without(found, run(c, _IDS, wanted=as_ids(found))), wanted)
        theirs = [np.zeros(0, dtype=np.uint64)]
        theirs += [unfolding.customers_of(c, number, names) for number, names in left.items()]
        customers = np.concatenate(theirs)
        _make(c, turn, _by_fold(find(c, turn, "customers", customers), customers))


def _without(places: Mapping[str, Place], there: Sequence[tuple[str]]) -> list[Place]:
    """The places of names that have no row yet."""
    made = {name for (name,) in there}
    return [place for name, place in places.items() if name not in made]


def program(c: Connection, name: str, before_us: int | None = None) -> None:
    """Have the decisions of a program, or those made for a time before then, made rows.

    With them those of any program before the last of them.
    """
    if (turn := _asked(c)) is not None:
        every = run(c, _LISTED)
        own = [number for number, of in every if of == name]
        if before_us is not None:
            own = [number for number in own if common(c, number).at_us < before_us]
        last = max(own, default=0)
        _make(c, turn, {number: None for number, _ in every if number <= last})


def numbers(c: Connection, program: str) -> list[int]:
    """The folds of a program, the oldest first; with rows that are made, and all others."""
    return [number for number, of in run(c, _LISTED) if of == program]


def everyone(c: Connection) -> None:
    """Have all decisions made rows."""
    if (turn := _asked(c)) is not None:
        _make(c, turn, {number: None for number, _ in run(c, _LISTED)})


@contextmanager
def left(c: Connection) -> Iterator[None]:
    """Leave folded what is asked for within: who asks reads the folds beside the rows (`parts`)."""
    c.info[_LEFT] = True
    try:
        yield
    finally:
        del c.info[_LEFT]


def forget(c: Connection, customer: str) -> None:
    """Leave nothing of a customer, whose rows have been made, in a fold."""
    if (turn := turn_of(c)) is not None:
        wanted = hashes([customer])
        for number in _by_fold(find(c, turn, "customers", wanted), wanted):
            unfolding.forget(c, number, wanted)


def _asked(c: Connection) -> _Turn | None:
    """As `_turn`; None too where what is asked for is to be left folded."""
    return None if _LEFT in c.info else turn_of(c)


def turn_of(c: Connection) -> _Turn | None:
    """What the open transaction knows of folds; None if there are none."""
    turn, transaction = c.info.get(_TURN), c.get_transaction()
    if turn is None or turn.transaction is not transaction:
        newest = unchanged(c, "newest fold", lambda: run(c, _NEWEST))
        turn = _Turn(transaction, newest[0][0] if newest else 0, c.get_execution_options()["folds"])
        c.info[_TURN] = turn
    return turn if turn.newest else None


def find(c: Connection, turn: _Turn, column: Column, wanted: Hashes) -> list[Place]:
    """(number, index into `wanted`) of the folds that may hold each hash."""
    directory = _directory(c, turn, column)
    with turn.known.lock:
        index, number = directory.find(wanted)
    found = list(zip(number.tolist(), index.tolist(), strict=True))
    for number, _, _, hashed in _own(c, turn, column):
        own = np.flatnonzero(np.isin(wanted, np.frombuffer(hashed, dtype=np.uint64)))
        found += [(number, i) for i in own.tolist()]
    return found


def _by_fold(found: Iterable[Place], wanted: Hashes) -> dict[int, Hashes]:
    """The hashes by the number of the fold that may hold them."""
    made: dict[int, list[int]] = {}
    for number, i in found:
        made.setdefault(number, []).append(i)
    return {number: wanted[own] for number, own in made.items()}


def _directory(c: Connection, turn: _Turn, column: Column) -> Directory:
    directory: Directory = getattr(turn.known, column)
    if turn.newest > directory.newest and not turn.wrote:
        turn.known.load(c, column)
    return directory


def _own(c: Connection, turn: _Turn, column: Column) -> list[Any]:
    """The folds that are not in memory: this very transaction wrote them."""
    directory = _directory(c, turn, column)
    return run(c, _ENTRIES[column], after=directory.newest) if turn.newest > directory.newest else []


def _own_batches(c: Connection, turn: _Turn) -> dict[int, Batch]:
    """The batches of the folds that are not in memory."""
    return {number: (program, name) for number, program, name, _ in _own(c, turn, "customers")}


def _make(c: Connection, turn: _Turn, wanted: Mapping[int, Hashes | None]) -> None:
    """Make the rows of folds: of the customers or decisions of those hashes, or of all (None)."""
    looked = {number: unfolding.missing(c, number, wanted[number]) for number in sorted(wanted)}
    left = {number: missing for number, missing in looked.items() if missing is not None}
    if not left:
        return
    pen: Callable[[], AbstractContextManager[Connection]] | None = c.get_execution_options().get("pen")
    if pen is None:
        turn.wrote = True
        for missing in left.values():
            unfolding.make(c, missing)
        return
    for number in left:
        with pen() as writing:
            if (again := unfolding.missing(writing, number, wanted[number])) is not None:
                unfolding.make(writing, again)
    _look_again(c)


def _look_again(c: Connection) -> None:
    """See the store as it is now."""
    for word in ("COMMIT", "BEGIN"):
        c.connection.cursor().execute(word)
    c.info.pop(_TURN, None)
