"""Functions of a rule that look something up: the age of a prediction, days since an outcome, the clock.

A call is read as a name of its own, such as `days_since(winter_sale, accepted)`, and both executions see a
column of that name. Which names there are is part of the schema a rule is read against; `engine.derived`
says which a program has, and fills the columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Gives = Literal["number", "integer", "timestamp"]


@dataclass(frozen=True, slots=True)
class Lookup:
    """A function, given names, and what it gives, which may be NULL.

    Attributes:
        takes: what each name it is given is the name of.
        low, high: what the result never goes beyond.
    """

    example: str
    gives: Gives
    takes: tuple[str, ...] = ()
    low: float = -math.inf
    high: float = math.inf


LOOKUPS: Mapping[str, tuple[Lookup, ...]] = {
    "age": (Lookup("age(churn)", "number", ("prediction",), low=0.0),),
    "days_since": (
        Lookup("days_since(signed_up)", "number", ("timestamp",)),
        Lookup("days_since('sale', 'purchase')", "number", ("offer", "kind of outcome"), low=0.0),
    ),
    "now": (Lookup("now()", "timestamp"),),
    "today": (Lookup("today()", "timestamp"),),
    "year": (Lookup("year()", "integer", low=1, high=9999),),
    "month": (Lookup("month()", "integer", low=1, high=12),),
    "day": (Lookup("day()", "integer", low=1, high=31),),
    "weekday": (Lookup("weekday()", "integer", low=1, high=7),),
    "hour": (Lookup("hour()", "integer", low=0, high=23),),
}
"""By name, in each of its forms."""


def spelt(function: str, given: Sequence[str]) -> str:
    """The name of a call: `days_since(winter_sale, accepted)`."""
    return f"{function}({', '.join(given)})"


def parts(name: str) -> tuple[str, tuple[str, ...]] | None:
    """The function and the names it is given, of the name of a call; None for any other name."""
    function, opened, rest = name.partition("(")
    if not opened or function not in LOOKUPS:
        return None
    return function, tuple(rest[:-1].split(", ")) if len(rest) > 1 else ()


def lookup(name: str) -> Lookup | None:
    """What the call of that name looks up; None for a name that is no call."""
    found = parts(name)
    forms = LOOKUPS[found[0]] if found else ()
    return next((one for one in forms if found and len(one.takes) == len(found[1])), None)
