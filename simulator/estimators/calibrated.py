"""Doubly robust, with predictions on the line that fits the rows where the target acts."""

from __future__ import annotations

import numpy as np

from policies.base import Floats
from simulator.estimators.base import Rows, Terms
from simulator.exact import total

_LEVEL = 1e-12  # spread of predictions, relative to their size, below which no slope can be told


def calibrated(rows: Rows) -> Terms:
    """DR after a least-squares line of rewards on predictions, each row counting by its weight.

    The line makes the weighted surprises sum to 0, and those times the predictions too. So it is DM with the
    line, DR with the line and SNDR with the line at once; rewards count with weights of mean 1 under which
    the log's predictions average what the target expects. It keeps what DR is right for, and loses less
    where weights are large or the model is timid, too bold or off.

    Source: Kang and Schafer (2007), "Demystifying Double Robustness", section 3 (regression with inverse
        propensity weights); Sarndal, Swensson and Wretman (1992), "Model Assisted Survey Sampling" (the
        regression estimator and its g weights, from which the terms are).
    """
    n, w, q, r = len(rows), rows.weight, rows.q, rows.reward
    whole = total(w)
    middle, earned = total(w * q) / whole, total(w * r) / whole
    apart = q - middle
    spread = total(w * apart * apart)
    flat = spread <= _LEVEL * total(w * q * q)
    slope = 1.0 if flat else total(w * apart * (r - earned)) / spread
    tilt = 0.0 if flat else (total(rows.baseline) / n - middle) * whole / spread
    gain: Floats = w * (n / whole) * (1.0 + tilt * apart)
    base = earned + slope * (rows.baseline - middle)
    return Terms(base, gain * (r - earned - slope * apart), np.ones(n), gain)
