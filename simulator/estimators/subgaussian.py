"""Doubly robust with sub-Gaussian weights."""

from __future__ import annotations

import numpy as np

from simulator.estimators.base import Rows, Terms, corrected


def subgaussian(rows: Rows, mixture: float) -> Terms:
    """DR with weights w / (1 - lambda + lambda w), lambda in [0, 1]: 0 is DR, larger is less noise and
    more bias.

    Source: Metelli, Russo and Restelli (2021), "Subgaussian and Differentiable Importance Sampling for
        Off-Policy Evaluation and Learning", equation 5 (power mean with exponent -1).
    """
    below = 1.0 - mixture + mixture * rows.weight
    smooth = np.divide(rows.weight, below, out=np.zeros(len(rows)), where=below > 0)
    return corrected(rows, smooth)
