"""Sample ratio mismatch: do the arms hold as many units as the split promised?"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln, logsumexp, xlogy
from scipy.stats import binomtest, chi2, norm

from policies.base import Floats, Ints

_TILTS = [sign * 0.01 * 2**j for j in range(9) for sign in (-1, 1)]


def chi_square(count: Sequence[int], share: Sequence[float]) -> float:
    """p-value of Pearson's chi-square that counts follow the shares; shares need not sum to 1.

    Args:
        count: (k,) units per arm.
        share: (k,) promised shares, positive.
    """
    observed = np.asarray(count, dtype=np.float64)
    expected = observed.sum() * np.asarray(share, dtype=np.float64) / sum(share)
    return float(chi2.sf(((observed - expected) ** 2 / expected).sum(), len(observed) - 1))


def exact(control: int, treatment: int, share: float = 0.5) -> float:
    """Exact two-sided binomial p-value for two arms; `share` is the control's."""
    return float(binomtest(control, control + treatment, share).pvalue)


def normal(control: int, treatment: int, share: float = 0.5, correction: bool = True) -> float:
    """Two-sided normal p-value for two arms, with Yates' continuity correction unless told otherwise."""
    n = control + treatment
    gap = abs(control - n * share) - (0.5 if correction else 0.0)
    return float(min(1.0, 2 * norm.sf(max(gap, 0.0) / math.sqrt(n * share * (1 - share)))))


def log_marginals(
    batches: Sequence[Sequence[int]], share: Sequence[float], prior: Sequence[float] | None = None
) -> Floats:
    """Running log evidence of a mismatch and of the promised split.

    Source: Lindon and Malek (2022), "Anytime-valid inference for multinomial count data", NeurIPS.

    Args:
        batches: (t, k) new units per arm since the look before.
        share: (k,) promised shares, summing to 1.
        prior: (k,) Dirichlet parameters of the alternative; all 1 if None.

    Returns:
        (t, 2) log marginal likelihood under the Dirichlet alternative and under the promised shares.
    """
    count = np.asarray(batches, dtype=np.float64)
    null = np.asarray(share, dtype=np.float64)
    start = np.ones(len(null)) if prior is None else np.asarray(prior, dtype=np.float64)
    before = start + np.cumsum(count, axis=0) - count
    ways = gammaln(count.sum(axis=1) + 1) - gammaln(count + 1).sum(axis=1)
    mixed = ways + _log_beta(before + count) - _log_beta(before)
    fixed = ways + xlogy(count, null).sum(axis=1)
    return np.cumsum(np.stack([mixed, fixed], axis=1), axis=0)


def sequential_p(
    batches: Sequence[Sequence[int]], share: Sequence[float], prior: Sequence[float] | None = None
) -> float:
    """p-value that may be read after every batch: the smallest inverse Bayes factor so far."""
    evidence = log_marginals(batches, share, prior)
    return float(min(1.0, math.exp(-max(float((evidence[:, 0] - evidence[:, 1]).max()), 0.0))))


def draws_p(drawn: Ints, pmf: Floats) -> tuple[float, int]:
    """p-value that actions were drawn with these probabilities, and the action that speaks most against it.

    The sum of what was drawn less what was to be expected is a martingale whatever the probabilities
    followed: what was learnt before, the customer, the day. Its exponential tilts are test martingales, and
    so is their mean over actions and tilts; one over the mean is a p-value for few draws and rare actions
    too, and it asks no independence of a customer's decisions.

    Source: Howard, Ramdas, McAuliffe and Sekhon (2020), "Time-uniform Chernoff bounds via nonnegative
        supermartingales", Probability Surveys 17.

    Args:
        drawn: (n,) the action of each draw.
        pmf: (n, k) its probabilities.
    """
    count = np.bincount(drawn, minlength=pmf.shape[1])
    moving = np.flatnonzero(((pmf > 0) & (pmf < 1)).any(axis=0))
    if not len(moving):
        return 1.0, 0
    chance = np.clip(pmf[:, moving], 0.0, 1.0)
    evidence = np.stack(
        [tilt * count[moving] - np.log1p(chance * math.expm1(tilt)).sum(axis=0) for tilt in _TILTS]
    )
    whole = float(logsumexp(evidence)) - math.log(evidence.size)
    return math.exp(-max(whole, 0.0)), int(moving[evidence.max(axis=0).argmax()])


def _log_beta(parameter: Floats) -> Floats:
    """(t,) log of the multivariate beta function of (t, k) parameters."""
    return np.asarray(gammaln(parameter).sum(axis=1) - gammaln(parameter.sum(axis=1)), dtype=np.float64)
