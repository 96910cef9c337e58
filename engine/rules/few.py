"""Rules for a few customers: 64 side by side, as the bits of whole numbers.

One function says what all rules are for all customers: AND is `&`, OR is `|` of numbers whose bit i is of
customer i. What stands at the ends are comparisons of a number with a literal, made all at once by numpy, and
any other condition, asked customer by customer (`engine.rules.one`). As there, a condition is written as what
is TRUE and as what is FALSE, so no NULL is carried along.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from engine.rules import one
from engine.rules.arrays import OPERATORS
from engine.rules.tree import And, Compare, IsTruth, Name, Node, Not, Or, Value
from policies.base import Floats, Mask

AT_MOST = 64
_ALL = (1 << AT_MOST) - 1
_TESTS = {
    op: test for op, test in OPERATORS.items() if op != "<>"
}  # none is passed by NaN, which is NULL here
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_NUMBERS = ("number", "integer")
Columns = Mapping[str, Sequence[Any]]
Atom = tuple[str, str, float]  # operator, name, literal


def passes(trees: Sequence[Node]) -> Callable[[Columns, int], Mask]:
    """`f(columns, n)`: (n, r) for each of n customers, at most 64, whether each condition is true.

    A column holds Python's own values, None where unknown; numbers may be an array, NaN where unknown.
    """
    writer = _Writer()
    function = writer.function([writer.true(tree) for tree in trees])
    tests, others = _Comparisons(writer.atoms), one.passes(writer.others) if writer.others else None

    def passed(columns: Columns, n: int) -> Mask:
        held = np.zeros((len(writer.atoms) + len(writer.others), AT_MOST // 8), dtype=np.uint8)
        if writer.atoms:
            tests.of(columns, n, held)
        if others is not None:
            rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
            truths = np.array([others(row) for row in rows], dtype=np.bool_)
            held[len(writer.atoms) :, : -(-n // 8)] = np.packbits(truths.T, axis=1, bitorder="little")
        said = np.array(function(held.view("<u8")[:, 0].tolist()), dtype="<u8")
        bits = np.unpackbits(said.view(np.uint8).reshape(len(trees), -1), axis=1, bitorder="little", count=n)
        return bits.T.view(np.bool_)

    return passed


@dataclass(slots=True)
class _Writer:
    """Writes trees as expressions of numbers x0, x1, ..., and remembers what these stand for."""

    atoms: dict[Atom, list[ast.Name]] = field(default_factory=dict)
    others: list[Node] = field(default_factory=list)
    _asked: list[ast.Name] = field(default_factory=list)

    def function(self, said: Sequence[ast.expr]) -> Callable[[list[int]], tuple[int, ...]]:
        """Compile `def rules(x): x0, x1, ... = x; return (...)`. The atoms come first, by operator."""
        self.atoms = dict(sorted(self.atoms.items()))
        every = [*self.atoms.values(), *([asked] for asked in self._asked)]
        for i, names in enumerate(every):
            for name in names:
                name.id = f"x{i}"
        module = ast.parse("def rules(x): pass")
        definition = module.body[0]
        assert isinstance(definition, ast.FunctionDef)
        taken = ast.Tuple([ast.Name(f"x{i}", ast.Store()) for i in range(len(every))], ast.Store())
        read: list[ast.stmt] = [ast.Assign([taken], ast.Name("x", ast.Load()))] if every else []
        definition.body = [*read, ast.Return(ast.Tuple(list(said), ast.Load()))]
        scope: dict[str, Any] = {"__builtins__": {}}
        exec(compile(ast.fix_missing_locations(module), "<rules>", "exec"), scope)  # noqa: S102
        made: Callable[[list[int]], tuple[int, ...]] = scope["rules"]
        return made

    def true(self, node: Node) -> ast.expr:
        """For whom the condition is TRUE."""
        match node:
            case Value(value):
                return ast.Constant(_ALL if value is True else 0)
            case And(parts):
                return _join(ast.BitAnd(), [self.true(part) for part in parts])
            case Or(parts):
                return _join(ast.BitOr(), [self.true(part) for part in parts])
            case Not(part):
                return self.false(part)
            case IsTruth(part, truth):
                return self.true(part) if truth else self.false(part)
            case Compare(op, left, right):
                return self._compare(op, left, right, node)
            case _:
                return self._other(node)

    def false(self, node: Node) -> ast.expr:
        """For whom the condition is FALSE."""
        match node:
            case Value(value):
                return ast.Constant(_ALL if value is False else 0)
            case And(parts):
                return _join(ast.BitOr(), [self.false(part) for part in parts])
            case Or(parts):
                return _join(ast.BitAnd(), [self.false(part) for part in parts])
            case Not(part):
                return self.true(part)
            case Compare(op, left, right):
                return self._compare(one.OPPOSITE[op], left, right, Not(node))
            case _:
                return self._other(Not(node))

    def _compare(self, op: str, left: Node, right: Node, node: Node) -> ast.expr:
        match left, right:
            case Name(name, kind), Value(value) if kind in _NUMBERS and isinstance(value, int | float):
                return self._number(op, name, float(value))
            case Value(value), Name(name, kind) if kind in _NUMBERS and isinstance(value, int | float):
                return self._number(_FLIPPED[op], name, float(value))
        return self._other(node)

    def _number(self, op: str, name: str, literal: float) -> ast.expr:
        if op == "<>":
            return _join(ast.BitOr(), [self._number(way, name, literal) for way in ("<", ">")])
        made = ast.Name("", ast.Load())
        self.atoms.setdefault((op, name, literal), []).append(made)
        return made

    def _other(self, node: Node) -> ast.expr:
        made = ast.Name("", ast.Load())
        self.others.append(node)
        self._asked.append(made)
        return made


class _Comparisons:
    """Comparisons of numbers with literals, laid out so that each operator is one array operation.

    Args:
        atoms: in order of the operator.
    """

    def __init__(self, atoms: Mapping[Atom, object]) -> None:
        operators = [op for op, _, _ in atoms]
        self._names = sorted({name for _, name, _ in atoms})
        place = {name: i for i, name in enumerate(self._names)}
        self._row = np.array([place[name] for _, name, _ in atoms], dtype=np.int64)
        self._literal = np.array([[literal] for _, _, literal in atoms]).reshape(-1, 1)
        self._spans = [
            (_TESTS[op], slice(operators.index(op), operators.index(op) + operators.count(op)))
            for op in dict.fromkeys(operators)
        ]

    def of(self, columns: Columns, n: int, held: Any) -> None:
        """Fill the first rows of `held` (atoms or more, 8) with the bits of n customers."""
        value: Floats = np.array([columns[name] for name in self._names], dtype=np.float64)[self._row]
        truths = np.empty(value.shape, dtype=np.bool_)
        for test, span in self._spans:
            test(value[span], self._literal[span], out=truths[span])
        held[: len(truths), : -(-n // 8)] = np.packbits(truths, axis=1, bitorder="little")


def _join(op: ast.operator, parts: Sequence[ast.expr]) -> ast.expr:
    return reduce(lambda left, right: ast.BinOp(left, op, right), parts)
