"""How often luck alone is promoted, looked at again and again, among several."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.interval.base import Evidence
from simulator.interval.gamma import gamma
from simulator.promotable import sure

LOOKS = np.unique(np.geomspace(300, 12_000, 24).astype(int))  # a log that grows
SEASONS, SHADOWS = 300, 3


def evidence(term: np.ndarray) -> Evidence:
    return Evidence(term, np.ones(len(term)), term - term.mean())


def test_luck_alone_is_seldom_promoted_however_often_one_looks() -> None:
    rng, promoted, naively = np.random.Generator(np.random.PCG64(5)), 0, 0
    for _ in range(SEASONS):
        common = rng.standard_normal(12_000)
        lifts = [0.7 * common + 0.7 * rng.standard_normal(12_000) for _ in range(SHADOWS)]
        judged = [evidence(one[n // 3 : n]) for one in lifts for n in LOOKS]
        promoted += any(sure(one, 0.95, SHADOWS).low > 0 for one in judged)
        naively += any(gamma(one, 0.95).low > 0 for one in judged)
    assert promoted <= 0.05 * SEASONS < 0.2 * SEASONS < naively


def test_the_limits_hold_what_one_look_at_one_shadow_says() -> None:
    term = 0.1 + np.random.Generator(np.random.PCG64(6)).standard_normal(5_000)
    once, one, three = (
        gamma(evidence(term), 0.95),
        sure(evidence(term), 0.95, 1),
        sure(evidence(term), 0.95, 3),
    )
    assert three.low < one.low < once.low and once.high < one.high < three.high
    assert one.value == once.value == pytest.approx(term.mean())


def test_who_does_the_same_has_a_lift_of_exactly_nothing() -> None:
    found = sure(evidence(np.zeros(50)), 0.95, 2)
    assert (found.low, found.value, found.high) == (0.0, 0.0, 0.0)


def test_a_lasting_difference_is_found() -> None:
    term = 0.1 + np.random.Generator(np.random.PCG64(7)).standard_normal(12_000)
    assert sure(evidence(term), 0.95, SHADOWS).low > 0
