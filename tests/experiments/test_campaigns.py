"""Campaign experiments keep their coverage in worlds whose truth is known, and refuse what has no answer."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.cli import main
from engine.errors import InputError, RefusedError
from engine.experiments.encouragement import encouragement
from engine.experiments.factorial import factorial
from engine.experiments.file_plan import plan_file, sentences
from engine.experiments.switchback import switchback

WORLDS = 200
LOTS = {"sale": 0.4, "none": 0.6, "sms": 0.6, "email": 0.4}  # those of `grid`


def within(share: float, worlds: int = WORLDS, level: float = 0.95) -> bool:
    """Whether a coverage is what luck allows of the level, four standard errors wide."""
    return bool(abs(share - level) <= 4 * (level * (1 - level) / worlds) ** 0.5)


def grid(rng: np.random.Generator, n: int = 240) -> pl.DataFrame:
    """Offer x channel with unequal cells and spreads: sale earns 1, sms 0.5, the two together 2 more."""
    offer, channel = rng.random(n) < 0.4, rng.random(n) < 0.6
    mean = 1.0 * offer + 0.5 * channel + 2.0 * (offer & channel)
    money = mean + rng.normal(size=n) * (1 + 2 * offer)
    return pl.DataFrame(
        {
            "offer": np.where(offer, "sale", "none"),
            "channel": np.where(channel, "sms", "email"),
            "money": money,
            "who": np.arange(n) // 2,
        }
    )


def test_factors_and_their_interaction_are_covered() -> None:
    rng = np.random.default_rng(1)
    truth = {"offer sale": 2.0, "channel sms": 1.5, "offer sale with channel sms": 2.0}
    found = [factorial(grid(rng), ["offer", "channel"], ["money"], ["none", "email"]) for _ in range(WORLDS)]
    for what, true in truth.items():
        each = [next(one for one in world.contrasts if one.what == what).effect for world in found]
        assert within(float(np.mean([one.low <= true <= one.high for one in each])))
        assert abs(np.mean([one.value for one in each]) - true) < 0.12


def test_what_factors_do_is_the_contrast_of_cell_means() -> None:
    frame = pl.DataFrame(
        {
            "a": ["x", "x", "x", "x", "y", "y", "y", "y"] * 2,
            "b": ["u", "u", "v", "v"] * 4,
            "m": [0.0, 2, 1, 3, 4, 6, 9, 11] * 2,
        }
    )
    main_a, main_b, pair = factorial(frame, ["a", "b"], ["m"]).contrasts
    assert (main_a.what, main_a.against, main_a.effect.value) == ("a y", "a x", 6.0)
    assert (main_b.what, main_b.effect.value) == ("b v", 3.0)
    assert (pair.what, pair.interaction, pair.effect.value) == ("a y with b v", True, 4.0)


def test_rows_of_one_customer_in_several_cells_are_no_several_customers() -> None:
    rng, held = np.random.default_rng(2), []
    for _ in range(WORLDS):
        frame = grid(rng)
        shared = np.repeat(rng.normal(size=120) * 4, 2)
        frame = frame.with_columns(pl.Series("money", rng.normal(size=240) + shared))
        found = factorial(frame, ["offer", "channel"], ["money"], cluster="who")
        held.append(found.contrasts[0].effect.low <= 0 <= found.contrasts[0].effect.high)
    assert within(float(np.mean(held)))


def test_a_combination_nobody_got_is_refused() -> None:
    frame = grid(np.random.default_rng(3)).filter(
        ~((pl.col("offer") == "sale") & (pl.col("channel") == "sms"))
    )
    with pytest.raises(RefusedError, match="the combination sale, sms has 0 units with every metric"):
        factorial(frame, ["offer", "channel"], ["money"])


def periods(rng: np.random.Generator, n: int = 60, carried: float = 0.0) -> pl.DataFrame:
    """Hours with a demand that wanders, a price drawn by lot in each, which earns 1 more."""
    new = rng.random(n) < 0.5
    wander = np.convolve(rng.normal(size=n + 8), np.ones(8) / 3, "valid")[:n]
    before = np.concatenate([[new[0]], new[:-1]])
    rows = rng.integers(3, 9, n)
    hour = np.repeat(np.arange(n), rows)
    mean = wander + new + carried * before
    return pl.DataFrame(
        {
            "hour": hour,
            "price": np.where(new, "new", "old")[hour],
            "spent": mean[hour] + rng.normal(size=len(hour)),
        }
    )


def read(frame: pl.DataFrame, wash_out: int = 0) -> tuple[float, float, float]:
    found = switchback(frame, arm="price", control="old", period="hour", metrics=["spent"], wash_out=wash_out)
    reading = found.metrics[0].comparisons[0].reading
    return reading.absolute.value, reading.absolute.low, reading.absolute.high


def test_periods_are_covered_though_demand_wanders_and_rows_are_not() -> None:
    rng = np.random.default_rng(4)
    found = [read(periods(rng)) for _ in range(WORLDS)]
    assert within(float(np.mean([low <= 1 <= high for _, low, high in found])))
    assert abs(np.mean([value for value, _, _ in found]) - 1) < 0.1


def test_carry_over_is_found_and_washed_out() -> None:
    rng = np.random.default_rng(5)
    frame = periods(rng, n=600, carried=-3.0)
    asked = {"metrics": ["spent"], "allow_negative": ["spent"]}
    found = switchback(frame, arm="price", control="old", period="hour", **asked)  # type: ignore[arg-type]
    failed = [one for one in found.trust if not one.passed]
    assert [one.name for one in failed] == ["carry_over"]
    assert "--wash-out 1" in failed[0].sentence
    assert found.verdict.status == "gray"
    value, low, high = read(frame, wash_out=1)
    assert low <= -2 <= high  # the arm's effect and what it leaves behind, once the arm is settled
    assert value < read(frame)[0]


def test_the_guard_seldom_cries_where_nothing_is_carried_over() -> None:
    rng, cries = np.random.default_rng(6), 0
    for _ in range(WORLDS):
        found = switchback(periods(rng, 120), arm="price", control="old", period="hour", metrics=["spent"])
        cries += any(one.name == "carry_over" and not one.passed for one in found.trust)
    assert cries <= 9  # 0.01 of 200, and nearly five standard errors


def test_arms_that_take_turns_were_not_drawn_by_lot() -> None:
    frame = periods(np.random.default_rng(7), 40).with_columns(
        pl.when(pl.col("hour") % 2 == 0).then(pl.lit("new")).otherwise(pl.lit("old")).alias("price")
    )
    found = switchback(frame, arm="price", control="old", period="hour", metrics=["spent"])
    assert [one.name for one in found.trust if not one.passed] == ["by_lot"]


def test_periods_in_order_of_time_whatever_they_are_called() -> None:
    frame = periods(np.random.default_rng(8))
    stamped = frame.with_columns(
        (pl.datetime(2026, 1, 1) + pl.duration(hours=pl.col("hour"))).dt.to_string("iso").alias("hour")
    )
    assert read(stamped.sample(fraction=1.0, shuffle=True, seed=1)) == pytest.approx(read(frame))
    with pytest.raises(InputError, match="period 'hour' must be a number in every row, or a time"):
        read(frame.with_columns(pl.lit("morning").alias("hour")))


def asked(rng: np.random.Generator, n: int = 400, opened: float = 0.5) -> pl.DataFrame:
    """Who opens buys more anyway; being sent the letter earns 2 to who opens it."""
    keen = rng.random(n) < opened
    sent = rng.random(n) < 0.5
    delivered = sent & keen
    money = 3.0 * keen + 2.0 * delivered + rng.normal(size=n) * 2
    return pl.DataFrame(
        {"arm": np.where(sent, "letter", "none"), "opened": delivered.astype(int), "money": money}
    )


def test_the_effect_on_the_delivered_is_covered_where_comparing_them_would_not_be() -> None:
    rng, held, intended, naive = np.random.default_rng(9), [], [], []
    for _ in range(WORLDS):
        frame = asked(rng)
        found = encouragement(frame, arm="arm", control="none", delivered="opened", metrics=["money"])
        effect = found.delivered[0].effect
        assert effect is not None and effect.low is not None and effect.high is not None
        held.append(effect.low <= 2 <= effect.high)
        whole = found.intended.metrics[0].comparisons[0].reading.absolute
        intended.append(whole.low <= 1 <= whole.high)
        by = frame.group_by("opened").agg(pl.col("money").mean()).sort("opened")["money"]
        naive.append(by[1] - by[0])
    assert within(float(np.mean(held)))
    assert within(float(np.mean(intended)))
    assert np.mean(naive) > 3  # what comparing openers with others would have told


def test_a_lot_that_moves_delivery_too_little_gets_no_effect() -> None:
    found = encouragement(
        asked(np.random.default_rng(10), opened=0.01),
        arm="arm",
        control="none",
        delivered="opened",
        metrics=["money"],
    ).delivered[0]
    assert found.effect is None
    assert "too little of a difference to divide by" in found.reason


def test_a_delivery_that_is_not_known_withholds_the_verdict_by_name() -> None:
    unknown = pl.when(pl.int_range(pl.len()) > 2).then("opened")
    frame = asked(np.random.default_rng(10)).with_columns(opened=unknown, money=pl.col("money").abs())
    found = encouragement(frame, arm="arm", control="none", delivered="opened", metrics=["money"]).intended
    assert [one.name for one in found.trust if not one.passed] == ["delivery_known"]
    assert "3 in 'opened'" in found.trust[-1].sentence and found.verdict.status == "gray"


def test_what_a_factor_or_a_plan_leaves_out_is_told(tmp_path: Path) -> None:
    frame = grid(np.random.default_rng(3)).with_columns(pl.col("money").abs())
    holed = frame.with_columns(money=pl.when(pl.int_range(pl.len()) > 4).then("money"))
    found = factorial(holed, ["offer", "channel"], ["money"], expected_split=LOTS)
    assert [one.name for one in found.trust if not one.passed] == ["missing"]
    back = factorial(
        frame.with_columns(
            money=pl.when(pl.col("offer") == "sale").then(-pl.col("money")).otherwise("money")
        ),
        ["offer", "channel"],
        ["money"],
    )
    assert "refunds" in [one.name for one in back.trust if not one.passed]
    never = frame.with_columns(money=pl.lit(None, dtype=pl.Float64))
    with pytest.raises(RefusedError, match="has 0 units with every metric known"):
        factorial(never, ["offer", "channel"], ["money"])
    plan = plan_file(holed, arm="offer", control="none", metric="money", effect=1.0)
    assert plan.unknown == 5 and "5 rows with an empty cell are left out." in sentences(plan)
    assert plan.units == 235
    for gone in (
        never,
        frame.filter((pl.col("offer") == "none") | (pl.col("who") < 0)).vstack(
            frame.filter(offer="sale").head(1)
        ),
    ):
        with pytest.raises(InputError, match="has fewer than 2 units with a known 'money'"):
            plan_file(gone, arm="offer", control="none", metric="money", effect=1.0)


def test_lots_that_were_not_even_are_held_against_their_shares() -> None:
    frame = grid(np.random.default_rng(5), 1200).with_columns(pl.col("money").abs())
    even, told = (
        factorial(frame, ["offer", "channel"], ["money"], expected_split=one) for one in (None, LOTS)
    )
    assert [one.name for one in even.trust if not one.passed] == ["srm"] and told.trusted
    with pytest.raises(InputError, match="--expected-split says nothing of 'sms', a level of 'channel'"):
        factorial(frame, ["offer", "channel"], ["money"], expected_split={"sale": 1, "none": 1, "email": 1})


def test_a_plan_passes_over_a_stray_arm() -> None:
    frame = grid(np.random.default_rng(4))
    stray = frame.vstack(frame.head(1).with_columns(offer=pl.lit("a typo")))
    assert plan_file(stray, arm="offer", control="none", metric="money", effect=1.0).arm == "sale"


def test_a_plan_finds_its_effect_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    frame = asked(rng, 4000)
    found = plan_file(frame, arm="arm", control="none", metric="money", effect=0.3, per_day=100.0)
    assert found.days == math.ceil(found.size / 100)
    assert found.cheapest is not None and found.cheapest < found.share
    assert found.cost == pytest.approx(found.cheapest * 4000 * 0.3)
    for size, share, effect in (
        (found.size, found.share, 0.3),
        (4000, found.cheapest, 0.3),
        (4000, found.share, found.detectable),
    ):
        n = round(size * share), round(size * (1 - share))
        gap = rng.normal(effect, found.deviation * (1 / n[0] + 1 / n[1]) ** 0.5, 20_000)
        hit = np.abs(gap) > 1.96 * found.deviation * (1 / n[0] + 1 / n[1]) ** 0.5
        assert hit.mean() == pytest.approx(0.8, abs=0.015)


@pytest.mark.parametrize(
    ("frame", "options", "field"),
    [
        (grid(np.random.default_rng(1)), ["--factors", "offer,channel", "--metric", "money"], "contrasts"),
        (
            periods(np.random.default_rng(1)),
            ["--arm", "price", "--control", "old", "--period", "hour", "--metric", "spent"],
            "metrics",
        ),
        (
            asked(np.random.default_rng(1)),
            ["--arm", "arm", "--control", "none", "--delivered", "opened", "--metric", "money"],
            "delivered",
        ),
        (
            asked(np.random.default_rng(1)),
            ["--arm", "arm", "--control", "none", "--metric", "money", "--plan", "--effect", "0.4"],
            "size",
        ),
    ],
)
def test_the_command_line_reads_each_of_them(
    frame: pl.DataFrame, options: list[str], field: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame.write_csv(tmp_path / "file.csv")
    main(["report", str(tmp_path / "file.csv"), *options, "--json"])
    assert field in json.loads(capsys.readouterr().out)
    assert main(["report", str(tmp_path / "file.csv"), *options]) in (0, 1)
    assert len(capsys.readouterr().out.splitlines()) > 2
