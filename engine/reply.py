"""What a caller is told of a decision: the same shape for HTTP, the command line and a later look-up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from engine.calendar import instant, known_zone
from engine.choose import Live
from engine.creative import Creative, filled
from engine.domain import Program
from engine.explain import Explanation, explain
from engine.feasible import Funnel
from engine.live import NOTHING, PRIORITY_LIST, live
from engine.situation import Situation, decode
from engine.store.rows import DecisionRow
from engine.unsent import REASON, explain_nothing, told_nothing

VALID_FOR = timedelta(
    days=1
)  # after its send time an action that was not sent yet should not be sent any more


class SentAction(msgspec.Struct, frozen=True):
    """What to send, how, and when (in the customer's own time zone).

    `creative` are the texts for that channel, filled for the customer, where the program has any.
    """

    offer: str
    channel: str
    slot: str
    send_at: datetime
    creative: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class Decision(msgspec.Struct, frozen=True):
    """A decision as told. `action` is null when nothing is sent: no_action, or the holdout.

    `propensity` is the probability of the action over the final feasible set, given the arm. `id`, `arm` and
    `program_version` are null in an answer that could not be logged: nothing is sent then. `funnel` is there
    if it was asked for.
    """

    id: str | None
    customer: str
    program: str
    action: SentAction | None
    arm: str | None
    propensity: float
    explored: bool
    fallback: bool
    replayed: bool
    policy: str
    program_version: int | None
    at: datetime
    expires_at: datetime | None
    reasons: list[str] = []
    funnel: Funnel | msgspec.UnsetType = msgspec.UNSET


def reply(
    row: DecisionRow,
    program: Program,
    replayed: bool,
    reasons: list[str] | None = None,
    funnel: Funnel | None = None,
) -> Decision:
    """Tell a logged decision of a program, in the version it was made under."""
    if told_nothing(row):
        return _nothing(row, replayed)
    sent = filled(program, row)
    left_out = [f"creative: {sentence}" for sentence in sent.left_out] if sent else []
    return Decision(
        row.id,
        row.customer,
        row.program,
        _action(row, sent),
        row.arm,
        row.propensity,
        row.explored,
        row.fallback is not None,
        replayed,
        _made_by(row, program),
        row.program_version,
        instant(row.at_us),
        instant(row.send_at_us) + VALID_FOR if row.send_at_us is not None else None,
        [*(reasons or ()), *left_out],
        funnel or msgspec.UNSET,
    )


def _nothing(row: DecisionRow, replayed: bool) -> Decision:
    """What the caller was told before there was a decision."""
    return Decision(
        row.id,
        row.customer,
        row.program,
        None,
        row.arm,
        1.0,
        False,
        True,
        replayed,
        NOTHING,
        row.program_version,
        instant(row.at_us),
        None,
        [REASON],
    )


def as_decided(
    connection: Connection, row: DecisionRow, current: Live | None = None
) -> tuple[Live, Situation]:
    """The program and snapshot a decision was made under, and the situation it was made in."""
    same = current is not None and (current.program.version, current.snapshot_version, current.fallback) == (
        row.program_version,
        row.snapshot_version,
        row.fallback or "",
    )
    if current is None or not same:
        current = live(connection, row.program, row.program_version, row.snapshot_version, row.fallback)
    return current, decode(row.situation)


def explained(connection: Connection, row: DecisionRow, current: Live | None = None) -> Explanation:
    """Why a logged decision was made as it was."""
    if told_nothing(row):
        return explain_nothing(row)
    return explain(*as_decided(connection, row, current))


class _Place(msgspec.Struct, frozen=True):
    """Of a situation, the zone alone."""

    zone: str | None = None


_decode_place = msgspec.json.Decoder(_Place).decode


def _made_by(row: DecisionRow, program: Program) -> str:
    """What chose: the policy with its snapshot, today's rules, or chance; in the holdout what would have."""
    if row.arm in ("random", "prediction_only"):
        return "uniform" if row.arm == "random" else "formula"
    if row.fallback == PRIORITY_LIST and row.arm != "bau":
        return "priority"
    return program.bau.kind if row.arm == "bau" else f"{program.policy.kind}@{row.snapshot_version}"


def _action(row: DecisionRow, sent: Creative | None) -> SentAction | None:
    if row.send_at_us is None:
        return None
    send_at, zone = instant(row.send_at_us), known_zone(_decode_place(row.situation).zone)
    return SentAction(
        row.offer,
        row.channel,
        row.slot,
        send_at.astimezone(zone) if zone else send_at,
        dict(sent.fields) if sent and sent.fields else msgspec.UNSET,
    )
