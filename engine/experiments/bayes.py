"""A Bayesian reading beside the test: the chance to win, and what a wrong choice would cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.stats import beta, norm

from engine.experiments.welch import Effect


@dataclass(frozen=True, slots=True)
class Belief:
    """Posterior reading of an effect under a flat prior.

    Attributes:
        chance: probability that the effect is above 0.
        loss_keep: expected loss, in the effect's unit, of keeping the control.
        loss_switch: expected loss of choosing the treatment.
    """

    chance: float
    loss_keep: float
    loss_switch: float


def normal(effect: Effect) -> Belief:
    """Posterior N(value, se) of an effect.

    Source: Stucchio (2015), "Bayesian A/B testing at VWO": losses ``E[max(x, 0)]`` and ``E[max(-x, 0)]``.
    """
    score = effect.value / effect.se
    density, chance = effect.se * float(norm.pdf(score)), float(norm.cdf(score))
    return Belief(chance, density + effect.value * chance, density - effect.value * float(norm.sf(score)))


@dataclass(frozen=True, slots=True)
class Proportions:
    """Posterior comparison of two proportions: mean difference and chance that the treatment's is higher."""

    difference: float
    chance: float


def beta_binomial(
    control: tuple[int, int], treatment: tuple[int, int], prior: tuple[float, float] = (0.5, 0.5)
) -> Proportions:
    """Compare two (successes, trials) exactly, by one-dimensional quadrature.

    Source: Jeffreys' Beta(1/2, 1/2) prior; Gelman et al. (2013), "Bayesian data analysis", section 2.4.
    """
    c, t = (beta(prior[0] + s, prior[1] + n - s) for s, n in (control, treatment))
    edges = np.clip([t.mean() - 12 * t.std(), t.mean() + 12 * t.std()], 0.0, 1.0)
    chance, _ = quad(lambda x: t.pdf(x) * c.cdf(x), edges[0], edges[1], points=[t.mean()], limit=200)
    return Proportions(float(t.mean() - c.mean()), float(chance))
