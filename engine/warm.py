"""Warm start: a campaign that another system sent becomes decisions and outcomes of a program, ready to be
learnt.

Such decisions were not drawn here, so they carry no snapshot and cannot be replayed; their propensities are
what the other system says they were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.domain import Program
from engine.errors import InputError, nearest
from engine.request import decision_id
from engine.situation import Situation, encode
from engine.store import customers, decisions, outcomes
from engine.store.rows import CustomerRow, DecisionRow, OutcomeRow
from engine.uncollected import uncollected

IMPORT = "import"  # the source of their outcomes


@dataclass(frozen=True, slots=True)
class PastDecision:
    """One decision of a past campaign and what followed: (kind, value) of each outcome."""

    profile: CustomerRow
    action: str
    propensity: float
    outcomes: Sequence[tuple[str, float]]


@uncollected()
def take_in(
    connection: Connection, program: Program, campaign: str, past: Sequence[PastDecision], at: datetime
) -> int:
    """Store past decisions as drawn at random, with their outcomes at the same moment.

    Nobody is assigned to an arm by it: that happens at a customer's first decision here.

    Returns:
        How many decisions were new; a campaign that is taken in again changes nothing.

    Raises:
        InputError: an action the program does not have, or a propensity outside (0, 1]; nothing is stored.
    """
    index = {action.name: j for j, action in enumerate(program.actions)}
    for number, one in enumerate(past, start=1):
        _check(one, index, f"{campaign}, row {number}")
    at_us = microseconds(at)
    rows = [_row(program, campaign, one, index[one.action], at) for one in past]
    known = decisions.decisions_by_key(connection, program.name, [row.key for row in rows])
    new = [i for i, row in enumerate(rows) if row.key not in known]
    customers.put_customers(connection, [past[i].profile for i in new])
    decisions.append_decisions(connection, [rows[i] for i in new])
    outcomes.append_outcomes(connection, [o for i in new for o in _outcomes(rows[i], past[i], at_us)])
    return len(new)


def _check(one: PastDecision, index: Mapping[str, int], where: str) -> None:
    if one.action not in index:
        raise InputError(f"{where}: '{one.action}' is no action of the program.{nearest(one.action, index)}")
    if not 0.0 < one.propensity <= 1.0:
        raise InputError(f"{where}: propensity == {one.propensity!r}, must be in (0, 1]; correct the log.")


def _row(program: Program, campaign: str, one: PastDecision, index: int, at: datetime) -> DecisionRow:
    action, at_us = program.actions[index], microseconds(at)
    key = f"{campaign}:{one.profile.id}"
    situation = Situation(
        one.profile.id,
        key,
        at_us,
        "random",
        dict(one.profile.attributes),
        dict(one.profile.consent),
        [],
        one.profile.zone,
    )
    return DecisionRow(
        id=decision_id(program.name, key, at),
        program=program.name,
        key=key,
        program_version=program.version,
        snapshot_version=None,
        customer=one.profile.id,
        at_us=at_us,
        arm="random",
        action=index,
        action_name=action.name,
        offer=action.offer,
        channel=action.channel,
        slot=action.slot,
        send_at_us=at_us if action.offer else None,
        contact=bool(action.offer),
        propensity=one.propensity,
        explored=False,
        fallback=None,
        withheld=None,
        value=None,
        request_sha=b"",
        situation=encode(situation),
        feasible=np.packbits(np.ones(len(program.actions), dtype=np.bool_)).tobytes(),
        created_us=at_us,
    )


def _outcomes(row: DecisionRow, one: PastDecision, at_us: int) -> list[OutcomeRow]:
    return [
        OutcomeRow(f"{row.id}:{kind}", row.id, row.customer, kind, value, at_us, at_us, IMPORT)
        for kind, value in one.outcomes
    ]
