"""What a lift rests on: segments, heavy rows, contributions, and how many rows would tell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine import cli
from engine.errors import InputError, RefusedError
from simulator.comparison import rows_needed
from simulator.evaluate import contribution_table, evaluate
from simulator.evaluation import PolicyValue
from simulator.interval.base import Evidence, spread
from simulator.logs import Log
from simulator.method import Method
from tests.simulator.bandits import logged


def with_town(log: Log, levels: list[str]) -> Log:
    return replace(log, frame=log.frame.with_columns(town=pl.Series(levels)))


def shown(log: Log, **how: object) -> PolicyValue:
    return evaluate(log, ["constant:a1"], method=replace(Method(), **how)).policies[0]  # type: ignore[arg-type]


def test_the_value_without_a_heavy_row_is_the_value_of_the_other_rows() -> None:
    log, _ = logged(1, n=900, logging=np.array([0.6, 0.1, 0.3]))
    one = shown(log, estimators=("ips",))
    assert one.support is not None and len(one.support.heaviest) == 5
    heavy = one.support.heaviest[0]
    i = heavy.row - 1
    assert heavy.action == "a1" and heavy.weight == pytest.approx(1 / log.propensity[i]) == one.max_weight
    others = np.arange(900) != i
    weighted = (log.action == 1) / log.propensity * log.reward
    assert heavy.without == pytest.approx(weighted[others].mean(), rel=1e-9)


def test_of_rows_of_one_weight_those_are_told_that_move_the_value_most() -> None:
    log, _ = logged(1, n=900)
    money = replace(log, reward=log.reward * np.arange(900))
    one = shown(money, estimators=("ips",))
    assert one.support is not None and one.value is not None
    rows = np.flatnonzero((log.action == 1) & (log.reward > 0))[-5:][::-1] + 1
    assert [heavy.row for heavy in one.support.heaviest] == rows.tolist()


def test_contributions_sum_to_the_value_and_to_the_lift(tmp_path: Path) -> None:
    log, _ = logged(2, n=900)
    found = evaluate(log, ["constant:a0", "uniform"], against="uniform").policies[0]
    table = contribution_table(log, "constant:a0", "uniform", Method())
    assert table.height == 900 and table.columns == ["row", "action", "reward", "weight", "value", "lift"]
    assert table["value"].sum() == pytest.approx(found.value, rel=1e-9)
    assert table["lift"].sum() == pytest.approx(found.lift.value, rel=1e-9)


def test_no_contributions_to_what_is_refused() -> None:
    log, _ = logged(3, n=100)
    with pytest.raises(RefusedError, match=r"no contributions to a value that is refused\. The log agrees"):
        contribution_table(log, "constant:a0", "logged", Method())


def test_segments_that_do_not_differ_are_drawn_together_and_one_that_does_stands_out() -> None:
    log, q = logged(4, n=12_000, base=0.4)
    town = np.arange(12_000) % 8
    log = with_town(log, [f"t{t}" for t in town])
    lift = {name: float((q[:, 1] - q.mean(axis=1))[town == t].mean()) for t, name in enumerate("01234567")}
    one = shown(log, segments=("town",))
    assert one.support is not None
    even = one.support.segments
    assert [each.level for each in even] == [f"t{t}" for t in range(8)]
    measured = np.array([each.measured.value for each in even if each.measured is not None])
    shrunk = np.array([each.shrunk.value for each in even if each.shrunk is not None])
    assert shrunk.std() < 0.5 * measured.std()
    error = [abs(found - lift[str(t)]) for t, found in enumerate(shrunk.tolist())]
    assert float(np.mean(error)) < float(np.mean(np.abs(measured - np.array(list(lift.values())))))
    chance = np.random.Generator(np.random.PCG64(5)).random(12_000)
    better = np.where((town == 3) & (log.action == 1), (chance < 0.9).astype(float), log.reward)
    apart = shown(replace(log, reward=better), segments=("town",)).support
    assert apart is not None
    third = apart.segments[3].shrunk
    assert third is not None and third.value > 0.2
    assert all(each.shrunk.value < 0.15 for each in apart.segments if each.level != "t3" and each.shrunk)


def test_a_segment_of_few_rows_is_told_as_such() -> None:
    log, _ = logged(6, n=1000)
    one = shown(with_town(log, ["big"] * 970 + ["small"] * 30), segments=("town",))
    assert one.support is not None
    big, small = one.support.segments
    assert (small.rows, small.measured, small.shrunk) == (30, None, None)
    assert big.measured is not None and big.shrunk is not None
    assert big.shrunk.value == pytest.approx(big.measured.value, abs=1e-9)  # nothing to be drawn to


def test_as_many_rows_as_are_needed_do_tell() -> None:
    rng = np.random.Generator(np.random.PCG64(7))
    effect = 0.1
    proof = Evidence(effect + rng.standard_normal(4000), np.ones(4000), np.ones(4000))
    needed = rows_needed(proof, effect)
    assert needed == pytest.approx((1.96 + 0.8416) ** 2 / effect**2, rel=0.08)
    assert needed is not None
    found = [
        spread(Evidence(effect + rng.standard_normal(needed), np.ones(needed), np.ones(needed)))
        for _ in range(500)
    ]
    power = np.mean([one.value / one.variance**0.5 > 1.96 for one in found])
    assert 0.75 < power < 0.85
    assert rows_needed(proof, 0.0) is None


def test_a_column_that_is_not_there_is_told() -> None:
    log, _ = logged(8)
    with pytest.raises(InputError, match=r"has no column 'rewardd'\. Did you mean 'reward'"):
        shown(log, segments=("rewardd",))


def test_the_command_line_shows_segments_writes_contributions_and_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cli.VERBS, "evaluate", "simulator.evaluate_command:evaluate")
    monkeypatch.setenv("COLUMNS", "140")
    log, _ = logged(9, n=2000)
    frame = log.frame.with_columns(p=log.propensity, town=pl.Series(["n", "s"] * 1000))
    frame.write_csv(tmp_path / "log.csv")
    base = ["evaluate", str(tmp_path / "log.csv"), "--action", "action", "--propensity", "p", "--reward"]
    line = [*base, "reward", "--policy", "constant:a1", "--segment", "town", "--detect", "0.01"]
    rest = ["--estimator", "auto", "--contributions", str(tmp_path / "rows.csv"), "--html"]
    assert cli.main([*line, *rest, str(tmp_path / "page.html")]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "town=n" in out and "a difference of 0.01 shows with a chance of 80 % on" in out
    assert "smallest standard error" in out
    assert pl.read_csv(tmp_path / "rows.csv").height == 2000
    page = (tmp_path / "page.html").read_text()
    assert "town = n" in page and "<script" not in page
    assert cli.main([*line, "--json"]) == 0
    support = json.loads(capsys.readouterr().out)["policies"][0]["support"]
    assert support["rows_to_detect"] > 1000 and len(support["segments"]) == 2
    assert cli.main([*line, "--policy", "uniform", "--contributions", str(tmp_path / "r.csv")]) == 2
    assert "--contributions is of one policy" in capsys.readouterr().err
