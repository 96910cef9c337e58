"""Raw columns of a log to a matrix of contexts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from policies.base import Floats

LEVELS = 50  # most frequent levels of a text column that get a column of their own


def encode(frame: pl.DataFrame, columns: Sequence[str]) -> tuple[Floats, tuple[str, ...]]:
    """Contexts as numbers of comparable size.

    Numbers, booleans and times are standardised, a missing one is set to the mean and told by an indicator
    column. Text becomes one 0/1 column per level (the 50 most frequent; a missing or rarer value is 0 in
    all of them). Columns that never vary are left out.

    Args:
        frame: n rows.
        columns: names of the context columns.

    Returns:
        (n, d) contexts and d names such as ``recency``, ``recency?`` (missing) and ``zip_code=Urban``.
    """
    parts: dict[str, Floats] = {}
    for name in columns:
        column = frame[name]
        parts |= _levels(column) if _is_text(column) else _number(column)
    X = np.column_stack(list(parts.values())) if parts else np.zeros((len(frame), 0))
    return np.ascontiguousarray(X), tuple(parts)


def _is_text(column: pl.Series) -> bool:
    return not (column.dtype.is_numeric() or column.dtype.is_temporal() or column.dtype == pl.Boolean)


def _number(column: pl.Series) -> dict[str, Floats]:
    """The standardised column, and its indicator of missing values where it has any."""
    raw = column.to_physical().cast(pl.Float64).to_numpy().astype(np.float64)
    missing = ~np.isfinite(raw)
    present = raw[~missing]
    found: dict[str, Floats] = {}
    if present.size and np.ptp(present) > 0:
        found[column.name] = np.where(missing, 0.0, (raw - present.mean()) / present.std())
    if missing.any() and not missing.all():
        found[f"{column.name}?"] = missing.astype(np.float64)
    return found


def _levels(column: pl.Series) -> dict[str, Floats]:
    text = column.cast(pl.String)
    counts = text.drop_nulls().value_counts().sort(["count", column.name], descending=[True, False])
    levels = sorted(counts[column.name].head(LEVELS).to_list())
    if len(levels) < 2 and text.null_count() == 0:
        return {}
    return {
        f"{column.name}={level}": (text == level).fill_null(False).to_numpy().astype(np.float64)
        for level in levels
    }
