"""An interval that holds at every moment, however often it is looked at."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from policies.base import Floats
from simulator.interval.base import Interval

CAUTION = 0.5  # of what can be lost on one row, the share that is staked at most
_HALVINGS = 50

Fortune = Callable[[float], Floats]  # candidate value -> (n,) logarithm of the money after each row


def anytime(
    weight: Floats, reward: Floats, low: float, high: float, largest: float, level: float = 0.95
) -> Interval:
    """Limits of the IPS value that all hold at once, at every row from the first to the last.

    A gambler bets against every candidate value. In a fair game the chance that he ever multiplies his
    money by 2 / alpha is at most alpha / 2, so a candidate against which he has done so is ruled out.
    Against values that are too high he plays two games with half his money each: on weight * (high -
    reward), and, where rewards are rare, on weight * reward against the largest it could be.

    Args:
        weight: (n,) the target's weights, in the order of the decisions.
        reward: (n,) rewards.
        low, high: limits the rewards are known to keep, low < high.
        largest: weight that none can exceed.

    Source: Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables by betting";
        Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro (2022), "Anytime-valid off-policy inference
        for contextual bandits", proposition 1.
    """
    risk, scale = (1 - level) / 2, high - low
    term = weight * (reward - low) / scale
    too_low, too_high = against_low(term, risk), against_high(weight, term, largest, risk)
    least = _last(lambda v: bool(too_low(v).max() >= -math.log(risk)))
    most = 1 - _last(lambda v: bool(too_high(1 - v).max() >= -math.log(risk)))
    value, se = float(term.mean()), float(term.std(ddof=1)) / math.sqrt(len(term))
    return Interval(low + scale * value, low + scale * least, low + scale * most, scale * se)


def against_low(term: Floats, risk: float) -> Fortune:
    """The fortune of betting that a candidate value is too low, for terms (n,) >= 0 with a mean in [0, 1]."""
    stake = _stakes(term, risk)
    return lambda v: _play(term, stake, v)


def against_high(weight: Floats, term: Floats, largest: float, risk: float) -> Fortune:
    """The fortune of betting that a candidate value is too high, for terms (n,) = weight * reward in [0,
    1].
    """
    missed, room = weight - term, 1 - term / largest
    stakes = _stakes(missed, risk), _stakes(room, risk)
    half = math.log(0.5)
    return lambda v: np.logaddexp(
        half + _play(missed, stakes[0], 1 - v), half + _play(room, stakes[1], 1 - v / largest)
    )


def _play(term: Floats, stake: Floats, candidate: float) -> Floats:
    """(n,) logarithm of the money after each row, betting that the mean of the terms is above `candidate`."""
    bet = np.minimum(stake, CAUTION / max(candidate, 1e-12))
    return np.cumsum(np.log1p(bet * (term - candidate)))


def _stakes(term: Floats, risk: float) -> Floats:
    """(n,) stakes known before each row: the best ones for the variance seen so far."""
    count = np.arange(1, len(term) + 1)
    mean = (0.5 + np.cumsum(term)) / (count + 1)
    variance = (0.25 + np.cumsum((term - mean) ** 2)) / (count + 1)
    before = np.append(0.25, variance[:-1])
    stake: Floats = np.sqrt(2 * math.log(1 / risk) / (before * count * np.log1p(count)))
    return stake


def _last(ruled_out: Callable[[float], bool]) -> float:
    """The largest value in [0, 1] that is ruled out, where all below it are; 0 if none is."""
    out, possible = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (out + possible) / 2
        out, possible = (middle, possible) if ruled_out(middle) else (out, middle)
    return out
