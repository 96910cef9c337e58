"""Replay: make a logged decision again from what the log holds, and compare every bit."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from msgspec.structs import asdict, replace
from sqlalchemy import Connection

from engine.calendar import instant
from engine.choose import Live, choose
from engine.errors import NotFoundError, RefusedError, StoreError
from engine.live import NOTHING
from engine.logbook import log_rows
from engine.reply import as_decided
from engine.request import Request
from engine.situation import Situation, columns
from engine.store import assignments, decisions, merges, programs
from engine.store.rows import DecisionRow
from engine.unsent import nothing
from engine.values import fits, types
from policies.snapshot import SnapshotError


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of the log that does not come out again."""

    field: str
    logged: object
    replayed: object


@dataclass(frozen=True, slots=True)
class Replay:
    """A decision made again; it is the same if there is no difference."""

    id: str
    action: str
    propensity: float
    differences: tuple[Difference, ...]


def replay(connection: Connection, id: str) -> Replay:
    """Make the logged decision `id` again.

    Raises:
        NotFoundError: there is no such decision.
        RefusedError: it was made elsewhere; or its context, program or snapshot is gone or damaged.
    """
    try:
        row = decisions.decision(connection, id)
    except StoreError as error:
        raise RefusedError(f"decision '{id}' cannot be made again: {error}") from error
    if row is None:
        raise NotFoundError(
            f"decision '{id}' is not in the store; copy the id from a reply or a batch's file."
        )
    if row.snapshot_version is None:
        raise RefusedError(
            f"decision '{id}' was taken in from another system's log; only decisions made here replay."
        )
    current, situation = _evidence(connection, row)
    person = merges.person_of(connection, situation.customer)
    again = replace(_made_again(current, situation, row), customer=person)
    compared = [
        *((name, logged, asdict(again)[name]) for name, logged in asdict(row).items()),
        *_around(connection, row, current),
    ]
    differences = tuple(_difference(*one) for one in compared if one[1] != one[2])
    return Replay(id, again.action_name, again.propensity, differences)


def _evidence(connection: Connection, row: DecisionRow) -> tuple[Live, Situation]:
    """What the decision was made with, if the store still has it whole."""
    try:
        current, situation = as_decided(connection, row)
    except (StoreError, SnapshotError, NotFoundError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RefusedError(f"decision '{row.id}' cannot be made again: {error}") from error
    kinds = types(current.program)
    for name, value in situation.values.items():
        if name not in kinds or not fits(kinds[name], value):
            raise RefusedError(
                f"decision '{row.id}' cannot be made again: its context holds {name} == {value!r}, "
                f"which its program cannot have taken; the log was changed."
            )
    return current, situation


def _made_again(current: Live, situation: Situation, row: DecisionRow) -> DecisionRow:
    """The row the log would get now.

    Three things stand in the row only: its place in the log, the hash of a request whose features are merged
    into the context, and that it was withdrawn.
    """
    request = Request(situation.customer, current.program.name, situation.key, instant(situation.at_us))
    if row.fallback == NOTHING:
        request = replace(request, context=situation.values, explore=situation.explore)
        return replace(
            nothing(current, request, situation.customer, situation.arm),
            seq=row.seq,
            request_sha=row.request_sha,
        )
    choices = choose(current, columns(current.program, [situation]))
    made = log_rows(current, [request], [situation], choices)[0]
    return replace(made, seq=row.seq, request_sha=row.request_sha, withdrawn=row.withdrawn)


def _around(connection: Connection, row: DecisionRow, current: Live) -> list[tuple[str, object, object]]:
    """What the store says beside the row: the customer's arm, and the hash of the program file.

    A person who was merged out of several arms has decisions under each of them.
    """
    arm = assignments.assignments(connection, row.program, [row.customer]).get(row.customer)
    for mixed in merges.contaminated(connection, row.customer).get(row.program, []):
        arm = row.arm if row.arm in mixed.arms.split(",") else arm
    sha256 = programs.program_sha256(connection, row.program, row.program_version)
    return [("assigned arm", row.arm, arm), ("program file", sha256, current.program.sha256)]


def _difference(field: str, logged: object, replayed: object) -> Difference:
    return Difference(field.replace("_", " "), _shown(logged), _shown(replayed))


def _shown(value: object) -> object:
    if not isinstance(value, bytes):
        return value
    return value.decode(errors="replace") if value.startswith(b"{") else value.hex()
