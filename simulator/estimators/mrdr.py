"""More robust doubly robust."""

from __future__ import annotations

from policies.base import Floats


def row_weight(match: Floats, propensity: Floats) -> Floats:
    """(n,) weights for fitting the reward model so that DR built on it has the least variance.

    The estimate itself is `dr` with the predictions of the model fitted with these weights. Rows that the
    target would never act on weigh 0.

    Source: Farajtabar, Chow and Ghavamzadeh (2018), "More Robust Doubly Robust Off-policy Evaluation",
        equation 12.
    """
    return match * (1.0 - propensity) / propensity**2
