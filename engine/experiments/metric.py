"""What is measured: a mean per unit, or a ratio of two means, as weights on the columns of a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.experiments.sample import Moments, Sample, project
from policies.base import Floats


@dataclass(frozen=True, slots=True)
class Term:
    """A level of an arm: the mean of a column, or with a denominator the ratio of two means."""

    numerator: str
    denominator: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.numerator,) if self.denominator is None else (self.numerator, self.denominator)


def level(sample: Sample, term: Term) -> float:
    """The arm's level of the term."""
    top = float(sample.mean[sample.at(term.numerator)])
    return top if term.denominator is None else top / float(sample.mean[sample.at(term.denominator)])


def weights(sample: Sample, term: Term) -> Floats:
    """(p,) weights on the columns whose mean varies as the term's level does: the delta method for ratios.

    Source: Deng, Knoblich and Lu (2018), "Applying the delta method in metric analytics", section 3.
    """
    weight = np.zeros(len(sample.columns))
    if term.denominator is None:
        weight[sample.at(term.numerator)] = 1.0
        return weight
    below = float(sample.mean[sample.at(term.denominator)])
    weight[sample.at(term.numerator)] += 1 / below
    weight[sample.at(term.denominator)] -= level(sample, term) / below
    return weight


def moments(sample: Sample, term: Term) -> Moments:
    """The arm's level with the variance and skewness of one unit's influence on it."""
    influence = project(sample, weights(sample, term))
    return Moments(influence.n, level(sample, term), influence.variance, influence.third)
