"""Marginalised inverse propensity scoring over action embeddings."""

from __future__ import annotations

from policies.base import Floats
from simulator.estimators.base import Rows, Terms, weighted


def mips(rows: Rows) -> Terms:
    """IPS with the weight of what the action is made of (offer, channel, slot), not of the action itself.

    Unbiased if the action works only through its embedding; much less noise where many actions share one.

    Raises:
        ValueError: the rows carry no marginal weights.

    Source: Saito and Joachims (2022), "Off-Policy Evaluation for Large Action Spaces via Embeddings",
        equation 5.
    """
    if rows.marginal is None:
        raise ValueError("MIPS needs marginal weights: give actions with embeddings and the logging pmf.")
    return weighted(rows.marginal, rows.reward)


def marginal_weight(target: Floats, logging: Floats, group: Floats) -> Floats:
    """(n, g) probability of each embedding under the target over that under the logging policy.

    Args:
        target: (n, k) the target's pmf.
        logging: (n, k) the logging policy's pmf, positive wherever the target's embeddings are.
        group: (k, g) 1 where an action has the embedding.

    Returns:
        (n, g) ratios, 0 for embeddings the logging policy could not show.
    """
    below = logging @ group
    above = target @ group
    ratio = above.copy()
    ratio[below > 0] /= below[below > 0]
    ratio[below <= 0] = 0.0
    return ratio
