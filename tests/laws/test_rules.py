"""Laws of rules: every execution of a condition agrees, with each other and with another database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pysqlite3 import dbapi2 as sqlite

from engine.columns import column
from engine.domain import RuleText
from engine.errors import ProgramError
from engine.rules import Rule, bits, conflict, findings, many, parse, passes
from tests.laws.sql import NAMES, SCHEMA, condition, customers, literal, written

Customer = Mapping[str, Any]
many_customers = st.lists(customers, min_size=1, max_size=8)


def rule(text: str) -> Rule:
    return parse(RuleText("eligible", text, "offer x"), SCHEMA, "law")


def by_column(one: Rule, rows: Sequence[Customer]) -> list[bool | None]:
    columns = {name: column([row[name] for row in rows], kind) for name, kind in SCHEMA.items()}
    return list(many.holds(one.tree)(columns, len(rows)))


def by_sqlite(text: str, rows: Sequence[Customer]) -> list[bool | None]:
    base = sqlite.connect(":memory:")
    base.execute("PRAGMA case_sensitive_like = ON")
    base.execute(f"CREATE TABLE customer ({', '.join(SCHEMA)})")
    marks = ", ".join("?" for _ in SCHEMA)
    for row in rows:
        base.execute(f"INSERT INTO customer VALUES ({marks})", [_stored(row[name]) for name in SCHEMA])
    held = [None if one is None else bool(one) for (one,) in base.execute(f"SELECT {text} FROM customer")]
    base.close()
    return held


def _stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return written(value)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@settings(max_examples=250, deadline=None)
@given(condition(), many_customers)
def test_one_customer_many_customers_and_sqlite_agree(text: str, rows: list[Customer]) -> None:
    one = rule(text)
    held = [one.holds(row) for row in rows]
    assert held == by_column(one, rows) == by_sqlite(text, rows)
    true = [it is True for it in held]
    assert [passes([one, one])(row) for row in rows] == [(it, it) for it in true]
    columns = {name: column([row[name] for row in rows], kind) for name, kind in SCHEMA.items()}
    assert many.passes([one.tree, one.tree])(columns, len(rows)).tolist() == [true, true]
    values = {name: [row[name] for row in rows] for name in SCHEMA}
    together = bits.passes([one.tree, one.tree], SCHEMA)
    assert together(values, len(rows)).tolist() == [[it, it] for it in true]
    often = {name: column * 30 for name, column in values.items()}
    assert together(often, 30 * len(rows)).tolist() == [[it, it] for it in true] * 30


@settings(max_examples=100, deadline=None)
@given(st.lists(condition(2), max_size=6), many_customers)
def test_rules_that_have_parts_in_common_are_told_apart(texts: list[str], rows: list[Customer]) -> None:
    every = [rule(text) for text in (*texts, *(f"NOT ({text})" for text in texts), *texts)]
    values = {name: [row[name] for row in rows] for name in SCHEMA}
    held = bits.passes([one.tree for one in every], SCHEMA)(values, len(rows))
    assert held.tolist() == [[one.holds(row) is True for one in every] for row in rows]


@settings(max_examples=120, deadline=None)
@given(condition(2), many_customers)
def test_a_finding_is_true_of_every_customer(text: str, rows: list[Customer]) -> None:
    one = rule(text)
    for found in findings(one):
        known = [row for row in rows if all(row[name] is not None for name in one.names)]
        held = [one.holds(row) for row in (known if found.kind == "always if known" else rows)]
        assert all(it is not True if found.kind == "never" else it is True for it in held)


@st.composite
def plain_conditions(draw: st.DrawFn) -> str:
    """AND and OR of two or three comparisons of one name with literals: often contradictory or void."""
    kind = draw(st.sampled_from(["number", "text", "timestamp", "integer"]))
    values = literal("number" if kind == "integer" else kind)
    operators = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
    atoms = [f"{NAMES[kind][0]} {draw(operators)} {draw(values)}" for _ in range(draw(st.integers(2, 3)))]
    return draw(st.sampled_from([" AND ", " OR "])).join(atoms)


@settings(max_examples=120, deadline=None)
@given(plain_conditions(), st.lists(customers, min_size=8, max_size=8))
def test_what_holds_for_some_customer_is_never_said_not_to(text: str, rows: list[Customer]) -> None:
    one = rule(text)
    kinds = {found.kind for found in findings(one)}
    held = {one.holds(row) for row in rows}
    assert not ("never" in kinds and True in held)
    assert not (kinds & {"always", "always if known"} and False in held)


@settings(max_examples=100, deadline=None)
@given(condition(1), condition(1), many_customers)
def test_rules_in_conflict_let_no_customer_pass_both(one: str, other: str, rows: list[Customer]) -> None:
    rules = [rule(one), rule(other)]
    if conflict(rules):
        assert not any(all(passes(rules)(row)) for row in rows)


TOKENS = (
    "i1 n1 t1 b1 d1 nosuch ( ) , . ; = <> < AND OR NOT IN BETWEEN LIKE IS NULL TRUE CASE WHEN THEN ELSE END "
    "SELECT FROM EXISTS ANY CAST INTERVAL ABS COUNT * + - / % || :: ? :x $1 @v { } [ ] -> ' '' \" ` -- /* */ "
    "1 -2 1.5 1e5 0E 1e999 'a' '2026-01-01' \\ \n # ! \x00 é"
)
tokens = st.sampled_from(TOKENS.split(" "))


@settings(max_examples=500, deadline=None)
@given(st.lists(tokens, max_size=10).map(" ".join) | st.text(max_size=30))
@example("n1 < 0E")
@example("n1 < " + "9" * 5000)
def test_any_text_is_a_rule_or_is_refused_in_one_sentence(text: str) -> None:
    try:
        one = rule(text)
    except ProgramError as error:
        assert str(error).startswith("law: offer x: eligible rule ")
        assert "\n" not in str(error)
    else:
        assert one.holds({}) in (True, False, None)
        assert one.names <= set(SCHEMA)
