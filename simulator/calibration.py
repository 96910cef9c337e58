"""Predictions put on the scale of what happened."""

from __future__ import annotations

from policies.base import Floats

CAUTION = 20.0  # rows' worth of trust in the predictions as they are


def line(predicted: Floats, reward: Floats) -> tuple[float, float]:
    """Intercept and slope that lead from predictions (n,) to rewards (n,), the slope kept near 1.

    Boosted trees that stop early stay too near to the mean, trees that go on too long too far from it; the
    line mends both.

    Source: Cox (1958), "Two Further Applications of a Model for Binary Regression" (slope and intercept).
    """
    apart = predicted - predicted.mean()
    spread = float(apart @ apart)
    caution = CAUTION * spread / max(len(predicted), 1)
    slope = (float(apart @ reward) + caution) / (spread + caution) if spread > 0 else 1.0
    return float(reward.mean()) - slope * float(predicted.mean()), slope
