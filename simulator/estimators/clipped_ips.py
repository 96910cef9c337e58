"""Inverse propensity scoring with a ceiling on the weights."""

from __future__ import annotations

import numpy as np

from simulator.estimators.base import Rows, Terms, weighted


def clipped_ips(rows: Rows, ceiling: float) -> Terms:
    """IPS with weights cut at `ceiling` > 0: less noise, and a bias towards 0.

    Source: Ionides (2008), "Truncated Importance Sampling"; Bottou et al. (2013), "Counterfactual
        Reasoning and Learning Systems", section 4.3.
    """
    return weighted(np.minimum(rows.weight, ceiling), rows.reward)
