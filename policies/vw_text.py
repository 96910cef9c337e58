"""Numbers as text that vowpalwabbit reads as is said here, to the last bit.

Its reader takes the digits into a single precision number one by one (times ten, plus the digit) and
multiplies once, by a power of ten from a table that was made by dividing by ten again and again: "0.001" is
0.0009999999. Sixteen digits are rounded at every step. Here a number is written as a whole number below 1.6e7
and a power of ten, "-1234567e-6": all steps before the multiplication are exact, and what is read is known.
Six to seven digits are kept, as many as single precision itself tells apart.

An exponent is taken modulo 256, so that 1e-250 would be read as 1e6: what is below 1e-37 is written as 0
here, and what is beyond +-1e9 as +-1e9.

Source: vowpalwabbit 9.11, parse_primitives.h and fast_pow10.h.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policies.base import Floats, Ints
from policies.kernel import kernel

Singles = NDArray[np.float32]

_WHOLE = 16_000_000.0  # below 2**24 - 57: every step of reading it is exact
_LOWEST, _HIGHEST = -37, 9  # powers of ten that are written
_LARGEST = 1e9


def _heard_powers() -> Singles:
    """Powers of ten from the lowest to the highest, as vowpalwabbit has them."""
    powers = [np.float32(1.0)]
    for _ in range(-_LOWEST):
        powers.append(powers[-1] / np.float32(10.0))
    return np.array([*reversed(powers), *(10.0**k for k in range(1, _HIGHEST + 1))], dtype=np.float32)


def _first_powers() -> Ints:
    """(2048,) the power of ten for the least number with that exponent of two, as doubles hold it."""
    least = 2.0 ** np.clip(np.arange(2048) - 1023, -1000, 29)  # 2**29 is below what is largest
    powers: Ints = np.searchsorted(_LIMIT, least, side="right") + _LOWEST
    return powers


_HEARD = _heard_powers()
_TEN = np.array([float(f"1e{k}") for k in range(_LOWEST, 1 - _LOWEST)])
_LIMIT = _WHOLE * _TEN  # at and beyond it the next power is needed
_FIRST = _first_powers()


def written(x: Floats) -> list[str]:
    """Finite numbers (n,) as text: "0", "1", "5e-1", "-1234567e-6"."""
    x = np.ascontiguousarray(x, dtype=np.float64)
    digits, power = np.empty(len(x)), np.empty(len(x), dtype=np.int64)
    _decimals(x, x.view(np.int64), digits, power)
    pairs = zip(digits.astype(np.int64).tolist(), power.tolist(), strict=True)
    return [f"{one}e{k}" if k else str(one) for one, k in pairs]


def plainly(x: Floats) -> list[str]:
    """Numbers (n,) with all their digits, as snapshots from before wrote them."""
    return [repr(one) for one in np.asarray(x, dtype=np.float64).tolist()]


def heard(x: Floats) -> Singles:
    """What vowpalwabbit reads for what is `written`, of finite numbers of any shape."""
    flat = np.ascontiguousarray(x, dtype=np.float64).reshape(-1)
    found = np.empty(flat.shape, dtype=np.float32)
    _hear(flat, flat.view(np.int64), found)
    return found.reshape(x.shape)


@kernel("Tuple((f8, i8))(f8, i8)")
def _decimal(x: float, bits: int) -> tuple[float, int]:
    """Digits as a whole number, and their power of ten, of a number and its bits."""
    whole = np.rint(x)
    if whole == x and abs(whole) < _WHOLE:
        return whole, 0
    size, k = min(abs(x), _LARGEST), _FIRST[(bits >> 52) & 2047]
    k += size >= _LIMIT[k - _LOWEST]
    digits = np.rint(size * _TEN[-k - _LOWEST])
    while digits and np.rint(digits * 0.1) * 10.0 == digits:
        digits = np.rint(digits * 0.1)
        k += 1
    return (-digits if x < 0.0 else digits), (k if digits else 0)


@kernel("void(f8[::1], i8[::1], f8[::1], i8[::1])", writes=2)
def _decimals(x: Floats, bits: Ints, digits: Floats, power: Ints) -> None:
    for i in range(len(x)):
        digits[i], power[i] = _decimal(x[i], bits[i])


@kernel("void(f8[::1], i8[::1], f4[::1])", writes=1)
def _hear(x: Floats, bits: Ints, found: Singles) -> None:
    for i in range(len(x)):
        digits, k = _decimal(x[i], bits[i])
        found[i] = np.float32(digits) * _HEARD[k - _LOWEST]
