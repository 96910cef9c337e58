"""Optimism: what is little known of an action counts in its favour, until it is known.

The learnt weights of an action have, given what its factors predict, the posterior covariance
noise * (G_a + s R)^-1. Here it is taken as diagonal: the closest independent normals have variance
noise / (G_a,jj + s R_jj) for column j (the mean field), so a customer of context x has the variance
noise * sum_j x_j^2 / (G_a,jj + s R_jj), one product of the squared context with a (p, k) table. The table is
averaged over the prior's scales s by how likely the rewards make each (`policies.evidence`): few rows leave
the scale open, and doubt is large; rewards that are all luck make it certain that there is little to find.

Where predictions differ, what is learnt over them is held to be of their size at most: the variance v
becomes 1 / (1 / v + 1 / half^2), with half of the predictions' range over the feasible actions.

Whether to send anything at all is a matter of what is expected, not of doubt: sending nothing has rows in
plenty and every way of sending few, so that doubt would speak for one contact more, day after day. Where
`no_action` may be taken, doubt counts among the ways of sending, beyond that of the best known one.

Only sums over rows enter. The products are exact (`policies.grid`), so row i depends on row i only.

Source: Li, Chu, Langford and Schapire (2010), "A contextual-bandit approach to personalized news article
    recommendation", Algorithm 1; Abbasi-Yadkori, Pal and Szepesvari (2011), "Improved algorithms for linear
    stochastic bandits"; Kaufmann, Cappe and Garivier (2012), "On Bayesian upper confidence bounds for bandit
    problems"; MacKay (1992), "Bayesian interpolation", for the scales; Bishop (2006), "Pattern recognition
    and machine learning", eq. 10.12 to 10.15, for the mean field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from policies import grid, rowwise
from policies.base import NO_ACTION, Actions, Floats, Mask
from policies.kernel import kernel

_BITS = 18  # of a squared context: up to 8 * 8, in steps of 2**-12
_STEPS = 2.0**grid.X_BITS  # of the grid, in 1


@dataclass(frozen=True, slots=True)
class Doubt:
    """Posterior variances of an action's first p weights, in units of the noise.

    Attributes:
        known: (p,) of each learnt action.
        unlearnt: (p,) of any other.
    """

    known: Mapping[str, Floats]
    unlearnt: Floats

    def table(self, actions: Actions) -> Floats:
        """(p, k) of those actions, each column on the finest grid on which its products are exact."""
        variance = np.stack([self.known.get(name, self.unlearnt) for name in actions.names], axis=1)
        unit = np.ldexp(1.0, np.frexp(variance.max(axis=0))[1])
        table: Floats = grid.snap_weights(variance / unit, _BITS) * unit
        return table


def variance(reach: Floats, precision: Floats, belief: Floats) -> Floats:
    """(p,) posterior variances in units of the noise, averaged over the scales of the prior.

    Args:
        reach: (p,) sum of squares of each column over the action's rows.
        precision: (p, 7) of the prior at each of `SCALES`.
        belief: (7,) probability of each of `SCALES`.
    """
    each: Floats = (belief / (precision + reach[:, None])).sum(axis=1)
    return each


def variances(X: Floats, table: Floats, further: Floats | None = None) -> Floats:
    """(n, k) posterior variance of the score, in units of the noise.

    Args:
        X: (n, d) contexts.
        table: (1 + d + r, k) variances of the weights.
        further: (n, r) what the contexts give beside themselves, on the grid.
    """
    if further is not None:
        return grid.multiply(_with_squares(np.hstack([grid.snap(X), further])), table)
    if (used := grid.said(X)) is None:
        return grid.multiply(_with_squares(grid.snap(X)), table)
    weights = grid.rows(table, np.concatenate([[0], 1 + used]))
    found: Floats = _with_squares(grid.snap(grid.pick(X, used))) @ weights
    return found


def _with_squares(x: Floats) -> Floats:
    square = np.empty((len(x), 1 + x.shape[1]))
    _squares(x, square)
    return square


@kernel("void(f8[:,::1], f8[:,::1])", writes=1)
def _squares(x: Floats, square: Floats) -> None:
    """1 and the squares of contexts on the grid, on it again."""
    n, d = x.shape
    for i in range(n):
        square[i, 0] = 1.0
        for j in range(d):
            square[i, 1 + j] = np.rint(x[i, j] * x[i, j] * _STEPS) / _STEPS


def bonus(variance: Floats, spread: Floats, half: Floats) -> Floats:
    """(n, k) standard deviation of the score.

    Args:
        variance: (n, k) of it in units of the noise.
        spread: (n,) standard deviation of the noise.
        half: (n,) half the range of the predictions; 0 where nothing is predicted.
    """
    doubt = np.empty(variance.shape)
    rowwise.deviations(variance, spread, half, doubt)
    return doubt


def beyond(doubt: Floats, mask: Mask, actions: Actions) -> Floats:
    """(n, k) doubts of feasible actions beyond the least one of what may be sent; 0 for `no_action`.

    They are what they were where there is no such action.
    """
    if NO_ACTION in actions.names:
        rowwise.beyond_least(np.ascontiguousarray(mask), actions.names.index(NO_ACTION), doubt)
    return doubt


def squarecb(
    scores: Floats,
    mask: Mask,
    prior: Floats,
    variance: Floats,
    actions: Actions,
    totals: tuple[float, float],
    settings: Mapping[str, Any],
) -> Floats:
    """(n, k) pmf by `policies.explore.squarecb` of scores with doubts in their favour, in one pass over rows.

    Args:
        scores, mask, prior: (n, k) as of `policies.base.Policy`.
        variance: (n, k) of the scores in units of the noise; 0 for all before anything was learnt.
        totals: rows learnt and their squared deviations, as of `policies.stakes.totals`.
        settings: `trust`, `optimism`, `gamma` and `floor` of the policy.
    """
    names, pmf = actions.names, np.empty(mask.shape)
    rowwise.hopeful_squarecb(
        np.ascontiguousarray(scores),
        np.ascontiguousarray(mask),
        np.ascontiguousarray(prior, dtype=np.float64),
        variance,
        settings["trust"],
        *totals,
        settings["optimism"],
        names.index(NO_ACTION) if NO_ACTION in names else -1,
        settings["gamma"],
        settings["floor"],
        pmf,
    )
    return pmf
