"""Ridge regressions of many actions that borrow from one another through shared factors.

Every action a has weights theta_a that are normal around v_a = z_a W, with z_a its factor loadings (offer,
channel, slot) and W the factors' own weights, themselves normal around 0. All rows together are one ridge
regression on the crosses (z_a (x) x) and (e_a (x) phi); the second part is eliminated action by action, so
the largest system to solve has m * p unknowns, for m factors and the p pooled columns. A new action starts at
v_a: what its offer, channel and slot have shown elsewhere.

Actions that share factors also share one more, which is in all of them: what a context is worth whatever is
done. Its intercept is not held back like all else, whose precision grows as effects turn out to be small (see
`policies.evidence`). Otherwise an action with many rows would be known for what the world is like, and one
with few for the 0 it is held to; where customers leave by themselves, sending anything would look better
than sending nothing.

Source: Lindley and Smith (1972), "Bayes estimates for the linear model"; Henderson (1975), "Best linear
unbiased estimation and prediction under a selection model" (absorption of the action effects)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from policies.base import Actions, Floats
from policies.moments import Moments

COMMON = ""  # the factor that is in every action, where actions have any in common
LARGEST_SYSTEM = (
    4096  # unknowns of the pooled system; with more factors fewer columns are pooled, the first ones
)


@dataclass(frozen=True, slots=True)
class Fit:
    """One action's part of the solution: theta = own + borrow @ v.

    Attributes:
        own: (D,) weights if the factors knew nothing (v = 0).
        borrow: (D, p) how v, the factors' prediction of the first p weights, enters.
    """

    own: Floats
    borrow: Floats


def fit(G: Floats, b: Floats, ridge: Floats, p: int) -> Fit:
    """Solve one action: G (D, D) by its lower half, b (D,), ridge (D,) its precision, p pooled columns."""
    from scipy.linalg import cho_factor, cho_solve  # only learning needs it

    A = G.copy()
    A.flat[:: len(b) + 1] += ridge
    factor = cho_factor(A.T, lower=False, overwrite_a=True, check_finite=False)
    borrowed = np.eye(len(b), p) * ridge[:p]
    solved = cho_solve(factor, np.column_stack([b, borrowed]), check_finite=False)
    return Fit(np.ascontiguousarray(solved[:, 0]), np.ascontiguousarray(solved[:, 1:]))


def share(fits: list[Fit], Z: Floats, ridge: Floats, pool: Floats) -> Floats:
    """The factors' weights.

    Args:
        fits: of the k learnt actions.
        Z: (k, m) factor loadings.
        ridge: (p,) precision of an action's pooled weights around z W.
        pool: (m p,) precision of the factors' weights around 0.

    Returns:
        (m, p) W.
    """
    from scipy.linalg import cho_factor, cho_solve

    m, p = Z.shape[1], len(ridge)
    if not m:
        return np.zeros((0, p))
    schurs = [ridge[:, None] * (np.eye(p) - one.borrow[:p]) for one in fits]
    A, c = crossed(schurs, [ridge * one.own[:p] for one in fits], Z)
    system = A + np.diag(pool)
    factor = cho_factor((system + system.T) / 2.0, lower=True, check_finite=False)
    return np.asarray(cho_solve(factor, c, check_finite=False)).reshape(m, p)


def crossed(schurs: Sequence[Floats], pulls: Sequence[Floats], Z: Floats) -> tuple[Floats, Floats]:
    """(m p, m p) and (m p,) the factors' system without its prior: what the k actions have to say.

    Args:
        schurs: k of (p, p), an action's information on its factors' prediction.
        pulls: k of (p,), the same times where it would have it.
        Z: (k, m) factor loadings.
    """
    m, p = Z.shape[1], len(pulls[0])
    A, c = np.zeros((m, p, m, p)), np.zeros((m, p))
    for S, pull, z in zip(schurs, pulls, Z, strict=True):
        for i in np.flatnonzero(z):
            c[i] += z[i] * pull
            for j in np.flatnonzero(z):
                A[i, :, j, :] += z[i] * z[j] * S
    return A.reshape(m * p, m * p), c.ravel()


@dataclass(frozen=True, slots=True)
class Solution:
    """Weights of everything that was learnt: `theta` (D,) per action, `shared` (p,) per factor, D columns."""

    theta: Mapping[str, Floats]
    shared: Mapping[str, Floats]
    D: int

    def weights(self, actions: Actions) -> Floats:
        """(k, D) weights; an action never learnt has what its factors have shown elsewhere."""
        return np.stack(
            [self._of(name, row, actions) for name, row in zip(actions.names, actions.features, strict=True)]
        )

    def _of(self, name: str, loading: Floats, actions: Actions) -> Floats:
        if name in self.theta:
            return self.theta[name]
        theta = np.zeros(self.D)
        known = [(COMMON, 1.0), *((actions.factors[j], loading[j]) for j in np.flatnonzero(loading))]
        for factor, load in known:
            if (shared := self.shared.get(factor)) is not None:
                theta[: len(shared)] += load * shared
        return theta


@dataclass(frozen=True, slots=True)
class Layout:
    """What is pooled: k actions and m factors by sorted names, so that the order of learning is no matter.

    Attributes:
        names: of the k learnt actions.
        factors: names of the m factors, `COMMON` first if there are any; one with its action's own name is
            left out, since the action's own weights say the same.
        Z: (k, m) factor loadings.
        p: how many columns the factors are crossed with, the first ones.
    """

    names: tuple[str, ...]
    factors: tuple[str, ...]
    Z: Floats
    p: int

    def precision(self, pool: float, scale: float) -> Floats:
        """(m p,) precision of the factors' weights at a scale, which the intercept of `COMMON` ignores."""
        near = np.full(len(self.factors) * self.p, pool * scale)
        near[:1] = pool
        return near


def lay_out(loading: Mapping[str, Mapping[str, float]], columns: int) -> Layout:
    """The layout of learnt actions, from their loadings by factor and the most columns to pool."""
    names = tuple(sorted(loading))
    factors = tuple(sorted({factor for name in names for factor in loading[name] if factor != name}))
    factors = (COMMON, *factors) if factors else ()
    Z = np.zeros((len(names), len(factors)))
    for row, name in zip(Z, names, strict=True):
        row[:] = [1.0 if factor == COMMON else loading[name].get(factor, 0.0) for factor in factors]
    return Layout(names, factors, Z, min(columns, LARGEST_SYSTEM // len(factors)) if factors else 0)


def solve(
    moments: Mapping[str, Moments], layout: Layout, ridge: Floats, pool: Floats, fits: dict[str, Fit]
) -> Solution:
    """Weights of all learnt actions and factors.

    Args:
        moments: of each learnt action, over D features.
        layout: what is pooled, and how.
        ridge: (D,) precision of an action's weights around its factors' prediction.
        pool: (m p,) precision of the factors' weights around 0.
        fits: solutions of single actions kept from the last time; those missing are added.
    """
    for name in layout.names:
        if name not in fits or fits[name].borrow.shape[1] != layout.p:
            fits[name] = fit(moments[name].G, moments[name].b[0], ridge, layout.p)
    W = share([fits[name] for name in layout.names], layout.Z, ridge[: layout.p], pool)
    theta = {name: _theta(fits[name], z, W) for name, z in zip(layout.names, layout.Z, strict=True)}
    return Solution(theta, dict(zip(layout.factors, W, strict=True)), len(ridge))


def _theta(one: Fit, z: Floats, W: Floats) -> Floats:
    theta = one.own
    for j in np.flatnonzero(z):
        theta = theta + z[j] * (one.borrow @ W[j])
    return theta
