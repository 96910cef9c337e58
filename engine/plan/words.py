"""Values of a program in a marketer's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, time, timedelta
from typing import Any

from engine.domain import Cap, Cooldown, QuietHours, Quota, Weight
from engine.period import Period
from engine.plan.facts import Condition

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def words(value: Any) -> str:
    """A value as people say it."""
    match value:
        case None | () | "":
            return "none"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return number(value)
        case str():
            return value if value.replace("_", "").isalnum() else f'"{value}"'
        case timedelta():
            return length(value)
        case datetime():
            return f"{value:%Y-%m-%d %H:%M %Z}"
        case time():
            return value.isoformat("minutes") if not value.second else value.isoformat()
        case Cap(count, window):
            return f"{count} per {length(window)}"
        case QuietHours(start, end):
            return f"{words(start)}-{words(end)}"
        case Quota(amount, period):
            return f"{number(amount)} {'in all' if period is None else f'per {words(period)}'}"
        case Period(count, unit):
            return unit if count == 1 else f"{count} {unit}s"
        case Cooldown(kind, count, window, pause):
            times = "once" if count == 1 else f"{count} times"
            return f"{kind} {times} in {length(window)}: pause {length(pause)}"
        case Weight(amount, share, at_most):
            limit = "" if at_most is None else f", at most {number(at_most)}"
            return f"{_weight(amount, share)}{limit}"
        case Condition(_, text):
            return rule(text)
        case tuple():
            return ", ".join(words(one) for one in value)
    return _thing(value)


def number(value: float) -> str:
    """A number, whole where it is whole, with every digit it has."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def percent(share: float) -> str:
    """0.05 is "5 %"."""
    return f"{number(float(f'{100 * share:.12g}'))} %"


def length(one: timedelta) -> str:
    """`timedelta(days=7)` is "7 days": in the largest unit it is whole in."""
    seconds = one.total_seconds()
    for name, unit in _UNITS:
        if seconds and seconds % unit == 0:
            count = int(seconds // unit)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{seconds!r} seconds"


def rule(text: str) -> str:
    """The text of a rule on one line, in backticks."""
    return f"`{' '.join(text.split())}`"


def listed(names: Sequence[str], most: int = 6) -> str:
    """The first few of many names."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _weight(amount: float, share: float) -> str:
    if not share:
        return number(amount)
    part = f"{percent(share)} of its value"
    return f"{number(amount)} and {part}" if amount else part


def _thing(value: Any) -> str:
    if is_dataclass(value) and not isinstance(value, type):
        return ", ".join(f"{one.name} {words(getattr(value, one.name))}" for one in fields(value))
    import msgspec

    return msgspec.json.encode(value).decode()
