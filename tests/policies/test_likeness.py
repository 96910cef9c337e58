"""Which earlier action an action is like is found from sums, whatever names and the unit of rewards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.base import Floats
from policies.likeness import earned, likeness
from policies.moments import Moments
from policies.transfer import MOST, carried

K, COLUMNS = 4, 9
RIDGE = np.full(COLUMNS, 1.0)


def corners(rng: np.random.Generator, n: int) -> tuple[Floats, Floats]:
    """(n, 9) features [1, x], x in one of eight corners, and (n,) which of four actions is right there."""
    corner = rng.integers(0, 8, n)
    return np.column_stack([np.ones(n), np.eye(8)[corner]]), corner % K


def lived(
    rng: np.random.Generator, n: int, turn: Sequence[int], chosen: float, unit: float = 1.0
) -> list[Moments]:
    """Sums of four actions; turn[j] is now right where j was, chosen so often, another one otherwise."""
    phi, place = corners(rng, n)
    best = np.array(turn)[place.astype(np.int64)]
    action = np.where(rng.random(n) < chosen, best, rng.integers(0, K, n))
    reward = unit * (action == best) * (rng.random(n) < 0.9)
    found = [Moments.empty(COLUMNS) for _ in range(K)]
    for a, one in enumerate(found):
        rows = action == a
        if rows.any():
            one.add(phi[rows], reward[rows], np.ones(rows.sum()), COLUMNS)
    return found


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), turn=st.permutations(range(K)), unit=st.sampled_from([1.0, 50.0, 0.01]))
def test_actions_that_changed_places_are_found_from_few_rows_by_chance(
    seed: int, turn: list[int], unit: float
) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    before = earned(lived(rng, 2000, range(K), 0.8, unit), RIDGE)
    found = likeness(before, lived(rng, 160, turn, 0.0, unit))
    assert (found[turn, range(K)] > 0.9).all()
    assert (found.sum(axis=1) <= 1.01).all() and (found.sum(axis=0) <= 1.1).all() and (found >= 0.0).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_is_known_stays_known_while_it_is_used(seed: int) -> None:
    rng, turn = np.random.Generator(np.random.PCG64(seed)), [1, 2, 3, 0]
    before = earned(lived(rng, 2000, range(K), 0.8), RIDGE)
    assert (likeness(before, lived(rng, 1500, turn, 0.95))[turn, range(K)] > 0.9).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_actions_that_earn_the_same_everywhere_are_like_none_before(seed: int) -> None:
    rng = np.random.Generator(np.random.PCG64(seed))
    before, now = earned(lived(rng, 2000, range(K), 0.8), RIDGE), [Moments.empty(COLUMNS) for _ in range(K)]
    for one in now:
        phi, _ = corners(rng, 800)
        one.add(phi, (rng.random(800) < 0.1).astype(float), np.ones(800), COLUMNS)
    assert (likeness(before, now) < 0.05).all()


def test_nothing_is_said_where_nothing_was_earned() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    some, none = lived(rng, 400, range(K), 0.5), lived(rng, 400, range(K), 0.5, -1.0)
    np.testing.assert_array_equal(likeness(earned(none, RIDGE), some), np.zeros((K, K)))
    np.testing.assert_array_equal(likeness(earned(some, RIDGE), none), np.zeros((K, K)))


def test_an_earlier_action_that_never_earned_is_no_reason_for_one_that_does() -> None:
    rng = np.random.Generator(np.random.PCG64(2))
    old, now = lived(rng, 2000, [0, 1, 2, 2], 0.8), lived(rng, 400, [3, 1, 2, 2], 0.3)
    found = likeness(earned(old, RIDGE), now)
    assert found[3, 0] > 0.9 and found[3, 3] < 0.01 and np.isfinite(found).all()


def test_of_many_actions_the_largest_directions_are_kept_and_say_nearly_the_same() -> None:
    rng, k = np.random.Generator(np.random.PCG64(3)), MOST + 10
    moments = []
    for _ in range(k):
        phi, _ = corners(rng, 30)
        moments.append(Moments.empty(COLUMNS))
        moments[-1].add(phi, rng.random(30), np.ones(30), COLUMNS)
    found = earned(moments, RIDGE)
    over = carried(found, moments, 2.0, 1)
    assert over is not None and over.past is not None and over.U.shape[1] <= MOST
    np.testing.assert_allclose(
        over.U @ over.past.mix * 2.0, found.share * found.rate / found.peak, atol=1e-12
    )  # COLUMNS directions are all there are
