"""Random SQL conditions, as text, over customers of known types. SQLite reads the same text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from engine.domain import AttributeType

SCHEMA: dict[str, AttributeType] = {
    "i1": "integer",
    "i2": "integer",
    "n1": "number",
    "n2": "number",
    "t1": "text",
    "t2": "text",
    "b1": "boolean",
    "b2": "boolean",
    "d1": "timestamp",
    "d2": "timestamp",
}
NAMES = {kind: tuple(name for name, one in SCHEMA.items() if one == kind) for kind in SCHEMA.values()}

integers = st.integers(-4, 4)
quarters = st.integers(-16, 16).map(lambda x: x / 4)
texts = st.text("abBc_%日\n", max_size=4)
instants = st.integers(0, 3).map(lambda day: datetime(2026, 1, 1 + day, 12 * (day % 2), tzinfo=UTC))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "integer": integers,
    "number": quarters,
    "text": texts,
    "boolean": st.booleans(),
    "timestamp": instants,
}
customers = st.fixed_dictionaries({name: st.none() | VALUES[kind] for name, kind in SCHEMA.items()})


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def written(at: datetime) -> str:
    """One width and one zone, so that SQLite's order of texts is the order of time."""
    return at.isoformat(timespec="microseconds")


def literal(kind: str) -> st.SearchStrategy[str]:
    """Numbers carry a point, so that SQLite divides them as rules do."""
    return {
        "number": quarters.map(str),
        "text": texts.map(quoted),
        "timestamp": instants.map(lambda at: quoted(written(at))),
        "boolean": st.sampled_from(["TRUE", "FALSE"]),
    }[kind]


@st.composite
def value(draw: st.DrawFn, kind: str, depth: int) -> str:
    """An expression of a type: number (integers too), text, boolean or timestamp."""
    names = NAMES["integer"] + NAMES["number"] if kind == "number" else NAMES[kind]
    if depth <= 0 or draw(st.integers(0, 2)) == 0:
        return draw(st.sampled_from(names) if kind == "timestamp" else st.sampled_from(names) | literal(kind))
    return draw(_compound(kind, depth - 1))


@st.composite
def _compound(draw: st.DrawFn, kind: str, depth: int) -> str:
    def some(which: str = kind) -> str:
        return draw(value(which, depth))

    common = ["coalesce", "nullif", "case", "simple case"]
    own = {
        "number": ["+", "-", "*", "/", "negative", "ABS", "FLOOR", "CEIL", "ROUND", "LENGTH"],
        "text": ["LOWER", "UPPER"],
    }
    form = draw(st.sampled_from([*common, *own.get(kind, [])]))
    if form == "coalesce":
        return f"COALESCE({some()}, {some()})"
    if form == "nullif":
        return f"NULLIF({some()}, {some()})"
    if form == "case":
        otherwise = draw(st.sampled_from(["", f" ELSE {some()}", " ELSE NULL"]))
        return f"CASE WHEN {draw(condition(depth))} THEN {some()}{otherwise} END"
    if form == "simple case":
        return f"(CASE {some('text')} WHEN {some('text')} THEN {some()} ELSE {some()} END)"
    if form == "negative":
        return f"(- {some()})"
    if form.isalpha():
        return f"{form}({some('text' if form == 'LENGTH' else kind)})"
    return f"({some()} {form} {some()})"


@st.composite
def condition(draw: st.DrawFn, depth: int = 3) -> str:
    """A condition that is true, false or NULL, with and without parentheses."""
    if depth <= 0:
        return draw(_atom(0))
    form = draw(st.sampled_from(["atom", "atom", "and", "or", "not", "parentheses", "is"]))
    if form == "atom":
        return draw(_atom(depth - 1))
    below = draw(condition(depth - 1))
    if form in ("and", "or"):
        return f"{below} {form.upper()} {draw(condition(depth - 1))}"
    if form == "is":
        what = draw(st.sampled_from(["TRUE", "FALSE", "NULL", "NOT TRUE", "NOT FALSE", "NOT NULL"]))
        return f"({below}) IS {what}"
    return f"NOT {below}" if form == "not" else f"({below})"


@st.composite
def _atom(draw: st.DrawFn, depth: int) -> str:
    kind = draw(st.sampled_from(["number", "number", "text", "text", "boolean", "timestamp"]))
    left = draw(value(kind, depth))
    forms = ["compare", "in", "is null", *(["between"] if kind != "boolean" else ["alone"])]
    form = draw(st.sampled_from([*forms, *(["like"] if kind == "text" else [])]))
    maybe_not = draw(st.sampled_from(["", "NOT "]))
    if form == "compare":
        operators = ["=", "<>"] if kind == "boolean" else ["=", "<>", "!=", "<", "<=", ">", ">="]
        right = (
            draw(value(kind, depth) | literal(kind))
            if "d1" in left or "d2" in left
            else draw(value(kind, depth))
        )
        return f"({left}) {draw(st.sampled_from(operators))} ({right})"
    if form == "in":
        listed = draw(st.lists(literal(kind) | st.just("NULL"), min_size=1, max_size=4))
        return f"({left}) {maybe_not}IN ({', '.join(listed)})"
    if form == "between":
        return f"({left}) {maybe_not}BETWEEN {draw(literal(kind))} AND {draw(literal(kind))}"
    if form == "like":
        escape = draw(st.sampled_from(["", " ESCAPE '!'"]))
        return f"({left}) {maybe_not}LIKE {draw(texts.map(quoted))}{escape}"
    return f"({left})" if form == "alone" else f"({left}) IS {maybe_not}NULL"
