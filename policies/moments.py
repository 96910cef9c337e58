"""Sufficient statistics of a linear regression: exact, additive, mergeable, and able to take a row back."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from policies import exact
from policies.base import Feedback, FeedbackError, Floats

LARGEST = 1e100  # of a reward; its square must stay finite


def check_size(feedback: Feedback) -> None:
    """Raise `FeedbackError` at the first row whose reward is too large to be summed up."""
    parts = {"reward - prior - rest": first_of(feedback), "rest": feedback.rest}
    for name, y in parts.items():
        if (large := np.abs(y) > LARGEST).any():
            row = int(np.argmax(large))
            raise FeedbackError(f"row {row}: {name} == {y[row]}, must be within +-{LARGEST:g}.")


def first_of(feedback: Feedback) -> Floats:
    """(n,) what is learnt over the prior, without the rest."""
    return feedback.reward - feedback.prior - feedback.rest


@dataclass(slots=True)
class Response:
    """Sums of one thing that is to be foretold, y, over D columns of features; w the weight.

    Attributes:
        b: (2, D) double-double sum of w x y.
        square: (2, 1) double-double sum of w y y.
        lift: (2, 1) double-double sum of w y y |x|^2, x the first columns of the features.
    """

    b: Floats
    square: Floats
    lift: Floats

    @classmethod
    def empty(cls, D: int) -> Response:
        return cls(exact.zeros(D), exact.zeros(1), exact.zeros(1))

    def add(self, phi: Floats, y: Floats, w: Floats, reach: Floats) -> None:
        """Take in rows; see `Moments.add`. `reach` (n,) is |x|^2."""
        one = np.ones((len(y), 1))
        self.b = exact.add_products(self.b, phi, w * y)
        self.square = exact.add_products(self.square, one, w * y * y)
        self.lift = exact.add_products(self.lift, one, w * y * y * reach)

    def merge(self, other: Response, weight: float) -> None:
        """Take in what another learner saw, or out with weight -1."""
        self.b = exact.merge(self.b, weight * other.b)
        self.square = exact.merge(self.square, weight * other.square)
        self.lift = exact.merge(self.lift, weight * other.lift)

    def scale(self, by: float) -> None:
        """Let every row count that much."""
        for sums in (self.b, self.square, self.lift):
            sums *= by


@dataclass(slots=True)
class Moments:
    """What is known of one action. D columns of features, w the weight.

    Attributes:
        G: (D, D) sum of w x x' in its lower half; what stands above the diagonal means nothing.
        n: sum of w.
        first: of the reward less its prior and the rest.
        rest: of the part of the reward that early signs did not foretell; None as long as there was none.
    """

    G: Floats
    n: float
    first: Response
    rest: Response | None = field(default=None)

    @classmethod
    def empty(cls, D: int) -> Moments:
        return cls(np.zeros((D, D)), 0.0, Response.empty(D))

    @property
    def b(self) -> Floats:
        """(2, D) of the first response, like `square` and `lift`."""
        return self.first.b

    @property
    def square(self) -> Floats:
        return self.first.square

    @property
    def lift(self) -> Floats:
        return self.first.lift

    def of_rest(self) -> Moments:
        """The same rows with the rest for a response."""
        return Moments(self.G, self.n, self.rest or Response.empty(len(self.G)))

    def add(self, phi: Floats, y: Floats, w: Floats, columns: int, rest: Floats | None = None) -> None:
        """Take in rows: phi (n, D) on the grid, others (n,), x the first columns. Exact for whole w."""
        if (w == w[0]).all():
            from scipy.linalg.blas import dsyrk  # only learning needs it

            self.G = dsyrk(w[0], phi.T, beta=1.0, c=self.G.T, overwrite_c=True).T  # in place, half the work
        else:
            self.G += (phi * w[:, None]).T @ phi
        near = phi[:, :columns]
        reach = np.einsum("nc,nc->n", near, near)
        self.first.add(phi, y, w, reach)
        if rest is not None and rest.any():
            self.rest = self.rest or Response.empty(phi.shape[1])
            self.rest.add(phi, rest, w, reach)
        self.n += float(w.sum())

    def scale(self, by: float) -> None:
        """Let every row count that much; exact for a power of two."""
        self.G *= by
        self.n *= by
        for response in filter(None, (self.first, self.rest)):
            response.scale(by)

    def half(self) -> Floats:
        """(D (D + 1) / 2,) the lower half of G row by row."""
        return np.concatenate([row[: i + 1] for i, row in enumerate(self.G)])

    @classmethod
    def of_half(cls, half: Floats, n: float, first: Response, rest: Response | None = None) -> Moments:
        """The moments whose lower half of G this is."""
        D = first.b.shape[1]
        G = np.zeros((D, D))
        G[np.tri(D, dtype=np.bool_)] = half
        return cls(G, n, first, rest)

    def whole(self) -> Floats:
        """(D, D) G with both halves."""
        return np.tril(self.G) + np.tril(self.G, -1).T

    def merge(self, other: Moments, weight: float) -> None:
        """Take in what another learner saw, or out with weight -1."""
        self.G += weight * other.G
        self.n += weight * other.n
        self.first.merge(other.first, weight)
        if other.rest is not None:
            self.rest = self.rest or Response.empty(len(self.G))
            self.rest.merge(other.rest, weight)
