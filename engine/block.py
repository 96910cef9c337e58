"""The situations of a chunk of a batch as columns, compressed: a tenth of the work and the room of JSON.

Blocks of the first kind hold keys, those of today the name of the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import polars as pl

from engine.errors import StoreError
from engine.situation import Situation, encode

VALUE, CONSENT, _AS_OF = "value.", "consent.", "as_of."


def table(
    fixed: Sequence[pl.Series], values: pl.DataFrame, consent: pl.DataFrame, as_of: Mapping[str, int]
) -> pl.DataFrame:
    """n situations of customers without any past.

    Args:
        fixed: `customer`, `batch`, `at_us`, `arm` and `zone`, as in `Situation`; the key of a decision is
            "BATCH:CUSTOMER". Columns of any other name are kept beside them.
        values: a column a name, null where unknown.
        consent: a column a purpose, null where unknown.
        as_of: when the predictions among the values were made, where they are known.
    """
    columns = list(fixed)
    columns += [series.alias(VALUE + series.name) for series in values]
    columns += [series.alias(CONSENT + series.name) for series in consent]
    columns += [pl.repeat(at, len(values), eager=True).alias(_AS_OF + name) for name, at in as_of.items()]
    return pl.DataFrame(columns)


def pack(situations: pl.DataFrame) -> bytes:
    """The block of a `table`."""
    written = BytesIO()
    situations.write_ipc(written, compression="lz4")
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
    values = _under(row, VALUE)
    return Situation(
        row["customer"],
        row["key"] if "key" in row else f"{row['batch']}:{row['customer']}",
        row["at_us"],
        row["arm"],
        values,
        _under(row, CONSENT),
        zone=row["zone"],
        as_of={name: at for name, at in _under(row, _AS_OF).items() if name in values},
    )


def _under(row: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): value
        for name, value in row.items()
        if name.startswith(prefix) and value is not None
    }
