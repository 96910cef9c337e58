"""A watch on predictions: have they become worse than the mean of what was seen lately?

Every batch is predicted before it is learnt. For row i with reward y, prediction p and rival m, the mean of
the batch without row i and of the rows before it, the excess is (y - p)^2 - (y - m)^2. Learning lowers it, so
it rises only if the world has changed. The predictions have turned if over some latest stretch of rows the
excess is above 0 by `APART` standard errors, and more than `WORTH` of the variance of the rewards: a season
that moves all rewards a little is no change. Given p and m the excess is 2 y (m - p) and a constant, so its
standard error follows from the variance of the rewards, taken to be at least that of all rewards learnt: rare
ones may be missing from a stretch.

Stretches end now and begin where a block begins; blocks are merged like those of an exponential histogram, so
there are about a dozen for any number of rows. Nothing of this is kept in a snapshot: a learner that is read
from one judges by the rows it is taught then.

Source: Bifet and Gavalda (2007), "Learning from time-changing data with adaptive windowing", for the
    stretches; Datar, Gionis, Indyk and Motwani (2002), "Maintaining stream statistics over sliding
    windows"; Bach and Maloof (2008), "Paired learners for concept drift", for the rival.
"""

from __future__ import annotations

import math

import numpy as np

from policies.base import Floats

APART = 5.0  # standard errors
WORTH = 0.25  # of the rewards' variance, a row
LEAST = 25  # rows in a stretch
RIVAL = 20.0  # rows before a batch that its rival remembers
_MOST = 1e60  # of a reward; its fourth power must stay finite
_SAME = 2  # blocks of about one size before two of them are merged


class Watch:
    """Sums over batches of predictions."""

    def __init__(self) -> None:
        self.blocks = np.zeros((0, 4))  # oldest first: rows, excess, its square, squared p - m
        self.rival = np.zeros(2)  # rows remembered, sum of their rewards

    def turned(self, y: Floats, predicted: Floats, variance: float) -> bool:
        """Take in a batch of (n,) rewards as they were predicted; whether the predictions have turned.

        `variance` is that of the rewards learnt before.
        """
        y, predicted = np.clip(y, -_MOST, _MOST), np.clip(predicted, -_MOST, _MOST)
        rival = rivals(y, self.rival)
        excess = np.square(y - predicted) - np.square(y - rival)
        sums = [len(y), excess.sum(), np.square(excess).sum(), np.square(predicted - rival).sum()]
        self.blocks = np.stack(_merged([*self.blocks, np.array(sums)]))
        self.rival = remembered(y, self.rival)
        stretches: list[list[float]] = self.blocks[::-1].cumsum(axis=0).tolist()
        return any(_apart(stretch, variance) for stretch in stretches)


def rivals(y: Floats, kept: Floats) -> Floats:
    """(n,) for each row the mean of the others and of those remembered, 0 where there are none."""
    count = len(y) - 1 + kept[0]
    found: Floats = (y.sum() - y + kept[1]) / max(count, 1.0)
    return found


def remembered(y: Floats, rival: Floats) -> Floats:
    """(2,) rows and rewards a rival remembers after a batch."""
    total = np.array([rival[0] + len(y), rival[1] + y.sum()])
    kept: Floats = total * min(1.0, RIVAL / total[0])
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
        if blocks[at - _SAME][0] < 2.0 * blocks[at][0]:
            blocks[at - _SAME : at - _SAME + 2] = [blocks[at - _SAME] + blocks[at - _SAME + 1]]
        at -= 1
    return blocks
