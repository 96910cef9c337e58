"""sqlglot's syntax tree to our typed tree. Only what `_Reader` reads is part of the language.

Types are checked here once, so that neither execution ever meets a value it cannot compare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from sqlglot import exp

from engine.errors import nearest
from engine.rules.calls import DOTTED, column_name, looked_up
from engine.rules.functions import FUNCTIONS
from engine.rules.grammar import CALLS, Fault, foreign, number_of, offset, only, quote, syntax
from engine.rules.kinds import ARTICLE, a, instant, kind_of, timed
from engine.rules.like import PatternError, split
from engine.rules.lookups import LOOKUPS
from engine.rules.tree import (
    And,
    Arithmetic,
    Call,
    Case,
    Coalesce,
    Compare,
    Comparison,
    IsNull,
    IsTruth,
    Like,
    Name,
    Node,
    Not,
    Operator,
    Or,
    Type,
    Value,
    Within,
    depth,
    type_of,
    walk,
)

MAX_DEPTH = 40
MAX_NODES = 5000
Operand: TypeAlias = "tuple[Node, exp.Expr]"  # what it means, and its text for messages
_COMPARISONS: Mapping[type[exp.Expr], Comparison] = {
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.EQ: "=",
    exp.NEQ: "<>",
}
_OPERATORS: Mapping[type[exp.Expr], Operator] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}


def tree(
    text: str, schema: Mapping[str, Type], levels: Mapping[str, Sequence[str]], number: bool = False
) -> Node:
    """The condition, or the number, as a typed tree.

    Args:
        text: the SQL condition, or the SQL of a number.
        schema: type of every attribute and prediction by name.
        levels: the values a text attribute may take, where they are declared.
        number: whether the text is to be a number.

    Raises:
        Fault: the text is none of the language, or does not fit the schema.
    """
    reader = _Reader(schema, levels)
    try:
        made = reader.typed(syntax(text), "number") if number else reader.condition(syntax(text))
        size = sum(1 for _ in islice(walk(made), MAX_NODES + 1))
        nested = depth(made) if size <= MAX_NODES else 0
    except RecursionError:
        size, nested = 0, MAX_DEPTH + 1
    if size > MAX_NODES or nested > MAX_DEPTH:
        raise Fault("the rule is too long or nested too deeply; split it into several", 0)
    return made


@dataclass(frozen=True, slots=True)
class _Reader:
    schema: Mapping[str, Type]
    levels: Mapping[str, Sequence[str]]

    def condition(self, sql: exp.Expr) -> Node:
        """A node that is true, false or NULL."""
        node = self.read(sql)
        if type_of(node) != "boolean":
            raise Fault(f"{quote(sql)} is {a(node)}, must be a condition that is true or false", offset(sql))
        return node

    def value(self, sql: exp.Expr) -> Node:
        """A node to compare or compute with: anything but NULL itself."""
        node = self.read(sql)
        if type_of(node) == "null":
            raise Fault("nothing compares with NULL; write IS NULL or IS NOT NULL", offset(sql))
        return node

    def typed(self, sql: exp.Expr, takes: str) -> Node:
        """A node of type "number" (integers too) or "text"."""
        node = self.value(sql)
        if kind_of(node) != takes:
            raise Fault(f"{quote(sql)} is {a(node)}, must be a {takes}", offset(sql))
        return node

    def read(self, sql: exp.Expr) -> Node:
        """Any node, by the class of its syntax."""
        if type(sql) in _COMPARISONS:
            only(sql, "this", "expression")
            left, right = self._operand(sql.this), self._operand(sql.expression)
            return self._compare(_COMPARISONS[type(sql)], left, right)
        if type(sql) in _OPERATORS:
            only(sql, "this", "expression")
            one, other = self.typed(sql.this, "number"), self.typed(sql.expression, "number")
            return Arithmetic(_OPERATORS[type(sql)], one, other)
        if isinstance(sql, exp.Alias):
            raise Fault(
                f"'{sql.alias}' is not expected here; is AND or OR missing?", offset(sql.args["alias"])
            )
        if type(sql) not in _READ:
            raise foreign(sql)
        arguments, reader = _READ[type(sql)]
        only(sql, *arguments)
        return reader(self, sql)

    def name(self, sql: exp.Expr) -> Node:
        spelt = column_name(sql)
        if not isinstance(sql.this, exp.Identifier) or spelt not in self.schema:
            known = [name for name in self.schema if name.endswith("()") or "(" not in name]
            raise Fault(f"unknown attribute '{spelt}'.{nearest(spelt, known)}", offset(sql))
        return Name(spelt, self.schema[spelt])

    def literal(self, sql: exp.Expr) -> Node:
        if sql.is_string:
            return Value(sql.this, "text")
        number = number_of(sql)
        return Value(number, "integer" if isinstance(number, int) else "number")

    def negative(self, sql: exp.Expr) -> Node:
        node = self.typed(sql.this, "number")
        if isinstance(node, Value):
            return Value(-node.value, node.type)  # type: ignore[operator]
        return Arithmetic("-", Value(0, "integer"), node)

    def point_in_time(self, sql: exp.Expr) -> Node:
        """TIMESTAMP '2026-11-24 08:00' or DATE '2026-11-24'."""
        kind = sql.args["to"].this
        if not isinstance(sql.this, exp.Literal) or not sql.this.is_string or kind not in _INSTANTS:
            raise Fault(f"{quote(sql)} is not part of a rule; types are not cast", offset(sql))
        return instant(sql.this)

    def both(self, sql: exp.Expr) -> Node:
        return And(tuple(self.condition(part) for part in sql.flatten()))

    def either(self, sql: exp.Expr) -> Node:
        return Or(tuple(self.condition(part) for part in sql.flatten()))

    def is_(self, sql: exp.Expr) -> Node:
        if isinstance(sql.expression, exp.Null):
            return IsNull(self.value(sql.this))
        if isinstance(sql.expression, exp.Boolean):
            return IsTruth(self.condition(sql.this), sql.expression.this)
        raise Fault("IS takes NULL, TRUE or FALSE; to compare write =", offset(sql))

    def between(self, sql: exp.Expr) -> Node:
        part, low, high = (self._operand(sql.args[key]) for key in ("this", "low", "high"))
        return And((self._compare(">=", part, low), self._compare("<=", part, high)))

    def within(self, sql: exp.Expr) -> Node:
        """IN over literals as a set; over anything else as the equalities it stands for."""
        listed = [one for one in sql.expressions if not isinstance(one, exp.Null)]
        if not sql.expressions:
            raise Fault("IN needs at least one value in its parentheses", offset(sql))
        null = len(listed) < len(sql.expressions)
        part = self._operand(sql.this)
        equal = [self._compare("=", part, self._operand(one)) for one in listed]
        values = [one.right.value for one in equal if isinstance(one.right, Value)]
        if len(values) == len(equal):
            return Within(part[0], tuple(values), null)
        unknown = (Value(None, "boolean"),) if null else ()
        return Or((*equal, *unknown)) if len(equal) + len(unknown) > 1 else equal[0]

    def like(self, sql: exp.Expr, escape: str | None = None) -> Node:
        part = self.typed(sql.this, "text")
        if not isinstance(sql.expression, exp.Literal) or not sql.expression.is_string:
            raise Fault("LIKE takes a pattern in quotes, such as 'A%'", offset(sql.expression))
        try:
            pieces = split(sql.expression.this, escape)
        except PatternError as error:
            raise Fault(str(error), offset(sql.expression)) from None
        return Not(Like(part, pieces)) if sql.args.get("negate") else Like(part, pieces)

    def escape(self, sql: exp.Expr) -> Node:
        inner, named = sql.this, sql.expression
        if not isinstance(inner, exp.Like) or not isinstance(named, exp.Literal):
            raise Fault("ESCAPE follows a LIKE and takes one character in quotes", offset(sql))
        only(inner, "this", "expression", "negate")
        return self.like(inner, named.this)

    def case(self, sql: exp.Expr) -> Node:
        ifs, default = sql.args["ifs"], sql.args.get("default")
        if sql.this:
            part = self._operand(sql.this)
            whens: list[Node] = [self._compare("=", part, self._operand(one.this)) for one in ifs]
        else:
            whens = [self.condition(one.this) for one in ifs]
        results = [one.args["true"] for one in ifs]
        kind, nodes = self._alike([*results, default] if default else results)
        otherwise = nodes.pop() if default else Value(None, kind)
        return Case(tuple(zip(whens, nodes, strict=True)), otherwise, kind)

    def call(self, sql: exp.Expr) -> Node:
        name, given = sql.name.upper(), sql.expressions
        if name == "COALESCE" and given:
            kind, nodes = self._alike(given)
            return Coalesce(tuple(nodes), kind)
        if name == "NULLIF" and len(given) == 2:
            left, right = (self._operand(one) for one in given)
            equal, first, kind = self._compare("=", left, right), left[0], type_of(left[0])
            return Case(((equal, Value(None, kind)),), first, kind)
        if name.lower() in LOOKUPS:
            return looked_up(sql, self.schema)
        if name not in CALLS:
            raise Fault(f"unknown function '{sql.name}'.{nearest(name, CALLS)}", offset(sql))
        if name not in FUNCTIONS or len(given) != 1:
            raise Fault(f"{name} is given {len(given)} values, takes {_TAKES.get(name, '1')}", offset(sql))
        function = FUNCTIONS[name]
        part = self.typed(given[0], function.takes)
        return Call(name, (part,), type_of(part) if function.gives == "same" else function.gives)

    def _operand(self, sql: exp.Expr) -> Operand:
        return self.value(sql), sql

    def _compare(self, op: Comparison, left: Operand, right: Operand) -> Compare:
        (one, one_sql), (other, other_sql) = left, right
        one, other = timed(one, other, one_sql), timed(other, one, other_sql)
        if kind_of(one) != kind_of(other):
            said = f"{quote(one_sql)} is {a(one)} and {quote(other_sql)} {a(other)}; they do not compare"
            raise Fault(said, offset(one_sql))
        if type_of(one) == "boolean" and op not in ("=", "<>"):
            said = f"{quote(one_sql)} is true or false, which has no order; use = or <>"
            raise Fault(said, offset(one_sql))
        self._check_level(one, other, other_sql)
        self._check_level(other, one, one_sql)
        return Compare(op, one, other)

    def _check_level(self, name: Node, value: Node, sql: exp.Expr) -> None:
        if isinstance(name, Name) and isinstance(value, Value) and self.levels.get(name.name):
            levels = self.levels[name.name]
            if value.value not in levels:
                said = f"'{value.value}' is not a level of {name.name}.{nearest(str(value.value), levels)}"
                raise Fault(said, offset(sql))

    def _alike(self, given: Sequence[exp.Expr]) -> tuple[Type, list[Node]]:
        """Nodes of one type, NULLs among them, and that type; an integer beside a number is a number."""
        nodes = [self.read(one) for one in given]
        types = [type_of(node) for node in nodes if type_of(node) != "null"]
        if not types:
            raise Fault("there is nothing but NULL to choose from", offset(given[0]))
        kind: Type = "number" if set(types) == {"integer", "number"} else types[0]
        for node, sql in zip(nodes, given, strict=True):
            if type_of(node) not in (kind, "null") and not (kind == "number" and type_of(node) == "integer"):
                said = f"{quote(sql)} is {a(node)}, must be {ARTICLE[kind]} like what stands before it"
                raise Fault(said, offset(sql))
        return kind, [Value(None, kind) if type_of(node) == "null" else node for node in nodes]


_INSTANTS = (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.DATE)
_TAKES = {"COALESCE": "1 or more", "NULLIF": "2"}
_READ: Mapping[type[exp.Expr], tuple[tuple[str, ...], Callable[[_Reader, exp.Expr], Node]]] = {
    exp.Column: (DOTTED, _Reader.name),
    exp.Literal: (("this", "is_string"), _Reader.literal),
    exp.Boolean: (("this",), lambda _, sql: Value(bool(sql.this), "boolean")),
    exp.Null: ((), lambda _, sql: Value(None, "null")),
    exp.Paren: (("this",), lambda reader, sql: reader.read(sql.this)),
    exp.And: (("this", "expression"), _Reader.both),
    exp.Or: (("this", "expression"), _Reader.either),
    exp.Not: (("this",), lambda reader, sql: Not(reader.condition(sql.this))),
    exp.Is: (("this", "expression"), _Reader.is_),
    exp.Between: (("this", "low", "high"), _Reader.between),
    exp.In: (("this", "expressions"), _Reader.within),
    exp.Like: (("this", "expression", "negate"), _Reader.like),
    exp.Escape: (("this", "expression"), _Reader.escape),
    exp.Neg: (("this",), _Reader.negative),
    exp.Case: (("this", "ifs", "default"), _Reader.case),
    exp.Cast: (("this", "to"), _Reader.point_in_time),
    exp.Anonymous: (("this", "expressions"), _Reader.call),
}
