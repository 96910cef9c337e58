"""What no experiment should be: a named trust failure or a clear sentence, and nothing dropped in silence."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pytest import approx

from engine.errors import InputError
from engine.experiments.quantiles import named
from engine.experiments.report import Report, analyse
from tests.experiments.worlds import experiment

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def dated(days: int = 20) -> pl.DataFrame:
    """An experiment whose covariate was measured the day before each assignment."""
    frame = experiment()
    day = pl.Series("day", np.random.default_rng(1).integers(0, days, len(frame)))
    assigned = (pl.lit(datetime(2026, 5, 1, 8, tzinfo=UTC)) + pl.duration(days=day)).alias("assigned")
    return frame.with_columns(assigned).with_columns(measured=pl.col("assigned") - pl.duration(days=1))


def read(frame: pl.DataFrame | Path, **options: object) -> Report:
    asked: dict[str, object] = {"arm": "arm", "control": "a", "metrics": ["spend"], "at": NOW}
    return analyse(frame, **(asked | options))  # type: ignore[arg-type]


def failed(report: Report) -> dict[str, str]:
    assert report.trusted or report.verdict.status == "gray"
    return {one.name: one.sentence for one in report.trust if not one.passed}


DATES = {"assigned_at": "assigned", "covariates": ["before"], "covariate_at": "measured"}


def test_sound_dates_pass() -> None:
    report = read(dated(), **DATES)
    assert report.trusted and {"dates", "srm_daily"} <= {one.name for one in report.trust}


def test_a_covariate_from_after_the_assignment_is_named() -> None:
    late = pl.when(pl.col("household") < 5).then(pl.col("assigned") + pl.duration(hours=1))
    told = failed(read(dated().with_columns(measured=late.otherwise("measured")), **DATES))
    assert set(told) == {"dates"} and "covariates of 10 units were measured after" in told["dates"]


def test_dates_in_the_future_are_named() -> None:
    ahead = pl.when(pl.col("household") == 0).then(datetime(2027, 1, 1, tzinfo=UTC)).otherwise("assigned")
    told = failed(read(dated().with_columns(assigned=ahead), assigned_at="assigned"))
    assert "2 units are assigned after 2026-06-01 00:00 UTC" in told["dates"]


def test_days_that_lost_an_arm_are_named_though_the_whole_looks_sound() -> None:
    """Half of the days lost the one arm, the other half the other."""
    early = pl.col("assigned") < datetime(2026, 5, 11, tzinfo=UTC)
    lost = (pl.int_range(pl.len()) % 2 == 0) & (early == (pl.col("arm") == "a"))
    told = failed(read(dated().filter(~lost), assigned_at="assigned"))
    assert "srm_daily" in told and "srm" not in told


@pytest.mark.parametrize("text", ["2026-05-01", "2026-05-01T08:00Z", "2026-05-01 08:00:00.5+02:00"])
def test_dates_are_read_as_people_write_them(text: str, tmp_path: Path) -> None:
    experiment().with_columns(when=pl.lit(text)).write_csv(tmp_path / "e.csv")
    assert read(tmp_path / "e.csv", assigned_at="when").trusted


@pytest.mark.parametrize(
    ("value", "words"), [("soon", "row 1, column 'when': 'soon' is not a date"), (7, "numbers")]
)
def test_what_is_no_date_is_refused(value: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(experiment().with_columns(when=pl.lit(value)), assigned_at="when")


def test_all_zeros_are_a_named_failure() -> None:
    assert set(failed(read(experiment().with_columns(spend=0.0)))) == {"variation"}


def test_a_metric_nobody_knows_is_told_where_it_is_to_be_clamped() -> None:
    with pytest.raises(InputError, match="fewer than 2 units with a known 'spend'"):
        read(experiment().with_columns(spend=pl.lit(None, dtype=pl.Float64)), clamp=0.99)


def test_one_unit_in_an_arm_is_told() -> None:
    alone = experiment().filter((pl.col("arm") == "a") | (pl.col("household") == 399))
    with pytest.raises(InputError, match="arm 'b' has 1 unit, at least 2 are needed"):
        read(alone.unique("arm", keep="last").vstack(experiment().filter(pl.col("arm") == "a")))


@pytest.mark.parametrize(
    ("split", "words"),
    [
        (None, "'B' has 1 unit, which is too few to compare it. Correct the arm's name"),
        ({"a": 0.5, "b": 0.5}, "'B' was not planned; 'B' has 1 unit"),
        ({"a": 0.5, "b": 0.4, "B": 0.1}, "'B' has 1 unit"),
    ],
)
def test_a_third_arm_of_one_unit_withholds_the_verdict_and_the_rest_stands(
    split: dict[str, float] | None, words: str
) -> None:
    whole = experiment(effect=3.0)
    typo = whole.head(1).with_columns(arm=pl.lit("B"))
    found = read(whole.vstack(typo), expected_split=split, covariates=["before"], quantile=[("spend", 0.5)])
    assert words in failed(found)["arms"]
    assert ("srm" in failed(found)) == (split is not None and "B" in split)
    assert found.units == {"a": 400, "b": 400}
    sound = read(whole, covariates=["before"], quantile=[("spend", 0.5)])
    assert [one.comparisons for one in found.metrics] == [one.comparisons for one in sound.metrics]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinities_are_refused_with_their_row(value: float) -> None:
    wrong = pl.when(pl.int_range(pl.len()) == 2).then(value).otherwise("spend")
    with pytest.raises(InputError, match="row 3, column 'spend'"):
        read(experiment().with_columns(spend=wrong))


def test_arms_missing_and_arms_too_many_are_named() -> None:
    assert (
        "'c' has no units"
        in failed(read(experiment(), expected_split={"a": 0.4, "b": 0.4, "c": 0.2}))["arms"]
    )
    assert "'b' was not planned" in failed(read(experiment(), expected_split={"a": 0.5, "c": 0.5}))["arms"]


def test_a_unit_in_two_arms_is_named() -> None:
    both = experiment().with_columns(customer=(pl.int_range(pl.len()) % 400).cast(pl.String))
    assert "400 of 400 units are in two arms" in failed(read(both, unit="customer"))["units_in_one_arm"]


def test_a_small_arm_without_complaints_does_not_withhold_the_verdict_on_spend() -> None:
    """Complaints are for information: they are left out where too few units say too little, in words."""
    quiet = pl.when(pl.col("arm") == "b").then(0).otherwise(pl.col("household") % 50 == 0).cast(pl.Float64)
    report = read(experiment(effect=3.0).with_columns(complaints=quiet), metrics=["spend", "complaints"])
    assert report.trusted and report.verdict.status == "green"
    assert report.metrics[1].comparisons == ()
    (check,) = [one for one in report.trust if one.name == "variation"]
    assert "Not tested" in check.sentence and "'complaints' in arm 'b' (400 units)" in check.sentence


def bandit(rng: np.random.Generator, n: int, lie: float = 0.0) -> pl.DataFrame:
    """Equal arms whose shares follow what was seen, batch by batch, and outcomes that drift with them."""
    share, rows = 0.5, []
    for batch in range(20):
        chosen = rng.random(n // 20) < share
        spend = rng.exponential(5.0, n // 20) + 0.3 * batch
        logged = np.where(chosen, share, 1 - share) + lie * (chosen - 0.5)
        rows.append(pl.DataFrame({"arm": np.where(chosen, "b", "a"), "spend": spend, "share": logged}))
        better = spend[chosen].mean() > spend[~chosen].mean()
        share = float(np.clip(share + (0.12 if better else -0.12), 0.15, 0.85))
    return pl.concat(rows)


def test_the_arms_of_a_bandit_are_held_against_their_logged_shares() -> None:
    frame = bandit(np.random.default_rng(3), 4000)
    assert read(frame).verdict.heading == "Stop b"  # the arms are equal: the drift is taken for their effect
    held = read(frame, propensity="share")
    assert held.trusted and held.verdict.status == "yellow"
    assert "fit the logged shares" in held.trust[0].sentence
    told = failed(read(bandit(np.random.default_rng(3), 4000, lie=0.2), propensity="share"))
    assert "does not hold the units that the shares in 'share' promise" in told["srm"]


def test_equal_arms_of_a_bandit_are_found_equal_as_often_as_promised() -> None:
    """Read by the logged shares; read as if drawn evenly, the drift makes many more false claims."""
    rng, worlds, plain, weighed = np.random.default_rng(4), 120, 0, 0
    for _ in range(worlds):
        frame = bandit(rng, 1000)
        p = [
            read(frame, **one).metrics[0].comparisons[0].reading.p  # type: ignore[arg-type]
            for one in ({}, {"propensity": "share"})
        ]
        plain, weighed = plain + (p[0] < 0.05), weighed + (p[1] < 0.05)
    assert weighed <= 15  # 99.9 % band of 5 % in 120
    assert plain > 20


@pytest.mark.parametrize("share", [0.0, 1.5, -0.1])
def test_a_share_that_is_no_probability_is_refused(share: float) -> None:
    frame = experiment().with_columns(share=pl.when(pl.int_range(pl.len()) == 4).then(share).otherwise(0.5))
    with pytest.raises(InputError, match="row 5, column 'share'"):
        read(frame, propensity="share")


def test_a_quantile_is_compared_by_its_order_statistics() -> None:
    frame = experiment(2000, effect=3.0)
    (_, tail) = read(frame, quantile=[("spend", 0.9)]).metrics
    reading = tail.comparisons[0].reading
    a, b = (frame.filter(arm=arm)["spend"].quantile(0.9, "higher") for arm in "ab")
    assert a is not None and b is not None
    assert tail.metric == named("spend", 0.9) and reading.mean == approx((a, b), rel=1e-2)
    assert reading.absolute.low < 3.0 < reading.absolute.high and not tail.primary


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"quantile": [("spend", 0.999)]}, "too few to know the 99.9 % quantile of 'spend': 40,000"),
        ({"quantile": [("spend", 1.0)]}, "quantile of 'spend' is 1"),
        ({"quantile": [("spend", 0.5)], "cluster": "household"}, "has no interval here"),
        ({"score": "before", "cluster": "household"}, "--score needs units drawn one by one"),
        ({"score": "before", "metrics": [], "ratios": [("spend", "orders")]}, "is a ratio"),
        ({"score": "flat"}, "is the same for all units of 'b' and 'a'"),
        ({"covariates": ["before"], "covariate_at": "customer"}, "--covariate-at needs --assigned-at"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(experiment().with_columns(flat=1.0), **options)


def test_a_file_is_ranked_by_a_score_and_those_without_one_are_not_counted() -> None:
    frame = experiment(3000).with_columns(
        spend=pl.col("spend") + (pl.col("arm") == "b") * pl.col("before"),
        score=pl.when(pl.col("household") % 10 > 0).then("before"),
    )
    report = read(frame, score="score")
    (found,) = report.targeting
    assert report.trusted and found.customers == 5400 and found.uplift.low > 0
    assert report.as_dict()["targeting"][0]["gains"][0]["share"] == 0.1
