"""Values of many customers under one name, as an array: what rules and encodings work on.

| type | array | unknown |
|---|---|---|
| number, integer | float64; whole numbers are exact up to 2**53 | NaN |
| boolean | int8, 1 and 0 | -1 |
| text | places among the sorted distinct texts | -1 |
| timestamp | int64, microseconds UTC | the smallest |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from engine.calendar import instant, microseconds
from engine.domain import AttributeType
from engine.once import once
from policies.base import Floats, Mask

if TYPE_CHECKING:
    import polars as pl

NEVER = int(np.iinfo(np.int64).min)  # a timestamp that is not known
NO_TEXT = ("",)  # the levels of a column that knows no text


@dataclass(frozen=True, slots=True, eq=False)
class Column(Sequence[Any]):
    """n values of one type; read one by one they are Python's own, None where unknown.

    Attributes:
        kind: the type.
        array: (n,) as the module says.
        levels: of a text: its distinct texts in order.
    """

    kind: AttributeType
    array: NDArray[Any]
    levels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> Column: ...
    def __getitem__(self, at: int | slice) -> Any:
        if isinstance(at, slice):
            return Column(self.kind, self.array[at], self.levels)
        return _value(self.kind, self.array[at].item(), self.levels)

    def __iter__(self) -> Iterator[Any]:
        return (_value(self.kind, one, self.levels) for one in self.array.tolist())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Numbers as they are, NaN where unknown; other types as Python's values."""
        array = self.array if self.kind in ("number", "integer") else np.array(list(self), dtype=object)
        return np.array(array, dtype=dtype, copy=copy)

    @property
    def known(self) -> Mask:
        """(n,) where a value is known."""
        return known(self.kind, self.array)


def known(kind: AttributeType, array: NDArray[Any]) -> Mask:
    """(n,) where an array of that type has a value."""
    made: Mask = array == array if kind in ("number", "integer") else array != _UNKNOWN[kind]
    return made


def column(values: Sequence[Any], kind: AttributeType) -> Column:
    """The column of values that are Python's own: None where unknown, of the declared type elsewhere."""
    if isinstance(values, Column):
        return values
    if kind in ("number", "integer"):
        return Column(kind, np.array(values, dtype=np.float64))
    if kind == "text":
        levels = tuple(sorted({value for value in values if value is not None}))
        place = {level: j for j, level in enumerate(levels)}
        return Column(kind, _coded(place.get(value, -1) for value in values), levels or NO_TEXT)
    if kind == "boolean":
        return Column(kind, np.array([-1 if one is None else one for one in values], dtype=np.int8))
    return Column(kind, _coded(NEVER if one is None else microseconds(one) for one in values))


class Rows(Mapping[str, Sequence[Any]]):
    """Values of n customers, known by customer; the column of a name is made when it is asked for."""

    def __init__(self, names: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> None:
        self._names, self._rows = names, rows
        self._columns: dict[str, Sequence[Any]] = {}
        self._asked: tuple[tuple[str, ...], Floats] | None = None

    def __getitem__(self, name: str) -> Sequence[Any]:
        found = self._columns.get(name)
        if found is None:
            if name not in self._names:
                raise KeyError(name)
            found = self._columns[name] = [row.get(name) for row in self._rows]
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._names, *self._columns)))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def put(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Have these columns, instead of the customers' own values where both are known."""
        self._columns |= columns

    def numbers(self, names: tuple[str, ...]) -> Floats:
        """(m, n) columns of numbers, NaN where unknown; the last asked for are kept. Not to be written to."""
        if self._asked is None or self._asked[0] != names:
            self._asked = names, self._matrix(names)
        return self._asked[1]

    def _matrix(self, names: tuple[str, ...]) -> Floats:
        pick = _picker(self._names, names)
        if pick is not None and self._columns.keys().isdisjoint(names):
            with suppress(KeyError):  # all are known of all, most often
                each = list(chain.from_iterable(map(pick, self._rows)))
                return np.ascontiguousarray(_numbers(each, len(self._rows), len(names)).T)
        return _matrix([self[name] for name in names], len(self._rows))


Matrices = dict[tuple[str, ...], Floats]  # (m, n) columns of numbers by their names


@dataclass(frozen=True, slots=True)
class Between(Mapping[str, Sequence[Any]]):
    """Some rows of columns of length n, each cut when it is asked for: few are, once the rules are answered.

    `matrices` are those of all rows, made when the first of them ask.
    """

    columns: Mapping[str, Sequence[Any]]
    n: int
    matrices: Matrices
    start: int
    end: int

    def __getitem__(self, name: str) -> Sequence[Any]:
        return self.columns[name][self.start : self.end]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def numbers(self, names: tuple[str, ...]) -> Floats:
        """(m, end - start) columns of numbers, NaN where unknown."""
        if names not in self.matrices:
            self.matrices[names] = numbers(self.columns, names, self.n)
        return np.ascontiguousarray(self.matrices[names][:, self.start : self.end])


Picker = Callable[[Mapping[str, Any]], tuple[Any, ...]]


def _picker(known: tuple[str, ...], names: tuple[str, ...]) -> Picker | None:
    """What takes the values of those names together; None where not all are known, or there are not two."""
    pickers = _pickers(known)
    if names not in pickers:
        pickers[names] = itemgetter(*names) if len(names) > 1 and {*names} <= {*known} else None
    return pickers[names]


@once
def _pickers(known: tuple[str, ...]) -> dict[tuple[str, ...], Picker | None]:
    return {}


def numbers(columns: Mapping[str, Sequence[Any]], names: tuple[str, ...], n: int) -> Floats:
    """(m, n) the columns of those names as numbers, NaN where unknown. Not to be written to.

    Raises:
        KeyError: there is no such column.
        TypeError, ValueError: what is in one is not a number.
    """
    if isinstance(columns, Rows | Between):
        return columns.numbers(names)
    return _matrix([columns[name] for name in names], n)


def _matrix(columns: Sequence[Sequence[Any]], n: int) -> Floats:
    if Column in map(type, columns):
        value = np.empty((len(columns), n))
        for row, one in zip(value, columns, strict=True):
            if type(one) is Column and one.kind in ("number", "integer"):
                row[:] = one.array
            else:
                row[:] = np.array(one, dtype=np.float64)
        return value
    return _numbers(list(chain.from_iterable(columns)), len(columns), n)


def _numbers(every: list[Any], m: int, n: int) -> Floats:
    """(m, n) numbers that stand row by row, NaN for None."""
    try:
        return np.fromiter(every, np.float64, m * n).reshape(m, n)
    except TypeError:  # None among them
        return np.array(every, dtype=np.float64).reshape(m, n)


def from_series(series: pl.Series, kind: AttributeType) -> Column:
    """The column of a polars series that has the declared type."""
    import polars as pl

    if kind == "text":
        levels = series.drop_nulls().unique().sort().to_list() or list(NO_TEXT)
        places = series.cast(pl.Enum(levels)).to_physical().cast(pl.Int64).fill_null(-1)
        return Column(kind, places.to_numpy(), tuple(levels))
    if kind == "boolean":
        return Column(kind, series.cast(pl.Int8).fill_null(-1).to_numpy())
    if kind == "timestamp":
        return Column(kind, series.to_physical().fill_null(NEVER).to_numpy())
    if series.dtype == pl.Float64 and not series.null_count():
        return Column(kind, series.to_numpy())
    return Column(kind, series.cast(pl.Float64).fill_null(float("nan")).to_numpy())


_UNKNOWN = {"boolean": -1, "text": -1, "timestamp": NEVER}


def _coded(numbers: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(numbers, dtype=np.int64)


def _value(kind: AttributeType, one: Any, levels: tuple[str, ...]) -> Any:
    if kind == "number":
        return one if one == one else None
    if kind == "integer":
        return int(one) if one == one else None
    if one == _UNKNOWN[kind]:
        return None
    if kind == "text":
        return levels[one]
    return bool(one) if kind == "boolean" else instant(one)
