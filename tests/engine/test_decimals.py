"""Numbers of few decimals, kept as whole ones, come back bit for bit."""

import math
from io import BytesIO

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decimals import plain, restored, shortened

decimals = st.builds(
    lambda whole, digits: whole / 10**digits, st.integers(-(2**31), 2**31), st.integers(0, 6)
)
numbers = st.none() | decimals | st.floats() | st.sampled_from([0.0, -0.0, 0.1 + 0.2, 1e300])


def bits(column: pl.Series) -> list[int | None]:
    return [None if one is None else int(np.float64(one).view(np.int64)) for one in column]


@given(st.lists(numbers, max_size=50) | st.lists(st.none() | decimals, max_size=50))
def test_every_number_comes_back_bit_for_bit(values: list[float | None]) -> None:
    column = pl.Series("value.price", values, dtype=pl.Float64)
    kept = shortened(column)
    assert plain(kept.name) == "value.price"
    (back,) = restored(pl.DataFrame([kept]))
    assert (back.name, back.dtype) == ("value.price", pl.Float64)
    assert bits(back) == bits(column)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([12.5, None, 99.99], pl.Int16),
        ([400.0, 32767.0], pl.Int16),
        ([327.68, 0.01], pl.Int32),
        ([214748.3647], pl.Int32),
        ([0.12345], pl.Float64),
        ([-0.0, 1.0], pl.Float64),
        ([math.inf], pl.Float64),
        ([math.nan], pl.Float64),
        ([3e9], pl.Float64),
        ([1.797693134862316e304], pl.Float64),
        ([None], pl.Int16),
        (["12.5"], pl.String),
        ([7], pl.Int64),
    ],
)
def test_a_column_takes_the_room_that_its_decimals_need(values: list[object], kind: pl.DataType) -> None:
    assert shortened(pl.Series("price", values, dtype=None if values != [None] else pl.Float64)).dtype == kind


def test_what_was_written_to_a_file_comes_back() -> None:
    column = pl.Series("price", [i / 100 for i in range(5000)])
    written = BytesIO()
    pl.DataFrame([shortened(column)]).write_ipc(written, compression="lz4")
    assert restored(pl.read_ipc(BytesIO(written.getvalue()))).to_series().equals(column)
