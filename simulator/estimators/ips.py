"""Inverse propensity scoring."""

from __future__ import annotations

from simulator.estimators.base import Rows, Terms, weighted


def ips(rows: Rows) -> Terms:
    """Mean of weight * reward: unbiased if the propensities are right, noisy where weights are large.

    Source: Horvitz and Thompson (1952), "A Generalization of Sampling Without Replacement from a Finite
        Universe".
    """
    return weighted(rows.weight, rows.reward)
