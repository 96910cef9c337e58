"""The functions a rule may call, each in its two executions. Anything not in `FUNCTIONS` is refused.

All are strict: NULL in, NULL out. `LOWER` and `UPPER` follow Python's Unicode.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from policies.base import Floats

Takes = Literal["number", "text"]
Gives = Literal["number", "integer", "text", "same"]


@dataclass(frozen=True, slots=True)
class Function:
    """A strict function of one argument.

    Attributes:
        takes: type of the argument; "number" takes integers too.
        gives: type of the result; "same" is the argument's own.
        one: the value for one customer, never called with None.
        many: the values for many, NaN where the argument is. None for functions of texts: `one` is asked once
            for each distinct text.
    """

    takes: Takes
    gives: Gives
    one: Callable[[Any], Any]
    many: Callable[[Floats], Floats] | None = None


def _round(x: float) -> float:
    """Half away from zero, exactly: x - trunc(x) has no rounding error."""
    whole = math.trunc(x)
    return float(whole + (x - whole >= 0.5) - (whole - x >= 0.5))


def _rounded(x: Floats) -> Floats:
    whole = np.trunc(x)
    rounded: Floats = whole + (x - whole >= 0.5) - (whole - x >= 0.5)
    return rounded


FUNCTIONS: Mapping[str, Function] = {
    "ABS": Function("number", "same", abs, np.abs),
    "FLOOR": Function("number", "number", lambda x: float(math.floor(x)), np.floor),
    "CEIL": Function("number", "number", lambda x: float(math.ceil(x)), np.ceil),
    "ROUND": Function("number", "number", _round, _rounded),
    "LOWER": Function("text", "text", str.lower),
    "UPPER": Function("text", "text", str.upper),
    "LENGTH": Function("text", "integer", len),
}
"""By upper-case name. COALESCE and NULLIF are not strict: see `engine.rules.read`."""
