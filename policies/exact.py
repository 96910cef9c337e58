"""Sums that do not depend on the order of their terms, so that what is learnt is the same however it arrived.

A plain float sum depends on order in its last bits. Here the terms are cut into slices on a binary grid, each
slice is summed by one matrix product without any rounding, and the slices are added in double-double
arithmetic (106 bits). Learning in another order, in other batches, on several machines, or taking a row back
then gives the same bits, as long as the terms of one sum span fewer than about 30 binary orders of magnitude.

Source: Ozaki, Ogita, Oishi and Rump (2012), "Error-free transformations of matrix multiplication by using
fast routines of matrix multiplication and its applications"; Dekker (1971), "A floating-point technique for
extending the available precision"."""

from __future__ import annotations

import math

import numpy as np

from policies.base import Floats
from policies.grid import BOUND, X_BITS

_TINY = 1e-280  # smaller terms are dropped: below this a slice would leave the range of normal numbers


def zeros(size: int) -> Floats:
    """(2, size) an empty double-double total: row 0 the value, row 1 what rounding left out."""
    return np.zeros((2, size))


def add(total: Floats, term: Floats) -> Floats:
    """(2, size) total plus (size,) term, with an error of about 2**-106."""
    high, low = _two_sum(total[0], term)
    return np.stack(_two_sum(high, total[1] + low))


def merge(total: Floats, other: Floats) -> Floats:
    """(2, size) sum of two totals."""
    return add(add(total, other[0]), other[1])


def add_products(total: Floats, X: Floats, y: Floats) -> Floats:
    """Total plus the sum over rows of X[i] * y[i].

    Args:
        total: (2, d) double-double total.
        X: (n, d) on the grid of `policies.grid.snap`.
        y: (n,) finite, |y| < 1e280.
    """
    bits = 52 - X_BITS - int(math.log2(BOUND)) - len(y).bit_length()
    rest = y
    while (largest := float(np.max(np.abs(rest), initial=0.0))) > _TINY:
        step = math.ldexp(1.0, math.frexp(largest)[1] - bits)
        part = np.rint(rest / step) * step
        total = add(total, X.T @ part)
        rest = rest - part
    return total


def _two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """a + b rounded, and what the rounding left out; their sum is exact."""
    total = a + b
    back = total - a
    return total, (a - (total - back)) + (b - back)
