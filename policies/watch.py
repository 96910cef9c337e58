"""A watch on predictions: have they become worse than the mean of what was seen lately?

Every batch is predicted before it is learnt. For row i with reward y, prediction p and rival m, the mean of
the batch without row i and of the rows before it, the excess is (y - p)^2 - (y - m)^2. Learning lowers it, so
it rises only if the world has changed. The predictions have turned if over some latest stretch of rows the
excess is above 0 by `APART` standard errors, and more than `WORTH` of the variance of the rewards: a season
that moves all rewards a little is no change. Given p and m the excess is 2 y (m - p) and a constant, so its
standard error follows from the variance of the rewards, taken to be at least that of all rewards learnt: rare
ones may be missing from a stretch.

Stretches end now and begin where a block begins; blocks are merged like those of an exponential histogram, so
there are about a dozen for any number of rows. Nothing of this is kept in a snapshot, whose sums must be
those of a learner that never saw who is forgotten. Whoever teaches a learner read from one hands it the
blocks of the lessons before (`policies.base.Watching`): sums over many rows with the time they span, so that
a block is dropped as a whole when somebody in it is to be forgotten.

Source: Bifet and Gavalda (2007), "Learning from time-changing data with adaptive windowing", for the
    stretches; Datar, Gionis, Indyk and Motwani (2002), "Maintaining stream statistics over sliding
    windows"; Bach and Maloof (2008), "Paired learners for concept drift", for the rival.
"""

from __future__ import annotations

import math

import numpy as np

from policies.base import Floats, Ints

APART = 5.0  # standard errors
WORTH = 0.25  # of the rewards' variance, a row
LEAST = 25  # rows in a stretch
RIVAL = 20.0  # rows before a batch that its rival remembers
COLUMNS = 7  # of a block; see `Watch`
_ROWS, _REWARDS = 2, 6  # places of two of them
_MOST = 1e60  # of a reward; its fourth power must stay finite
_SAME = 2  # blocks of about one size before two of them are merged


class Watch:
    """Sums over batches of predictions.

    Args:
        blocks: (b, 7) of those before, oldest first: the times of the first and the last row, rows, excess,
            its square, squared p - m, rewards.
    """

    def __init__(self, blocks: Floats | None = None) -> None:
        self.blocks = np.zeros((0, COLUMNS)) if blocks is None else blocks

    def turned(self, y: Floats, predicted: Floats, variance: float, time: Floats) -> bool:
        """Take in a batch of (n,) rewards as they were predicted; whether the predictions have turned.

        `variance` is that of the rewards learnt before.
        """
        y, predicted = np.clip(y, -_MOST, _MOST), np.clip(predicted, -_MOST, _MOST)
        rival = rivals(y, remembered(self.blocks))
        excess = np.square(y - predicted) - np.square(y - rival)
        sums = [len(y), excess.sum(), np.square(excess).sum(), np.square(predicted - rival).sum(), y.sum()]
        self.blocks = np.stack(_merged([*self.blocks, np.array([time.min(), time.max(), *sums])]))
        stretches: list[list[float]] = self.blocks[::-1, 2:6].cumsum(axis=0).tolist()
        return any(_apart(stretch, variance) for stretch in stretches)


def predicted(phi: Floats, theta: Floats, action: Ints) -> Floats:
    """(n,) of features (n, D) with the weights (k, D) of the actions chosen (n,)."""
    found: Floats = np.einsum("nd,nd->n", phi, theta[action])
    return found


def rivals(y: Floats, kept: Floats) -> Floats:
    """(n,) for each row the mean of the others and of those remembered, 0 where there are none."""
    count = len(y) - 1 + kept[0]
    found: Floats = (y.sum() - y + kept[1]) / max(count, 1.0)
    return found


def remembered(blocks: Floats) -> Floats:
    """(2,) rows and rewards a rival remembers: the mean of the newest `RIVAL` rows or more, as so many."""
    enough = np.searchsorted(blocks[::-1, _ROWS].cumsum(), RIVAL) + 1
    total = blocks[::-1][:enough][:, [_ROWS, _REWARDS]].sum(axis=0)
    kept: Floats = total * min(1.0, RIVAL / max(total[0], 1.0))
    return kept


def _apart(stretch: list[float], variance: float) -> bool:
    """Whether the excess of some rows, summed up as in a block, is above 0 and worth it."""
    rows, excess, squares, gaps = stretch
    error = math.sqrt(max(squares, 4.0 * gaps * variance))
    return rows >= LEAST and excess > APART * error and excess > WORTH * rows * variance


def _merged(blocks: list[Floats]) -> list[Floats]:
    """Blocks, oldest first, such that each is about as large as the sum of those after it, or larger."""
    at = len(blocks) - 1
    while at >= _SAME:
        if blocks[at - _SAME][_ROWS] < 2.0 * blocks[at][_ROWS]:
            blocks[at - _SAME : at - _SAME + 2] = [_joined(*blocks[at - _SAME : at - _SAME + 2])]
        at -= 1
    return blocks


def _joined(one: Floats, other: Floats) -> Floats:
    """Two blocks as one."""
    times = [min(one[0], other[0]), max(one[1], other[1])]
    return np.concatenate([times, one[_ROWS:] + other[_ROWS:]])
