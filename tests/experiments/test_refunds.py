"""Refunds are told, compared and counted; a count below nothing is refused; neither passes in silence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from engine.api.app import create_app
from engine.errors import InputError
from engine.experiments.program import Also, ProgramReport, report_program
from engine.experiments.report import Report, analyse
from engine.experiments.stored import number_of, panel
from engine.experiments.trust import Check
from engine.settings import Settings
from engine.store import open_store
from tests.api.client import calling
from tests.experiments.programs import DAY, START, Person, crowd, shop


def orders(rate: tuple[float, float] = (0.05, 0.05), n: int = 2000, seed: int = 0) -> pl.DataFrame:
    """Orders of n customers an arm, of which these shares came back."""
    rng = np.random.default_rng(seed)
    arm, spend = np.repeat(["a", "b"], n), rng.gamma(2.0, 10.0, 2 * n) + 1
    back = rng.random(2 * n) < np.repeat(rate, n)
    return pl.DataFrame(
        {
            "arm": arm,
            "customer": [f"c{i}" for i in range(2 * n)],
            "spend": np.where(back, -spend, spend),
            "visit": (rng.random(2 * n) < 0.3).astype(float),
            "orders": rng.integers(1, 4, 2 * n),
        }
    )


def read(source: pl.DataFrame | Path, **options: object) -> Report:
    asked: dict[str, object] = {"arm": "arm", "control": "a", "metrics": ["spend"]}
    return analyse(source, **(asked | options))  # type: ignore[arg-type]


def refunds(report: Report) -> Check:
    (found,) = [one for one in report.trust if one.name == "refunds"]
    return found


def test_refunds_are_told_and_count_as_they_are() -> None:
    frame = orders()
    report, below = read(frame), frame.filter(pl.col("spend") < 0)
    check = refunds(report)
    assert report.trusted and check.count == len(below)
    assert f"{len(below)} values of 'spend' are below 0, {below['spend'].sum():,.6g} in all" in check.sentence
    mean = frame.filter(arm="a")["spend"].mean()
    assert report.metrics[0].comparisons[0].reading.mean[0] == approx(mean)


def test_money_without_refunds_has_no_row_about_them() -> None:
    report = read(orders((0.0, 0.0)))
    assert "refunds" not in {one.name for one in report.trust}


def test_refunds_of_one_arm_only_withhold_the_verdict_until_they_are_confirmed() -> None:
    frame = orders((0.0, 0.05))
    check = refunds(read(frame))
    assert not check.passed and read(frame).verdict.status == "gray"
    assert "differ beyond chance" in check.sentence and "--allow-negative spend" in check.sentence
    confirmed = read(frame, allow_negative=["spend"])
    assert confirmed.trusted and refunds(confirmed).count == check.count


def test_more_given_back_than_bought_is_named() -> None:
    turned = orders((0.0, 0.0)).with_columns(spend=-pl.col("spend"))
    check = refunds(read(turned))
    assert not check.passed and "In arm 'a' more 'spend' is given back than was brought" in check.sentence


@pytest.mark.parametrize(
    ("options", "column"),
    [({"metrics": ["visit"]}, "visit"), ({"ratios": [("spend", "orders")]}, "orders")],
)
def test_a_count_below_nothing_is_refused_with_file_row_value_and_remedy(
    options: dict[str, object], column: str, tmp_path: Path
) -> None:
    wrong = pl.when(pl.int_range(pl.len()) == 6).then(-2.0).otherwise(pl.col(column))
    path = tmp_path / "orders.csv"
    orders().with_columns(wrong.alias(column)).write_csv(path)
    words = rf"orders.csv, row 7, column '{column}': -2 is below 0.*1 such cells.*--allow-negative {column}"
    with pytest.raises(InputError, match=words):
        read(path, **options)
    assert refunds(read(path, **options, allow_negative=[column])).count


def test_rows_of_a_unit_are_counted_once() -> None:
    """Ten refunds of one customer are no ten draws."""
    frame = orders((0.0, 0.0), n=300)
    one = frame.filter(customer="c400")
    ten = pl.concat([one.with_columns(spend=pl.lit(-0.5 - i / 100)) for i in range(10)])
    doubled = pl.concat([frame, ten])
    check = refunds(read(doubled, unit="customer"))
    assert check.passed and check.p == 1.0


def test_changing_shares_are_told_and_not_compared() -> None:
    check = refunds(read(orders((0.0, 0.05)).with_columns(share=pl.lit(0.5)), propensity="share"))
    assert check.passed and check.p is None and check.count


def test_an_unknown_metric_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"--allow-negative is 'spent'.*spend"):
        read(orders(), allow_negative=["spent"])


def test_equal_refunds_are_seldom_called_unlike() -> None:
    """Fisher's test is exact: at most one in a hundred is below 0.01, here within 4 standard errors."""
    p = [refunds(read(orders(n=150, seed=seed))).p for seed in range(200)]
    assert sum(one is not None and one < 0.01 for one in p) <= 2 + 4 * 1.4


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 0.3), st.floats(0.0, 0.3))
def test_the_order_of_rows_and_the_coin_do_not_matter(seed: int, one: float, two: float) -> None:
    frame = orders((one, two), n=60, seed=seed)
    if (frame["spend"] >= 0).all():
        return
    plain = refunds(read(frame))
    shuffled = refunds(read(frame.sample(fraction=1.0, shuffle=True, seed=seed)))
    cents = refunds(read(frame.with_columns(spend=pl.col("spend") * 100)))
    assert (plain.p, plain.passed, plain.count) == (shuffled.p, shuffled.passed, shuffled.count)
    assert (plain.p, plain.passed) == (cents.p, cents.passed)


END = START + 28 * DAY


def told(path: Path, people: list[Person], *allowed: str) -> ProgramReport:
    path.mkdir(exist_ok=True)
    with shop(path / "shop.db", people).read() as connection:
        return report_program(connection, "spring", END, also=Also(allow_negative=allowed))


def with_refunds(people: list[Person], *arms: str) -> list[Person]:
    """Each third of the arms' people gives back half of what it bought."""
    return [
        replace(one, outcomes=(*one.outcomes, (9.0, "purchase", -one.outcomes[0][2] / 2)))
        if one.arm in arms and i % 3 == 0
        else one
        for i, one in enumerate(people)
    ]


def check_of(found: ProgramReport) -> Check | None:
    return next((one for one in found.trust if one.name == "refunds"), None)


def test_a_program_tells_refunds_and_counts_the_money_but_no_further_purchase(tmp_path: Path) -> None:
    people = crowd(600, gain=5.0)
    plain = told(tmp_path / "plain", people)
    found = told(tmp_path / "back", with_refunds(people, "policy", "random", "bau", "holdout"))
    check, before = check_of(found), check_of(plain)
    assert before is None and check is not None and check.passed and check.count == 200
    assert "values of 'purchase' are below 0" in check.sentence
    revenue = [each.money.amounts[0].total.value for each in (plain, found)]
    assert revenue[0] != approx(revenue[1])
    bought = [_purchases(tmp_path / name) for name in ("plain", "back")]
    assert bought[0].equals(bought[1])


def _purchases(path: Path) -> pl.DataFrame:
    with open_store(path / "shop.db").read() as connection:
        return panel(connection, "spring", END).units.select("customer", number_of("purchase"))


def test_a_programs_refunds_from_one_arm_only_withhold_the_verdict_until_confirmed(tmp_path: Path) -> None:
    people = with_refunds(crowd(600, gain=5.0), "policy")
    found = told(tmp_path / "one", people)
    check = check_of(found)
    assert check is not None and not check.passed and "--allow-negative purchase" in check.sentence
    assert found.verdict.status == "gray"
    assert told(tmp_path / "two", people, "purchase").trusted


def test_refunds_are_confirmed_over_http_by_the_kind_they_are_of(tmp_path: Path) -> None:
    shop(tmp_path / "shop.db", with_refunds(crowd(600, gain=5.0), "policy"))
    with calling(create_app(Settings(store=tmp_path / "shop.db"))) as client:
        path = "/v1/experiments/spring/results"
        withheld, found = client.get(path).json(), client.get(f"{path}?allow_negative=purchase").json()
        refused = client.get(f"{path}?allow_negative=%00")
    assert (withheld["trust"]["passed"], found["trust"]["passed"]) == (False, True)
    assert withheld["verdict"]["status"] == "gray" != found["verdict"]["status"]
    assert refused.status_code == 422 and "allow_negative" in refused.json()["detail"]


def test_a_refund_that_is_a_kind_of_its_own_is_told_and_not_tested(tmp_path: Path) -> None:
    people = [
        replace(one, outcomes=(*one.outcomes, (9.0, "refund", -5.0))) if one.arm == "policy" else one
        for one in crowd(600, gain=5.0)
    ]
    check = check_of(told(tmp_path, people))
    assert check is not None and check.passed and check.p is None
    assert "values of 'refund' are below 0" in check.sentence
