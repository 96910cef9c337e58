"""Customers from tables: columns checked against the program at once, then one stored profile a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from engine.calendar import known_zone
from engine.domain import AttributeType, Program
from engine.errors import InputError
from engine.store.rows import CustomerRow
from engine.tables import ID_RULE, require_ids, unsound
from engine.values import EXACT, LARGEST, types

CONSENT = "consent."
_TRUTH = {"true": True, "false": False, "1": True, "0": False}
DTYPES: dict[AttributeType, pl.DataType | type[pl.DataType]] = {
    "number": pl.Float64,
    "integer": pl.Int64,
    "text": pl.String,
    "boolean": pl.Boolean,
    "timestamp": pl.Datetime("us", "UTC"),
}


@dataclass(frozen=True, slots=True)
class _Source:
    """Where rows come from, and how many rows of it stand before them."""

    name: str
    before: int = 0

    def __str__(self) -> str:
        return self.name


def customer_table(
    program: Program, frame: pl.DataFrame, source: str | Path, customer: str = "customer", before: int = 0
) -> pl.DataFrame:
    """The table with the customer's id as text and every column the program knows in its declared type.

    Columns `zone` and `consent.PURPOSE` are kept, others dropped. Nothing is stored before every row is
    sound.

    Args:
        before: rows of the source that stand before the frame's.

    Raises:
        InputError: no id column, an id missing or repeated, or a value of another type; names the row.
    """
    require_ids(frame, customer, source)
    place, kinds = _Source(str(source), before), _kinds(program, frame, customer)
    ids = frame[customer].cast(pl.String)
    _refuse(ids.is_null() | (ids == ""), ids, place, customer, "must be given")
    if ids.n_unique() != len(ids):
        _refuse(~ids.is_unique() & ~ids.is_first_distinct(), ids, place, customer, "must occur once")
    _refuse(unsound(ids), ids, place, customer, ID_RULE)
    typed = [ids.alias("customer"), *(_typed(frame[name], kind, place) for name, kind in kinds.items())]
    if "zone" in frame.columns:
        typed.append(_zones(frame["zone"].cast(pl.String), place))
    return pl.DataFrame(typed)


def as_typed(program: Program, frame: pl.DataFrame, customer: str = "customer") -> pl.DataFrame:
    """The `customer_table` of a frame all of whose rows are known to be sound."""
    kinds = _kinds(program, frame, customer)
    typed = [frame[customer].cast(pl.String).alias("customer")]
    typed += [_cast(frame[name], kind).alias(name) for name, kind in kinds.items()]
    if "zone" in frame.columns:
        typed.append(frame["zone"].cast(pl.String))
    return pl.DataFrame(typed)


def _kinds(program: Program, frame: pl.DataFrame, customer: str) -> dict[str, AttributeType]:
    """The types of the columns of a frame that have one: attributes and predictions, then consents."""
    known = {name: kind for name, kind in types(program).items() if name in frame.columns}
    known.pop(customer, None)
    return known | dict.fromkeys([name for name in frame.columns if name.startswith(CONSENT)], "boolean")


def profiles(program: Program, table: pl.DataFrame, at_us: int) -> list[CustomerRow]:
    """One stored profile a row of `customer_table`."""
    names = [a.name for a in program.attributes if a.name in table.columns]
    consent = [name for name in table.columns if name.startswith(CONSENT)]
    zones: Sequence[str | None] = (
        table["zone"].to_list() if "zone" in table.columns else [None] * table.height
    )
    purposes = [name.removeprefix(CONSENT) for name in consent]
    return [
        CustomerRow(customer, _known(names, row), _known(purposes, given), zone, at_us)
        for customer, row, given, zone in zip(
            table["customer"], _rows(table, names), _rows(table, consent), zones, strict=True
        )
    ]


def _rows(table: pl.DataFrame, names: Sequence[str]) -> Iterator[tuple[object, ...]]:
    return table.select(names).iter_rows() if names else iter([()] * table.height)


def _known(names: Sequence[str], row: Sequence[object]) -> dict[str, object]:
    return {name: value for name, value in zip(names, row, strict=True) if value is not None}


def _typed(column: pl.Series, kind: AttributeType, source: _Source) -> pl.Series:
    """The column in the program's type; 0, 1, true and false pass for booleans, numbers never for text."""
    if column.dtype.is_nested() or (column.dtype == pl.Boolean and kind != "boolean"):
        _refuse(column.is_not_null(), column, source, column.name, f"must be of type {kind}")
    if kind == "text" and column.dtype != pl.String:
        first = column.drop_nulls().head(1).to_list()
        raise InputError(
            f"{source}: column '{column.name}' holds {first}, must be text; quote or convert it."
        )
    if kind == "number" and column.dtype == pl.Float64 and _all_within(column):
        return column
    typed = _cast(column, kind)
    lost = typed.is_null() & column.is_not_null()
    if kind == "integer" and column.dtype.is_float():
        lost |= (typed.cast(pl.Float64) != column).fill_null(False)
    if kind == "integer":
        lost |= (typed.abs() > EXACT).fill_null(False)
    if kind == "number":
        lost |= ~typed.abs().lt(LARGEST).fill_null(True)
    _refuse(lost, column, source, column.name, f"must be of type {kind}")
    return typed.alias(column.name)


def _all_within(column: pl.Series) -> bool:
    """Whether all of a column of floats are known numbers of a size that is taken, seen at one look."""
    if column.null_count() or not len(column):
        return False
    number = column.to_numpy()
    return bool(number.max() < LARGEST and number.min() > -LARGEST)  # neither is true of NaN


def _cast(column: pl.Series, kind: AttributeType) -> pl.Series:
    """The column in the program's type, null where a value is none of it."""
    if kind == "timestamp" and column.dtype == pl.String:
        return column.str.to_datetime(time_zone="UTC", strict=False)
    if kind == "boolean" and column.dtype == pl.String:
        return column.str.to_lowercase().replace_strict(_TRUTH, default=None, return_dtype=pl.Boolean)
    return column.cast(DTYPES[kind], strict=False)


def _zones(column: pl.Series, source: _Source) -> pl.Series:
    unknown = [zone for zone in column.unique() if zone is not None and known_zone(zone) is None]
    _refuse(
        column.is_in(unknown).fill_null(False),
        column,
        source,
        "zone",
        "must be a time zone such as 'Europe/Oslo'",
    )
    return column


def _refuse(bad: pl.Series, column: pl.Series, source: _Source, name: str, rule: str) -> None:
    if bad.any():
        row = int(bad.arg_max() or 0)
        raise InputError(
            f"{source}, row {source.before + row + 1}: {name} == {column[row]!r}, {rule}; correct it "
            f"({int(bad.sum())} such rows)."
        )


def unknown_columns(program: Program, columns: Sequence[str], customer: str = "customer") -> list[str]:
    """Columns of a customer file that no attribute, prediction, zone or consent takes up."""
    taken = {customer, "zone", *types(program)}
    return [name for name in columns if name not in taken and not name.startswith(CONSENT)]
