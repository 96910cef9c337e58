"""The situations of a chunk of a batch as columns, compressed: a tenth of the work and the room of JSON.

Blocks of the first kind hold keys, those of today the name of the batch; blocks of the second kind hold one
date for all scores of a model that are known, those of today the date of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.decimals import plain, restored, shortened
from engine.errors import StoreError
from engine.situation import Contact, Happened, Limit, Situation, encode

VALUE, CONSENT, DATED, _AS_OF = "value.", "consent.", "dated.", "as_of."
CONTACTS, OUTCOMES, LIMITS = "contacts", "outcomes", "limits"
_FEW = 8


def table(
    fixed: Sequence[pl.Series], values: pl.DataFrame, consent: pl.DataFrame, dated: Mapping[str, pl.Series]
) -> pl.DataFrame:
    """n situations.

    Args:
        fixed: `customer`, `batch`, `at_us`, `arm` and `zone`, as in `Situation`; the key of a decision is
            "BATCH:CUSTOMER", or "BATCH:ASKED" where there is a column `asked`; `contacts` and `outcomes`
            where there are any (`as_json`). Columns of any other name are kept beside them.
        values: a column a name, null where unknown.
        consent: a column a purpose, null where unknown.
        dated: when predictions were made, null where they are unknown.
    """
    columns = list(fixed)
    columns += [shortened(series.alias(VALUE + series.name)) for series in values]
    columns += [series.alias(CONSENT + series.name) for series in consent]
    columns += [series.alias(DATED + name) for name, series in dated.items()]
    return pl.DataFrame(columns)


def as_json(name: str, each: Iterable[Sequence[Contact] | Sequence[Happened]]) -> pl.Series:
    """The contacts or the outcomes of n customers, null where there are none."""
    encode = msgspec.json.Encoder().encode
    return pl.Series(name, [encode(one) if one else None for one in each], dtype=pl.Binary)


def left_as_json(each: Sequence[Mapping[str, Limit]]) -> pl.Series:
    """What budgets had left for n decisions; most share it."""
    encode, levels = msgspec.json.Encoder().encode, dict[str, int]()
    told = {id(one): encode(one).decode() for one in each}
    place = [levels.setdefault(told[id(one)], len(levels)) for one in each]
    return pl.Series(LIMITS, list(levels), dtype=pl.Enum(list(levels))).gather(place)


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
    with whole("a block of situations"):
        frame = restored(picked(pl.read_ipc(BytesIO(body)), places))
    return [encode(_situation(row)) for row in frame.iter_rows(named=True)]


@contextmanager
def whole(called: str) -> Iterator[None]:
    """Around what reads a block of that name. Raises `StoreError` where the block is damaged."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError, IndexError) as error:
        raise StoreError(f"{called} is damaged: {error}; restore the store from a copy.") from None


def some(body: bytes, wanted: Callable[[str], bool], places: NDArray[np.int64]) -> pl.DataFrame:
    """The columns of a block whose names are wanted, at some places; nothing is read where there are none."""
    names = [name for name in pl.read_ipc_schema(BytesIO(body)) if wanted(plain(name))]
    return restored(pl.read_ipc(BytesIO(body), columns=names)[places]) if names else pl.DataFrame()


def picked(table: pl.DataFrame, places: Sequence[int]) -> pl.DataFrame:
    """The rows at some places; few are cut out, which wakes no threads to copy every column."""
    if not 0 < len(places) <= _FEW:
        return table[list(places)]
    if not all(0 <= place < table.height for place in places):
        raise IndexError(f"there are {table.height} places")
    return pl.concat([table.slice(place, 1) for place in places], rechunk=False)


def blank(body: bytes, places: Sequence[int]) -> bytes:
    """The block with nothing left at some places, which nobody may ask for any more."""
    frame = pl.read_ipc(BytesIO(body)).with_row_index("place")
    kept = ~pl.col("place").is_in(list(places))
    written = BytesIO()
    frame.select(pl.when(kept).then(pl.exclude("place"))).write_ipc(written, compression="zstd")
    return written.getvalue()


def _situation(row: Mapping[str, Any]) -> Situation:
    values, same = _under(row, VALUE), _under(row, _AS_OF)
    contacts, outcomes = row.get(CONTACTS), row.get(OUTCOMES)
    return Situation(
        row["customer"],
        row["key"] if "key" in row else f"{row['batch']}:{row.get('asked', row['customer'])}",
        row["at_us"],
        row["arm"],
        values,
        _under(row, CONSENT),
        [] if contacts is None else _contacts(contacts),
        row["zone"],
        [] if outcomes is None else _outcomes(outcomes),
        {name: at for name, at in same.items() if name in values} | _under(row, DATED),
        _limits(row[LIMITS]) if LIMITS in row else {},
    )


_contacts = msgspec.json.Decoder(list[Contact]).decode
_outcomes = msgspec.json.Decoder(list[Happened]).decode
_limits = msgspec.json.Decoder(dict[str, Limit]).decode


def _under(row: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): value
        for name, value in row.items()
        if name.startswith(prefix) and value is not None
    }
