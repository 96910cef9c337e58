"""Verdicts: what a log supports, and what it must not answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.base import Floats, draw
from simulator.diagnose import Diagnosis, bearing_units, diagnose, few_amounts, miscalibrated
from simulator.estimators.base import evidence
from simulator.estimators.dr import dr
from simulator.evaluate import rows_of
from simulator.gaps import search
from simulator.logs import Log
from simulator.targets import Target
from tests.simulator.bandits import logged


def verdict(log: Log, pmf: Floats) -> Diagnosis:
    rows = rows_of(log, Target("it", pmf), np.full(pmf.shape, log.reward.mean()))
    return diagnose(log, pmf, rows.weight, evidence(dr(rows), rows.reward - rows.q, log.cluster))


def always(log: Log, action: int) -> Floats:
    return np.eye(len(log.actions))[np.full(len(log), action)]


def test_a_healthy_log_supports_what_it_has_tried() -> None:
    log, _ = logged(1)
    found = verdict(log, always(log, 1))
    assert (found.verdict, found.reason, found.coverage) == ("supported", "", 1.0)
    assert found.ess == pytest.approx(float((log.action == 1).sum()))
    assert found.max_weight == pytest.approx(3.0)


def test_too_small_an_effective_sample_is_refused() -> None:
    log, _ = logged(2, n=120)
    found = verdict(log, always(log, 0))
    assert found.verdict == "refused" and "effective sample of only" in found.reason
    assert "times the log" in found.reason


def test_a_middling_sample_is_weak() -> None:
    log, _ = logged(3, n=400)
    found = verdict(log, always(log, 0))
    assert found.verdict == "weak" and "effective sample is only" in found.reason


def test_an_action_the_log_never_tried_is_refused() -> None:
    log, _ = logged(4, k=4, logging=np.array([0.4, 0.3, 0.3, 0.0]))
    found = verdict(log, np.tile([0.5, 0.2, 0.2, 0.1], (len(log), 1)))
    assert found.verdict == "refused" and found.coverage == pytest.approx(0.9)
    assert "has tried only 90%" in found.reason and "random share" in found.reason
    assert verdict(log, np.tile([0.4, 0.3, 0.26, 0.04], (len(log), 1))).verdict == "supported"


def test_what_the_logged_probabilities_say_was_never_taken_is_not_covered() -> None:
    log, _ = logged(4, k=3)
    logging = np.full((len(log), 3), 1 / 3)
    later = np.arange(len(log)) % 2 == 1
    logging[later & (log.action != 2)] = [0.5, 0.5, 0.0]
    said = replace(log, logging=logging)
    covered = 1.0 - 0.2 * float((logging[:, 2] == 0.0).mean())
    found = verdict(said, np.tile([0.4, 0.4, 0.2], (len(log), 1)))
    assert found.coverage == pytest.approx(covered) and found.verdict == "refused"
    assert verdict(log, np.tile([0.4, 0.4, 0.2], (len(log), 1))).coverage == 1.0


def test_an_action_tried_for_some_contexts_only_is_refused() -> None:
    log, _ = logged(5)
    shy = log.X[:, 0] > 0  # there the logging policy always chose action 0
    action = np.where(shy, 0, log.action)
    ruled = replace(log, action=action, propensity=np.where(shy, 1.0, log.propensity))
    found = verdict(ruled, always(log, 1))
    assert found.verdict == "refused" and found.coverage == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("reward", [0.0, 1.0])
def test_a_reward_that_never_varies_is_refused(reward: float) -> None:
    log, _ = logged(6)
    found = verdict(replace(log, reward=np.full(len(log), reward)), always(log, 0))
    assert found.verdict == "refused" and f"Every reward in the log is {reward:g}" in found.reason


def test_propensities_that_are_too_small_are_refused() -> None:
    log, _ = logged(7)
    found = verdict(replace(log, propensity=log.propensity / 2), always(log, 0))
    assert found.verdict == "refused" and "propensities are too small" in found.reason


def test_propensities_that_fit_one_action_ill_are_named() -> None:
    log, _ = logged(8, n=6000)
    wrong = np.where(log.action == 2, log.propensity / 1.5, log.propensity)
    uniform = np.full(log.mask.shape, 1 / 3)
    assert miscalibrated(replace(log, propensity=wrong), uniform) == ["a2"]
    assert miscalibrated(log, uniform) == []


def test_calibration_raises_few_false_alarms() -> None:
    logs = [logged(seed, n=1000, k=10, logging=np.array([0.37, *[0.07] * 9]))[0] for seed in range(100)]
    alarms = [miscalibrated(log, np.full(log.mask.shape, 0.1)) for log in logs]
    assert sum(bool(one) for one in alarms) <= 2


@pytest.mark.parametrize("seed", range(10))
def test_propensities_too_small_for_any_row_to_be_drawn_are_no_misfit(seed: int) -> None:
    log, _ = logged(seed, n=8000, k=5)
    rng = np.random.default_rng(seed)
    pmf = np.full((len(log), 5), 3e-4)  # a greedy arm, and one row in five of an arm that draws evenly
    pmf[np.arange(len(log)), np.where(rng.random(len(log)) < 0.7, 0, log.action)] = 1 - 12e-4
    pmf[rng.random(len(log)) < 0.2] = 0.2
    action, propensity = draw(pmf, rng.random(len(log)))
    greedy = replace(log, action=action, propensity=propensity)
    assert miscalibrated(greedy, np.full(pmf.shape, 0.2)) == []


def test_estimated_propensities_are_never_more_than_weak() -> None:
    log, _ = logged(9)
    found = verdict(replace(log, estimated=True), always(log, 0))
    assert found.verdict == "weak" and "not logged" in found.reason


def test_one_row_of_great_weight_is_weak() -> None:
    log, _ = logged(10, n=6000, k=2, logging=np.array([0.5, 0.5]))
    propensity = log.propensity.copy()
    row = int(np.argmax(log.action == 0))
    propensity[row] = 0.002
    found = verdict(replace(log, propensity=propensity), always(log, 0))
    assert found.verdict == "weak" and "carries" in found.reason


def test_drift_between_the_halves_is_told() -> None:
    log, _ = logged(11, n=4000)
    at = np.arange(len(log))
    assert verdict(replace(log, at=at), always(log, 0)).verdict == "supported"
    fading = replace(log, at=at, reward=log.reward * (at < 2000))
    assert "drifts" in verdict(fading, always(log, 0)).reason


def test_few_rewards_of_one_size_are_told_and_few_amounts_are_weak() -> None:
    log, _ = logged(12, n=3000)
    reward = np.zeros(len(log))
    reward[np.flatnonzero(log.action == 0)[:4]] = 1.0
    found = verdict(replace(log, reward=reward), always(log, 0))
    assert found.verdict == "supported" and found.bearing == pytest.approx(4 / 3, rel=0.1)
    paid = verdict(replace(log, reward=reward * np.linspace(10, 40, len(log))), always(log, 0))
    assert paid.verdict == "weak" and "rests on 1 or so rewards of unlike sizes" in paid.reason


def test_bearing_units_count_rare_rewards_rare_failures_and_clusters() -> None:
    log, _ = logged(15, n=1000)
    bought = (np.arange(1000) < 20).astype(np.float64)
    once = np.ones(1000)
    for reward in (bought, 1 - bought, 7 * bought - 3):
        assert bearing_units(replace(log, reward=reward), once) == pytest.approx(20, rel=0.1)
    grouped = replace(log, reward=bought, cluster=np.arange(1000) // 4)
    assert bearing_units(grouped, once) == pytest.approx(5, rel=0.1)


def test_a_target_that_met_no_reward_is_weak() -> None:
    log, _ = logged(16, n=3000, base=0.05)
    found = verdict(replace(log, reward=log.reward * (log.action != 1)), always(log, 1))
    assert found.verdict == "weak" and "met a reward above the least" in found.reason


def test_a_few_large_rewards_are_weak_but_few_of_one_size_are_not() -> None:
    log, _ = logged(21, n=3000, base=0.05)
    paid = np.flatnonzero(log.reward * (log.action == 0))
    amounts = log.reward.copy()
    amounts[paid[:2]] = 500.0
    assert "few large rewards" in verdict(replace(log, reward=amounts), always(log, 0)).reason
    few = np.zeros(len(log))
    few[paid[:9]] = 1.0
    assert not few_amounts(replace(log, reward=few))


@pytest.mark.parametrize("hole", ["half", "tail", "quadrant", "other in each half"])
def test_what_some_contexts_never_got_is_refused_and_named(hole: str) -> None:
    """The rows alone tell: propensities are right wherever the log has any."""
    log, _ = logged(22, n=4000, k=8)
    low, high = log.X[:, 0] < 0, log.X[:, 1] < 0
    never = np.zeros(log.mask.shape, dtype=np.bool_)
    never[:, 3] = {"half": low, "tail": log.X[:, 0] < -0.5, "quadrant": low & high}.get(hole, low)
    if hole == "other in each half":
        never[:, 4] = ~low
    chosen = never[np.arange(len(log)), log.action]
    left = log.rows(~chosen)
    kept = replace(left, propensity=1.0 / (8 - never[~chosen].sum(axis=1)))
    wide = np.tile(np.array([0.05, 0.05, 0.05, 0.45, 0.25, 0.05, 0.05, 0.05]), (len(kept), 1))
    found = verdict(kept, wide)
    assert found.verdict == "refused" and "a3" in found.reason and "x0" in found.reason
    assert verdict(log, wide[0] * np.ones((len(log), 1))).verdict == "supported"


def test_honest_logs_are_seldom_said_to_have_gaps() -> None:
    """A logging policy that follows the context strongly, with a floor of 1 % on each of ten actions."""
    rng = np.random.Generator(np.random.PCG64(5))
    refused = 0
    for _ in range(150):
        log, _ = logged(int(rng.integers(2**32)), n=1500, k=10, d=4)
        pmf = np.full(log.mask.shape, 0.01)
        pmf[np.arange(len(log)), (log.X @ rng.standard_normal((4, 10))).argmax(axis=1)] += 0.9
        action, propensity = draw(pmf, rng.random(len(log)))
        one = replace(log, action=action, propensity=propensity)
        target = 0.7 * pmf + 0.03
        weight = target[np.arange(len(log)), action] / propensity
        refused += search(one, target, weight).gap is not None
    assert refused <= 3


def test_wrong_propensities_everywhere_are_not_called_a_gap() -> None:
    log, _ = logged(23)
    found = verdict(replace(log, propensity=np.full(len(log), 0.9)), always(log, 1))
    assert found.verdict == "refused" and "its propensities are too large" in found.reason


def test_too_few_rows_an_action_to_see_a_gap_are_weak() -> None:
    log, _ = logged(24, n=300, k=40)
    found = verdict(log, np.full(log.mask.shape, 1 / 40))
    assert found.verdict == "weak" and "never tried in some contexts" in found.reason


def test_where_the_whole_pmf_is_known_no_gap_can_hide() -> None:
    log, _ = logged(24, n=300, k=40)
    known = replace(log, logging=np.full(log.mask.shape, 1 / 40))
    found = verdict(known, np.full(log.mask.shape, 1 / 40))
    assert found.verdict == "supported" and found.coverage == pytest.approx(1.0)
    nowhere = replace(known, logging=np.where(np.arange(40) < 4, 0.0, 1 / 36) * np.ones(log.mask.shape))
    assert verdict(nowhere, np.full(log.mask.shape, 1 / 40)).verdict == "refused"


def test_a_whole_pmf_that_the_rows_belie_is_refused() -> None:
    """It says one in eight of an action that half of the contexts never got."""
    log, _ = logged(22, n=4000, k=8)
    left = log.rows(~((log.X[:, 0] < 0) & (log.action == 3)))
    told = replace(left, logging=np.full(left.mask.shape, 1 / 8))
    found = verdict(told, np.tile(np.where(np.arange(8) == 3, 0.3, 0.1), (len(told), 1)))
    assert found.verdict == "refused" and "a3" in found.reason


def test_weights_that_fall_short_of_a_known_pmf_are_told_to_be_chance() -> None:
    """Each of ten rare actions was drawn in 22 rows where 30 were due: none lacks, all together do."""
    log = replace(logged(8, n=3000, k=11)[0], X=np.zeros((3000, 0)), names=())
    pmf = np.tile([0.9, *[0.01] * 10], (len(log), 1))
    action = np.repeat(np.arange(11), [2780, *[22] * 10])
    own = replace(log, action=action, propensity=pmf[np.arange(len(log)), action], logging=pmf)
    target = np.tile([0.5, *[0.05] * 10], (len(log), 1))
    found = verdict(own, target)
    assert found.verdict == "refused" and found.coverage == pytest.approx(1.0)
    assert found.reason.startswith("By chance") and "weights average 0.88" in found.reason
    assert "has tried only 88%" in verdict(replace(own, logging=None), target).reason


def test_what_a_program_taken_forward_does_beyond_the_log_is_missing_from_later_rows_too() -> None:
    """Two rows a customer; the program begins with what the log could not do in two of five cases."""
    log, _ = logged(9, n=2000, k=2)
    later = np.arange(2000) % 2 == 1
    one = np.zeros(2000, dtype=np.int64)
    known = np.tile([1.0, 0.0], (2000, 1))
    own = replace(
        log,
        action=one,
        propensity=known[:, 0],
        logging=known,
        cluster=np.arange(2000) // 2,
        at=np.arange(2000),
    )
    forward = np.where(later[:, None], [0.6, 0.0], [0.6, 0.4])
    assert verdict(own, forward).coverage == pytest.approx(0.6)
    unlucky = np.where(later[:, None], [0.6, 0.0], [1.0, 0.0])
    found = verdict(own, unlucky)
    assert found.coverage == 1.0 and "By chance" in found.reason


def test_clusters_count_once_in_the_effective_sample() -> None:
    log, _ = logged(13, n=1200)
    cluster = np.arange(len(log)) // 6
    copied = replace(
        log,
        cluster=cluster,
        action=log.action[cluster * 6],
        propensity=log.propensity[cluster * 6],
    )
    assert verdict(copied, always(log, 0)).ess < 120


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32), n=st.integers(60, 1500), sharp=st.floats(0.0, 4.0), cut=st.floats(0.0, 0.3)
)
def test_no_number_without_fifty_effective_rows_and_nineteen_twentieths_of_coverage(
    seed: int, n: int, sharp: float, cut: float
) -> None:
    log, _ = logged(seed, n=n, k=4)
    rng = np.random.Generator(np.random.PCG64(seed))
    score = sharp * rng.standard_normal((n, 4))
    pmf = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    mask = log.mask.copy()
    mask[:, 3] = (rng.random(n) >= cut) | (log.action == 3)
    log = replace(log, mask=mask)
    found = verdict(log, pmf)
    weight = pmf[np.arange(n), log.action] / log.propensity
    size = float(weight.sum()) ** 2 / float(weight @ weight)
    covered = float(pmf[mask].sum()) / n
    assert found.ess == pytest.approx(size) and found.coverage <= covered + 1e-12
    if size < 50 or covered < 0.95:
        assert found.verdict == "refused" and found.reason


def test_many_fallback_rows_make_a_log_weak() -> None:
    log, _ = logged(20)
    found = verdict(replace(log, fallback=0.2), always(log, 1))
    assert found.verdict == "weak" and "A fallback made 20% of the decisions" in found.reason
    assert verdict(replace(log, fallback=0.01), always(log, 1)).verdict == "supported"
