"""Numbers of few decimals kept as whole ones: 12.5 is 125 and one digit, in two bytes for eight.

Prices, ages and percentages are such. A column is kept so where every number of it comes back bit for bit;
how many digits there are stands in the column's name.

Source: Afroozeh, Kuffo and Boncz (2023), "ALP: Adaptive Lossless floating-Point Compression", section 3.1,
    with one number of digits for all rows and no exceptions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from policies.base import Floats

Whole = NDArray[Any]  # of two or four bytes each
_MARK = "\x1f"  # between a name and its digits; no name of a column holds it
_MOST = 4  # digits
_TRIED = 32  # numbers, before all of them are


def shortened(column: pl.Series) -> pl.Series:
    """The column as whole numbers if it is one of numbers with few decimals, else as it is."""
    if column.dtype != pl.Float64:
        return column
    number = (column.fill_null(0.0) if column.null_count() else column).to_numpy()
    for digits in range(_MOST + 1):
        if _whole(number[:_TRIED], digits) is not None and (whole := _whole(number, digits)) is not None:
            return _known(pl.Series(whole), column).alias(f"{column.name}{_MARK}{digits}")
    return column


def restored(table: pl.DataFrame) -> pl.DataFrame:
    """The table with every column as it was."""
    return pl.DataFrame([_restored(column) for column in table])


def plain(name: str) -> str:
    """What a column is called, however it is kept."""
    return name.partition(_MARK)[0]


def _restored(column: pl.Series) -> pl.Series:
    name, marked, digits = column.name.partition(_MARK)
    if not marked:
        return column
    number = _parted((column.fill_null(0) if column.null_count() else column).to_numpy(), int(digits))
    return _known(pl.Series(number), column).alias(name)


def _whole(number: Floats, digits: int) -> Whole | None:
    """The numbers times ten to the digits, in the smaller type; None if they do not come back."""
    with np.errstate(over="ignore", invalid="ignore"):  # infinite is too large, and no number is none
        scaled = np.rint(number * 10.0**digits)
    largest = np.abs(scaled).max(initial=0.0)
    for kind in (np.int16, np.int32):
        if largest <= np.iinfo(kind).max:
            whole: Whole = scaled.astype(kind)
            return whole if (_parted(whole, digits).view(np.int64) == number.view(np.int64)).all() else None
    return None  # too large, or not a number


def _parted(whole: Whole, digits: int) -> Floats:
    """The numbers again. By numpy: polars multiplies by one over the divisor, which is another number."""
    return whole.astype(np.float64) / 10.0**digits


def _known(values: pl.Series, like: pl.Series) -> pl.Series:
    """The values where the other series has any."""
    if not like.null_count():
        return values
    return values.zip_with(like.is_not_null(), pl.Series([None], dtype=values.dtype))
