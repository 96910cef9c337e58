"""Files in, verdicts out: trust first, and nothing decided when it fails."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pytest import approx
from scipy.stats import ttest_ind

from engine.experiments.metric import Term, moments
from engine.experiments.report import Report, analyse
from engine.experiments.units import ROWS, aggregates
from engine.experiments.welch import difference
from tests.experiments.worlds import experiment, revenue

HILLSTROM = Path(__file__).parents[2] / "examples" / "hillstrom" / "hillstrom.csv.gz"


def check(report: Report, name: str) -> bool:
    return next(one for one in report.trust if one.name == name).passed


@pytest.fixture(scope="module")
def hillstrom() -> Report:
    metrics = ["visit", "conversion", "spend"]
    return analyse(HILLSTROM, arm="segment", control="No E-Mail", metrics=metrics, clamp=0.999)


@pytest.mark.parametrize(
    ("metric", "arm", "value", "reach"),
    [("visit", "Mens E-Mail", 0.0766, 0.0066), ("visit", "Womens E-Mail", 0.0452, 0.0063)],
)
def test_hillstroms_visits_to_the_last_digit(
    hillstrom: Report, metric: str, arm: str, value: float, reach: float
) -> None:
    effect = _reading(hillstrom, metric, arm)
    assert round(effect["absolute"]["value"], 4) == value
    assert round((effect["absolute"]["high"] - effect["absolute"]["low"]) / 2, 4) == reach


@pytest.mark.parametrize(
    ("arm", "value", "reach"), [("Mens E-Mail", 0.770, 0.285), ("Womens E-Mail", 0.424, 0.255)]
)
def test_hillstroms_unclamped_spend(hillstrom: Report, arm: str, value: float, reach: float) -> None:
    effect = _reading(hillstrom, "spend", arm)["unclamped"]
    assert round(effect["absolute"]["value"], 3) == value
    assert (effect["absolute"]["high"] - effect["absolute"]["low"]) / 2 == approx(reach, abs=0.002)


def test_hillstrom_is_trusted_and_its_best_arm_named(hillstrom: Report) -> None:
    assert hillstrom.trusted and hillstrom.verdict.status == "green"
    assert hillstrom.verdict.heading == "Keep Mens E-Mail"
    assert list(hillstrom.units.values()) == [21306, 21307, 21387]


def test_the_json_has_the_promised_fields_and_no_nan(hillstrom: Report) -> None:
    found = json.loads(json.dumps(hillstrom.as_dict(), allow_nan=False))
    assert found["trust"]["srm"].keys() >= {"p", "passed"} and found["trust"]["passed"] is True
    comparison = found["metrics"][0]["comparisons"][0]
    promised = {"arm", "control", "n", "mean", "absolute", "relative", "p", "sequential", "method"}
    assert comparison.keys() >= promised
    assert comparison["absolute"].keys() == comparison["relative"].keys() == {"value", "low", "high"}
    assert comparison["sequential"].keys() == {"low", "high"}
    assert found["verdict"].keys() >= {"heading", "guidance", "status"}


def _reading(report: Report, metric: str, arm: str) -> dict[str, dict[str, float]]:
    found = next(one for one in report.as_dict()["metrics"] if one["metric"] == metric)
    return next(one for one in found["comparisons"] if one["arm"] == arm)  # type: ignore[no-any-return]


def test_a_plain_mean_is_scipys_up_to_the_skewness() -> None:
    frame = experiment(effect=1.0)
    reading = analyse(frame, arm="arm", control="a", metrics=["spend"]).metrics[0].comparisons[0].reading
    a, b = (frame.filter(pl.col("arm") == arm)["spend"].to_numpy() for arm in "ab")
    limits = ttest_ind(b, a, equal_var=False).confidence_interval()
    assert reading.absolute.value == approx(b.mean() - a.mean())
    assert reading.absolute.low == approx(limits.low, abs=0.01)
    assert reading.absolute.high == approx(limits.high, abs=0.01)


def test_a_covariate_narrows_the_interval_and_keeps_the_means() -> None:
    frame = experiment(effect=1.0)
    plain, adjusted = (
        analyse(frame, arm="arm", control="a", metrics=["spend"], covariates=one)
        .metrics[0]
        .comparisons[0]
        .reading
        for one in ((), ("before",))
    )
    assert adjusted.mean == plain.mean
    assert adjusted.variance_kept < 0.3
    assert adjusted.absolute.high - adjusted.absolute.low < plain.absolute.high - plain.absolute.low


def test_unknown_covariates_stand_at_the_mean_and_are_told() -> None:
    frame = experiment().with_columns(before=pl.when(pl.col("household") % 10 > 0).then("before"))
    report = analyse(frame, arm="arm", control="a", metrics=["spend"], covariates=["before"])
    assert report.trusted
    assert "80 unknown covariate values" in next(
        one.sentence for one in report.trust if one.name == "missing"
    )
    assert report.metrics[0].comparisons[0].reading.n == (400, 400)


def test_rows_of_one_unit_are_added_up() -> None:
    whole = experiment()
    halves = pl.concat(
        [
            whole.with_columns(pl.col("spend") * 0.25, pl.col("orders") - 1, day=pl.lit(1)),
            whole.with_columns(pl.col("spend") * 0.75, orders=1, day=pl.lit(2)),
        ],
        how="vertical_relaxed",
    )
    asked = {"arm": "arm", "control": "a", "metrics": ["spend"], "ratios": [("spend", "orders")]}
    one = analyse(whole, **asked, covariates=["before"])  # type: ignore[arg-type]
    two = analyse(halves, **asked, covariates=["before"], unit="customer")  # type: ignore[arg-type]
    for a, b in zip(one.metrics, two.metrics, strict=True):
        assert b.comparisons[0].reading.absolute.low == approx(a.comparisons[0].reading.absolute.low)
    assert two.trusted and two.units == {"a": 400, "b": 400}


def test_clustered_rows_count_as_one_draw() -> None:
    frame = experiment().with_columns(
        household=pl.col("household") // 10, spend=(pl.col("household") // 10 * 7919 % 13).cast(pl.Float64)
    )
    asked = {"arm": "arm", "control": "a", "metrics": ["spend"]}
    alone = analyse(frame, **asked).metrics[0].comparisons[0].reading  # type: ignore[arg-type]
    grouped = analyse(frame, **asked, cluster="household")  # type: ignore[arg-type]
    reading = grouped.metrics[0].comparisons[0].reading
    assert grouped.units == {"a": 20, "b": 20} and reading.n == (20, 20)
    assert reading.absolute.value == approx(alone.absolute.value)
    ratio = (reading.absolute.high - reading.absolute.low) / (alone.absolute.high - alone.absolute.low)
    assert ratio == approx(np.sqrt(20), rel=0.1)


def test_clustered_analysis_keeps_its_error_rate() -> None:
    """Five rows per customer that share a taste: 5 % clustered, far more if rows are taken alone."""
    rng = np.random.default_rng(11)
    worlds, alone, grouped = 400, 0, 0
    rows = pl.DataFrame({"arm": np.repeat(["a", "b"], 500), "id": np.arange(1000) // 5})
    term, total = Term("y"), Term("y", ROWS)
    for _ in range(worlds):
        frame = rows.with_columns(y=np.repeat(rng.normal(size=200), 5) + rng.normal(size=1000))
        plain = aggregates(frame, "arm", [term])
        joined = aggregates(frame, "arm", [total], "id")
        effects = [
            difference(*(moments(one[arm], what) for arm in "ab"))
            for one, what in ((plain, term), (joined, total))
        ]
        alone += abs(effects[0].value) > 1.96 * effects[0].se
        grouped += abs(effects[1].value) > 1.97 * effects[1].se
    assert 7 <= grouped <= 36  # 99.9 % band of 5 %
    assert alone > 50


def test_clamping_stands_beside_the_unclamped_figure_and_spares_proportions() -> None:
    rng = np.random.default_rng(12)
    value = revenue(rng, 20_000)
    frame = pl.DataFrame({"arm": np.repeat(["a", "b"], 10_000), "spend": value, "bought": value > 0})
    report = analyse(frame, arm="arm", control="a", metrics=["bought", "spend"], clamp=0.999)
    bought, spend = report.metrics
    assert bought.clamped_at is None and bought.comparisons[0].unclamped is None
    assert spend.clamped_at == approx(np.quantile(value, 0.999, method="higher"))
    whole = analyse(frame, arm="arm", control="a", metrics=["spend"]).metrics[0].comparisons[0].reading
    unclamped = spend.comparisons[0].unclamped
    assert unclamped is not None
    assert unclamped.absolute.low == approx(whole.absolute.low, rel=1e-12)
    assert unclamped.mean == approx(whole.mean, rel=1e-12)


def test_refunds_are_clamped_at_the_lower_end_too() -> None:
    value = np.random.default_rng(13).standard_t(1.5, 4000)
    frame = pl.DataFrame({"arm": np.repeat(["a", "b"], 2000), "spend": value})
    report = analyse(frame, arm="arm", control="a", metrics=["spend"], clamp=0.99)
    clipped = np.clip(
        value, np.quantile(value, 0.01, method="lower"), np.quantile(value, 0.99, method="higher")
    )
    assert report.metrics[0].comparisons[0].reading.mean[0] == approx(clipped[:2000].mean())


def test_cost_gives_the_extra_metric_per_extra_cost() -> None:
    frame = experiment(4000, effect=2.0).with_columns(
        cost=pl.when(pl.col("arm") == "b").then(0.5).otherwise(0.0)
    )
    report = analyse(frame, arm="arm", control="a", metrics=["spend"], cost_column="cost")
    found = report.metrics[0].comparisons[0].per_cost
    assert found is not None and found.low is not None and found.high is not None
    assert found.low < 4.0 < found.high and found.value == approx(
        report.metrics[0].comparisons[0].reading.absolute.value / 0.5
    )


@pytest.mark.parametrize(
    ("frame", "options", "name", "words"),
    [
        (
            experiment().filter((pl.col("arm") == "a") | (pl.col("household") % 4 > 0)),
            {},
            "srm",
            "does not fit an equal split",
        ),
        (experiment(), {"expected_split": {"a": 0.4, "b": 0.4, "c": 0.2}}, "arms", "'c' has no units"),
        (experiment(), {"expected_split": {"a": 0.5, "c": 0.5}}, "arms", "'b' was not planned"),
        (
            experiment().with_columns(spend=pl.when(pl.col("household") > 3).then("spend")),
            {},
            "missing",
            "8 in 'spend'",
        ),
        (
            experiment().with_columns(arm=pl.when(pl.col("household") > 3).then("arm")),
            {},
            "missing",
            "8 in 'arm'",
        ),
        (
            experiment().with_columns(customer=pl.lit("c") + (pl.col("household") % 200).cast(pl.String)),
            {"unit": "customer"},
            "units_in_one_arm",
            "200 of 200 units",
        ),
        (
            pl.concat([experiment(), experiment()]),
            {"unit": "customer"},
            "duplicates",
            "800 rows are exact copies",
        ),
        (
            experiment().with_columns(household=pl.col("household") % 200),
            {"cluster": "household"},
            "clusters_in_one_arm",
            "200 of 200 clusters",
        ),
        (
            experiment().with_columns(before=pl.col("before") + 5 * (pl.col("arm") == "b")),
            {"covariates": ["before"]},
            "balance",
            "'before' differs between 'b' and 'a'",
        ),
        (experiment().with_columns(spend=0.0), {}, "variation", "'spend' has the same value for every unit"),
    ],
)
def test_a_failed_check_withholds_the_verdict_and_is_named(
    frame: pl.DataFrame, options: dict[str, object], name: str, words: str
) -> None:
    report = analyse(frame, arm="arm", control="a", metrics=["spend"], **options)  # type: ignore[arg-type]
    assert not check(report, name) and not report.trusted
    assert report.verdict.status == "gray" and f"'{name}'" in report.verdict.sentence
    assert words in report.verdict.guidance
    json.dumps(report.as_dict(), allow_nan=False)


def test_events_of_one_customer_are_not_taken_for_copies() -> None:
    frame = pl.concat([experiment(), experiment(), experiment(seed=1)])
    assert check(analyse(frame, arm="arm", control="a", metrics=["spend"], unit="customer"), "duplicates")


def test_sound_experiments_pass_their_checks() -> None:
    reports = [
        analyse(experiment(100, seed=i), arm="arm", control="a", metrics=["spend"], covariates=["before"])
        for i in range(60)
    ]
    assert all(report.trusted for report in reports)


@pytest.mark.parametrize(
    ("effect", "lower", "status", "heading"),
    [
        (5.0, (), "green", "Keep b"),
        (-5.0, (), "red", "Stop b"),
        (-5.0, ("spend",), "green", "Keep b"),
        (0.0, (), "yellow", "Not decided yet"),
    ],
)
def test_the_verdict_follows_the_primary_metric(
    effect: float, lower: tuple[str, ...], status: str, heading: str
) -> None:
    frame = experiment(effect=effect, seed=1)
    asked = {"lower_is_better": lower, "allow_negative": ["spend"]}
    report = analyse(frame, arm="arm", control="a", metrics=["spend"], **asked)  # type: ignore[arg-type]
    assert (report.verdict.status, report.verdict.heading) == (status, heading)


def test_harm_elsewhere_turns_green_to_yellow() -> None:
    rare = pl.int_range(pl.len()) % 50 == 0
    frame = experiment(effect=5.0).with_columns(complaints=(pl.col("arm") == "b") * pl.col("orders") + rare)
    asked = {"arm": "arm", "control": "a", "metrics": ["spend", "complaints"]}
    report = analyse(frame, **asked, lower_is_better=["complaints"])  # type: ignore[arg-type]
    assert report.verdict.status == "yellow" and "complaints" in report.verdict.guidance


def test_primary_p_values_are_holms_and_the_others_benjamini_hochbergs() -> None:
    frame = experiment(effect=0.6).with_columns(again=pl.col("spend") + pl.col("orders"))
    report = analyse(
        frame, arm="arm", control="a", metrics=["spend", "orders", "again"], primary=["spend", "again"]
    )
    spend, orders, again = (metric.comparisons[0] for metric in report.metrics)
    least = min(spend.reading.p, again.reading.p)
    assert min(spend.p_adjusted, again.p_adjusted) == approx(min(1, 2 * least))
    assert orders.p_adjusted == orders.reading.p
    assert [metric.primary for metric in report.metrics] == [True, False, True]


def test_a_lift_over_nothing_is_not_given() -> None:
    frame = experiment(effect=5.0).with_columns(
        pl.when(pl.col("arm") == "a").then(0.0).otherwise("spend").alias("spend")
    )
    report = analyse(frame, arm="arm", control="a", metrics=["spend"])
    assert report.metrics[0].comparisons[0].reading.relative is None
    assert report.as_dict()["metrics"][0]["comparisons"][0]["relative"] is None
