"""Bad files are refused in one sentence that names file, row, column, value and remedy."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputError
from engine.experiments import files
from engine.experiments.report import Report, analyse

GOOD = "arm,spend\na,1\na,2\nb,3\nb,4\n"


def run(path: Path, text: str | bytes, **options: object) -> Report:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    given_options: dict[str, object] = {"arm": "arm", "control": "a", "metrics": ["spend"], **options}
    return analyse(path, **given_options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", {}, ["is empty"]),
        ("arm,spend\n", {}, ["no rows"]),
        (b"\x1f\x8b\x08\x00garbage", {}, ["cannot be read"]),
        (b"PAR1 and then nothing", {}, ["cannot be read"]),
        (b"arm,spend\n\xff\xfe,1\n", {}, ["cannot be read"]),
        (GOOD, {"metrics": ["spent"]}, ["no column 'spent'", "Did you mean 'spend'?"]),
        (GOOD, {"arm": "group"}, ["no column 'group'"]),
        (GOOD, {"control": "c"}, ["no arm 'c'", "Known: a, b."]),
        (GOOD, {"metrics": []}, ["No metric"]),
        (GOOD, {"level": 1.5}, ["level is 1.5"]),
        (GOOD, {"clamp": 0.2}, ["clamp is 0.2"]),
        (GOOD, {"primary": ["visit"]}, ["'visit' is not among the metrics"]),
        (GOOD, {"expected_split": {"a": 0.5, "b": 0.6}}, ["adds up to 1.1"]),
        (GOOD, {"expected_split": {"a": 0.0, "b": 1.0}}, ["gives 'a' 0.0"]),
        (GOOD, {"covariates": ["arm"]}, ["row 1", "'arm'", "'a' is not a number"]),
        (GOOD.replace("3", "NaN"), {}, ["row 3", "'spend'", "'NaN' is not a finite number"]),
        (GOOD.replace("3", "inf"), {}, ["row 3", "'spend'", "'inf' is not a finite number"]),
        (GOOD.replace("3", "1e400"), {}, ["row 3", "'1e400' is not a finite number"]),
        (GOOD.replace("3", "three"), {}, ["row 3", "'three' is not a number"]),
        (GOOD.replace("b", "a"), {}, ["only the arm 'a'"]),
        ("arm,spend\na,1\na,2\nb,3\n", {}, ["arm 'b' has 1 unit"]),
        ("arm,spend,n\na,1,0\na,2,0\nb,3,1\nb,4,2\n", {"ratios": [("spend", "n")]}, ["'n' adds up to 0"]),
        ("arm,spend\na,1\na,2\nb,\nb,\n", {}, ["Arm 'b' has fewer than 2 units with a known 'spend'"]),
        ("arm,spend,x\na,1,\na,2,\nb,3,\nb,4,\n", {"covariates": ["x"]}, ["covariate 'x' is empty"]),
    ],
)
def test_bad_input_is_one_clear_sentence(
    tmp_path: Path, text: str | bytes, options: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(InputError) as error:
        run(tmp_path / "file.csv", text, **options)
    for word in words:
        assert word in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no file .*nowhere\.csv"):
        files.read(tmp_path / "nowhere.csv", ["arm"])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("packed", [False, True])
def test_csv_is_read_whatever_its_separator_and_packing(tmp_path: Path, separator: str, packed: bool) -> None:
    text = GOOD.replace(",", separator).encode()
    (tmp_path / "file").write_bytes(gzip.compress(text) if packed else text)
    frame = files.numbers(files.read(tmp_path / "file", ["spend", "arm"]), ["spend"], "file")
    assert frame["spend"].to_list() == [1, 2, 3, 4]


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"arm": ["a", "a", "b", "b"], "spend": [1, 2, 3, 4], "flag": [True, False, True, True]}
    )
    frame.write_parquet(tmp_path / "file.parquet")
    parquet = analyse(tmp_path / "file.parquet", arm="arm", control="a", metrics=["spend"])
    assert parquet.metrics == run(tmp_path / "file.csv", GOOD).metrics
    flags = files.numbers(files.read(tmp_path / "file.parquet", ["flag"]), ["flag"], "file")
    assert flags["flag"].to_list() == [1, 0, 1, 1]


@settings(max_examples=40)
@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=True), st.text(max_size=4)), min_size=1, max_size=8))
def test_any_column_is_finite_numbers_or_an_error(cells: list[float | str | None]) -> None:
    frame = pl.DataFrame(
        {"x": [None if cell is None else str(cell) for cell in cells]}, schema={"x": pl.String}
    )
    try:
        found = files.numbers(frame, ["x"], "the frame")["x"]
    except InputError as error:
        assert "the frame, row " in str(error)
    else:
        assert found.dtype == pl.Float64 and found.drop_nulls().is_finite().all()
