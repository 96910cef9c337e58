"""Doubly robust with optimistic shrinkage."""

from __future__ import annotations

import numpy as np

from simulator.estimators.base import Rows, Terms, corrected


def dros(rows: Rows, shrinkage: float) -> Terms:
    """DR with weights lambda w / (w^2 + lambda): 0 is the direct method, infinity is DR.

    Source: Su, Dimakopoulou, Krishnamurthy and Dudik (2020), "Doubly Robust Off-Policy Evaluation with
        Shrinkage", section 4.1.
    """
    below = rows.weight**2 + shrinkage
    shrunk = np.divide(shrinkage * rows.weight, below, out=np.zeros(len(rows)), where=below > 0)
    return corrected(rows, shrunk)
