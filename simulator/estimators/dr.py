"""Doubly robust."""

from __future__ import annotations

from simulator.estimators.base import Rows, Terms, corrected


def dr(rows: Rows) -> Terms:
    """The model's value plus the weighted mean of what the model missed.

    Unbiased if the propensities or the model are right; less noise than IPS by what the model explains.

    Source: Dudik, Langford and Li (2011), "Doubly Robust Policy Evaluation and Learning", equation 1.
    """
    return corrected(rows, rows.weight)
