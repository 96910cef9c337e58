"""The situations of a chunk of a batch as columns, compressed: a tenth of the work and the room of JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import polars as pl

from engine.errors import StoreError
from engine.situation import Situation, encode

_VALUE, _CONSENT, _AS_OF = "value.", "consent.", "as_of."


def pack(
    fixed: Mapping[str, Sequence[Any]], values: pl.DataFrame, consent: pl.DataFrame, as_of: Mapping[str, int]
) -> bytes:
    """n situations of customers without any past.

    Args:
        fixed: `customer`, `key`, `at_us`, `arm` and `zone`, as in `Situation`.
        values: a column a name, null where unknown.
        consent: a column a purpose, null where unknown.
        as_of: when the predictions among the values were made, where they are known.
    """
    columns = [pl.Series(name, column, strict=False) for name, column in fixed.items()]
    columns += [series.alias(_VALUE + series.name) for series in values]
    columns += [series.alias(_CONSENT + series.name) for series in consent]
    columns += [pl.repeat(at, len(values), eager=True).alias(_AS_OF + name) for name, at in as_of.items()]
    written = BytesIO()
    pl.DataFrame(columns).write_ipc(written, compression="zstd")
    return written.getvalue()


def unpack(body: bytes, places: Sequence[int]) -> list[bytes]:
    """The situations at some places, as JSON.

    Raises:
        StoreError: the block is damaged.
    """
    try:
        frame = pl.read_ipc(BytesIO(body))[places]
    except (pl.exceptions.PolarsError, OSError, IndexError) as error:
        raise StoreError(
            f"a block of situations is damaged: {error}; restore the store from a copy."
        ) from None
    return [encode(_situation(row)) for row in frame.iter_rows(named=True)]


def blank(body: bytes, places: Sequence[int]) -> bytes:
    """The block with nothing left at some places, which nobody may ask for any more."""
    frame = pl.read_ipc(BytesIO(body)).with_row_index("place")
    kept = ~pl.col("place").is_in(list(places))
    written = BytesIO()
    frame.select(pl.when(kept).then(pl.exclude("place"))).write_ipc(written, compression="zstd")
    return written.getvalue()


def _situation(row: Mapping[str, Any]) -> Situation:
    values = _under(row, _VALUE)
    return Situation(
        row["customer"],
        row["key"],
        row["at_us"],
        row["arm"],
        values,
        _under(row, _CONSENT),
        zone=row["zone"],
        as_of={name: at for name, at in _under(row, _AS_OF).items() if name in values},
    )


def _under(row: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): value
        for name, value in row.items()
        if name.startswith(prefix) and value is not None
    }
