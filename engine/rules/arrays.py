"""Array steps of rules: comparisons, look-ups and choices that know what NULL is in each type.

The arrays are those of `engine.columns`. A text is a pair: places among sorted levels, -1 for NULL.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.columns import NO_TEXT
from policies.base import Floats, Ints, Mask

Text: TypeAlias = tuple[Ints, tuple[str, ...]]
OPERATORS: Mapping[str, np.ufunc] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "=": np.equal,
    "<>": np.not_equal,
}


def compared(op: str, left: Any, right: Any, unknown: int | None) -> Mask:
    """Whether `left op right`, False where either is NULL; `unknown` stands for NULL, None for NaN."""
    held: Mask = OPERATORS[op](left, right)
    if unknown is not None or op == "<>":  # NaN differs from everything, and is neither more nor less
        for side in (left, right):
            if isinstance(side, np.ndarray):
                held &= side == side if unknown is None else side != unknown
    return held


def text_compared(op: str, text: Text, literal: str) -> Mask:
    """Whether `text op literal`, False where the text is NULL."""
    code, levels = text
    at = bisect_left(levels, literal)
    found = at < len(levels) and levels[at] == literal
    if op == "=":
        return code == at if found else np.zeros(len(code), dtype=np.bool_)
    if op == "<>":
        return (code >= 0) & (code != at) if found else code >= 0
    if op in (">", ">="):
        return code >= max(at + (found and op == ">"), 0)
    return (code >= 0) & (code < at + (found and op == "<="))


def looked_up(text: Text, test: Callable[[str], object], dtype: Any, unknown: object) -> NDArray[Any]:
    """(n,) `test` of each text, asked once for each level."""
    code, levels = text
    return np.array([*(test(level) for level in levels), unknown], dtype=dtype)[code]


def mapped(text: Text, function: Callable[[str], str]) -> Text:
    """`function` of each text."""
    code, levels = text
    values = [function(level) for level in levels]
    made = tuple(sorted(set(values)))
    return np.array([*(bisect_left(made, value) for value in values), -1], dtype=np.int64)[code], made


def together(texts: Sequence[Text]) -> tuple[list[Ints], tuple[str, ...]]:
    """Texts with the levels of all of them."""
    first = texts[0][1]
    if all(levels == first for _, levels in texts):
        return [code for code, _ in texts], first
    every = tuple(sorted(set().union(*(levels for _, levels in texts))))
    return [_placed(code, levels, every) for code, levels in texts], every


def _placed(code: Ints, levels: Sequence[str], every: Sequence[str]) -> Ints:
    return np.array([*(bisect_left(every, level) for level in levels), -1], dtype=np.int64)[code]


def constant_text(value: str | None, n: int) -> Text:
    """The same text n times."""
    return np.full(n, -1 if value is None else 0, dtype=np.int64), NO_TEXT if value is None else (value,)


def among(array: NDArray[Any], values: Sequence[Any]) -> Mask:
    """Whether each is one of a few values."""
    held: Mask = np.isin(array, np.array(values)) if len(values) > 8 else np.zeros(len(array), dtype=np.bool_)
    for value in values if len(values) <= 8 else ():
        held |= array == value
    return held


def finite(result: Floats) -> Floats:
    """The numbers, NaN in place of infinities."""
    return np.where(np.isfinite(result), result, np.nan)
