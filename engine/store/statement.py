"""Statements compiled once: SQLAlchemy core writes the text, the driver runs it.

Compiling a statement, or looking a compiled one up and describing its result, costs SQLAlchemy several times
what SQLite needs for the whole query. So the driver gets the text; transactions stay SQLAlchemy's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import ClauseElement, Connection, Table, bindparam, insert
from sqlalchemy.sql.dml import Insert

from engine.store.sqlite import DIALECT

Values = Sequence[Any]
_TOGETHER = (64, 32, 16, 8, 4, 2, 1)  # rows a statement: few texts, which SQLite keeps compiled


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
    return list(_driver(connection).execute(statement.text, statement.parameters(values)))


def execute(connection: Connection, statement: Statement, **values: Any) -> int:
    """Run a statement that returns no rows; the number of rows it touched."""
    return int(_driver(connection).execute(statement.text, statement.parameters(values)).rowcount)


def run_many(connection: Connection, statement: Statement, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement once for every row of parameters, in order. No rows, no statement."""
    if rows:
        _driver(connection).executemany(statement.text, rows)


def insert_together(connection: Connection, statement: Statement, rows: Sequence[tuple[Any, ...]]) -> None:
    """As `run_many` for an insert, with many rows a statement: other threads compute until it is done."""
    driver, at = _driver(connection), 0
    for size in _TOGETHER:
        while len(rows) - at >= size:
            driver.execute(_repeated(statement.text, size), [*chain.from_iterable(rows[at : at + size])])
            at += size


@cache
def _repeated(text: str, size: int) -> str:
    """An insert with the parameters of so many rows."""
    start, _, rest = text.partition(" VALUES (")
    row, _, end = rest.partition(")")
    return f"{start} VALUES {', '.join([f'({row})'] * size)}{end}"


def stream(connection: Connection, statement: Statement, **values: Any) -> Iterator[Any]:
    """Run a query; its rows one by one, as they are asked for."""
    yield from _driver(connection).execute(statement.text, statement.parameters(values))


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection
