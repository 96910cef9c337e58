"""Half-life: a decision counts the less the older it is, in sums that stay exact.

A row of time t counts 2^((t - now) / half_life). All sums shrink alike as time goes on, by 2^-1 in a
half-life. So the weight is parted: t / half_life is a whole number, the era, and a fraction. A row is added
with 2^fraction, rounded to sixteenths, and when the first row of a later era arrives everything before it is
multiplied by a power of two, by which no sum is rounded. A row has the same weight whenever it arrives, so
learners merge, and what is taken back is what was added.

Source: Cormode, Shkapenyuk, Srivastava and Xu (2009), "Forward decay: a practical time decay model for
    streaming systems".
"""

from __future__ import annotations

import numpy as np

from policies.base import Feedback, FeedbackError, Floats, Ints

_PARTS = 16  # of 1 that a weight is a whole number of
_MOST = 1000  # eras: what is older than that counts nothing, and its weight could not be written


def check_times(feedback: Feedback) -> None:
    """Raise `FeedbackError` at the first row of which nobody says when it was decided."""
    if (unknown := np.isinf(feedback.time)).any():
        row = int(np.argmax(unknown))
        raise FeedbackError(f"row {row}: it has no time; half_life needs to know when it was decided.")


def aged(time: Floats, half_life: float) -> tuple[Ints, Floats]:
    """(n,) the era of each row, and (n,) its weight within it, from 1 to 2."""
    turns = time / half_life
    era = np.floor(turns)
    return era.astype(np.int64), np.rint(_PARTS * np.exp2(turns - era)) / _PARTS


def counted(time: Floats, half_life: float, now: int) -> Floats:
    """(n,) what rows count in sums of the era `now`."""
    era, weight = aged(time, half_life)
    behind = era - now
    found: Floats = np.where(behind < -_MOST, 0.0, np.ldexp(weight, np.clip(behind, -_MOST, _MOST)))
    return found


def shrink(eras: int) -> float:
    """What sums are multiplied by when so many eras go by."""
    return float(np.ldexp(1.0, -min(eras, _MOST)))
