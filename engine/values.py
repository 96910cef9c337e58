"""Values at the border.

Attributes of customers and features of requests, checked against the program once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from engine.domain import AttributeType, Program
from engine.errors import InputError, nearest
from engine.once import once

FEATURES_AT_MOST = 256
EXACT = 2**53  # whole numbers up to here are exact in double precision, which rules and policies reckon in
LARGEST = 2.0**63  # of a number: what 64 bits hold, and far from where products overflow

_PYTHON: dict[AttributeType, tuple[type, ...]] = {
    "number": (float, int),
    "integer": (int,),
    "text": (str,),
    "boolean": (bool,),
    "timestamp": (datetime,),
}


@once
def types(program: Program) -> Mapping[str, AttributeType]:
    """The type of every value a program knows: attributes as declared, predictions as numbers."""
    declared = {attribute.name: attribute.type for attribute in program.attributes}
    return {**declared, **{model: "number" for model in program.predictions if model not in declared}}


def checked(program: Program, values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values, each known to the program and of its type; None stays unknown.

    Raises:
        InputError: names `where`, the value, the rule and the remedy.
    """
    if len(values) > FEATURES_AT_MOST:
        raise InputError(
            f"{where}: {len(values)} values given, at most {FEATURES_AT_MOST} are taken; send fewer."
        )
    known = types(program)
    if _all_numbers(program, values):
        return dict(values)
    return {
        name: value
        if type(value) is float and known.get(name) == "number" and -LARGEST < value < LARGEST
        else _value(known, name, value, where, program.name)
        for name, value in values.items()
    }


@once
def _numbers(program: Program) -> frozenset[str]:
    """The names of all numbers a program knows."""
    return frozenset(name for name, kind in types(program).items() if kind == "number")


def _all_numbers(program: Program, values: Mapping[str, Any]) -> bool:
    """Whether all values are sound floats of known numbers: what most requests hold, seen at a glance.

    Where their sizes add up to less than the largest allowed, each is below it and none is NaN.
    """
    given = values.values()
    return (
        set(map(type, given)) == {float}
        and sum(map(abs, given)) < LARGEST
        and values.keys() <= _numbers(program)
    )


def _value(known: Mapping[str, AttributeType], name: str, value: Any, where: str, program: str) -> Any:
    if name not in known:
        raise InputError(
            f"{where}: '{name}' is no attribute of program '{program}'.{nearest(name, known)} "
            f"Declare it under `attributes`, or leave it out."
        )
    if value is None:
        return None
    kind = known[name]
    if kind == "timestamp" and isinstance(value, str):
        value = _timestamp(name, value, where)
    if not isinstance(value, _PYTHON[kind]) or (isinstance(value, bool) and kind != "boolean"):
        raise InputError(
            f"{where}: {name} == {value!r}, must be of type {kind}; correct the value or the program."
        )
    if kind == "integer" and isinstance(value, int) and abs(value) > EXACT:
        raise InputError(
            f"{where}: {name} == {value}, whole numbers are exact up to 2**53; declare it as text or number."
        )
    if isinstance(value, int | float) and not -LARGEST < value < LARGEST:
        raise InputError(
            f"{where}: {name} is not a finite number within +-{LARGEST:.2g}; leave it out if it is not known."
        )
    return value


_AS_IT_STANDS: dict[AttributeType, type] = {"number": float, "text": str, "boolean": bool}


def fits(kind: AttributeType, value: Any) -> bool:
    """Whether a stored value, which may be older than the program's declaration, is of its type."""
    if type(value) is _AS_IT_STANDS.get(kind):
        return type(value) is not float or -LARGEST < value < LARGEST
    try:
        return _value({"": kind}, "", value, "", "") is not None
    except InputError:
        return False


_ALIKE: dict[AttributeType, type] = {**_AS_IT_STANDS, "integer": int}


def all_fit(kind: AttributeType, values: Sequence[Any]) -> bool:
    """Whether stored values are seen at one look to be unknown or of a type; if not, each has to be asked."""
    if not set(map(type, values)) <= {_ALIKE.get(kind), type(None)}:
        return False
    known = [one for one in values if one is not None] if kind in ("number", "integer") else []
    least, most = min(known, default=0), max(known, default=0)  # none of them is NaN: that is not stored
    return -EXACT <= least <= most <= EXACT if kind == "integer" else -LARGEST < least <= most < LARGEST


def _timestamp(name: str, value: str, where: str) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise InputError(
            f"{where}: {name} == {value!r}, must be a time such as '2026-11-24T08:00:00Z'; correct it."
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


ID_LENGTH = 128
_CONTROLS = (  # of lines, terminals and the direction of writing
    r"\u0000-\u001F\u007F-\u009F\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF"
)
_CONTROL = re.compile(f"[{_CONTROLS}\ud800-\udfff]")
ID_SCHEMA: dict[str, Any] = {"minLength": 1, "maxLength": ID_LENGTH, "pattern": f"^[^{_CONTROLS}]+$"}
Id = Annotated[
    str,
    msgspec.Meta(
        description=f"1-{ID_LENGTH} characters without control characters.",
        extra_json_schema=ID_SCHEMA,
    ),
]


def is_id(value: str) -> bool:
    """Whether a text may be an id: 1-128 characters that end no line and control no terminal."""
    return 0 < len(value) <= ID_LENGTH and (value.isprintable() or _CONTROL.search(value) is None)


def check_id(value: str, what: str, where: str) -> str:
    """An id (see `is_id`). Raises `InputError` with the rule otherwise."""
    if not is_id(value):
        raise InputError(
            f"{where}: {what} == {value[:40]!r} ({len(value)} characters), must be 1-{ID_LENGTH} "
            f"characters without control characters; send another id."
        )
    return value
