"""Whether a challenger is better, however often one looks and however many are looked at.

The limits of its lift hold at every look at once, as the log grows, and for all shadows of the program
together (Bonferroni): an asymptotic confidence sequence, and never narrower than the interval of one look.

The sequence is of sums over decisions from a fixed beginning on. Shadows are judged on the last two thirds of
a log that grows, so the beginning moves with it, by a third of the distance. That uses up some of the slack
that sequences have for looks that are never taken; a test counts how often luck alone is promoted.

Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central limit theory and
    asymptotic confidence sequences"; Thomas, Theocharous and Ghavamzadeh (2015), "High confidence policy
    improvement", for taking another policy only by its lower bound.
"""

from __future__ import annotations

import math

from engine.experiments.sequential import asymptotic
from engine.experiments.welch import Effect
from simulator.interval.base import Evidence, Interval
from simulator.interval.gamma import gamma


def sure(lift: Evidence, level: float, among: int) -> Interval:
    """Limits of a lift at every look, with the error of `level` shared by so many challengers."""
    each = 1.0 - (1.0 - level) / among
    once = gamma(lift, each)
    if not once.se > 0.0:
        return once
    always = asymptotic(Effect(once.value, once.se, math.inf, 0.0), len(lift), level=each)
    return Interval(once.value, min(once.low, always.low), max(once.high, always.high), once.se)
