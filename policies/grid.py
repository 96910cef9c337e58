"""Matrix products on a binary grid: the same bits for one row and for a million.

BLAS adds in an order that depends on the number of rows, so ``(X @ W)[i]`` and ``X[i:i+1] @ W`` differ in the
last bits, and a decision made alone could differ from the same decision made in a batch, or on another
machine. Here both factors are rounded to a binary grid coarse enough that every product and every partial sum
is a whole number of grid steps below 2**53. Such sums are exact in double precision, hence independent of
order, batch size, threads and fused multiply-add (Ozaki, Ogita, Oishi and Rump 2012, "Error-free
transformations of matrix multiplication", the same idea with several slices)."""

from __future__ import annotations

import math

import numpy as np

from policies.base import Floats, Ints, Mask
from policies.kernel import kernel

BOUND = 8.0  # contexts are standardised; beyond +-8 they are clipped
X_BITS = 12  # contexts are rounded to 2**-12: products of two stay exact over 8 million rows
_SIGNIFICAND = 53
_KEPT = 4
MANY = 64  # rows, from which on it is worth looking for columns of zeros


def snap(X: Floats, out: Floats | None = None) -> Floats:
    """X clipped to +-8 and rounded to 2**-12: the grid `product` is exact on. NaN stays what it is.

    `out` is where to, such as X itself; a new array if None.
    """
    X = np.ascontiguousarray(X, dtype=np.float64)
    snapped = np.empty(X.shape) if out is None else out
    _snap(X.reshape(-1), snapped.reshape(-1))
    return snapped


@kernel("void(f8[::1], f8[::1])", writes=1)
def _snap(x: Floats, snapped: Floats) -> None:
    for i in range(len(x)):
        near = BOUND if x[i] > BOUND else x[i]
        near = -BOUND if near < -BOUND else near
        snapped[i] = np.rint(near * 2.0**X_BITS) * 2.0**-X_BITS


def product(X: Floats, W: Floats) -> Floats:
    """Exact product of snapped contexts and weights.

    Args:
        X: (n, d) contexts, already snapped.
        W: (d, k) weights; rounded here to about 2**-30 of the largest one.

    Returns:
        (n, k) scores whose row i depends on row i of X only, bit for bit.
    """
    return X @ snap_weights(W)


def multiply(X: Floats, W: Floats, out: Floats | None = None) -> Floats:
    """Exact product of factors that are on their grids already; columns that say nothing are left out."""
    if (used := said(X)) is not None:
        return np.matmul(pick(X, used), rows(W, used), out=out)
    if len(X) == 1 and W.flags.c_contiguous:
        made = np.empty((1, W.shape[1])) if out is None else out
        _add_rows(np.ascontiguousarray(X[0]), W, made[0])
        return made
    return np.matmul(X, W, out=out)


def said(X: Floats) -> Ints | None:
    """The columns that say something, of many rows; None where it is not worth leaving out the others.

    Many columns are 0 for everybody in a batch (flags of what is unknown, the history of people without any).
    What they add is 0, and sums on the grid do not depend on how they are cut.
    """
    if len(X) < MANY:
        return None
    any_in = np.zeros(X.shape[1], dtype=np.bool_)
    _say(np.ascontiguousarray(X), any_in)
    used = np.flatnonzero(any_in)
    return used if 8 * len(used) <= 7 * X.shape[1] else None


def pick(X: Floats, used: Ints) -> Floats:
    """Some columns."""
    some = np.empty((len(X), len(used)))
    _pick(np.ascontiguousarray(X), used, some)
    return some


def rows(W: Floats, used: Ints) -> Floats:
    """Some rows of weights; the last few that were asked for are kept, as a batch asks for the same."""
    key = used.tobytes()
    for weights, asked, rows in _kept:
        if weights is W and asked == key:
            return rows
    found = W[used]
    _kept[:] = [(W, key, found), *_kept[: _KEPT - 1]]
    return found


_kept: list[tuple[Floats, bytes, Floats]] = []


@kernel("void(f8[:,::1], b1[::1])", writes=1)
def _say(x: Floats, said: Mask) -> None:
    """Which columns are not 0 for everybody."""
    for i in range(len(x)):
        for j in range(len(said)):
            said[j] |= x[i, j] != 0.0


@kernel("void(f8[:,::1], i8[::1], f8[:,::1])", writes=1)
def _pick(x: Floats, column: Ints, some: Floats) -> None:
    """Some columns; numpy takes them one number at a time."""
    for i in range(len(x)):
        for j in range(len(column)):
            some[i, j] = x[i, column[j]]


@kernel("void(f8[::1], f8[:,::1], f8[::1])", writes=1)
def _add_rows(x: Floats, W: Floats, made: Floats) -> None:
    """The product for one row: only weights of what is not 0 are looked at, four rows of them together."""
    used, last = np.zeros(len(x) + 3, np.int64), 0
    for column in range(len(x)):
        used[last] = column
        last += x[column] != 0.0
    made[:] = 0.0
    for at in range(0, last - last % 4, 4):
        a, b, c, d = used[at], used[at + 1], used[at + 2], used[at + 3]
        one, two, three, four = x[a], x[b], x[c], x[d]
        first, second, third, fourth = W[a], W[b], W[c], W[d]
        for j in range(len(made)):
            made[j] += (one * first[j] + two * second[j]) + (three * third[j] + four * fourth[j])
    for at in range(last - last % 4, last):
        one, first = x[used[at]], W[used[at]]
        for j in range(len(made)):
            made[j] += one * first[j]


def snap_weights(W: Floats, magnitude: int = X_BITS + 3) -> Floats:
    """(d, k) weights rounded to the finest grid on which a sum of d products is exact.

    Args:
        W: (d, k) weights.
        magnitude: binary digits of what they are multiplied with; those of a context by default.
    """
    largest = float(np.max(np.abs(W), initial=0.0))
    if largest == 0.0:
        return W
    exponent = math.frexp(largest)[1]  # largest < 2**exponent
    terms = math.ceil(math.log2(max(W.shape[0], 1))) + 1
    bits = _SIGNIFICAND - terms - magnitude
    step = math.ldexp(1.0, exponent - bits)
    return np.rint(W / step) * step


def add(X: Floats, to: Floats) -> int:
    """Add to numbers of the same shape, in place; the first row of which not all are finite, -1 for none."""
    return _add(X, to)


@kernel("i8(f8[:,::1], f8[:,::1])", writes=1)
def _add(x: Floats, to: Floats) -> int:
    n, k = x.shape
    for i in range(n):
        odd = False
        for j in range(k):
            to[i, j] += x[i, j]
            odd |= not abs(to[i, j]) < np.inf
        if odd:
            return i
    return -1
