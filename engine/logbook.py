"""Choices to rows of the decision log: everything a replay needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.choose import Choices, Live
from engine.request import Request, decision_id, fingerprint
from engine.situation import Situation, encode
from engine.store.rows import DecisionRow


def log_rows(
    current: Live, requests: Sequence[Request], situations: Sequence[Situation], choices: Choices
) -> list[DecisionRow]:
    """The log's rows: everything a replay needs."""
    packed = np.packbits(choices.feasible.mask, axis=1)
    return [
        _log_row(current, request, situations[i], choices, i, packed[i].tobytes())
        for i, request in enumerate(requests)
    ]


def _log_row(
    current: Live, request: Request, situation: Situation, choices: Choices, i: int, feasible: bytes
) -> DecisionRow:
    index, drawn = int(choices.action[i]), int(choices.drawn[i])
    action = current.program.actions[index]
    contacted = bool(action.offer)
    return DecisionRow(
        id=decision_id(request.program, request.key, request.at),
        program=request.program,
        key=request.key,
        program_version=current.program.version,
        snapshot_version=current.snapshot_version,
        customer=request.customer,
        at_us=situation.at_us,
        arm=situation.arm,
        action=index,
        action_name=action.name,
        offer=action.offer,
        channel=action.channel,
        slot=action.slot,
        send_at_us=int(choices.feasible.send_us[i, index]) if contacted else None,
        contact=contacted,
        propensity=float(choices.propensity[i]),
        explored=bool(choices.explored[i]) and situation.arm == "policy",
        fallback=current.fallback or None,
        withheld=current.program.actions[drawn].name if situation.arm == "holdout" else None,
        value=float(choices.value[i, drawn]),
        request_sha=fingerprint(request),
        situation=encode(situation),
        feasible=feasible,
        created_us=situation.at_us,
    )
