"""The steps that a rule for many customers is made of, and the sheet they work on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine import columns
from engine.calendar import microseconds
from engine.columns import NEVER, Column
from engine.domain import AttributeType
from engine.rules import arrays
from engine.rules.arrays import Text
from policies.base import Mask

Columns: TypeAlias = Mapping[str, Column]


@dataclass(slots=True)
class Sheet:
    """n customers: their columns, and what was worked out for more than one reader."""

    columns: Columns
    n: int
    known: dict[int, Any] = field(default_factory=dict)


Step: TypeAlias = Callable[[Sheet], Any]


@dataclass(slots=True)
class Shared:
    """A step that keeps its result for the sheet, once there is more than one reader."""

    work: Step
    readers: int = 1

    def __call__(self, sheet: Sheet) -> Any:
        if self.readers == 1:
            return self.work(sheet)
        if (found := sheet.known.get(id(self))) is None:
            found = sheet.known[id(self)] = self.work(sheet)
        return found


def every(steps: Sequence[Step], join: np.ufunc) -> Step:
    """The conjunction or disjunction of masks."""

    def joined(sheet: Sheet) -> Mask:
        held: Mask = join(steps[0](sheet), steps[1](sheet))
        for step in steps[2:]:
            join(held, step(sheet), out=held)
        return held

    return joined if len(steps) > 1 else steps[0]


def everywhere(sheet: Sheet) -> Mask:
    """True for all."""
    return np.ones(sheet.n, dtype=np.bool_)


def nowhere(sheet: Sheet) -> Mask:
    """False for all."""
    return np.zeros(sheet.n, dtype=np.bool_)


def equal(step: Step, truth: int) -> Step:
    """Where a truth value is `truth`."""
    return lambda sheet: np.broadcast_to(step(sheet) == truth, sheet.n)


def raw(column: Column) -> NDArray[Any] | Text:
    """A column's values as steps hold them."""
    return (column.array, column.levels) if column.kind == "text" else column.array


def known(value: Any, kind: AttributeType, n: int) -> Mask:
    """(n,) where a value is not NULL."""
    return np.broadcast_to(columns.known(kind, value[0] if kind == "text" else value), n)


def constant(value: Any, kind: AttributeType) -> Step:
    """The same value for all."""
    if kind == "text":
        return lambda sheet: arrays.constant_text(value, sheet.n)
    one = coded(value, kind)
    return lambda sheet: one


def coded(value: Any, kind: AttributeType) -> Any:
    """A literal as it stands in arrays of the type."""
    if kind == "timestamp":
        return NEVER if value is None else microseconds(value)
    if kind == "boolean":
        return np.int8(-1 if value is None else value)
    return np.float64(np.nan if value is None else value)


def chooser(kind: AttributeType) -> Callable[[Mask, Any, Any], Any]:
    """What picks one value or the other by a mask."""
    return _choose_text if kind == "text" else np.where


def _choose_text(condition: Mask, chosen: Text, other: Text) -> Text:
    (a, b), levels = arrays.together([chosen, other])
    return np.where(condition, a, b), levels


def truth(true: Mask, false: Mask) -> NDArray[np.int8]:
    """1 where true, 0 where false, -1 where neither."""
    return true.astype(np.int8) - np.logical_not(true | false)
