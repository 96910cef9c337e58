"""vowpalwabbit's decision service JSON, which Azure Personalizer logged too: one decision a line.

Source: VowpalWabbit wiki, "DSJSON format": `_label_cost`, `_label_probability`, `_label_Action` (from 1),
`_labelIndex` (from 0), `a` and `p` (the actions from 1 in the order shown, and their probabilities), `c` (the
context, with the actions in `_multi`), `pdrop`, `_skipLearn`, `EventId`, `Timestamp`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import InputError
from simulator.logs import Log
from simulator.readers.events import Event, log_from
from simulator.readers.lines import objects

_NAMED = ("id", "_tag", "_id")  # keys under which an action may have a name


def read_dsjson(path: Path) -> Log:
    """The log in a file of decision service JSON; the reward is the negative cost.

    Raises:
        InputError: a line lacks what makes a decision, or has a value that cannot be.
    """
    events, skipped, dropped = list[Event](), 0, dict[float, int]()
    for line, found in objects(path):
        if found.get("_skipLearn"):
            skipped += 1
            continue
        if "_label_cost" not in found and "_multi" not in found.get("c", {}):
            continue  # an outcome or a checkpoint: of no decision
        dropped.setdefault(float(found.get("pdrop") or 0.0), line)
        events.append(_event(found, f"{path}, line {line}", line))
    if len(dropped) > 1:
        raise InputError(
            f"{path}, line {max(dropped.values())}: pdrop differs from line to line, so some decisions stand "
            "for more than others; evaluate the parts of the log apart."
        )
    return log_from(events, str(path), list(_told(skipped)))


def _told(skipped: int) -> Iterator[str]:
    if skipped:
        yield f"{skipped:,} decisions that were never shown (_skipLearn) are left out."


def _event(found: Mapping[str, Any], where: str, line: int) -> Event:
    context = found.get("c")
    if not isinstance(context, dict) or not isinstance(context.get("_multi"), list):
        raise InputError(f"{where}: has no c._multi with the actions; it must be a decision in dsjson.")
    actions = [name_of(one) for one in context["_multi"]]
    order, pmf = found.get("a"), found.get("p")
    chosen = _chosen(found, order, where)
    if not 0 <= chosen < len(actions):
        raise InputError(f"{where}: action {chosen + 1} was chosen, and there are {len(actions)}.")
    return Event(
        line,
        actions[chosen],
        _number(found, "_label_probability", pmf[0] if isinstance(pmf, list) and pmf else None, where),
        0.0 - _number(found, "_label_cost", None, where),
        dict(flat(context)),
        actions,
        _pmf(order, pmf, len(actions), where),
        found.get("Timestamp"),
        found.get("EventId"),
    )


def _chosen(found: Mapping[str, Any], order: Any, where: str) -> int:
    if "_labelIndex" in found:
        return int(found["_labelIndex"])
    if "_label_Action" in found:
        return int(found["_label_Action"]) - 1
    if isinstance(order, list) and order:
        return int(order[0]) - 1
    raise InputError(f"{where}: says neither _labelIndex nor _label_Action; which action was chosen?")


def _number(found: Mapping[str, Any], key: str, other: Any, where: str) -> float:
    value = found.get(key, other)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"{where}: {key} is {value!r}, must be a number; without it nothing can be said.")
    return float(value)


def _pmf(order: Any, pmf: Any, count: int, where: str) -> Sequence[float] | None:
    """Probabilities in the order of the actions; None where they were not logged."""
    if not isinstance(order, list) or not isinstance(pmf, list):
        return None
    if len(order) != len(pmf) or sorted(order) != list(range(1, count + 1)):
        raise InputError(f"{where}: a and p must name each of the {count} actions once; log them whole.")
    made = [0.0] * count
    for action, one in zip(order, pmf, strict=True):
        made[action - 1] = float(one)
    return made


def name_of(action: Any) -> str:
    """The action's own name, else all that is said of it."""
    if isinstance(action, dict):
        for key in _NAMED:
            if isinstance(action.get(key), (str, int)):
                return str(action[key])
    return msgspec.json.encode(action, order="deterministic").decode()


def flat(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested objects, ``user.age``; keys with an underscore in front are vowpalwabbit's own."""
    for key, one in value.items():
        if key.startswith("_"):
            continue
        name = f"{above}{key}"
        if isinstance(one, dict):
            yield from flat(one, f"{name}.")
        elif isinstance(one, list):
            for i, part in enumerate(one):
                yield from flat({str(i): part}, f"{name}.")
        else:
            yield name, one
