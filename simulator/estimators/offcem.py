"""Off-policy evaluation with a conjunct effect model."""

from __future__ import annotations

from simulator.estimators.base import Rows, Terms, corrected


def offcem(rows: Rows) -> Terms:
    """The reward model's value, corrected by surprises weighted by what the action is made of.

    Between groups of actions it is as unbiased as DR; within a group it trusts the reward model, and so
    needs that to be right only about differences between actions of one group.

    Raises:
        ValueError: the rows carry no marginal weights.

    Source: Saito, Ren and Joachims (2023), "Off-Policy Evaluation for Large Action Spaces via Conjunct
        Effect Modeling", equation 5.
    """
    if rows.marginal is None:
        raise ValueError("OffCEM needs marginal weights: give actions with embeddings and the logging pmf.")
    return corrected(rows, rows.marginal)
