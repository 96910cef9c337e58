"""Replay: make a logged decision again from what the log holds, and compare every bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from engine.choose import Choices, Live, choose
from engine.errors import NotFoundError, RefusedError
from engine.reply import as_decided
from engine.situation import Situation, columns
from engine.store import assignments, decisions
from engine.store.rows import DecisionRow


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
        StoreError: the program or snapshot it was made under is gone or damaged.
    """
    row = decisions.decision(connection, id)
    if row is None:
        raise NotFoundError(
            f"decision '{id}' is not in the store; copy the id from a reply or a batch's file."
        )
    if row.snapshot_version is None:
        raise RefusedError(
            f"decision '{id}' was taken in from another system's log; only decisions made here replay."
        )
    current, situation = as_decided(connection, row)
    choices = choose(current, columns(current.program, [situation]))
    arm = assignments.assignments(connection, row.program, [row.customer]).get(row.customer)
    differences = [
        Difference(field, logged, again)
        for field, logged, again in _compared(row, current, situation, choices, arm)
        if logged != again
    ]
    return Replay(
        id,
        current.program.actions[int(choices.action[0])].name,
        float(choices.propensity[0]),
        tuple(differences),
    )


def _compared(
    row: DecisionRow, current: Live, situation: Situation, choices: Choices, arm: str | None
) -> list[tuple[str, object, object]]:
    action, drawn = int(choices.action[0]), int(choices.drawn[0])
    held = situation.arm == "holdout"
    return [
        ("customer", row.customer, situation.customer),
        ("key", row.key, situation.key),
        ("at", row.at_us, situation.at_us),
        ("arm", row.arm, situation.arm),
        ("assigned arm", row.arm, arm),
        ("action", (row.action, row.action_name), (action, current.program.actions[action].name)),
        ("withheld", row.withheld, current.program.actions[drawn].name if held else None),
        ("propensity", row.propensity, float(choices.propensity[0])),
        ("explored", row.explored, bool(choices.explored[0]) and situation.arm == "policy"),
        ("value", row.value, float(choices.value[0, drawn])),
        ("feasible set", row.feasible.hex(), np.packbits(choices.feasible.mask[0]).tobytes().hex()),
        ("send time", row.send_at_us, int(choices.feasible.send_us[0, action]) if action else None),
    ]
