"""Reading logged decisions: what comes out, and what is said about bad input."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.errors import InputError
from simulator.logs import Log, make_log, read_log

COLUMNS: dict[str, list[Any]] = {
    "age": [30, 40, None, 50],
    "town": ["x", "y", "x", None],
    "action": ["b", "a", "b", "c"],
    "p": [0.5, 0.25, 0.5, 1.0],
    "reward": [0, 1, 0, 2],
    "home": ["h2", "h1", "h2", "h3"],
    "at": ["2026-11-02", "2026-11-01", "2026-11-03", "2026-11-04"],
}
FRAME = pl.DataFrame(COLUMNS)


def made(frame: pl.DataFrame = FRAME, **given: Any) -> Log:
    chosen: dict[str, Any] = {"action": "action", "propensity": "p", "reward": "reward"} | given
    return make_log(frame, **chosen)


@pytest.mark.parametrize("kind", ["log.parquet", "log.csv", "log.csv.gz"])
def test_parquet_csv_and_gzip_give_the_same_log(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind.endswith("parquet"):
        FRAME.write_parquet(path)
    else:
        text = FRAME.write_csv().encode()
        path.write_bytes(gzip.compress(text) if kind.endswith("gz") else text)
    log = read_log(
        path, context=["age", "town"], action="action", propensity="p", reward="reward", cluster="home"
    )
    assert log.actions.names == ("a", "b", "c")
    assert log.action.tolist() == [1, 0, 1, 2]
    assert log.propensity.tolist() == [0.5, 0.25, 0.5, 1.0]
    assert log.reward.tolist() == [0.0, 1.0, 0.0, 2.0]
    assert log.cluster is not None and log.cluster.tolist() == [1, 0, 1, 2]
    assert log.mask.all()


def test_contexts_are_standardised_levels_get_columns_and_gaps_are_told() -> None:
    log = made(context=["age", "town"])
    assert log.names == ("age", "age?", "town=x", "town=y")
    age = log.X[:, 0]
    assert (
        age[2] == 0.0
        and age[[0, 1, 3]].mean() == pytest.approx(0)
        and age[[0, 1, 3]].std() == pytest.approx(1)
    )
    assert log.X[:, 1].tolist() == [0, 0, 1, 0]
    assert log.X[:, 2:].tolist() == [[1, 0], [0, 1], [1, 0], [0, 0]]


def test_whole_numbers_as_actions_keep_their_order() -> None:
    log = made(FRAME.with_columns(pl.Series("action", [10, 9, 10, 100])))
    assert log.actions.names == ("9", "10", "100")


def test_a_number_is_the_propensity_of_every_row() -> None:
    assert made(propensity=0.25).propensity.tolist() == [0.25] * 4


def test_estimated_propensities_are_shares_and_marked() -> None:
    log = made(propensity="estimate")
    assert log.propensity.tolist() == [0.5, 0.25, 0.5, 0.25] and log.estimated


def test_times_are_read_and_feasible_columns_become_the_mask() -> None:
    flags = {"can_a": [0, 1, 1, 1], "can_b": [1, 1, 1, 0], "can_c": [1, 0, None, 1]}
    log = made(FRAME.with_columns(pl.Series(k, v) for k, v in flags.items()), time="at", feasible="can_")
    assert log.at is not None and np.argsort(log.at).tolist() == [1, 0, 2, 3]
    assert log.mask.tolist() == [
        [False, True, True],
        [True, True, False],
        [True, True, False],
        [True, False, True],
    ]


def bad(column: str, value: Any, row: int = 2) -> pl.DataFrame:
    values = list(COLUMNS[column])
    values[row] = value
    return FRAME.with_columns(pl.Series(column, values, strict=False))


@pytest.mark.parametrize(
    ("frame", "given", "said"),
    [
        (FRAME, {"reward": "rewards"}, r"has no column 'rewards'\. Did you mean 'reward'\?"),
        (FRAME, {"context": ["agee"]}, r"has no column 'agee'\. Did you mean 'age'\?"),
        (bad("p", 0.0), {}, r"row 3: p is 0\.0, must be in \(0, 1\]"),
        (bad("p", 1.5), {}, r"row 3: p is 1\.5, must be in \(0, 1\]"),
        (bad("p", float("nan")), {}, r"row 3: p is nan, must be in \(0, 1\]"),
        (bad("p", None), {}, r"row 3: p is None, must be in \(0, 1\]"),
        (FRAME, {"propensity": 0.0}, r"propensity is 0\.0, must be in \(0, 1\]"),
        (FRAME, {"propensity": float("nan")}, r"propensity is nan, must be in"),
        (bad("reward", float("nan")), {}, r"row 3: reward is nan, must be a finite number"),
        (bad("reward", None), {}, r"row 3: reward is None, must be a finite number"),
        (FRAME, {"reward": "town"}, r"row 1: town is x, must be a finite number"),
        (bad("action", None), {}, r"row 3: action is None, must name the action"),
        (bad("home", None), {"cluster": "home"}, r"row 3: home is None, must name the unit"),
        (bad("at", "soon"), {"time": "at"}, r"column 'at' is not a time"),
        (FRAME.clear(), {}, r"has no rows"),
        (FRAME.with_columns(home=pl.lit("h")), {"cluster": "home"}, r"holds one unit only, 'h'"),
        (FRAME.with_columns(action=pl.lit("b")), {}, r"holds one action only, 'b'"),
        (FRAME, {"feasible": "can_"}, r"has no column 'can_a'"),
        (
            FRAME.with_columns(can_a=pl.lit(1), can_b=pl.lit(0), can_c=pl.lit(1)),
            {"feasible": "can_"},
            r"row 1: the logged action 'b' has can_b 0, must be 1",
        ),
    ],
)
def test_bad_input_is_told_with_row_value_and_rule(
    frame: pl.DataFrame, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        made(frame, **given)


def test_unreadable_files_are_told(tmp_path: Path) -> None:
    def read(path: Path) -> Log:
        return read_log(path, action="action", propensity="p", reward="reward")

    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "none.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path)
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        read(tmp_path / "empty.csv")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="is neither Parquet nor CSV"):
        read(tmp_path / "cut.parquet")
    (tmp_path / "noise.csv").write_bytes(bytes(range(256)) * 10)
    with pytest.raises(InputError):
        read(tmp_path / "noise.csv")
