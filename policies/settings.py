"""Settings of a policy, checked once at the border."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable


class PolicyError(ValueError):
    """A policy that cannot be made or asked as wanted; the message names setting, value, rule and remedy."""


def number(name: str, value: object, low: float, high: float) -> float:
    """`value` as a float, if it is a finite number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise PolicyError(f"{name} == {value!r}, must be a number in [{low:g}, {high:g}].")
    if not low <= value <= high:
        raise PolicyError(f"{name} == {value!r}, must be in [{low:g}, {high:g}].")
    return float(value)


def whole(name: str, value: object, low: int, high: int) -> int:
    """`value` as an int, if it is a whole number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise PolicyError(f"{name} == {value!r}, must be a whole number in [{low}, {high}].")
    return value


def truth(name: str, value: object) -> bool:
    """`value`, if it is true or false."""
    if not isinstance(value, bool):
        raise PolicyError(f"{name} == {value!r}, must be true or false.")
    return value


def choice(name: str, value: object, allowed: Iterable[str]) -> str:
    """`value`, if it is one of the allowed words; the message offers the nearest one."""
    words = list(allowed)
    if isinstance(value, str) and value in words:
        return value
    close = difflib.get_close_matches(str(value), words, n=1, cutoff=0.6)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise PolicyError(f"{name} == {value!r}, must be one of {', '.join(words) or 'none'}.{hint}")
