"""What is made of one row of scores, as kernels (`policies.kernel`): doubts, and chances to be drawn.

Each step is written once, for row i of (n, k) arrays; what passes over rows is made of these steps. So a row
gives the same bits whether the steps are asked for one by one or all together. A step is a loop of its own
without branches, since the processor then works on several actions at once.
"""

from __future__ import annotations

import math

import numpy as np

from policies.base import Floats, Mask
from policies.kernel import kernel

_SCORES, _ROWS = "f8[:,::1], b1[:,::1]", "f8[::1], f8[::1]"


@kernel("void(b1[:,::1], f8[:,::1], f8[::1])", writes=1)
def half_ranges(mask: Mask, prior: Floats, half: Floats) -> None:
    """Half the range of the predictions of what is feasible, for each row."""
    above, below = np.empty(mask.shape[1]), np.empty(mask.shape[1])
    for i in range(len(mask)):
        half[i] = _half_range(prior, mask, i, above, below)


@kernel("void(f8[:,::1], f8[::1], f8[::1], f8[:,::1])", writes=1)
def deviations(variance: Floats, spread: Floats, half: Floats, doubt: Floats) -> None:
    """See `policies.optimism.bonus`."""
    for i in range(len(variance)):
        _deviations(variance, i, spread[i], half[i], doubt[i])


@kernel("void(b1[:,::1], i8, f8[:,::1])", writes=1)
def beyond_least(mask: Mask, nothing: int, doubt: Floats) -> None:
    """See `policies.optimism.beyond`."""
    n, k = doubt.shape
    sent = np.empty(k)
    for i in range(n):
        least = _least_sent(doubt[i], mask, i, nothing, sent)
        for j in range(k):
            doubt[i, j] = doubt[i, j] - least if mask[i, j] and j != nothing else 0.0


@kernel(f"void({_SCORES}, f8[::1], f8, f8[:,::1])", writes=1)
def squarecb(scores: Floats, mask: Mask, gamma: Floats, floor: float, pmf: Floats) -> None:
    """See `policies.explore.squarecb`."""
    n, k = scores.shape
    known, odds = np.empty(k), np.empty(k)
    for i in range(n):
        feasible = _count(mask, i)
        for j in range(k):
            known[j] = scores[i, j] if mask[i, j] else -np.inf
        _by_gap(known, mask, i, feasible, gamma[i], floor, odds, pmf)


@kernel(f"void({_SCORES}, f8[:,::1], f8[:,::1], f8, f8, f8, f8, i8, f8, f8, f8[:,::1])", writes=1)
def hopeful_squarecb(
    scores: Floats,
    mask: Mask,
    prior: Floats,
    variance: Floats,
    trust: float,
    learnt: float,
    about: float,
    favour: float,
    nothing: int,
    gamma: float,
    floor: float,
    pmf: Floats,
) -> None:
    """SquareCB over scores in whose favour so many deviations count: all of these steps, row by row.

    `nothing` is the place of no_action, below 0 where there is none.
    """
    n, k = scores.shape
    hoped, spare, doubt = np.empty(k), np.empty(k), np.empty(k)
    for i in range(n):
        feasible = _count(mask, i)
        if feasible == 1:  # there is nothing to weigh: what is said below, of one
            for j in range(k):
                pmf[i, j] = (1.0 - floor) + floor * (1.0 / feasible) if mask[i, j] else 0.0
            continue
        half = _half_range(prior, mask, i, hoped, spare)
        worth = trust if half > 0.0 else 0.0
        rows = learnt + worth
        spread = np.sqrt((about + worth * half * half) / max(rows, 1.0))
        _deviations(variance, i, spread, half, doubt)
        least = 0.0
        if nothing >= 0:
            least = _least_sent(doubt, mask, i, nothing, spare)
            doubt[nothing] = least
        for j in range(k):
            hoped[j] = scores[i, j] + favour * (doubt[j] - least) if mask[i, j] else -np.inf
        steepness = gamma * np.sqrt(rows) / spread if spread > 0.0 else 0.0
        _by_gap(hoped, mask, i, feasible, steepness, floor, spare, pmf)


@kernel(f"void({_SCORES}, f8[::1], f8, f8[:,::1])", writes=1)
def softmax(scores: Floats, mask: Mask, temperature: Floats, floor: float, pmf: Floats) -> None:
    """See `policies.explore.softmax`."""
    n, k = scores.shape
    known = np.empty(k)
    for i in range(n):
        feasible = _count(mask, i)
        for j in range(k):
            known[j] = scores[i, j] if mask[i, j] else -np.inf
        best = _highest(known)
        for j in range(k):
            known[j] = _exp((known[j] - best) / temperature[i])
        odds, least = _total(known, 0, k), floor * (1.0 / feasible)
        for j in range(k):
            held = (1.0 - floor) * (known[j] / odds) + least
            pmf[i, j] = held if mask[i, j] else 0.0


@kernel("i8(b1[:,::1], i8)")
def _count(mask: Mask, i: int) -> int:
    feasible = 0
    for j in range(mask.shape[1]):
        feasible += mask[i, j]
    return feasible


@kernel(f"f8(f8[:,::1], b1[:,::1], i8, {_ROWS})", writes=2)
def _half_range(prior: Floats, mask: Mask, i: int, above: Floats, below: Floats) -> float:
    for j in range(len(above)):
        above[j] = prior[i, j] if mask[i, j] else -np.inf
        below[j] = -prior[i, j] if mask[i, j] else -np.inf
    return (_highest(above) + _highest(below)) / 2.0


@kernel("void(f8[:,::1], i8, f8, f8, f8[::1])", writes=1)
def _deviations(variance: Floats, i: int, spread: float, half: float, doubt: Floats) -> None:
    noise, most = spread * spread, half * half
    if most > 0.0:
        for j in range(len(doubt)):
            v = variance[i, j] * noise
            doubt[j] = np.sqrt(v * most / (v + most))
    else:
        for j in range(len(doubt)):
            doubt[j] = np.sqrt(variance[i, j] * noise)


@kernel("f8(f8[::1], b1[:,::1], i8, i8, f8[::1])", writes=1)
def _least_sent(doubt: Floats, mask: Mask, i: int, nothing: int, sent: Floats) -> float:
    """The least doubt of what may be sent."""
    for j in range(len(doubt)):
        sent[j] = -doubt[j] if mask[i, j] else -np.inf
    sent[nothing] = -np.inf
    return -_highest(sent)


@kernel("void(f8[::1], b1[:,::1], i8, i8, f8, f8, f8[::1], f8[:,::1])", writes=2)
def _by_gap(
    known: Floats,
    mask: Mask,
    i: int,
    feasible: int,
    gamma: float,
    floor: float,
    odds: Floats,
    pmf: Floats,
) -> None:
    """Fill row i of the pmf, given the scores of what is feasible, -inf for the rest."""
    k, best, ties = len(known), _highest(known), 0
    for j in range(k):
        ties += known[j] == best
    for j in range(k):
        weight = 1.0 / ((best - known[j]) * gamma + feasible)
        odds[j] = weight if mask[i, j] and known[j] != best else 0.0
    rest = (1.0 - _total(odds, 0, k)) * (1.0 / ties)
    least = floor * (1.0 / feasible)
    leading = (1.0 - floor) * rest + least
    for j in range(k):
        held = leading if known[j] == best else odds[j] * (1.0 - floor) + least
        pmf[i, j] = held if mask[i, j] else 0.0


@kernel("f8(f8[::1])")
def _highest(row: Floats) -> float:
    """The highest number: eight side by side, as the next one has not to wait for the last."""
    even = len(row) - len(row) % 8
    a = b = c = d = e = f = g = h = -np.inf
    for j in range(0, even, 8):
        a = max(row[j], a)
        b = max(row[j + 1], b)
        c = max(row[j + 2], c)
        d = max(row[j + 3], d)
        e = max(row[j + 4], e)
        f = max(row[j + 5], f)
        g = max(row[j + 6], g)
        h = max(row[j + 7], h)
    best = max(max(max(a, b), max(c, d)), max(max(e, f), max(g, h)))
    for j in range(even, len(row)):
        best = max(row[j], best)
    return best


@kernel("f8(f8[::1], i8, i8)")
def _total(row: Floats, start: int, size: int) -> float:
    """The sum of `size` numbers from `start` on, in numpy's order: by halves, eight sums side by side."""
    if size > 128:
        half = size // 2
        half -= half % 8
        return _total(row, start, half) + _total(row, start + half, size - half)
    end, even = start + size, start + size - size % 8
    a = b = c = d = e = f = g = h = 0.0
    for j in range(start, even, 8):
        a += row[j]
        b += row[j + 1]
        c += row[j + 2]
        d += row[j + 3]
        e += row[j + 4]
        f += row[j + 5]
        g += row[j + 6]
        h += row[j + 7]
    added = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for j in range(even, end):
        added += row[j]
    return added


@kernel("f8(f8)")
def _exp(x: float) -> float:
    """e to a power of 0 or less, by additions and multiplications: libraries differ in the last bits.

    2**m * e**r with |r| <= log(2) / 2, and the first terms of Taylor's series for e**r.
    """
    if x < -700.0:
        return 0.0
    m = np.rint(x * 1.4426950408889634)
    r = (x - m * 0.6931471803691238) - m * 1.9082149292705877e-10
    term, added = 1.0, 1.0
    for power in range(1, 15):
        term *= r / power
        added += term
    return math.ldexp(added, int(m))
