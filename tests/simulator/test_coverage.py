"""The default interval keeps its promise: a quick run of `benchmarks.coverage`."""

from __future__ import annotations

import pytest
from scipy import stats

from benchmarks.coverage import CASES, coverage, watched

WORLDS = 60


@pytest.mark.parametrize("case", [name for name in CASES if name != "0.34 %"])
def test_the_default_interval_covers(case: str) -> None:
    line, *_ = coverage(case, 1000, WORLDS, seed=7, all_kinds=False)
    assert line.coverage >= stats.binom.ppf(0.001, line.worlds, 0.95) / line.worlds


def test_rare_rewards_are_covered_at_the_stated_width() -> None:
    line, *_ = coverage("0.34 %", 1000, WORLDS, seed=8, all_kinds=False)
    assert line.width <= 0.033 and line.coverage >= 0.9 and line.refused < 0.2


def test_anytime_limits_survive_being_watched() -> None:
    assert watched(60, seed=3, n=3000) <= stats.binom.ppf(0.999, 60, 0.05) / 60
