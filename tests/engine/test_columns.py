from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.columns import Between, Rows, numbers

NAMES = ("a", "b", "c")
values = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False)
rows_of_values = st.lists(st.dictionaries(st.sampled_from((*NAMES, "other")), values), max_size=6)


@given(rows_of_values, st.lists(st.sampled_from(NAMES), unique=True).map(tuple))
def test_customers_and_columns_give_the_same_numbers(
    rows: list[dict[str, Any]], names: tuple[str, ...]
) -> None:
    columns = {name: [row.get(name) for row in rows] for name in NAMES}
    known = Rows(NAMES, rows)
    assert dict(known) == columns and len(known) == 3
    for asked in (names, NAMES, names):
        found, by_column = numbers(known, asked, len(rows)), numbers(columns, asked, len(rows))
        expected = np.array([columns[name] for name in asked], dtype=np.float64).reshape(
            len(asked), len(rows)
        )
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(by_column, expected)
        assert found.flags.c_contiguous


def test_a_column_that_is_put_counts_instead_of_what_customers_say() -> None:
    known = Rows(("a", "b"), [{"a": "early", "b": 1.0}, {"a": "late", "b": 2.0}])
    known.put({"a": [3.0, None], "c": [5.0, 6.0]})
    np.testing.assert_array_equal(numbers(known, ("c", "a", "b"), 2), [[5.0, 6.0], [3.0, np.nan], [1.0, 2.0]])
    assert list(known) == ["a", "b", "c"] and known["a"] == [3.0, None]


def test_what_is_not_there_is_no_column_of_unknowns() -> None:
    known = Rows(("a",), [{"a": 1.0, "b": 2.0}])
    assert known.get("b") is None and "b" not in known
    with pytest.raises(KeyError, match="b"):
        numbers(known, ("a", "b"), 1)


@given(
    rows=st.lists(st.fixed_dictionaries({name: st.none() | st.integers(0, 9) for name in NAMES}), min_size=1)
)
def test_some_rows_of_columns_are_those_rows_of_the_whole(rows: list[dict[str, int | None]]) -> None:
    columns, n = {name: [row[name] for row in rows] for name in NAMES}, len(rows)
    kept: dict[tuple[str, ...], np.ndarray] = {}
    for start in range(n):
        some = Between(columns, n, kept, start, n)
        found = numbers(some, NAMES, n - start)
        np.testing.assert_array_equal(found, numbers(columns, NAMES, n)[:, start:])
        assert found.flags.c_contiguous and some[NAMES[0]] == columns[NAMES[0]][start:]
