"""Laws of assignment: stable, uniform, independent of other programs, whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from engine.assign import assign, uniforms, unit_hash, upper_bounds
from tests.engine.programs import spring

PROGRAM = spring()
UNITS = [f"c_{i}" for i in range(40_000)]


@given(st.text(min_size=1, max_size=40), st.lists(st.text(min_size=1, max_size=20), max_size=5))
def test_an_arm_depends_on_the_unit_alone(unit: str, others: list[str]) -> None:
    assert assign(PROGRAM, [*others, unit])[-1] == assign(PROGRAM, [unit])[0]


def test_arms_have_their_shares() -> None:
    arms = assign(PROGRAM, UNITS)
    counts = [arms.count(name) for name, _ in PROGRAM.arms]
    expected = [share * len(UNITS) for _, share in PROGRAM.arms]
    assert stats.chisquare(counts, expected).pvalue > 0.001


def test_programs_with_different_salts_assign_independently() -> None:
    other = replace(PROGRAM, salt="another")
    one, two = assign(PROGRAM, UNITS), assign(other, UNITS)
    names = [name for name, _ in PROGRAM.arms]
    table = [[sum(a == x and b == y for a, b in zip(one, two, strict=True)) for x in names] for y in names]
    assert stats.chi2_contingency(table).pvalue > 0.001


def test_the_draw_is_independent_of_the_arm() -> None:
    arms, drawn = assign(PROGRAM, UNITS), uniforms(PROGRAM.name, UNITS)
    held = np.array([arm == "holdout" for arm in arms])
    assert stats.ks_2samp(drawn[held], drawn[~held]).pvalue > 0.001


def test_the_draw_is_uniform_and_below_one() -> None:
    drawn = uniforms("spring", UNITS)
    assert stats.kstest(drawn, "uniform").pvalue > 0.001
    assert drawn.min() >= 0.0
    assert drawn.max() < 1.0


def test_the_draws_of_two_programs_are_independent() -> None:
    assert stats.spearmanr(uniforms("spring", UNITS), uniforms("autumn", UNITS)).pvalue > 0.001


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6).filter(lambda s: sum(s) > 0))
def test_ranges_are_ordered_and_cover_every_hash(raw: list[float]) -> None:
    bounds = upper_bounds([share / sum(raw) for share in raw])
    assert bounds == sorted(bounds)
    assert bounds[-1] == 1 << 64


def test_hashes_never_change() -> None:
    assert unit_hash("spring", "c_1042") == 1105640385857819999
    assert assign(PROGRAM, ["c_1", "c_2", "c_3"]) == assign(PROGRAM, ["c_1", "c_2", "c_3"])
