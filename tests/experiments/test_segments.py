"""Segments are drawn together as far as they are alike, corrected, and checked for the split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from engine.errors import InputError, RefusedError
from engine.experiments.members import WHAT
from engine.experiments.program import ProgramReport, report_program
from engine.experiments.segments import segments, split
from engine.store.customers import put_customers
from tests.experiments.programs import DAY, START, crowd, shop
from tests.store.made import customer

ARMS = ("holdout", "policy")


def world(effects: list[float], n: int = 400, seed: int = 3) -> tuple[pl.DataFrame, dict[str, pl.DataFrame]]:
    """Customers of both arms in segments with these effects, and which segment each is in."""
    chance, rows = np.random.default_rng(seed), []
    for i, effect in enumerate(effects):
        for j in range(n):
            arm = ARMS[j % 2]
            rows.append((f"{i}-{j}", arm, chance.normal() + effect * (arm == "policy"), f"s{i}"))
    frame = pl.DataFrame(rows, schema=["customer", "arm", "x", "segment"], orient="row")
    return frame.drop("segment"), {"kind": frame.select("customer", pl.col("segment").alias(WHAT))}


def test_segments_that_are_alike_are_drawn_to_their_mean() -> None:
    found = segments(world([0.3] * 8)[0], "x", ARMS, world([0.3] * 8)[1], 0.95)
    measured = np.ptp([one.effect.value for one in found])
    assert np.ptp([one.shrunk.value for one in found]) < 0.5 * measured
    assert all(one.shrunk.high - one.shrunk.low < one.effect.high - one.effect.low for one in found)


def test_segments_that_differ_keep_their_own_effects() -> None:
    units, labels = world([-2.0, 0.0, 2.0])
    found = segments(units, "x", ARMS, labels, 0.95)
    assert [round(one.shrunk.value) for one in found] == [-2, 0, 2]
    assert found[0].p < 0.001 and found[2].p < 0.001


def test_what_is_to_be_expected_covers_the_truth_as_often_as_it_says() -> None:
    hits = total = 0
    chance = np.random.default_rng(11)
    for seed in range(40):
        truth = list(0.2 + 0.15 * chance.normal(size=6))
        units, labels = world(truth, 120, seed)
        for one, true in zip(segments(units, "x", ARMS, labels, 0.95), truth, strict=True):
            hits += one.shrunk.low <= true <= one.shrunk.high
            total += 1
    assert hits / total > 0.92


def test_a_segment_that_lost_customers_of_one_arm_is_named() -> None:
    units, labels = world([0.0, 0.0])
    share = {"holdout": 0.5, "policy": 0.5}
    assert split(units, labels, share).passed
    lost = units.filter(~(pl.col("customer").str.starts_with("1-") & (pl.col("arm") == "policy")))
    check = split(lost, labels, share)
    assert not check.passed and "kind s1" in check.sentence


def read(path: Path, attribute: str, prefix: str = "c") -> ProgramReport:
    store = shop(path / "shop.db", crowd(300, gain=2.0))
    profiles = [customer(f"{prefix}{i}", attributes={"country": ["NO", "SE"][i % 2]}) for i in range(290)]
    with store.write() as connection:
        put_customers(connection, profiles)
    with store.read() as connection:
        try:
            return report_program(connection, "spring", START + 28 * DAY, segments=[attribute])
        finally:
            store.close()


def test_a_program_is_read_in_the_segments_of_its_profiles(tmp_path: Path) -> None:
    found = read(tmp_path, "country")
    assert [one.level for one in found.segments] == ["NO", "SE"]
    assert sum(one.customers for one in found.segments) <= sum(found.figures.units.values())
    assert "srm_segments" in {one.name for one in found.trust}


def test_an_unknown_segment_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such attribute\..*country"):
        read(tmp_path, "contry")


def test_a_segment_that_no_profile_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="'country': no profile of a customer of program 'spring' says it"):
        read(tmp_path, "country", prefix="somebody-else-")
