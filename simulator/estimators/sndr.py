"""Self-normalised doubly robust."""

from __future__ import annotations

from simulator.estimators.base import Rows, Terms


def sndr(rows: Rows) -> Terms:
    """DR whose correction is divided by the sum of the weights, not by n.

    Source: Thomas and Brunskill (2016), "Data-Efficient Off-Policy Policy Evaluation for Reinforcement
        Learning" (weighted DR); Kallus and Uehara (2019), "Intrinsically Efficient, Stable, and Bounded
        Off-Policy Evaluation".
    """
    return Terms(rows.baseline, rows.weight * (rows.reward - rows.q), rows.weight, rows.weight)
