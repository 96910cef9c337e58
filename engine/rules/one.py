"""Rules for one customer: trees become one Python function, built with `ast` and never from the user's text.

Python's `and`, `or` and `not` know two truth values, SQL's three. So a condition is written twice at need: as
the test that it is TRUE and as the test that it is FALSE, each two-valued and short-circuiting. Then
`T(NOT a) = F(a)`, `F(NOT a) = T(a)`, `T(a AND b) = T(a) and T(b)`, `F(a AND b) = F(a) or F(b)`, and NULL is
what is neither (de Morgan's laws in Kleene's three-valued logic).
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, assert_never

from engine.rules.functions import FUNCTIONS
from engine.rules.like import Pieces, python_pattern
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
)

Values = Mapping[str, Any]
_COMPARE: Mapping[str, type[ast.cmpop]] = {
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
    "=": ast.Eq,
    "<>": ast.NotEq,
}
OPPOSITE = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "=": "<>", "<>": "="}


def holds(tree: Node) -> Callable[[Values], bool | None]:
    """`f(values)`: whether the condition is true, false or NULL. A missing attribute is NULL."""
    writer = Writer()
    made: Callable[[Values], bool | None] = writer.function(writer.value(tree))
    return made


def passes(trees: Sequence[Node]) -> Callable[[Values], tuple[bool, ...]]:
    """`f(values)`: for each condition, whether it is true. One function reads each attribute once for all."""
    writer = Writer()
    tests: list[ast.expr] = [writer.true(tree) for tree in trees]
    made: Callable[[Values], tuple[bool, ...]] = writer.function(ast.Tuple(tests, ast.Load()))
    return made


@dataclass(slots=True)
class Writer:
    """Writes trees as Python expressions, and remembers what names stand for."""

    attributes: dict[str, str] = field(default_factory=dict)
    constants: dict[str, object] = field(default_factory=dict)
    temporaries: int = 0

    def function(self, body: ast.expr) -> Callable[[Values], Any]:
        """Compile `def rule(values)`: read every attribute, return `body`."""
        reads: list[ast.stmt] = [
            ast.Assign(
                [ast.Name(variable, ast.Store())],
                ast.Call(ast.Name("get", ast.Load()), [ast.Constant(name)], []),
            )
            for name, variable in self.attributes.items()
        ]
        get = ast.Assign([ast.Name("get", ast.Store())], ast.Attribute(_load("values"), "get", ast.Load()))
        module = ast.parse("def rule(values): pass")
        definition = module.body[0]
        assert isinstance(definition, ast.FunctionDef)
        definition.body = [get, *reads, ast.Return(body)]
        scope: dict[str, Any] = {"__builtins__": {}, **self.constants}
        exec(compile(ast.fix_missing_locations(module), "<rule>", "exec"), scope)  # noqa: S102
        made: Callable[[Values], Any] = scope["rule"]
        return made

    def true(self, node: Node) -> ast.expr:
        """A two-valued test that the condition is TRUE."""
        match node:
            case Value(value):
                return ast.Constant(value is True)
            case Name(name):
                return _is(self._attribute(name), True)
            case And(parts):
                return ast.BoolOp(ast.And(), [self.true(part) for part in parts])
            case Or(parts):
                return ast.BoolOp(ast.Or(), [self.true(part) for part in parts])
            case Not(part):
                return self.false(part)
            case IsNull(part):
                return _is(self.value(part), None)
            case IsTruth(part, truth):
                return self.true(part) if truth else self.false(part)
            case Compare(op, left, right):
                return self._compare(op, left, right)
            case Within(part, values):
                return self._among(part, values, ast.In())
            case Like(part, pieces):
                return self._guarded([part], lambda x: self._matches(x, pieces, ast.IsNot()))
            case Case(whens, otherwise):
                return self._case(whens, otherwise, self.true)
            case Coalesce() | Call() | Arithmetic():
                return _is(self.value(node), True)
            case _:
                assert_never(node)

    def false(self, node: Node) -> ast.expr:
        """A two-valued test that the condition is FALSE."""
        match node:
            case Value(value):
                return ast.Constant(value is False)
            case Name(name):
                return _is(self._attribute(name), False)
            case And(parts):
                return ast.BoolOp(ast.Or(), [self.false(part) for part in parts])
            case Or(parts):
                return ast.BoolOp(ast.And(), [self.false(part) for part in parts])
            case Not(part):
                return self.true(part)
            case IsNull() | IsTruth():
                return ast.UnaryOp(ast.Not(), self.true(node))
            case Compare(op, left, right):
                return self._compare(OPPOSITE[op], left, right)
            case Within(part, values, null):
                return ast.Constant(False) if null else self._among(part, values, ast.NotIn())
            case Like(part, pieces):
                return self._guarded([part], lambda x: self._matches(x, pieces, ast.Is()))
            case Case(whens, otherwise):
                return self._case(whens, otherwise, self.false)
            case Coalesce() | Call() | Arithmetic():
                return _is(self.value(node), False)
            case _:
                assert_never(node)

    def value(self, node: Node) -> ast.expr:
        """An expression of the node's value, None for NULL; it writes each node once."""
        match node:
            case Value(value):
                return self._constant(value)
            case Name(name):
                return self._attribute(name)
            case Arithmetic(op, left, right):
                return self._result([left, right], lambda x, y: self._call(_ARITHMETIC[op], x, y))
            case Call(function, parts):
                return self._result(parts, lambda *given: self._call(FUNCTIONS[function].one, *given))
            case Compare(op, left, right):
                return self._result([left, right], lambda x, y: _binary(x, _COMPARE[op](), y))
            case Within(part, values, null):
                return self._result([part], lambda x: self._found(x, values, None if null else False))
            case Like(part, pieces):
                return self._result([part], lambda x: self._matches(x, pieces, ast.IsNot()))
            case Not(part):
                return self._result([part], lambda x: ast.UnaryOp(ast.Not(), x))
            case And(parts):
                return self._kleene(parts, decisive=False)
            case Or(parts):
                return self._kleene(parts, decisive=True)
            case Case(whens, otherwise):
                return self._case(whens, otherwise, self.value)
            case Coalesce(parts):
                return reduce(self._or_else, [self.value(part) for part in parts[::-1]])
            case IsNull() | IsTruth():
                return self.true(node)
            case _:
                assert_never(node)

    def _attribute(self, name: str) -> ast.expr:
        return _load(self.attributes.setdefault(name, f"a{len(self.attributes)}"))

    def _constant(self, value: object) -> ast.expr:
        if value is None or isinstance(value, bool | int | float | str):
            return ast.Constant(value)
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return _load(name)

    def _named(self, value: ast.expr) -> tuple[ast.expr, ast.expr]:
        """`(t := value)`, and `t` to be read after it."""
        self.temporaries += 1
        name = f"t{self.temporaries}"
        return ast.NamedExpr(ast.Name(name, ast.Store()), value), _load(name)

    def _known(self, node: Node) -> tuple[list[ast.expr], ast.expr]:
        """The tests that a value is not NULL, and an expression of it that may be read after them."""
        value = self.value(node)
        if isinstance(node, Value):
            return [ast.Constant(False)] if node.value is None else [], value
        first, again = (value, value) if isinstance(node, Name) else self._named(value)
        return [_binary(first, ast.IsNot(), ast.Constant(None))], again

    def _guarded(self, nodes: Sequence[Node], test: Callable[..., ast.expr]) -> ast.expr:
        """`test` of values that are all known, else False."""
        known = [self._known(node) for node in nodes]
        return _and([*(one for guards, _ in known for one in guards), test(*(value for _, value in known))])

    def _result(self, nodes: Sequence[Node], function: Callable[..., ast.expr]) -> ast.expr:
        """`function` of values that are all known, else None."""
        known = [self._known(node) for node in nodes]
        guards = [one for tests, _ in known for one in tests]
        result = function(*(value for _, value in known))
        return ast.IfExp(_and(guards), result, ast.Constant(None)) if guards else result

    def _call(self, function: Callable[..., Any], *given: ast.expr) -> ast.expr:
        return ast.Call(self._constant(function), list(given), [])

    def _compare(self, op: str, left: Node, right: Node) -> ast.expr:
        return self._guarded([left, right], lambda x, y: _binary(x, _COMPARE[op](), y))

    def _among(self, part: Node, values: Sequence[object], found: ast.cmpop) -> ast.expr:
        return self._guarded([part], lambda x: _binary(x, found, self._constant(frozenset(values))))

    def _found(self, x: ast.expr, values: Sequence[object], otherwise: bool | None) -> ast.expr:
        test = _binary(x, ast.In(), self._constant(frozenset(values)))
        return ast.IfExp(test, ast.Constant(True), ast.Constant(otherwise))

    def _matches(self, x: ast.expr, pieces: Pieces, found: ast.cmpop) -> ast.expr:
        match_ = re.compile(python_pattern(pieces), re.DOTALL).fullmatch
        return _binary(self._call(match_, x), found, ast.Constant(None))

    def _case(
        self, whens: Sequence[tuple[Node, Node]], otherwise: Node, write: Callable[[Node], ast.expr]
    ) -> ast.expr:
        written = write(otherwise)
        for condition, value in reversed(whens):
            written = ast.IfExp(self.true(condition), write(value), written)
        return written

    def _or_else(self, otherwise: ast.expr, first: ast.expr) -> ast.expr:
        first, again = self._named(first)
        return ast.IfExp(_binary(first, ast.IsNot(), ast.Constant(None)), again, otherwise)

    def _kleene(self, parts: Sequence[Node], decisive: bool) -> ast.expr:
        """AND (False decides) or OR (True decides): what decides, else NULL if any is, else the other."""
        named = [self._named(self.value(part)) for part in parts]
        decided = ast.BoolOp(ast.Or(), [_is(first, decisive) for first, _ in named])
        unknown = ast.BoolOp(ast.Or(), [_is(again, None) for _, again in named])
        rest = ast.IfExp(unknown, ast.Constant(None), ast.Constant(not decisive))
        return ast.IfExp(decided, ast.Constant(decisive), rest)


def _finite(x: float) -> float | None:
    return x if math.isfinite(x) else None


_ARITHMETIC: Mapping[str, Callable[[Any, Any], float | None]] = {
    "+": lambda x, y: _finite(float(x) + float(y)),
    "-": lambda x, y: _finite(float(x) - float(y)),
    "*": lambda x, y: _finite(float(x) * float(y)),
    "/": lambda x, y: _finite(float(x) / float(y)) if y != 0 else None,
}


def _load(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _binary(left: ast.expr, op: ast.cmpop, right: ast.expr) -> ast.expr:
    return ast.Compare(left, [op], [right])


def _is(value: ast.expr, constant: bool | None) -> ast.expr:
    if isinstance(value, ast.Constant):
        return ast.Constant(value.value is constant)
    return _binary(value, ast.Is(), ast.Constant(constant))


def _and(tests: list[ast.expr]) -> ast.expr:
    return ast.BoolOp(ast.And(), tests) if len(tests) > 1 else tests[0]
