"""Decisions of the log in columns, as learning reads them: of rows and of folds alike. No row is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine.applied import stored_program
from engine.arms import TAUGHT_BY
from engine.block import some, whole
from engine.calendar import MICROSECOND, instant
from engine.coded import where
from engine.domain import Program
from engine.folded import asked, situations
from engine.request import decision_id
from engine.situation import Situations, columns, decode
from engine.store import blocks, learning, outcomes, unfolding
from engine.store.entries import Entries
from engine.store.rows import DueRow, OutcomeRow
from engine.unfold import CHOICE, header_of
from policies.base import Floats, Ints, Mask

PIECE = 16_384  # decisions in memory at once
_CHOICES = ("action", "propensity")
Keep = Callable[[Program], Mask]


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """n decisions made under one version of a program.

    Attributes:
        program: that version.
        place: (n,) where each stands among those that were read together.
        seq, at_us, action: (n,) as in `engine.store.rows.DueRow`.
        propensity: (n,) likewise.
        taught: (n,) whether it was made in an arm that teaches.
        situations: what each was decided on, as far as contexts and priors depend on it.
        fold: the number of the fold they stand in; 0 for rows.
    """

    program: Program
    place: Ints
    seq: Ints
    at_us: Ints
    action: Ints
    propensity: Floats
    taught: Mask
    situations: Situations
    fold: int

    def __len__(self) -> int:
        return len(self.seq)


def everything(program: Program) -> Mask:
    """(k,) all actions of a version."""
    return np.ones(len(program.actions), dtype=np.bool_)


def pieces(
    connection: Connection, current: Program, listed: Entries, keep: Keep = everything
) -> Iterator[tuple[slice, list[Logged]]]:
    """Some decisions of the log, a stretch at a time: which of them, and what they are.

    Args:
        keep: says of each version which of its actions; decisions on any other are passed over.

    Raises:
        StoreError: a fold is damaged.
    """
    for start in range(0, len(listed), PIECE):
        some = slice(start, min(start + PIECE, len(listed)))
        yield some, _read(connection, current, listed.only(some), keep)


def _read(connection: Connection, current: Program, listed: Entries, keep: Keep) -> list[Logged]:
    """Some decisions of the log, those of one version and one fold together."""
    found: list[Logged] = []
    for number, own in listed.by_fold():
        if number:
            found.append(_of_fold(connection, current, number, own, listed.seq[own], keep))
        else:
            rows = learning.rows(connection, listed.seq[own].tolist())
            found += of_rows(connection, current, rows, own, keep)
    return found


def of_rows(
    connection: Connection,
    current: Program,
    rows: Sequence[DueRow],
    place: Ints | None = None,
    keep: Keep = everything,
) -> list[Logged]:
    """Rows of the log, those of one version together; `place` is where each stands, or in this order."""
    places = np.arange(len(rows)) if place is None else place
    version = np.array([row.program_version for row in rows], dtype=np.int64)
    made = []
    for number in np.unique(version).tolist():
        program = decided_under(connection, current, number)
        kept = keep(program)
        own = [i for i in np.flatnonzero(version == number).tolist() if kept[rows[i].action]]
        made.append(_of_rows(program, [rows[i] for i in own], places[own]))
    return made


def decided_under(connection: Connection, current: Program, version: int) -> Program:
    """The version of a program that a decision was made under."""
    return current if version == current.version else stored_program(connection, current.name, version)


def followed(connection: Connection, logged: Logged) -> dict[int, list[OutcomeRow]]:
    """The outcomes that belong to the decisions, by the index of each decision that has any."""
    window_us = logged.program.goal.window // MICROSECOND
    if not logged.fold:
        found = outcomes.outcomes_of(connection, logged.seq.tolist(), window_us)
        return {i: found[seq] for i, seq in enumerate(logged.seq.tolist()) if seq in found}
    s, at_us = logged.situations, int(logged.at_us[0])

    def id(i: int) -> str:
        return decision_id(logged.program.name, s.key[i], instant(at_us))

    return outcomes.of_decisions(connection, s.customer, id, at_us, at_us + window_us)


def _of_rows(program: Program, rows: Sequence[DueRow], place: Ints) -> Logged:
    return Logged(
        program,
        place,
        np.array([row.seq for row in rows], dtype=np.int64),
        np.array([row.at_us for row in rows], dtype=np.int64),
        np.array([row.action for row in rows], dtype=np.int64),
        np.array([row.propensity for row in rows]),
        np.array([row.arm in TAUGHT_BY for row in rows], dtype=np.bool_),
        columns(program, [decode(row.situation) for row in rows]),
        0,
    )


def _of_fold(
    connection: Connection, current: Program, number: int, place: Ints, seq: Ints, keep: Keep
) -> Logged:
    fold = unfolding.fold(connection, number)
    assert fold is not None, "it was listed in this very transaction"
    header = header_of(fold.header)
    program = decided_under(connection, current, header.program_version)
    choices = {f"{CHOICE}{name}" for name in _CHOICES}
    with whole(f"fold {number} of the log"):
        body = blocks.body(connection, number)
        table = some(body, lambda name: name in choices or asked(program, name), seq - fold.first)
    if not (kept := keep(program)[table[f"{CHOICE}action"].to_numpy()]).all():
        place, seq, table = place[kept], seq[kept], table.filter(pl.Series(kept))
    action, propensity = (table[f"{CHOICE}{name}"].to_numpy() for name in _CHOICES)
    s = situations(program, header, table)
    return Logged(
        program,
        place,
        seq,
        np.full(len(seq), header.at_us),
        action.astype(np.int64),
        propensity,
        where(s.arm, TAUGHT_BY),
        s,
        number,
    )
