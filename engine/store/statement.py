"""Statements compiled once: SQLAlchemy core writes the text, the driver runs it.

Compiling a statement, or looking a compiled one up and describing its result, costs SQLAlchemy several times
what SQLite needs for the whole query. So the driver's cursor gets the text; transactions stay SQLAlchemy's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement, Connection, Table, bindparam, insert
from sqlalchemy.sql.dml import Insert

from engine.store.sqlite import DIALECT

Values = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text, the names of its positional parameters in order, and those that never change."""

    text: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]

    def parameters(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Values in the order of the names."""
        constants = self.constants
        return tuple([constants[name] if name in constants else values[name] for name in self.names])


def prepare(clause: ClauseElement) -> Statement:
    """The statement for the store's dialect. What changes from run to run must be a `bindparam`."""
    compiled = clause.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})
    names = tuple(compiled.positiontup or ())  # type: ignore[attr-defined]
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    return Statement(str(compiled), names, constants)


def prepare_insert(table: Table, names: Sequence[str], statement: Insert | None = None) -> Statement:
    """An insert of the named columns, for `run_many` with tuples. The names must be in the table's order."""
    base = insert(table) if statement is None else statement
    made = prepare(base.values({name: bindparam(name) for name in names}))
    assert made.names == tuple(names), f"{made.names} is the order of table {table.name}"
    return made


def run(connection: Connection, statement: Statement, **values: Any) -> list[Any]:
    """Run a query; its rows, as tuples."""
    return list(_cursor(connection).execute(statement.text, statement.parameters(values)))


def execute(connection: Connection, statement: Statement, **values: Any) -> int:
    """Run a statement that returns no rows; the number of rows it touched."""
    return int(_cursor(connection).execute(statement.text, statement.parameters(values)).rowcount)


def run_many(connection: Connection, statement: Statement, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement once for every row of parameters, in order. No rows, no statement."""
    if rows:
        _cursor(connection).executemany(statement.text, rows)


def stream(connection: Connection, statement: Statement, **values: Any) -> Iterator[Any]:
    """Run a query; its rows one by one, as they are asked for."""
    yield from _cursor(connection).execute(statement.text, statement.parameters(values))


def _cursor(connection: Connection) -> Any:
    return connection.connection.cursor()
