"""The direct method."""

from __future__ import annotations

import numpy as np

from simulator.estimators.base import Rows, Terms


def dm(rows: Rows) -> Terms:
    """Mean of the model's prediction under the target: little noise, as biased as the model is.

    Its interval knows the spread over contexts, not the error of the model.

    Source: Beygelzimer and Langford (2009), "The Offset Tree for Learning with Partial Labels", section 5.
    """
    nothing = np.zeros(len(rows))
    return Terms(rows.baseline, nothing, np.ones(len(rows)), nothing)
