"""Where the row groups of a Parquet file end."""

from itertools import accumulate
from pathlib import Path

import polars as pl
import pytest

from engine import roster
from engine.footer import group_rows


@pytest.mark.parametrize("size", [1, 7, 16, 100])
def test_the_footer_says_how_many_rows_each_group_has(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.parquet"
    columns = {"id": [f"c{i}" for i in range(100)], "x": [0.5 * i for i in range(100)], "on": [True] * 100}
    pl.DataFrame(columns).write_parquet(path, row_group_size=size)
    assert sum(group_rows(path)) == 100
    for end in accumulate(group_rows(path)):
        assert end % size == 0 or end == 100


@pytest.mark.parametrize("body", [b"", b"PAR1", b"no parquet at all", b"\xff\xff\xff\x7fPAR1", b"\x01" * 40])
def test_a_file_that_does_not_end_as_parquet_does_has_no_groups(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(body)
    assert group_rows(path) == []
    path.write_bytes(body + b"\x99\x07" * 20 + (40).to_bytes(4, "little") + b"PAR1")
    assert group_rows(path) == []


@pytest.mark.parametrize(
    ("groups", "starts"),
    [
        ([40], [0, 15, 30, 40]),
        ([5, 5, 5, 5], [0, 15, 20]),
        ([10, 10, 3, 20, 1], [0, 10, 23, 38, 44]),
        ([15, 15], [0, 15, 30]),
        ([], [0, 15, 20]),
    ],
)
def test_pieces_end_where_groups_do(
    monkeypatch: pytest.MonkeyPatch, groups: list[int], starts: list[int]
) -> None:
    monkeypatch.setattr(roster, "PIECE", 15)
    monkeypatch.setattr(roster, "group_rows", lambda path: groups)
    assert roster._starts(Path("a.parquet"), starts[-1]) == starts
