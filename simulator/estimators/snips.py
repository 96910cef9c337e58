"""Self-normalised inverse propensity scoring."""

from __future__ import annotations

from simulator.estimators.base import Rows, Terms, normalised


def snips(rows: Rows) -> Terms:
    """Weighted mean of the rewards: invariant to the scale of the weights, follows a shift of the rewards.

    Weights are taken relative to the largest, so the value of a constant policy under equal propensities
    is the plain mean of its rows, to the last bit.

    Source: Swaminathan and Joachims (2015), "The Self-Normalized Estimator for Counterfactual Learning",
        equation 4.
    """
    return normalised(rows.weight / rows.weight.max(), rows.reward)
