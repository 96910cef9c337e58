"""Looking every day costs nothing: the false positives of 30 looks stay under 5 %."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from engine.experiments import sequential, srm
from engine.experiments.sample import Moments
from engine.experiments.welch import Effect, interval

LOOKS, DAY = 30, 200


def looks(rng: np.random.Generator, worlds: int) -> tuple[np.ndarray, np.ndarray]:
    """Differences of two equal arms after each of 30 days, and their standard errors, (worlds, 30) each."""
    n = DAY * np.arange(1, LOOKS + 1)
    total = np.cumsum(rng.normal(size=(2, worlds, LOOKS)) * math.sqrt(DAY), axis=2)
    return (total[1] - total[0]) / n, np.broadcast_to(np.sqrt(2 / n), (worlds, LOOKS))


def test_daily_looks_flag_at_most_one_in_twenty() -> None:
    value, se = looks(np.random.default_rng(0), 400)
    flagged = planned = fixed = 0
    for row in range(400):
        effects = [Effect(float(v), float(s), 1e6) for v, s in zip(value[row], se[row], strict=True)]
        found = [sequential.asymptotic(e, 2 * DAY * (i + 1), 6000) for i, e in enumerate(effects)]
        flagged += any(one.low > 0 or one.high < 0 for one in found)
        ended = [sequential.planned(e, 2 * DAY * (i + 1), 10_000) for i, e in enumerate(effects)]
        planned += any(one.low > 0 or one.high < 0 for one in ended)
        fixed += any(interval(e).low > 0 or interval(e).high < 0 for e in effects)
    assert flagged <= 20 and planned <= 20
    assert fixed > 60  # what a fixed interval read every day would do


@given(st.floats(-3, 3), st.floats(0.1, 2), st.integers(100, 10**6))
def test_the_p_value_falls_below_alpha_as_the_interval_leaves_zero(value: float, se: float, n: int) -> None:
    effect = Effect(value, se, 1e6)
    found = sequential.asymptotic(effect, n)
    outside = found.low > 0 or found.high < 0
    p = sequential.always_valid_p(effect, n)
    assert outside is (p < 0.05) or p == approx(0.05)


def test_a_planned_sequence_ends_a_quarter_wider_than_a_fixed_interval() -> None:
    effect = Effect(0.0, 1.0, 1e9)
    ratio = [
        sequential.planned(effect, n, 10_000).high / interval(effect).high for n in (500, 10_000, 10_001)
    ]
    assert ratio[1] == approx(1.274, abs=0.001)
    assert ratio[0] > ratio[1] < ratio[2]


@given(st.integers(2, 10**6), st.integers(2, 10**6))
def test_a_sequence_is_wider_than_a_fixed_interval(n: int, horizon: int) -> None:
    effect = Effect(0.0, 1.0, 1e9)
    assert sequential.asymptotic(effect, n, horizon).high > interval(effect).high
    arms = Moments(n, 0.0, n / 2), Moments(n, 0.0, n / 2)
    assert sequential.msprt(*arms).high > interval(effect).high


@given(st.integers(0, 60), st.integers(1, 60))
def test_a_proportions_sequence_holds_the_share_and_stays_in_range(successes: int, failures: int) -> None:
    trials = successes + failures
    found = sequential.bernoulli(successes, trials, 50)
    assert 0 <= found.low <= successes / trials <= found.high <= 1


def test_a_proportions_sequence_holds_at_every_look() -> None:
    rng = np.random.default_rng(3)
    checks = [25, 50, 100, 200, 400]
    missed = 0
    for _ in range(200):
        count = np.cumsum(rng.random(400) < 0.1)
        found = [sequential.bernoulli(int(count[n - 1]), n, 100) for n in checks]
        missed += any(not one.low <= 0.1 <= one.high for one in found)
    assert missed <= 14


def test_daily_split_checks_raise_few_false_alarms_and_find_a_lost_arm() -> None:
    rng = np.random.default_rng(4)
    share = [0.05, 0.95]
    fine = [srm.sequential_p(rng.multinomial(500, share, size=30), share) for _ in range(300)]
    lost = [srm.sequential_p(rng.multinomial(2000, [0.04, 0.96], size=30), share) for _ in range(50)]
    assert sum(p < 0.01 for p in fine) <= 8
    assert max(lost) < 0.001


def test_batches_or_one_batch_give_the_same_evidence_ratio_for_the_same_counts() -> None:
    batches = [[20, 17, 9], [18, 21, 8]]
    share = [0.4, 0.4, 0.2]
    apart, whole = srm.log_marginals(batches, share), srm.log_marginals(np.sum(batches, axis=0)[None], share)
    assert apart[-1, 0] - apart[-1, 1] == approx(whole[-1, 0] - whole[-1, 1])
