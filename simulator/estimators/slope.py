"""Tuning by comparison of intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from policies.base import Floats


def slope(value: Floats | Sequence[float], se: Floats | Sequence[float], z: float = 1.96) -> int:
    """The least noisy estimate that no less biased one contradicts.

    Args:
        value: (m,) estimates, from the least biased to the least noisy.
        se: (m,) their standard errors.
        z: half width of the intervals compared, in standard errors.

    Returns:
        The last index whose interval meets all the intervals before it.

    Source: Su, Srinath and Krishnamurthy (2020), "Adaptive Estimator Selection for Off-Policy Evaluation",
        algorithm 1.
    """
    half = z * np.minimum.accumulate(np.asarray(se, dtype=np.float64))
    low = np.maximum.accumulate(np.asarray(value) - half)
    high = np.minimum.accumulate(np.asarray(value) + half)
    apart = low > high
    return int(np.argmax(apart)) - 1 if apart.any() else len(half) - 1
