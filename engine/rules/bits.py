"""Rules side by side: what 64 customers are told is one word, a bit each.

Comparisons of a number with a literal are made by a kernel (`policies.kernel`), and the same kernel joins
their words: AND is `&`, OR is `|`. Any other condition is asked customer by customer for a few
(`engine.rules.one`), by columns for many (`engine.rules.many`). As there, a condition is written as what is
TRUE and as what is FALSE, so no NULL is carried along. One customer is a word of one bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.columns import column, numbers
from engine.domain import AttributeType
from engine.rules import many, one, tree
from engine.rules.tree import And, Compare, IsTruth, Name, Node, Not, Or, Value
from policies.base import Floats, Ints, Mask
from policies.kernel import kernel

FEW = 64  # up to here asking customer by customer is quicker than by columns
_WORD = 64
_TOGETHER = 8192  # customers whose columns and masks stay in the processor's cache
_OPERATORS = ("<", "<=", ">", ">=", "=")  # none is passed by NaN, which is NULL here
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_NUMBERS = ("number", "integer")
_TAKE, _AND, _OR, _AND_BOTH, _OR_BOTH, _SAID = range(6)  # the first three are of a word, the next of two kept
Columns = Mapping[str, Sequence[Any]]
Words = NDArray[np.uint64]


def passes(trees: Sequence[Node], kinds: Mapping[str, AttributeType]) -> Callable[[Columns, int], Mask]:
    """`f(columns, n)`: (n, r) for each of n customers whether each condition is true.

    A column holds Python's own values, None where unknown, or is a `Column`.

    Args:
        kinds: the type of every name.
    """
    written = _Writer()
    for each in trees:
        written.say(each)
    held_by = _Others(written.others, kinds)
    names = sorted({name for _, name, _ in written.atoms})
    place = {name: i for i, name in enumerate(names)}
    operator = np.array([op for op, _, _ in written.atoms], dtype=np.int64)
    row = np.array([place[name] for _, name, _ in written.atoms], dtype=np.int64)
    literal = np.array([value for _, _, value in written.atoms], dtype=np.float64)
    code, depth = np.array(written.code, dtype=np.int64).reshape(-1, 2), written.depth

    def passed(columns: Columns, n: int) -> Mask:
        said, value = np.empty((n, len(trees)), dtype=np.bool_), numbers([columns[name] for name in names], n)
        _pass(operator, row, literal, value, held_by(columns, n), code, depth, said)
        return said

    return passed


@dataclass(slots=True)
class _Writer:
    """Writes trees as steps over words: those of comparisons, then of other conditions.

    Attributes:
        atoms: comparisons as (operator, name, literal), each with its place.
        others: any other conditions.
        code: (step, word); words of conditions other than comparisons are counted from -1 down.
        depth: how many words have to be kept at once.
    """

    atoms: dict[tuple[int, str, float], int] = field(default_factory=dict)
    others: list[Node] = field(default_factory=list)
    code: list[tuple[int, int]] = field(default_factory=list)
    depth: int = 1

    def say(self, condition: Node) -> None:
        """Write whether a condition is true."""
        self._write(condition, True, 1)
        self.code.append((_SAID, 0))

    def _write(self, node: Node, truth: bool, kept: int) -> None:
        """Write for whom the condition is TRUE, or for whom it is FALSE, on top of `kept` - 1 words."""
        self.depth = max(self.depth, kept)
        match node:
            case And(parts):
                self._join(parts, truth, _AND if truth else _OR, kept)
            case Or(parts):
                self._join(parts, truth, _OR if truth else _AND, kept)
            case Not(part):
                self._write(part, not truth, kept)
            case IsTruth(part, wanted) if truth:
                self._write(part, wanted, kept)
            case Compare(op, left, right) if found := _number(op if truth else one.OPPOSITE[op], left, right):
                self._compare(*found, kept)
            case _:
                self.others.append(node if truth else Not(node))
                self.code.append((_TAKE, -len(self.others)))

    def _join(self, parts: Sequence[Node], truth: bool, step: int, kept: int) -> None:
        self._write(parts[0], truth, kept)
        for part in parts[1:]:
            self._further(part, truth, step, kept)

    def _further(self, part: Node, truth: bool, step: int, kept: int) -> None:
        start = len(self.code)
        self._write(part, truth, kept + 1)
        if len(self.code) == start + 1:  # a word as it stands
            self.code[start] = (step, self.code[start][1])
        else:
            self.code.append((step + _AND_BOTH - _AND, 0))

    def _compare(self, op: str, name: str, literal: float, kept: int) -> None:
        ways = ("<", ">") if op == "<>" else (op,)
        for step, way in zip((_TAKE, _OR), ways, strict=False):
            atom = (_OPERATORS.index(way), name, literal)
            self.code.append((step, self.atoms.setdefault(atom, len(self.atoms))))


def _number(op: str, left: Node, right: Node) -> tuple[str, str, float] | None:
    """A comparison of a number with a literal."""
    match left, right:
        case Name(name, kind), Value(value) if kind in _NUMBERS and isinstance(value, int | float):
            return op, name, float(value)
        case Value(value), Name(name, kind) if kind in _NUMBERS and isinstance(value, int | float):
            return _FLIPPED[op], name, float(value)
    return None


class _Others:
    """The words of conditions that are not comparisons of numbers with literals."""

    def __init__(self, trees: Sequence[Node], kinds: Mapping[str, AttributeType]) -> None:
        self._trees, self._kinds = trees, kinds
        self._by_row, self._by_column = one.passes(trees), many.passes(trees)
        self._names = sorted(frozenset[str]().union(*(tree.names(each) for each in trees)))

    def __call__(self, columns: Columns, n: int) -> Words:
        """(o, words) for each condition, n bits."""
        held = np.zeros((len(self._trees), -(-n // _WORD) * 8), dtype=np.uint8)
        if self._trees:
            held[:, : -(-n // 8)] = np.packbits(self._truths(columns, n), axis=1, bitorder="little")
        return held.view("<u8").astype(np.uint64, copy=False)

    def _truths(self, columns: Columns, n: int) -> Mask:
        """(o, n)"""
        if n > FEW:
            every = {name: column(columns[name], self._kinds[name]) for name in self._names}
            parts = [
                self._by_column(
                    {name: one[at : at + _TOGETHER] for name, one in every.items()}, min(_TOGETHER, n - at)
                )
                for at in range(0, n, _TOGETHER)
            ]
            return np.hstack(parts)
        truths = np.empty((len(self._trees), n), dtype=np.bool_)
        for i in range(n):
            truths[:, i] = self._by_row({name: columns[name][i] for name in self._names})
        return truths


@kernel("void(i8[::1], i8[::1], f8[::1], f8[:,::1], u8[:,::1], i8[:,::1], i8, b1[:,::1])", writes=1)
def _pass(
    operator: Ints,
    row: Ints,
    literal: Floats,
    value: Floats,
    other: Words,
    code: Ints,
    depth: int,
    said: Mask,
) -> None:
    n, atoms = len(said), len(operator)
    word, kept = np.empty(atoms + len(other), np.uint64), np.empty(depth + 1, np.uint64)
    for start in range(0, n, _WORD):
        size = min(_WORD, n - start)
        for a in range(atoms):
            word[a] = _bits(operator[a], value[row[a], start : start + size], literal[a])
        for o in range(len(other)):
            word[atoms + o] = other[o, start // _WORD]
        top, rule = -1, 0
        for at in range(len(code)):
            step, place = code[at]
            place = place if place >= 0 else atoms - 1 - place
            if step == _TAKE:
                top += 1
                kept[top] = word[place]
            elif step == _AND:
                kept[top] &= word[place]
            elif step == _OR:
                kept[top] |= word[place]
            elif step == _SAID:
                for i in range(size):
                    said[start + i, rule] = (kept[top] >> np.uint64(i)) & np.uint64(1)
                top, rule = top - 1, rule + 1
            else:
                top -= 1
                both = kept[top] & kept[top + 1], kept[top] | kept[top + 1]
                kept[top] = both[0] if step == _AND_BOTH else both[1]


@kernel("u8(i8, f8[::1], f8)")
def _bits(operator: int, value: Floats, literal: float) -> np.uint64:
    """Bit i is whether the comparison holds for the i-th value."""
    word = np.uint64(0)
    if operator == 0:
        for i in range(len(value)):
            word |= np.uint64(value[i] < literal) << np.uint64(i)
    elif operator == 1:
        for i in range(len(value)):
            word |= np.uint64(value[i] <= literal) << np.uint64(i)
    elif operator == 2:
        for i in range(len(value)):
            word |= np.uint64(value[i] > literal) << np.uint64(i)
    elif operator == 3:
        for i in range(len(value)):
            word |= np.uint64(value[i] >= literal) << np.uint64(i)
    else:
        for i in range(len(value)):
            word |= np.uint64(value[i] == literal) << np.uint64(i)
    return word
