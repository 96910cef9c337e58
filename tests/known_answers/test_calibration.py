"""Calibration against statsmodels, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from engine.predictions.calibration import calibration, effective
from policies.base import Floats, Ints, Mask

Drawn = tuple[Floats, Mask, Ints, Floats]


def drawn(n: int = 3_000, slope: float = 0.6, intercept: float = -0.4) -> Drawn:
    """Scores, responses of 1,000 customers, and weights of 1, 2 and 3."""
    chance = np.random.default_rng(5)
    score = chance.beta(2, 5, n)
    happened = chance.random(n) < expit(intercept + slope * logit(score))
    return score, happened, chance.integers(0, 1_000, n), chance.integers(1, 4, n).astype(np.float64)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_logistic_recalibration_is_that_of_statsmodels(weighted: bool) -> None:
    models = pytest.importorskip("statsmodels.api")
    score, happened, customer, weight = drawn()
    weight = weight if weighted else np.ones(len(score))
    found = calibration(score, happened, customer, weight)
    rows = np.repeat(np.arange(len(score)), weight.astype(np.int64))  # a weight of 2: the row twice
    X = np.column_stack([logit(score[rows]), np.ones(len(rows))])
    groups = {"groups": customer[rows]}
    fitted = models.Logit(happened[rows].astype(float), X).fit(disp=0, cov_type="cluster", cov_kwds=groups)
    assert found.slope is not None and found.intercept is not None
    for one, j in ((found.slope, 0), (found.intercept, 1)):
        assert one.value == pytest.approx(fitted.params[j], rel=1e-6)
        assert [one.low, one.high] == pytest.approx(list(fitted.conf_int()[j]), rel=1e-3)


def test_the_mean_error_and_its_interval_are_those_of_statsmodels() -> None:
    models = pytest.importorskip("statsmodels.api")
    score, happened, customer, _ = drawn()
    found = calibration(score, happened, customer, np.ones(len(score)))
    loss = (happened - score) ** 2
    fitted = models.OLS(loss, np.ones(len(loss))).fit(
        cov_type="cluster", cov_kwds={"groups": customer, "use_correction": False}
    )
    groups = len(np.unique(customer))
    wider = np.sqrt(groups / (groups - 1))
    assert found.brier.value == pytest.approx(float(np.mean(loss)))
    assert found.brier.high - found.brier.value == pytest.approx(1.959964 * fitted.bse[0] * wider, rel=1e-5)


def test_a_table_worked_by_hand() -> None:
    score = np.repeat([0.1, 0.3, 0.6], [200, 200, 100])
    happened = np.concatenate([np.arange(200) < 40, np.arange(200) < 60, np.arange(100) < 50])
    found = calibration(score, happened, np.arange(500), np.ones(500))
    assert [(one.n, one.score, one.rate.value) for one in found.bins] == [
        (200, pytest.approx(0.1), 0.2),
        (200, pytest.approx(0.3), 0.3),
        (100, pytest.approx(0.6), 0.5),
    ]
    assert found.ece == pytest.approx(0.4 * 0.1 + 0.4 * 0.0 + 0.2 * 0.1)
    brier = (40 * 0.81 + 160 * 0.01 + 60 * 0.49 + 140 * 0.09 + 50 * 0.16 + 50 * 0.36) / 500
    assert found.brier.value == pytest.approx(brier)
    assert found.gap.value == pytest.approx(150 / 500 - (20 + 60 + 60) / 500)


def test_without_weights_and_repeats_a_bins_interval_is_clopper_and_pearsons() -> None:
    from scipy.stats import binomtest

    score = np.repeat([0.2, 0.4], [150, 150])
    happened = np.concatenate([np.arange(150) < 33, np.arange(150) < 60])
    found = calibration(score, happened, np.arange(300), np.ones(300))
    for one, x in zip(found.bins, (33, 60), strict=True):
        exact = binomtest(x, 150).proportion_ci(0.95, "exact")
        assert (one.rate.low, one.rate.high) == pytest.approx((exact.low, exact.high), abs=2e-3)


def test_the_effective_number_of_rows() -> None:
    assert effective(np.full(50, 3.0)) == pytest.approx(50)
    assert effective(np.array([1.0, 3.0])) == pytest.approx(16 / 10)
