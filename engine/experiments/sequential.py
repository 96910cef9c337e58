"""Confidence sequences: intervals that hold at every look at once, however often one looks."""

from __future__ import annotations

import math

from scipy.optimize import brentq
from scipy.special import betaln
from scipy.stats import norm

from engine.experiments.sample import Moments
from engine.experiments.welch import Effect, Interval, difference

HORIZON = 10_000  # units at which the sequence is narrowest where none was planned
_EARLY = 0.1  # share of the planned units at which the early half of a planned sequence is narrowest


def rate(horizon: float, alpha: float = 0.05) -> float:
    """The rho that makes the asymptotic confidence sequence narrowest at `horizon` units."""
    return math.sqrt((-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / horizon)


def asymptotic(effect: Effect, n: int, horizon: float = HORIZON, level: float = 0.95) -> Interval:
    """Asymptotic confidence sequence of an effect, read after n units of both arms.

    `horizon` must be fixed before the first look; the guarantee does not depend on its value.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central limit theory and
    asymptotic confidence sequences", equation 9 (rho from equation 161 of the 2021 version).
    """
    scale = n * rate(horizon, 1 - level) ** 2
    reach = effect.se * math.sqrt(2 * (scale + 1) / scale * math.log(math.sqrt(scale + 1) / (1 - level)))
    return Interval(effect.value, effect.value - reach, effect.value + reach)


def planned(effect: Effect, n: int, horizon: float, level: float = 0.95) -> Interval:
    """Asymptotic confidence sequence of an experiment planned to end at `horizon` units; it holds after, too.

    Two sequences share the error: one that may not be left at any time up to the horizon, by the reflection
    principle for Brownian motion, which is 1.27 times as wide as a fixed interval at the end (at 95 %), and a
    normal mixture that is narrow early and holds for ever. The narrower limit counts.

    Source: Jennison and Turnbull (2000), "Group sequential methods with applications to clinical trials",
    chapter 2 (O'Brien-Fleming in continuous time), for the one; `asymptotic` for the other.
    """
    alpha = (1 - level) / 2
    early = asymptotic(effect, n, _EARLY * horizon, 1 - alpha)
    if n > horizon:
        return early
    reach = effect.se * math.sqrt(horizon / n) * float(norm.isf(alpha / 4))
    low, high = effect.value - reach, effect.value + reach
    return Interval(effect.value, max(early.low, low), min(early.high, high))


def always_valid_p(effect: Effect, n: int, horizon: float = HORIZON, alpha: float = 0.05) -> float:
    """p-value that may be read at every look: one over the e-value of the same normal mixture, at most 1."""
    scale = n * rate(horizon, alpha) ** 2
    score = effect.value / effect.se
    return min(1.0, math.sqrt(scale + 1) * math.exp(-scale * score**2 / (2 * (scale + 1))))


def msprt(control: Moments, treatment: Moments, level: float = 0.95) -> Interval:
    """Mixture sequential probability ratio test, with the mixing variance that Statsig documents.

    Source: Johari, Koomen, Pekelis and Walsh (2022), "Always valid inference: continuous monitoring of A/B
    tests".
    """
    effect = difference(control, treatment)
    variance = effect.se**2
    pooled = (control.variance + treatment.variance) / (control.n + treatment.n)
    tau = float(norm.ppf((1 + level) / 2)) ** 2 * pooled
    ratio = variance / (variance + tau)
    reach = effect.se * math.sqrt((-2 * math.log((1 - level) / 2) - math.log(ratio)) * (variance + tau) / tau)
    return Interval(effect.value, effect.value - reach, effect.value + reach)


def best_rho(v: float, alpha: float) -> float:
    """The mixture parameter that makes `normal_mixture_bound` lowest at intrinsic time v."""
    return v / (2 * math.log(1 / alpha) + math.log(1 + 2 * math.log(1 / alpha)))


def log_normal_mixture(s: float, v: float, rho: float) -> float:
    """Log of the two-sided normal-mixture martingale of a sum s at intrinsic time v.

    Source: Howard, Ramdas, McAuliffe and Sekhon (2021), "Time-uniform, nonparametric, nonasymptotic
    confidence sequences", Annals of Statistics 49, proposition 5.
    """
    return 0.5 * math.log(rho / (v + rho)) + s * s / (2 * (v + rho))


def normal_mixture_bound(v: float, alpha: float, rho: float) -> float:
    """How far a 1-sub-Gaussian sum may stray from 0, at all intrinsic times v at once. Source as above."""
    return math.sqrt((v + rho) * (math.log(1 + v / rho) + 2 * math.log(1 / alpha)))


def bernoulli(successes: int, trials: int, horizon: float, level: float = 0.95) -> Interval:
    """Confidence sequence of one proportion: inverts the beta-binomial mixture of a sub-Bernoulli sum.

    Source: Howard et al. (2021), proposition 7; horizon as in `asymptotic`, tuned at a 5 % error.
    """
    share = successes / trials
    threshold = math.log(1 / (1 - level))

    def excess(p: float) -> float:
        return _log_beta_mixture(successes, trials, p, horizon) - threshold

    least, most = 1e-12, 1 - 1e-12
    start = min(max(share, least), most)
    low = brentq(excess, least, start) if share > 0 and excess(least) > 0 else 0.0
    high = brentq(excess, start, most) if share < 1 and excess(most) > 0 else 1.0
    return Interval(share, float(low), float(high))


def _log_beta_mixture(successes: int, trials: int, p: float, horizon: float) -> float:
    """Log martingale against proportion p: a beta prior around p against p itself."""
    weight = max(best_rho(p * (1 - p) * horizon, 0.05) - p * (1 - p), 1e-3 * p * (1 - p))
    a, b = weight / (1 - p), weight / p
    failures = trials - successes
    gained = betaln(a + successes, b + failures) - betaln(a, b)
    return float(gained - successes * math.log(p) - failures * math.log1p(-p))
