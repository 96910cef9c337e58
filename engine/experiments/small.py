"""Arms of few units: their spread is told with that of both arms together.

Money is brought by few, and much of it by very few. Fifteen units of which none is among them look alike, and
their mean looks known; it is the more so the further it lies below the truth, so that the other arm seems to
win. So the variance of an arm of n units is taken as that of n units of its own and some of both arms, where
that is larger, and its skewness with it. What is borrowed shrinks with n and is nothing from 1,000 units on.

Source: Smyth (2004), "Linear models and empirical Bayes methods for assessing differential expression", for
    a variance that leans on others'; how much is borrowed was found by simulation (docs/decisions/049).
"""

from __future__ import annotations

from engine.experiments.sample import Moments

BORROWED = 20.0  # units of both arms that count beside an arm's own, where it has next to none
ENOUGH = 1000  # units of an arm from which on nothing is borrowed


def steadied(control: Moments, treatment: Moments) -> tuple[Moments, Moments]:
    """Two arms, each with a spread that is no smaller than its own."""
    n = control.n + treatment.n
    variance, third = (
        (getattr(control, name) * control.n + getattr(treatment, name) * treatment.n) / n
        for name in ("variance", "third")
    )
    return _towards(control, variance, third), _towards(treatment, variance, third)


def _towards(arm: Moments, variance: float, third: float) -> Moments:
    if arm.n >= ENOUGH or variance <= arm.variance:
        return arm
    borrowed = BORROWED * (1.0 - arm.n / ENOUGH)
    share = borrowed / (arm.n + borrowed)
    mixed = [
        (1.0 - share) * own + share * both for own, both in ((arm.variance, variance), (arm.third, third))
    ]
    return Moments(arm.n, arm.mean, *mixed)
