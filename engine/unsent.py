"""The last rung of the ladder, put on record: callers who were told in time that nothing is sent.

What a caller was told stays true. A request that was never decided is logged as `no_action` by that rung; a
decision that became durable after its caller had been answered is withdrawn: it stays in the log, is no
contact, gives back what it drew from budgets, and is never learnt. Either way a repeat of the key gets the
same answer, nothing, for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.choose import Live
from engine.domain import ArmName
from engine.enrol import enrol
from engine.errors import InputError
from engine.explain import Explanation
from engine.live import NOTHING
from engine.request import Request, decision_id, fingerprint
from engine.situation import Situation, encode
from engine.store import decisions, outcomes
from engine.store.rows import DecisionRow, OutcomeRow
from engine.store.withdrawn import withdraw as withdraw_by_id
from engine.values import checked

UNSENT = "unsent"  # the kind of outcome that says so
REASON = "nothing is sent: no decision was on disk when the caller had to be answered"


def record(connection: Connection, requests: Sequence[Request], lives: Mapping[str, Live]) -> None:
    """Log that these requests were answered with nothing to send.

    A key that has a decision keeps it; a request that would have been refused is left out.
    """
    for program, current in lives.items():
        sound = [one for one in requests if one.program == program and _sound(current, one)]
        asked = {one.key: one for one in reversed(sound)}
        known = decisions.decisions_by_key(connection, program, list(asked))
        fresh = [one for key, one in asked.items() if key not in known]
        if fresh:
            ids, contexts = [one.customer for one in fresh], [one.context for one in fresh]
            found = enrol(connection, current.program, ids, fresh[0].at, contexts)
            enrolled = zip(fresh, found.people, found.arms, strict=True)
            rows = [nothing(current, one, person, arm) for one, person, arm in enrolled]
            decisions.append_decisions(connection, rows)


def nothing(current: Live, request: Request, person: str, arm: ArmName) -> DecisionRow:
    """The row of the log that says that nothing was sent to a person."""
    at_us = microseconds(request.at)
    known = {name: value for name, value in request.context.items() if value is not None}
    situation = Situation(person, request.key, at_us, arm, known, explore=request.explore)
    return DecisionRow(
        id=decision_id(request.program, request.key, request.at),
        program=request.program,
        key=request.key,
        program_version=current.program.version,
        snapshot_version=current.snapshot_version,
        customer=person,
        at_us=at_us,
        arm=arm,
        action=0,
        action_name=current.program.actions[0].name,
        offer="",
        channel="",
        slot="",
        send_at_us=None,
        contact=False,
        propensity=1.0,
        explored=False,
        fallback=NOTHING,
        withheld=None,
        value=None,
        request_sha=fingerprint(request),
        situation=encode(situation),
        feasible=np.packbits(np.arange(len(current.actions)) == 0).tobytes(),
        created_us=at_us,
    )


def withdraw(connection: Connection, rows: Sequence[DecisionRow]) -> None:
    """Withdraw decisions just logged, and say so as an outcome, so that budgets get back what was drawn."""
    withdraw_by_id(connection, [row.id for row in rows])
    outcomes.append_outcomes(connection, [_unsent(row) for row in rows])


def told_nothing(row: DecisionRow) -> bool:
    """Whether the caller of this decision was told by the last rung that nothing is sent."""
    return row.withdrawn or row.fallback == NOTHING


def explain_nothing(row: DecisionRow) -> Explanation:
    """Why nothing was sent."""
    return Explanation(f"{row.customer} gets nothing: no decision was ready in time.", [REASON])


def _sound(current: Live, request: Request) -> bool:
    try:
        checked(current.program, request.context, "context")
    except InputError:
        return False
    return True


def _unsent(row: DecisionRow) -> OutcomeRow:
    return OutcomeRow(f"{UNSENT}:{row.id}", row.id, row.customer, UNSENT, 0.0, row.at_us, row.at_us)
