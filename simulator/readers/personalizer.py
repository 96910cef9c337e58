"""Rank calls of Azure Personalizer with their answers and rewards, joined: one decision a line.

Source: Azure AI Personalizer, REST API v1.0 "Rank" (`contextFeatures`, `actions`, `excludedActions`,
`eventId`; answer: `ranking` with `probability`, `rewardActionId`) and "Reward" (`value`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import InputError
from simulator.logs import Log
from simulator.readers.dsjson import flat
from simulator.readers.events import Event, log_from
from simulator.readers.lines import objects


def read_personalizer(path: Path) -> Log:
    """The log in a file of rank calls, each with ``ranking``, ``rewardActionId`` and ``value`` in one object.

    A call without `value` has earned nothing, as Personalizer counts it by default; the log says how many. A
    call with `deferActivation` that was never activated (``"activated": false``) is left out.

    Raises:
        InputError: a line lacks what makes a decision, or has a value that cannot be.
    """
    events, idle, silent = list[Event](), 0, 0
    for line, found in objects(path):
        if found.get("activated") is False:
            idle += 1
            continue
        silent += _value(found) is None
        events.append(_event(found, f"{path}, line {line}", line))
    notes = []
    if idle:
        notes.append(f"{idle:,} calls that were never activated are left out.")
    if silent:
        notes.append(f"{silent:,} calls without a reward count as 0.")
    return log_from(events, str(path), notes)


def _value(found: Mapping[str, Any]) -> Any:
    return found.get("value", found.get("reward"))


def _event(found: Mapping[str, Any], where: str, line: int) -> Event:
    ranking = found.get("ranking")
    if not isinstance(ranking, list) or not all(isinstance(one, dict) and "id" in one for one in ranking):
        raise InputError(f"{where}: has no ranking of actions with id and probability; join the answer in.")
    chosen = found.get("rewardActionId")
    if chosen is None:
        raise InputError(f"{where}: has no rewardActionId; join the answer of the rank call in.")
    chance = {str(one["id"]): _chance(one, where) for one in ranking}
    if str(chosen) not in chance:
        raise InputError(f"{where}: rewardActionId '{chosen}' is not in the ranking; mend the join.")
    value = _value(found)
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise InputError(f"{where}: value is {value!r}, must be a number.")
    given = found.get("contextFeatures") or []
    context = dict(pair for one in given if isinstance(one, dict) for pair in flat(one))
    at = found.get("timestamp")
    return Event(
        line,
        str(chosen),
        chance[str(chosen)],
        0.0 if value is None else float(value),
        context,
        list(chance),
        list(chance.values()),
        at,
        found.get("eventId"),
    )


def _chance(one: Mapping[str, Any], where: str) -> float:
    value = one.get("probability")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"{where}: the probability of '{one['id']}' is {value!r}, must be a number.")
    return float(value)
