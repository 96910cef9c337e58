"""Published numbers of other libraries, from `tests/fixtures/experiments.json`, which names each source."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest import approx

from engine.experiments import (
    bayes,
    business,
    cuped,
    group,
    metric,
    multiplicity,
    noninferiority,
    power,
    quantile,
    relative,
    sequential,
    srm,
    stratify,
    uplift,
    welch,
)
from engine.experiments.metric import Term
from engine.experiments.sample import Moments, Sample, from_sums
from tests.shared import shared

_FOLDER = Path(__file__).parents[1] / "fixtures"
_ALL: dict[str, dict[str, Any]] = {
    one["id"]: one for one in json.loads((_FOLDER / "experiments.json").read_text())
}
_USERS: dict[str, Any] = json.loads((_FOLDER / "experiments_users.json").read_text())


class Fixture:
    """One published example: its inputs, its expected values and how exactly they were published."""

    def __init__(self, name: str) -> None:
        one = _ALL[name]
        self.given, self.expected, self._tolerance = one["inputs"], one["expected"], one["tolerance"]

    def near(self, value: Any) -> Any:
        """The expected value with the fixture's tolerance."""
        return approx(value, rel=self._tolerance.get("rel", 0), abs=self._tolerance.get("abs", 0))

    def arms(self) -> tuple[Moments, Moments]:
        return moments(self.given["control"]), moments(self.given["treatment"])


def moments(sums: dict[str, float]) -> Moments:
    """Moments of raw sums."""
    sample = from_sums(("y",), int(sums["n"]), np.array([sums["sum"]]), np.array([[sums["sum_squares"]]]))
    return metric.moments(sample, Term("y"))


def users(arm: str) -> Sample:
    """Tea-tasting's 4,000 users."""
    one = _USERS["arms"][arm]
    return from_sums(tuple(_USERS["columns"]), one["n"], np.array(one["total"]), np.array(one["product"]))


def limits(interval: welch.Interval) -> list[float]:
    return [interval.low, interval.high]


def test_the_copy_of_the_oracles_is_the_shared_file() -> None:
    assert json.loads(shared("oracles/experiments.json").read_text()) == list(_ALL.values())


def test_absolute_difference_is_welchs() -> None:
    f = Fixture("mean_abs_welch")
    effect = welch.difference(*f.arms())
    assert effect.value == f.near(f.expected["effect"])
    assert effect.se == f.near(f.expected["se"])
    assert limits(welch.interval(effect)) == f.near(f.expected["ci"])
    assert welch.p_value(effect) == f.near(f.expected["p_value"])


def test_relative_lift_is_the_delta_methods() -> None:
    f = Fixture("mean_rel_delta")
    effect = relative.delta(*f.arms())
    assert effect.value == f.near(f.expected["effect"])
    assert effect.se == f.near(f.expected["se"])
    assert limits(welch.interval(effect)) == f.near(f.expected["ci"])
    assert welch.p_value(effect) == f.near(f.expected["p_value"])


def test_ratio_metric_is_the_delta_methods() -> None:
    f = Fixture("ratio_delta_rel")
    control, treatment = (_ratio_sample(f.given[arm]) for arm in ("control", "treatment"))
    arms = [metric.moments(sample, Term("m", "d")) for sample in (control, treatment)]
    assert [arm.mean for arm in arms] == f.near([f.expected["control"], f.expected["treatment"]])
    effect = relative.delta(*arms)
    assert effect.value == f.near(f.expected["effect"])
    assert welch.p_value(effect) == f.near(f.expected["p_value"])


def _ratio_sample(sums: dict[str, float]) -> Sample:
    total = np.array([sums["m_sum"], sums["d_sum"]])
    product = np.array([[sums["m_sq"], sums["md"]], [sums["md"], sums["d_sq"]]])
    return from_sums(("m", "d"), int(sums["n"]), total, product)


def test_cuped_lift_over_the_unadjusted_baseline() -> None:
    f = Fixture("cuped_mean_rel")
    control, treatment = (_covariate_sample(f.given[arm]) for arm in ("control", "treatment"))
    effect = cuped.relative(cuped.adjust(control, treatment, Term("y"), (Term("x"),)))
    assert effect.value == f.near(f.expected["effect"])
    assert welch.p_value(effect) == f.near(f.expected["p_value"])


def _covariate_sample(sums: dict[str, float]) -> Sample:
    total = np.array([sums["post_sum"], sums["pre_sum"]])
    product = np.array([[sums["post_sq"], sums["post_pre"]], [sums["post_pre"], sums["pre_sq"]]])
    return from_sums(("y", "x"), int(sums["n"]), total, product)


def test_post_stratification() -> None:
    f = Fixture("poststrat_mean_abs")
    pairs = [(moments(one["control"]), moments(one["treatment"])) for one in f.given["strata"]]
    found = stratify.stratified(pairs)
    assert found.absolute == f.near(f.expected["point_estimate_abs"])
    assert found.absolute_se == f.near(f.expected["standard_error_abs"])
    assert found.relative == f.near(f.expected["point_estimate_rel"])
    assert found.relative_se == f.near(f.expected["standard_error_rel"])


def test_asymptotic_confidence_sequence() -> None:
    f = Fixture("seq_acs_mean_1000")
    arms = f.arms()
    effect, n = relative.delta(*arms), arms[0].n + arms[1].n
    assert effect.value == f.near(f.expected["effect"])
    assert effect.se == f.near(f.expected["se"])
    assert limits(sequential.asymptotic(effect, n, f.given["tuning_N"])) == f.near(f.expected["ci"])
    assert sequential.always_valid_p(effect, n, f.given["tuning_N"]) == f.near(f.expected["p_value"])


def test_always_valid_p_value() -> None:
    f = Fixture("seq_acs_pvalue_600")
    arms = f.arms()
    effect, n = relative.delta(*arms), arms[0].n + arms[1].n
    assert effect.value == f.near(f.expected["effect"])
    assert sequential.always_valid_p(effect, n, f.given["tuning_N"]) == f.near(f.expected["p_value"])
    assert sequential.asymptotic(effect, n, f.given["tuning_N"]).low == f.near(f.expected["ci_lower"])


def test_normal_mixture_boundary() -> None:
    f = Fixture("confseq_normal_mixture")
    rho = sequential.best_rho(f.given["v_opt"], f.given["alpha_opt"])
    log = sequential.log_normal_mixture(f.given["s"], f.given["v"], rho)
    bound = sequential.normal_mixture_bound(f.given["v"], f.given["alpha"], rho)
    assert rho == f.near(f.expected["best_rho"])
    assert log == f.near(f.expected["log_mixture_s10_v100"])
    assert bound == f.near(f.expected["bound_v100"])


def test_confidence_sequence_of_one_proportion() -> None:
    f = Fixture("confseq_bernoulli_cs")
    for (successes, trials, alpha, horizon), expected in zip(f.given["cases"], f.expected["ci"], strict=True):
        found = sequential.bernoulli(successes, trials, horizon, 1 - alpha)
        assert limits(found) == f.near(expected)


def test_sample_ratio_mismatch() -> None:
    f = Fixture("srm_binom_norm")
    counts = f.given["control"], f.given["treatment"]
    assert srm.exact(*counts) == f.near(f.expected["binom"])
    assert srm.normal(*counts) == f.near(f.expected["norm_corrected"])
    assert srm.normal(*counts, correction=False) == f.near(f.expected["norm_uncorrected"])
    assert srm.chi_square(f.given["extra_counts"], [1, 1]) == f.near(f.expected["chi2_5200_4800"])


def test_sequential_sample_ratio_mismatch() -> None:
    f = Fixture("ssrm_sequential")
    found = srm.log_marginals(f.given["batches"], f.given["null"], f.given["dirichlet_alpha"])
    assert found.tolist() == [f.near(row) for row in f.expected["log_m1_m0"]]


def test_quantile_effect() -> None:
    f = Fixture("quantile_p90")
    arms = [_quantile(f.given[arm]) for arm in ("control", "treatment")]
    for effect, name in ((welch.difference(*arms), "abs"), (relative.delta(*arms), "rel")):
        reach = 1.959963984540054 * effect.se
        assert effect.value == f.near(f.expected[f"{name}_effect"])
        assert [effect.value - reach, effect.value + reach] == f.near(f.expected[f"{name}_ci"])


def _quantile(given: dict[str, float]) -> Moments:
    found = quantile.Quantile(int(given["n"]), given["q"], given["lower"], given["upper"])
    return quantile.moments(found)


def test_chance_to_win_and_expected_loss() -> None:
    f = Fixture("bayes_ctw_flat")
    arms = [
        Moments(one["n"], one["sum"] / one["n"], one["sum"] / one["n"] * (1 - one["sum"] / one["n"]))
        for one in (f.given["control"], f.given["treatment"])
    ]
    effect = relative.delta(*arms)
    belief = bayes.normal(effect)
    reach = 1.959963984540054 * effect.se
    assert effect.value == f.near(f.expected["effect"])
    assert [effect.value - reach, effect.value + reach] == f.near(f.expected["ci"])
    assert belief.chance == f.near(f.expected["chance_to_win"])
    losses = [belief.loss_keep, belief.loss_switch]
    assert losses == f.near(f.expected["expected_loss_if_keep_control_then_treatment"])


def test_beta_binomial_comparison() -> None:
    f = Fixture("bayes_beta_binomial")
    found = bayes.beta_binomial(tuple(f.given["control"]), tuple(f.given["treatment"]))
    assert found.chance == f.near(f.expected["prob_treatment_better"])
    assert found.difference == f.near(f.expected["diff"])


def test_lift_on_the_log_scale() -> None:
    f = Fixture("mean_rel_log_delta")
    name, arms = f.given["metric"], f.given["aggregates"]
    control, treatment = (
        Moments(arms[arm]["count"], arms[arm]["mean"][name], arms[arm]["var"][name]) for arm in ("0", "1")
    )
    _check_tea_tasting(f, control, treatment)


def test_ratio_lift_on_the_log_scale() -> None:
    f = Fixture("ratio_delta_log")
    term = Term(f.given["numer"], f.given["denom"])
    _check_tea_tasting(f, *(metric.moments(users(arm), term) for arm in ("0", "1")))


def test_cuped_lift_on_the_log_scale() -> None:
    f = Fixture("cuped_mean_4000")
    term, covariate = Term(f.given["metric"]), Term(f.given["covariate"])
    adjusted = cuped.adjust(users("0"), users("1"), term, (covariate,))
    _check_tea_tasting(f, *(cuped.moments(adjusted, users(arm)) for arm in ("0", "1")))


def _check_tea_tasting(f: Fixture, control: Moments, treatment: Moments) -> None:
    effect = welch.difference(control, treatment)
    lift = relative.logarithmic(control, treatment)
    found = welch.interval(welch.unskewed(effect))
    assert [found.value, found.low, found.high, lift.value, lift.low, lift.high] == f.near(
        [
            f.expected[f"{kind}effect_size{end}"]
            for kind in ("", "rel_")
            for end in ("", "_ci_lower", "_ci_upper")
        ]
    )
    assert welch.p_value(effect) == f.near(f.expected["pvalue"])


def test_power_and_detectable_effect() -> None:
    f = Fixture("power_mde")
    given = f.given
    one_sided = power.Plan(given["var"], given["ratio"], given["alpha"], sides=1)
    two_sided = power.Plan(given["var"], given["ratio"], given["alpha"])
    found = power.power(one_sided, 0.1 * given["mean"], given["n_total"])
    effect = power.detectable(two_sided, given["n_total"], given["power"])
    assert found == f.near(f.expected["power_one_sided_10pct"])
    assert effect == f.near(f.expected["mde_two_sided_abs"])
    assert effect / given["mean"] == f.near(f.expected["mde_two_sided_rel"])
    assert power.size(two_sided, 0.05, given["power"]) == f.expected["n_obs_for_abs_0_05_two_sided"]


def test_sample_size_agrees_with_gpower() -> None:
    f = Fixture("sample_size_gpower")
    one = f.given["continuous"]
    plan = power.Plan(one["variance"], alpha=one["alpha"])
    assert power.size(plan, one["abs_mde"], one["power"]) == f.near(f.expected["continuous_total"])
    for case, total in zip(f.given["binomial"], f.expected["binomial_total"], strict=True):
        plan = power.Plan(case["p"] * (1 - case["p"]), alpha=case["alpha"])
        assert power.size(plan, case["abs_mde"], case["power"]) == f.near(total)


def test_noninferiority_within_two_per_cent() -> None:
    f = Fixture("noninferiority_2pct")
    margin, alpha = f.given["margin_relative"], f.given["alpha"]
    up = noninferiority.noninferior(*f.arms(), margin, "increase", alpha)
    down = noninferiority.noninferior(*f.arms(), margin, "decrease", alpha)
    assert up.value == f.near(f.expected["diff"])
    assert up.bound == f.near(f.expected["ci_lower_increase_direction"])
    assert down.bound == f.near(f.expected["ci_upper_decrease_direction"])
    assert up.passed is f.expected["noninferior_increase_at_1pct"] and up.p > alpha
    assert down.passed is f.expected["noninferior_decrease_at_1pct"] and down.p < alpha


def test_group_sequential_alpha_spending() -> None:
    f = Fixture("group_sequential_alpha")
    counts = f.given["total_counts"]
    fraction = [count / max(*counts, f.given["final_expected"]) for count in counts]
    found = group.nominal(group.bounds(fraction, group.spent(fraction, f.given["alpha"])))
    assert found == f.near(f.expected["adjusted_alpha"])


def test_adjusted_p_values() -> None:
    f = Fixture("multiplicity_bh_by")
    p = f.given["p"]
    assert multiplicity.benjamini_hochberg(p) == f.near(f.expected["bh"])
    assert multiplicity.benjamini_yekutieli(p) == f.near(f.expected["by"])
    assert multiplicity.holm(p) == f.near(f.expected["holm"])
    assert multiplicity.hochberg(p) == f.near([0.03, 0.06, 0.035, 0.06, 0.04, 0.06])


@pytest.mark.parametrize("case", range(6))
def test_qini_and_uplift_areas(case: int) -> None:
    f = Fixture("qini_auuc_small")
    outcome, score, treated = (np.array(column) for column in f.given["cases"][case])
    assert uplift.qini_area(outcome, score, treated) == f.near(f.expected["qini_auc"][case])
    assert uplift.uplift_area(outcome, score, treated) == f.near(f.expected["uplift_auc"][case])


def test_mixture_sequential_probability_ratio_test() -> None:
    f = Fixture("msprt_statsig_formula")
    control = Moments(f.given["n_c"], 0.0, f.given["var_c"])
    treatment = Moments(f.given["n_t"], 0.0, f.given["var_t"])
    found = sequential.msprt(control, treatment, 1 - f.given["alpha"])
    se = math.sqrt(control.error + treatment.error)
    assert found.high == f.near(f.expected["half_width"])
    assert found.high / se == f.near(f.expected["z_star"])


def test_global_lift() -> None:
    f = Fixture("global_lift_formula")
    given = f.given
    found = business.global_lift(given["X_T"], given["X_C"], given["p_T"], given["t_exp"], given["TM"])
    assert found.lift == f.near(f.expected["global_lift"])
    assert found.coverage == f.near(f.expected["coverage"])
