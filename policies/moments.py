"""Sufficient statistics of a linear regression: exact, additive, mergeable, and able to take a row back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import dsyrk

from policies import exact
from policies.base import Feedback, FeedbackError, Floats

LARGEST = 1e100  # of a reward; its square must stay finite


def check_size(feedback: Feedback) -> None:
    """Raise `FeedbackError` at the first row whose reward is too large to be summed up."""
    y = feedback.reward - feedback.prior
    if (large := np.abs(y) > LARGEST).any():
        row = int(np.argmax(large))
        raise FeedbackError(f"row {row}: reward - prior == {y[row]}, must be within +-{LARGEST:g}.")


@dataclass(slots=True)
class Moments:
    """What is known of one action. D columns of features, y the reward less its prior, w the weight.

    Attributes:
        G: (D, D) sum of w x x' in its lower half; what stands above the diagonal means nothing.
        b: (2, D) double-double sum of w x y.
        square: (2, 1) double-double sum of w y y.
        lift: (2, 1) double-double sum of w y y |x|^2, x the first columns of the features.
        n: sum of w.
    """

    G: Floats
    b: Floats
    square: Floats
    lift: Floats
    n: float

    @classmethod
    def empty(cls, D: int) -> Moments:
        return cls(np.zeros((D, D)), exact.zeros(D), exact.zeros(1), exact.zeros(1), 0.0)

    def add(self, phi: Floats, y: Floats, w: Floats, columns: int) -> None:
        """Take in rows: phi (n, D) on the grid, y (n,), w (n,), x the first columns. Exact for whole w."""
        if (w == w[0]).all():
            self.G = dsyrk(w[0], phi.T, beta=1.0, c=self.G.T, overwrite_c=True).T  # in place, half the work
        else:
            self.G += (phi * w[:, None]).T @ phi
        self.b = exact.add_products(self.b, phi, w * y)
        near = phi[:, :columns]
        one, reach = np.ones((len(y), 1)), np.einsum("nc,nc->n", near, near)
        self.square = exact.add_products(self.square, one, w * y * y)
        self.lift = exact.add_products(self.lift, one, w * y * y * reach)
        self.n += float(w.sum())

    def scale(self, by: float) -> None:
        """Let every row count that much; exact for a power of two."""
        for sums in (self.G, self.b, self.square, self.lift):
            sums *= by
        self.n *= by

    def half(self) -> Floats:
        """(D (D + 1) / 2,) the lower half of G row by row."""
        return np.concatenate([row[: i + 1] for i, row in enumerate(self.G)])

    @classmethod
    def of_half(cls, half: Floats, b: Floats, square: Floats, lift: Floats, n: float) -> Moments:
        """The moments whose lower half of G this is."""
        G = np.zeros((b.shape[1], b.shape[1]))
        G[np.tri(len(G), dtype=np.bool_)] = half
        return cls(G, b, square, lift, n)

    def whole(self) -> Floats:
        """(D, D) G with both halves."""
        return np.tril(self.G) + np.tril(self.G, -1).T

    def merge(self, other: Moments) -> None:
        """Take in what another learner saw."""
        self.G += other.G
        self.b = exact.merge(self.b, other.b)
        self.square = exact.merge(self.square, other.square)
        self.lift = exact.merge(self.lift, other.lift)
        self.n += other.n
