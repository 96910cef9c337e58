"""Rules for many customers: trees become steps of numpy over columns.

As for one customer (`engine.rules.one`), a condition is written twice at need, as the mask where it is TRUE
and as the mask where it is FALSE, so that no mask of NULLs has to be carried along. Whatever a test of texts
says is looked up: it is asked once for each distinct text. A part that several rules share is worked out
once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, assert_never

import numpy as np

from engine.columns import NEVER, Column
from engine.domain import AttributeType
from engine.rules import arrays, steps
from engine.rules.functions import FUNCTIONS
from engine.rules.like import python_pattern
from engine.rules.one import OPPOSITE
from engine.rules.steps import Shared, Sheet, Step
from engine.rules.tree import (
    And,
    Arithmetic,
    Call,
    Case,
    Coalesce,
    Compare,
    IsNull,
    IsTruth,
    Like,
    Name,
    Node,
    Not,
    Or,
    Value,
    Within,
    type_of,
)
from policies.base import Floats, Mask

Columns: TypeAlias = Mapping[str, Column]
_ARITHMETIC = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}


def passes(trees: Sequence[Node]) -> Callable[[Columns, int], Mask]:
    """`f(columns, n)`: (r, n) for each condition, for whom it is true. All names it reads are columns."""
    writer = Writer()
    tests = [writer.true(tree) for tree in trees]

    def passed(columns: Columns, n: int) -> Mask:
        sheet, held = Sheet(columns, n), np.empty((len(tests), n), dtype=np.bool_)
        with np.errstate(all="ignore"):
            for row, step in zip(held, tests, strict=True):
                row[:] = step(sheet)
        return held

    return passed


def holds(tree: Node) -> Callable[[Columns, int], Column]:
    """`f(columns, n)`: for whom the condition is true, false or NULL."""
    step = Writer().value(tree, "boolean")
    return lambda columns, n: Column("boolean", np.broadcast_to(_run(step, columns, n), n))


def amounts(tree: Node) -> Callable[[Columns, int], Floats]:
    """`f(columns, n)`: (n,) the number the tree gives, NaN for NULL."""
    step = Writer().value(tree, "number")
    return lambda columns, n: np.broadcast_to(np.asarray(_run(step, columns, n), dtype=np.float64), n)


def _run(step: Step, columns: Columns, n: int) -> Any:
    with np.errstate(all="ignore"):
        return step(Sheet(columns, n))


class Writer:
    """Writes trees as steps; the same tree asked the same way is the same step."""

    def __init__(self) -> None:
        self._written: dict[tuple[str, Node], Shared] = {}

    def true(self, node: Node) -> Step:
        """Where the condition is TRUE."""
        return self._once("true", node, self._true)

    def false(self, node: Node) -> Step:
        """Where the condition is FALSE."""
        return self._once("false", node, self._false)

    def value(self, node: Node, kind: AttributeType) -> Step:
        """The node's values: an array as `engine.columns` has it, a `Text`, or one number for all."""
        return self._once(kind, node, lambda it: self._value(it, kind))

    def _once(self, form: str, node: Node, write: Callable[[Node], Step]) -> Step:
        if (found := self._written.get((form, node))) is not None:
            found.readers += 1
            return found
        made = self._written[form, node] = Shared(write(node))
        return made

    def _true(self, node: Node) -> Step:
        match node:
            case And(parts):
                return steps.every([self.true(part) for part in parts], np.logical_and)
            case Or(parts):
                return steps.every([self.true(part) for part in parts], np.logical_or)
            case Not(part):
                return self.false(part)
            case IsNull(part):
                return self._is_null(part)
            case IsTruth(part, truth):
                return self.true(part) if truth else self.false(part)
            case Compare(op, left, right):
                return self._compare(op, left, right)
            case Within(part, values):
                return self._within(part, values)
            case Like(part, pieces):
                match_ = re.compile(python_pattern(pieces), re.DOTALL).fullmatch
                return self._tested(part, lambda text: match_(text) is not None)
            case Case(whens, otherwise):
                return self._case(whens, otherwise, self.true, np.where)
            case Value() | Name() | Coalesce() | Call() | Arithmetic():
                return steps.equal(self.value(node, "boolean"), 1)
            case _:
                assert_never(node)

    def _false(self, node: Node) -> Step:
        match node:
            case And(parts):
                return steps.every([self.false(part) for part in parts], np.logical_or)
            case Or(parts):
                return steps.every([self.false(part) for part in parts], np.logical_and)
            case Not(part):
                return self.true(part)
            case IsNull() | IsTruth():
                is_so = self.true(node)
                return lambda sheet: ~is_so(sheet)
            case Compare(op, left, right):
                return self._compare(OPPOSITE[op], left, right)
            case Within(part, _, null):
                return steps.nowhere if null else self._beside(part, self.true(node))
            case Like(part):
                return self._beside(part, self.true(node))
            case Case(whens, otherwise):
                return self._case(whens, otherwise, self.false, np.where)
            case Value() | Name() | Coalesce() | Call() | Arithmetic():
                return steps.equal(self.value(node, "boolean"), 0)
            case _:
                assert_never(node)

    def _value(self, node: Node, kind: AttributeType) -> Step:
        match node:
            case Value(value):
                return steps.constant(value, kind)
            case Name(name):
                return lambda sheet: steps.raw(sheet.columns[name])
            case Arithmetic(op, left, right):
                work, x, y = _ARITHMETIC[op], self.value(left, "number"), self.value(right, "number")
                return lambda sheet: arrays.finite(work(x(sheet), y(sheet)))
            case Call(function, parts):
                return self._call(function, parts[0], kind)
            case Case(whens, otherwise):
                return self._case(whens, otherwise, lambda it: self.value(it, kind), steps.chooser(kind))
            case Coalesce(parts):
                return self._coalesce(parts, kind)
            case _:
                true, false = self.true(node), self.false(node)
                return lambda sheet: steps.truth(true(sheet), false(sheet))

    def _is_null(self, part: Node) -> Step:
        if (kind := _kind(part)) is None:
            return steps.everywhere
        step = self.value(part, kind)
        return lambda sheet: ~steps.known(step(sheet), kind, sheet.n)

    def _beside(self, part: Node, found: Step) -> Step:
        """Where the part is known, and nothing was found."""
        if (kind := _kind(part)) is None:
            return steps.nowhere
        step = self.value(part, kind)
        return lambda sheet: steps.known(step(sheet), kind, sheet.n) & ~found(sheet)

    def _compare(self, op: str, left: Node, right: Node) -> Step:
        if any(isinstance(one, Value) and one.value is None for one in (left, right)):
            return steps.nowhere
        if isinstance(left, Value) and not isinstance(right, Value):
            return self._compare(_FLIPPED[op], right, left)
        kind = _kind(left) or _kind(right)
        if kind is None:
            return steps.nowhere
        if kind == "text":
            return self._compare_texts(op, left, right)
        x, y = self.value(left, kind), self.value(right, kind)
        unknown = {"boolean": -1, "timestamp": NEVER}.get(kind)
        if isinstance(left, Value):
            return lambda sheet: np.full(sheet.n, arrays.OPERATORS[op](x(sheet), y(sheet)))
        return lambda sheet: arrays.compared(op, x(sheet), y(sheet), unknown)

    def _compare_texts(self, op: str, left: Node, right: Node) -> Step:
        x = self.value(left, "text")
        if isinstance(right, Value):
            literal = str(right.value)
            return lambda sheet: arrays.text_compared(op, x(sheet), literal)
        y = self.value(right, "text")

        def compared(sheet: Sheet) -> Mask:
            (a, b), _ = arrays.together([x(sheet), y(sheet)])
            return arrays.compared(op, a, b, -1)

        return compared

    def _within(self, part: Node, values: Sequence[object]) -> Step:
        if (kind := _kind(part)) is None:
            return steps.nowhere
        if kind == "text":
            listed = frozenset(values)
            return self._tested(part, lambda text: text in listed)
        step, coded = self.value(part, kind), [steps.coded(value, kind) for value in values]
        return lambda sheet: arrays.among(np.broadcast_to(step(sheet), sheet.n), coded)

    def _tested(self, part: Node, test: Callable[[str], object]) -> Step:
        text = self.value(part, "text")
        return lambda sheet: arrays.looked_up(text(sheet), test, np.bool_, False)

    def _call(self, function: str, part: Node, kind: AttributeType) -> Step:
        called = FUNCTIONS[function]
        step = self.value(part, called.takes)
        if called.many is not None:
            work = called.many
            return lambda sheet: work(np.asarray(step(sheet), dtype=np.float64))
        if kind == "text":
            return lambda sheet: arrays.mapped(step(sheet), called.one)
        return lambda sheet: arrays.looked_up(step(sheet), called.one, np.float64, np.nan)

    def _case(
        self, whens: Sequence[tuple[Node, Node]], otherwise: Node, write: Callable[[Node], Step], choose: Any
    ) -> Step:
        cases, last = [(self.true(condition), write(value)) for condition, value in whens], write(otherwise)

        def chosen(sheet: Sheet) -> Any:
            made = last(sheet)
            for condition, value in reversed(cases):
                made = choose(condition(sheet), value(sheet), made)
            return made

        return chosen

    def _coalesce(self, parts: Sequence[Node], kind: AttributeType) -> Step:
        values, choose = [self.value(part, kind) for part in parts], steps.chooser(kind)

        def first(sheet: Sheet) -> Any:
            made = values[-1](sheet)
            for step in reversed(values[:-1]):
                value = step(sheet)
                made = choose(steps.known(value, kind, sheet.n), value, made)
            return made

        return first


def _kind(node: Node) -> AttributeType | None:
    """What a node's values are; None where it can only be NULL."""
    kind = type_of(node)
    return None if kind == "null" else "number" if kind == "integer" else kind
