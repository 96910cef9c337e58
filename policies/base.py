"""The policy protocol and the only sampler.

A policy is mathematics on arrays: it maps (contexts, actions, feasible mask) to a probability mass function
over actions, and learns from feedback. It knows no customer, no clock and no source of chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from policies.kernel import kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Changes = tuple[float, float]  # rows up to the first time are dropped, those up to the second put aside
NO_ACTION = "no_action"  # the name of the action that sends nothing


@dataclass(frozen=True, slots=True)
class Actions:
    """The actions a policy chooses among.

    Attributes:
        names: k distinct action names, for example ``("no_action", "sale/email/now")``.
        factors: m factor names, the columns of `features`, for example ``("offer=sale", "channel=email")``.
        features: (k, m) factor loadings, usually 0/1: which offer, channel and slot an action is made of.
    """

    names: tuple[str, ...]
    factors: tuple[str, ...]
    features: Floats

    @classmethod
    def plain(cls, names: tuple[str, ...]) -> Actions:
        """Actions with nothing in common: each is its own and only factor."""
        return cls(names, names, np.eye(len(names)))

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class Feedback:
    """What happened after n decisions over one set of actions.

    Attributes:
        X: (n, d) contexts.
        actions: the k actions that were chosen among.
        action: (n,) index of the chosen action.
        propensity: (n,) probability with which it was chosen, in (0, 1].
        reward: (n,) net reward, finite.
        prior: (n,) predicted reward of the chosen action before any learning (0 where nothing is predicted).
        weight: (n,) importance of each row; -1 takes a row back that was learnt with weight 1.
        time: (n,) when each row was decided, in any unit; infinite for "now", where nobody says.
        rest: (n,) the part of the reward that early signs did not foretell; a learner may learn it by itself.
    """

    X: Floats
    actions: Actions
    action: Ints
    propensity: Floats
    reward: Floats
    prior: Floats
    weight: Floats
    time: Floats
    rest: Floats

    def __len__(self) -> int:
        return len(self.action)


@runtime_checkable
class Policy(Protocol):
    """Chooses, and learns. The two methods every policy has."""

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """Probabilities of the actions in each context.

        Args:
            X: (n, d) contexts.
            actions: k actions.
            mask: (n, k) True where the action is feasible; every row has at least one True.
            prior: (n, k) predicted net reward, 0 where nothing is predicted.

        Returns:
            (n, k) probabilities: each row sums to 1, is 0 off the mask and positive on it unless the policy
            is deterministic by design. Row i depends on row i of the arguments only, bit for bit.
        """
        ...

    def learn(self, feedback: Feedback) -> None:
        """Take feedback in. Raises `FeedbackError` and changes nothing if a row is unusable."""
        ...


@runtime_checkable
class Additive(Protocol):
    """A policy whose memory is a sum: learners merge, and a row of weight -1 is taken back, both exactly."""

    def merge(self, other: Any, weight: float = 1.0) -> None:
        """Take in all another learner with the same settings has learnt; with weight -1 take it out again."""
        ...


@runtime_checkable
class Changing(Protocol):
    """A policy that puts aside what it learnt before the world changed."""

    @property
    def changes(self) -> Changes | None:
        """When that was; None if it never was."""
        ...

    def change(self, changes: Changes) -> None:
        """Take over when another learner saw changes; before anything is learnt."""
        ...


@runtime_checkable
class Watching(Protocol):
    """A policy that watches its predictions from lesson to lesson; what it remembers is in no snapshot."""

    @property
    def watched(self) -> Floats:
        """(b, c) sums of blocks of rows; the first two columns are the times of the first and the last."""
        ...

    def watch(self, blocks: Floats) -> None:
        """Watch on from there; some blocks may be missing."""
        ...


class FeedbackError(ValueError):
    """A row of feedback that must not be learnt; the message names the row, the field and the value."""


def feedback(
    X: Floats,
    actions: Actions,
    action: Ints,
    reward: Floats,
    propensity: Floats | None = None,
    prior: Floats | None = None,
    weight: Floats | None = None,
    time: Floats | None = None,
    rest: Floats | None = None,
) -> Feedback:
    """Checked feedback; propensity and weight are 1, prior and rest 0 and the time now where not given.

    Raises:
        FeedbackError: shapes differ, an action index is out of range, a propensity is not in (0, 1], or any
            number is not finite (a time may be infinite).
    """
    n = len(action)
    made = Feedback(
        np.ascontiguousarray(X, dtype=np.float64),
        actions,
        np.asarray(action, dtype=np.int64),
        np.ones(n) if propensity is None else np.asarray(propensity, dtype=np.float64),
        np.asarray(reward, dtype=np.float64),
        np.zeros(n) if prior is None else np.asarray(prior, dtype=np.float64),
        np.ones(n) if weight is None else np.asarray(weight, dtype=np.float64),
        np.full(n, np.inf) if time is None else np.asarray(time, dtype=np.float64),
        np.zeros(n) if rest is None else np.asarray(rest, dtype=np.float64),
    )
    check(made)
    return made


def check(feedback: Feedback) -> None:
    """Raise `FeedbackError` at the first row that must not be learnt."""
    n, k = len(feedback), len(feedback.actions)
    if feedback.X.ndim != 2 or len(feedback.X) != n:
        raise FeedbackError(f"X has shape {feedback.X.shape}, must be (n, d) with n = {n} rows.")
    for name in ("propensity", "reward", "prior", "weight", "rest"):
        column = getattr(feedback, name)
        if column.shape != (n,):
            raise FeedbackError(f"{name} has shape {column.shape}, must be ({n},).")
        _refuse(~np.isfinite(column), name, column, "must be finite")
    if feedback.time.shape != (n,):
        raise FeedbackError(f"time has shape {feedback.time.shape}, must be ({n},).")
    _refuse(np.isnan(feedback.time), "time", feedback.time, "must be a number or infinite")
    _refuse(np.logical_not(np.isfinite(feedback.X).all(axis=1)), "X", feedback.X, "must be finite")
    _refuse(
        (feedback.action < 0) | (feedback.action >= k), "action", feedback.action, f"must be in 0..{k - 1}"
    )
    _refuse(
        (feedback.propensity <= 0) | (feedback.propensity > 1),
        "propensity",
        feedback.propensity,
        "must be in (0, 1]; it is the probability with which the logged action was chosen",
    )


def _refuse(bad: Mask, name: str, column: Floats | Ints, rule: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise FeedbackError(f"row {row}: {name} == {column[row]}, {rule}.")


def draw(pmf: Floats, u: Floats) -> tuple[Ints, Floats]:
    """Draw one action a row: `drawn`, without whether it was explored."""
    action, propensity, _ = drawn(pmf, u)
    return action, propensity


def drawn(pmf: Floats, u: Floats) -> tuple[Ints, Floats, Mask]:
    """Draw one action a row. The only sampler in the code, so no logged propensity can differ from it.

    Args:
        pmf: (n, k) probabilities, rows sum to 1.
        u: (n,) uniform numbers in [0, 1), one a row.

    Returns:
        (n,) drawn action, never one of probability 0, (n,) the probability it had, and (n,) whether another
        action had a higher one.
    """
    n = len(pmf)
    action, propensity, explored = np.empty(n, dtype=np.int64), np.empty(n), np.empty(n, dtype=np.bool_)
    pmf, u = np.ascontiguousarray(pmf, dtype=np.float64), np.ascontiguousarray(u)
    _draw(pmf, u, action, propensity, explored)
    return action, propensity, explored


@kernel("void(f8[:,::1], f8[::1], i8[::1], f8[::1], b1[::1])", writes=3)
def _draw(pmf: Floats, u: Floats, action: Ints, propensity: Floats, explored: Mask) -> None:
    n, k = pmf.shape
    cumulative = np.empty((4, k))
    for start in range(0, n, 4):
        if start + 4 <= n:
            _cumulate_four(pmf, start, cumulative)
        else:
            for i in range(start, n):
                _cumulate(pmf, i, cumulative[i - start])
        for i in range(start, min(start + 4, n)):
            threshold, first = u[i] * cumulative[i - start, k - 1], 0
            for j in range(k):  # it grows, so as many are not beyond as stand before the first that is
                first += cumulative[i - start, j] <= threshold
            while first >= k or pmf[i, first] == 0.0:  # u * total was rounded up to the total
                first -= 1
            action[i], propensity[i], more = first, pmf[i, first], 0
            for j in range(k):
                more += pmf[i, j] > pmf[i, first]
            explored[i] = more > 0


@kernel("void(f8[:,::1], i8, f8[:,::1])", writes=1)
def _cumulate_four(pmf: Floats, i: int, cumulative: Floats) -> None:
    """The cumulated probabilities of four rows: each sum waits for its last term, but four wait together."""
    a = b = c = d = 0.0
    for j in range(pmf.shape[1]):
        a += pmf[i, j]
        b += pmf[i + 1, j]
        c += pmf[i + 2, j]
        d += pmf[i + 3, j]
        cumulative[0, j], cumulative[1, j], cumulative[2, j], cumulative[3, j] = a, b, c, d


@kernel("void(f8[:,::1], i8, f8[::1])", writes=1)
def _cumulate(pmf: Floats, i: int, cumulative: Floats) -> None:
    total = 0.0
    for j in range(pmf.shape[1]):
        total += pmf[i, j]
        cumulative[j] = total
