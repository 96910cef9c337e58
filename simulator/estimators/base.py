"""What every estimator reads and what it answers.

An estimator answers with three columns, not a number, so that point value, standard error, interval,
bootstrap and paired lift are computed once for all of them in `simulator.interval`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policies.base import Floats, Ints
from simulator.exact import total
from simulator.interval.base import Evidence


@dataclass(frozen=True, slots=True)
class Rows:
    """One target policy on n logged rows.

    Attributes:
        reward: (n,) logged reward.
        weight: (n,) probability of the logged action under the target over its logged propensity.
        match: (n,) probability of the logged action under the target.
        q: (n,) reward model's prediction for the logged action, never fitted on that row.
        baseline: (n,) the target's expected prediction, sum over actions of pmf * q.
        marginal: (n,) weight of the logged action's embedding, or None where no embedding is known.
    """

    reward: Floats
    weight: Floats
    match: Floats
    q: Floats
    baseline: Floats
    marginal: Floats | None = None

    def __len__(self) -> int:
        return len(self.reward)


@dataclass(frozen=True, slots=True)
class Terms:
    """An estimate in parts: mean(base) + sum(top) / sum(bottom).

    Attributes:
        base: (n,) what the reward model says.
        top: (n,) what the logged rewards add.
        bottom: (n,) what that is divided by: 1, or the weights where the estimate is self-normalised.
        gain: (n,) how strongly the row's reward enters `top`.
    """

    base: Floats
    top: Floats
    bottom: Floats
    gain: Floats

    def __len__(self) -> int:
        return len(self.base)


def weighted(weight: Floats, reward: Floats) -> Terms:
    """The plain mean of weight * reward."""
    return Terms(np.zeros(len(weight)), weight * reward, np.ones(len(weight)), weight)


def normalised(weight: Floats, reward: Floats) -> Terms:
    """The weighted mean of the rewards."""
    return Terms(np.zeros(len(weight)), weight * reward, weight, weight)


def corrected(rows: Rows, weight: Floats) -> Terms:
    """The reward model's value plus the mean of weight times what the model missed."""
    return Terms(rows.baseline, weight * (rows.reward - rows.q), np.ones(len(rows)), weight)


def value(terms: Terms) -> float:
    """The estimate. Sums are correctly rounded, hence the same in every order of the rows.

    Raises:
        ZeroDivisionError: the weights of a self-normalised estimate are all 0; `diagnose` refuses that
            before.
    """
    return total(terms.base) / len(terms) + total(terms.top) / total(terms.bottom)


def evidence(terms: Terms, surprise: Floats, cluster: Ints | None) -> Evidence:
    """Per-row terms whose mean is the estimate and whose spread is its sampling error (delta method).

    Args:
        terms: n rows.
        surprise: (n,) reward less its prediction.
        cluster: (n,) codes of independent units, or None.
    """
    below = total(terms.bottom)
    ratio, scale = total(terms.top) / below, len(terms) / below
    term = terms.base + ratio + (terms.top - ratio * terms.bottom) * scale
    return Evidence(term, terms.gain * scale, surprise, cluster)
