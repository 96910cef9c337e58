"""Uplift and Qini curves: does a ranking put the customers who respond to treatment first?"""

from __future__ import annotations

import numpy as np

from policies.base import Floats, Ints


def uplift_curve(outcome: Floats, score: Floats, treated: Ints) -> tuple[Floats, Floats]:
    """Gain in the outcome's mean times the number ranked so far, at each distinct score.

    Source: Jaskowski and Jaroszewicz (2012), "Uplift modeling for clinical trial data".

    Args:
        outcome: (n,) outcomes.
        score: (n,) predicted uplift, highest first.
        treated: (n,) 1 where treated, 0 where not.

    Returns:
        (m,) number ranked and (m,) curve, both from 0.
    """
    ranked, gained, lost, units, others = _running(outcome, score, treated)
    curve = (_divide(gained, units) - _divide(lost, others)) * ranked
    return ranked, curve


def qini_curve(outcome: Floats, score: Floats, treated: Ints) -> tuple[Floats, Floats]:
    """Extra outcome of the treated ranked so far over what the untreated, scaled, had. Arguments as above.

    Source: Radcliffe (2007), "Using control groups to target on predicted lift".
    """
    ranked, gained, lost, units, others = _running(outcome, score, treated)
    return ranked, gained - lost * _divide(units, others)


def uplift_area(outcome: Floats, score: Floats, treated: Ints) -> float:
    """Area between the uplift curve and chance, as a share of the best possible ranking's."""
    against = np.sum((outcome == 1) & (treated == 0)) > np.sum((outcome == 0) & (treated == 1))
    best = 2.0 * (outcome == treated) + (outcome if against else treated)
    return _share(uplift_curve(outcome, score, treated), uplift_curve(outcome, best, treated))


def qini_area(outcome: Floats, score: Floats, treated: Ints) -> float:
    """Area between the Qini curve and chance, as a share of the best possible ranking's."""
    best = outcome * (2.0 * treated - 1)
    return _share(qini_curve(outcome, score, treated), qini_curve(outcome, best, treated))


def _running(outcome: Floats, score: Floats, treated: Ints) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Totals after each distinct score, from 0: ranked, outcomes of treated and others, their counts."""
    order = np.argsort(score, kind="stable")[::-1]
    y, s, w = (np.asarray(one, dtype=np.float64)[order] for one in (outcome, score, treated))
    last = np.append(np.flatnonzero(np.diff(s)), len(s) - 1)
    totals = [np.append(0.0, np.cumsum(one)[last]) for one in (np.ones(len(s)), y * w, y * (1 - w), w, 1 - w)]
    return totals[0], totals[1], totals[2], totals[3], totals[4]


def _divide(above: Floats, below: Floats) -> Floats:
    """A quotient that is 0 while nobody has been counted."""
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)


def _share(curve: tuple[Floats, Floats], best: tuple[Floats, Floats]) -> float:
    chance = curve[0][-1] * best[1][-1] / 2
    area, most = (float(np.trapezoid(y, x)) for x, y in (curve, best))
    return float((area - chance) / (most - chance))
