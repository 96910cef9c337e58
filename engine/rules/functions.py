"""The functions a rule may call, each in its two executions. Anything not in `FUNCTIONS` is refused.

All are strict: NULL in, NULL out. `LOWER` and `UPPER` follow Unicode; some 50 letters newer than the Python
in use (2021 for 3.11) keep their case in one execution and change it in the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import polars as pl

Takes = Literal["number", "text"]
Gives = Literal["number", "integer", "text", "same"]


@dataclass(frozen=True, slots=True)
class Function:
    """A strict function of one argument.

    Attributes:
        takes: type of the argument; "number" takes integers too.
        gives: type of the result; "same" is the argument's own.
        one: the value for one customer, never called with None.
        many: the values for many, null where the argument is.
    """

    takes: Takes
    gives: Gives
    one: Callable[[Any], Any]
    many: Callable[[pl.Expr], pl.Expr]


def _round(x: float) -> float:
    """Half away from zero, exactly: x - trunc(x) has no rounding error."""
    whole = math.trunc(x)
    return float(whole + (x - whole >= 0.5) - (whole - x >= 0.5))


def _float(x: pl.Expr) -> pl.Expr:
    import polars as pl

    return x.cast(pl.Float64)


def _length(x: pl.Expr) -> pl.Expr:
    import polars as pl

    return x.str.len_chars().cast(pl.Int64)


FUNCTIONS: Mapping[str, Function] = {
    "ABS": Function("number", "same", abs, lambda x: x.abs()),
    "FLOOR": Function("number", "number", lambda x: float(math.floor(x)), lambda x: _float(x).floor()),
    "CEIL": Function("number", "number", lambda x: float(math.ceil(x)), lambda x: _float(x).ceil()),
    "ROUND": Function("number", "number", _round, lambda x: _float(x).round(0, mode="half_away_from_zero")),
    "LOWER": Function("text", "text", str.lower, lambda x: x.str.to_lowercase()),
    "UPPER": Function("text", "text", str.upper, lambda x: x.str.to_uppercase()),
    "LENGTH": Function("text", "integer", len, _length),
}
"""By upper-case name. COALESCE and NULLIF are not strict: see `engine.rules.read`."""
