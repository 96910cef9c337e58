"""Choices to rows of the decision log: everything a replay needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.arms import EXPLORING, NEVER_CONTACTED
from engine.choose import Choices, Live
from engine.request import Request, decision_id, fingerprint
from engine.situation import Situation, encode
from engine.store.rows import DecisionRow


def log_rows(
    current: Live, requests: Sequence[Request], situations: Sequence[Situation], choices: Choices
) -> list[DecisionRow]:
    """The log's rows: everything a replay needs."""
    row, drawn, action = np.arange(len(requests)), choices.drawn, choices.action
    columns = (
        action.tolist(),
        drawn.tolist(),
        choices.feasible.send_us[row, action].tolist(),
        choices.propensity.tolist(),
        choices.explored.tolist(),
        choices.value[row, drawn].tolist(),
    )
    packed = np.packbits(choices.feasible.mask, axis=1)
    return [
        _log_row(current, request, situation, feasible.tobytes(), *numbers)
        for request, situation, feasible, *numbers in zip(requests, situations, packed, *columns, strict=True)
    ]


def _log_row(
    current: Live,
    request: Request,
    situation: Situation,
    feasible: bytes,
    index: int,
    drawn: int,
    send_us: int,
    propensity: float,
    explored: bool,
    value: float,
) -> DecisionRow:
    program, arm = current.program, situation.arm
    action = program.actions[index]
    contacted = bool(action.offer)
    return DecisionRow(
        decision_id(request.program, request.key, request.at),
        request.program,
        request.key,
        program.version,
        current.snapshot_version,
        situation.customer,
        situation.at_us,
        arm,
        index,
        current.actions.names[index],
        action.offer,
        action.channel,
        action.slot,
        send_us if contacted else None,
        contacted,
        propensity,
        explored and arm in EXPLORING,
        current.fallback or None,
        current.actions.names[drawn] if arm in NEVER_CONTACTED else None,
        value,
        fingerprint(request),
        encode(situation),
        feasible,
        situation.at_us,
    )
