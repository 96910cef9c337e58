"""Switch to the model where weights are large."""

from __future__ import annotations

import numpy as np

from simulator.estimators.base import Rows, Terms, corrected


def switch_dr(rows: Rows, threshold: float) -> Terms:
    """DR on rows of weight up to `threshold`, the model alone on the others: some bias for much less noise.

    Source: Wang, Agarwal and Dudik (2017), "Optimal and Adaptive Off-policy Evaluation in Contextual
        Bandits", equation 8 with DR inside the switch.
    """
    kept = np.where(rows.weight <= threshold, rows.weight, 0.0)
    return corrected(rows, kept)
