"""How far to trust the prior: one scale of all prior precisions, chosen by the sums themselves.

The pooled model of `policies.pool` is normal: action a has weights theta_a around v_a = W'z_a with precision
s R, the factors' weights W around 0 with precision s pool, all in units of the noise's variance; s is 1 for
the intercept that all actions have in common. With the rows' weights integrated out, the density of the
rewards y is normal with covariance noise * V(s), where

    log det V = sum_a [log det A_a - log det(s R)] + log det(C) - sum_j log(s_j pool) = sum_a L_a + L_pool,
    Q = y' V^-1 y = y'y - sum_a b_a' A_a^-1 b_a - c' C^-1 c,

A_a = G_a + s R, and C w = c is the system of the factors' weights after absorption of the actions. The noise
is profiled out, noise = Q / n, and s maximises

    -n/2 (log(2 pi Q / n) + 1) - 1/2 (sum_a rho_a L_a + rho L_pool).

With every rho = 1 that is the logarithm of the evidence. It supposes one noise for all rows, and rewards of
campaigns are not like that: whoever buys much also has large contexts, so his luck is fitted as if it were
his taste. To the first order in 1/s the fit of pure luck lowers Q by sum_i y_i^2 |x_i|^2 / (s ridge), where
one noise for all would have it mean(y^2) sum_i |x_i|^2 / (s ridge). The dispersion rho is the ratio of the
two, over the rows of an action, or over all of them: the evidence of a quasi-likelihood, in which luck gains
nothing on average whatever its variance depends on.

The scale is the best of a few, for the evidence is flat at its top and may have more than one. How likely
the rewards make each of them, none being preferred beforehand, is what `policies.optimism` averages over.
Q grows with s, and no L is below 0. So -n/2 (log(2 pi Q(s) / n) + 1) bounds the evidence of every larger
scale, and where that is hopeless these are not worked out: a Cholesky factor an action and scale is what it
costs.

Only sums enter, so learners that saw the same rows choose the same scale, in any order, merged or not.

Source: MacKay (1992), "Bayesian interpolation", section 4; Bishop (2006), "Pattern recognition and machine
    learning", eq. 3.86; Henderson (1975) for the absorption; Wedderburn (1974), "Quasi-likelihood functions,
    generalized linear models, and the Gauss-Newton method", for the dispersion.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from policies.base import Floats
from policies.moments import Moments
from policies.pool import Layout, crossed

SCALES = (1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6)  # what the settings' precisions are multiplied with
HOPELESS = 50.0  # so far below the best, in logarithms, a scale has a belief below 1e-21: it is taken as 0
_LEAST = 1e-12  # of y'y: Q is known no better than that


@dataclass(frozen=True, slots=True)
class Part:
    """One action at one scale, its own weights integrated out.

    Attributes:
        volume: L_a = log det A - log det R.
        explained: b' A^-1 b.
        schur: (p, p) its share in the factors' system, R - R A^-1 R on the pooled columns.
        pull: (p,) its share in that system's right side, R A^-1 b.
    """

    volume: float
    explained: float
    schur: Floats
    pull: Floats


def part(G: Floats, b: Floats, ridge: Floats, p: int) -> Part:
    """One action: G (D, D) by its lower half, b (D,), ridge (D,) its precision, p pooled columns, the first.

    The columns are taken backwards, so that the last p x p block of the Cholesky factor is the root of what
    is left of the pooled ones when all others are eliminated.
    """
    from scipy.linalg import cho_factor, solve_triangular  # only learning needs it

    A, start = G[::-1, ::-1].copy(), len(b) - p
    A.flat[:: len(b) + 1] += ridge[::-1]
    L, _ = cho_factor(A.T, lower=True, overwrite_a=True, check_finite=False)  # its upper half means nothing
    u = solve_triangular(L, b[::-1], lower=True, check_finite=False)
    near = np.eye(p)[::-1] * ridge[:p]
    back = solve_triangular(L[start:, start:], near, lower=True, check_finite=False)
    volume = 2.0 * float(np.log(np.diag(L)).sum()) - float(np.log(ridge).sum())
    return Part(volume, float(u @ u), np.diag(ridge[:p]) - back.T @ back, back.T @ u[start:])


def _part(one: Moments, ridge: Floats, p: int) -> Part:
    D = len(ridge)
    return part(one.G[:D, :D], one.b[0, :D], ridge, p)


def evidence(
    parts: Sequence[Part], Z: Floats, pool: Floats, square: float, n: float, dispersion: Floats
) -> tuple[float, float]:
    """Logarithm of the evidence of n rows with the noise profiled out, and what no larger scale exceeds.

    Args:
        parts: of the k learnt actions.
        Z: (k, m) factor loadings.
        pool: (m p,) precision of the factors' weights.
        square: y'y > 0.
        n: number of rows.
        dispersion: (k + 1,) rho of every action, and of all rows; ones for the evidence of one noise.
    """
    from scipy.linalg import cholesky, solve_triangular

    explained, volumes = sum(one.explained for one in parts), [one.volume for one in parts]
    A, c = crossed([one.schur for one in parts], [one.pull for one in parts], Z)
    L = cholesky(A + np.diag(pool), lower=True, check_finite=False)
    u = solve_triangular(L, c, lower=True, check_finite=False)
    volumes.append(2.0 * float(np.log(np.diag(L)).sum()) - float(np.log(pool).sum()))
    Q = max(square - explained - float(u @ u), _LEAST * square)
    most = -n / 2.0 * (math.log(2.0 * math.pi * Q / n) + 1.0)
    return most - float(dispersion @ volumes) / 2.0, most


def dispersion(moments: Sequence[Moments], columns: int) -> Floats:
    """(k + 1,) rho of every action, and of all rows, over the first columns of the features, [1, x]."""
    lift = np.array([float(one.lift[0, 0]) for one in moments])
    reach = np.array([float(np.diag(one.G)[:columns].sum()) for one in moments])
    if (reach <= 0.0).any():
        raise np.linalg.LinAlgError("rows without any features.")
    noise = sum(float(one.square[0, 0]) for one in moments) / sum(one.n for one in moments)
    ratio: Floats = np.append(lift / reach, lift.sum() / reach.sum()) / noise
    return ratio


def belief(
    moments: Mapping[str, Moments],
    layout: Layout,
    precision: Floats,
    pool: float,
    columns: int,
    parts: dict[str, list[Part]],
) -> Floats:
    """(7,) probability of each of `SCALES`; that of the largest is 1 where only zeros were learnt.

    Args:
        moments: of each learnt action.
        layout: what is pooled, and how.
        precision: (D, 7) of an action's first D weights at each scale; other features are not looked at.
        pool: precision of the factors' weights at scale 1.
        columns: how many of the D features are [1, x].
        parts: of actions by name, one a scale, the first ones, kept from the last time; those missing are
            added as far as they are needed.

    Raises:
        LinAlgError: the sums are not those of any rows.
    """
    known = [moments[name] for name in layout.names]
    for name in layout.names:
        if name not in parts or len(parts[name][0].pull) != layout.p:
            parts[name] = [_part(moments[name], precision[:, 0], layout.p)]
    n, square = sum(one.n for one in known), sum(float(one.square[0, 0]) for one in known)
    if not (square > 0.0 and n > 0.0):
        return certain(SCALES[-1])
    rho = dispersion(known, columns)
    value = np.full(len(SCALES), -np.inf)
    for i, scale in enumerate(SCALES):
        for name in layout.names:
            if len(parts[name]) == i:
                parts[name].append(_part(moments[name], precision[:, i], layout.p))
        at = [parts[name][i] for name in layout.names]
        value[i], most = evidence(at, layout.Z, layout.precision(pool, scale), square, n, rho)
        if most < value.max() - HOPELESS:
            break
    odds = np.exp(value - value.max())
    return np.asarray(odds / odds.sum())


def certain(scale: float) -> Floats:
    """(7,) the belief in one of `SCALES`."""
    return np.equal(SCALES, scale).astype(np.float64)


def likeliest(belief: Floats) -> float:
    """The scale believed in most; of equals the largest."""
    return max(zip(belief.tolist(), SCALES, strict=True))[1]
