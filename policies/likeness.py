"""Which earlier action is each action like now?

After a change an action may be what another one was before: offers that swapped places, creatives that were
renamed, a feed with new keys. Scores cannot tell, for an earlier action's score was learnt where it was
chosen and means nothing elsewhere. What tells is where it earned: its share of the rewards,

    h_j(x) = E[reward * 1(action = j) | x] over all decisions before the change,

one ridge regression on the contexts of all actions with the right side b_j, so that sums are all it takes.
Where an action was the one to choose, its share is large, and small everywhere else. Divided by its peak it
is a soft "here j was the one to choose", so the rewards and rows of action a fall into those in such contexts
and those outside, P_aj, n_aj, P_a - P_aj and n_a - n_aj. If a is now what j was it earns inside what j
earned, or more, and hardly anything outside. Rewards count as arrivals of a Poisson process whose dispersion
is that of all rewards, 1 where they are 0 or 1:

    log L_aj = [P_aj log mu_j - n_aj mu_j + (P_a - P_aj) log nu_j - (n_a - n_aj) nu_j] / dispersion.

Against these stands that a is like none of them and earns the same everywhere. As no two actions are likely
to be the same earlier one, a column of the table that sums up to more than 1 is scaled down, row by row and
column by column in turn.

Source: Wedderburn (1974), "Quasi-likelihood functions, generalized linear models, and the Gauss-Newton
    method", for the dispersion; Sinkhorn and Knopp (1967), "Concerning nonnegative matrices and doubly
    stochastic matrices", for the scaling.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from policies.base import Floats
from policies.moments import Moments

AFRESH = 0.001  # odds beforehand that an action is like none
OUTSIDE = 0.25  # of what an action earns inside it earns where any other is the one to choose
BENT = 0.4  # the logarithm of a mean is more than the mean of logarithms: by so much for a reward of 1
_TURNS = 20  # of scaling
_STEPS = 256.0  # in 1: what changes by less is no reason to solve an action anew
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Earned:
    """What was earned with each of K actions before a change.

    Attributes:
        share: (D, K) weights of h_j.
        peak: (K,) h_j averaged over the rewards of j; infinite if there were none to speak of.
        rate: (K,) mean reward of j, rows weighing by h_j.
        size: mean over all rows of the sum of squared shares.
    """

    share: Floats
    peak: Floats
    rate: Floats
    size: float


def earned(moments: Sequence[Moments], precision: Floats) -> Earned:
    """From the sums of K actions and the (D,) prior precision."""
    from scipy.linalg import cho_factor, cho_solve  # only learning needs it

    n, total, square, rows, b = _sums(moments)
    G = _together(moments)
    share = np.asarray(cho_solve(cho_factor(G + np.diag(precision), lower=True), b))
    size = _size(share, G) / n.sum()
    if not total.sum() > 0.0:
        return Earned(share, np.full(len(n), np.inf), np.zeros(len(n)), size)
    inside, met = (share * b).sum(axis=0), (share * rows).sum(axis=0)
    peak = np.where(total > _LEAST, inside / np.maximum(total, _LEAST), 0.0)
    least = (np.maximum(total, 0.0) + total.sum() / n.sum()) / (n + 1.0)
    rate = np.maximum(np.where(met > _LEAST, inside / np.maximum(met, _LEAST), 0.0), least)
    most = max(square.sum() / total.sum(), float(least.max()))
    return Earned(share, np.where(peak > _LEAST, peak, np.inf), np.minimum(rate, most), size)


def likeness(before: Earned, moments: Sequence[Moments]) -> Floats:
    """(k, K) probability that each of k actions is now what an earlier one was; rows sum to 1 at most.

    All are 0 where actions have earned nothing all in all, before the change or since.
    """
    n, total, square, rows, b = _sums(moments)
    gain = np.maximum(total, 0.0)
    if not (total.sum() > 0.0 and np.isfinite(before.peak).any()):
        return np.zeros((len(moments), len(before.peak)))
    seen = _size(before.share, _together(moments)) / n.sum()
    peak = before.peak * min(1.0, math.sqrt(seen / before.size))  # smaller on rows they were not fit to
    success = np.clip(b.T @ before.share / peak, 0.0, gain[:, None])
    met = np.clip(rows.T @ before.share / peak, 0.0, n[:, None])
    inside = np.maximum(before.rate, (success + before.rate) / (met + 1.0))
    outside = inside * np.where(np.isinf(peak), 1.0, OUTSIDE / max(len(peak) - 1, 1))
    like = success * np.log(inside) + (gain[:, None] - success) * np.log(outside)
    like += BENT * gain[:, None] - met * inside - (n[:, None] - met) * outside
    mean = (gain + gain.sum() / n.sum()) / (n + 1.0)
    none = gain * np.log(mean) - n * mean
    return _assigned(np.column_stack([like, none]) * (total.sum() / square.sum()))


def _assigned(value: Floats) -> Floats:
    """(k, K) probabilities from (k, K + 1) logarithms of likelihoods, the last column being for none."""
    found = np.exp(value - value.max(axis=1, keepdims=True))
    found[:, -1] *= AFRESH
    found /= found.sum(axis=1, keepdims=True)
    for _ in range(_TURNS):
        found[:, :-1] /= np.maximum(found[:, :-1].sum(axis=0), 1.0)
        found /= found.sum(axis=1, keepdims=True)
    return np.asarray(np.rint(found[:, :-1] * _STEPS) / _STEPS)


def _sums(moments: Sequence[Moments]) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Of k actions: rows, rewards and their squares (k,), contexts and rewards by contexts (D, k)."""
    n = np.array([one.n for one in moments])
    rows, b = (np.stack(each, axis=1) for each in ([m.G[:, 0] for m in moments], [m.b[0] for m in moments]))
    return n, b[0], np.array([float(one.square[0, 0]) for one in moments]), rows, b


def _together(moments: Sequence[Moments]) -> Floats:
    """(D, D) G of all actions."""
    lower = np.tril(sum((one.G for one in moments[1:]), moments[0].G))
    return np.asarray(lower + np.tril(lower, -1).T)


def _size(share: Floats, G: Floats) -> float:
    """Squared shares, summed up over rows and actions."""
    return float(np.einsum("dk,dk->", share, G @ share))
