"""Snapshots: whole or refused."""

from __future__ import annotations

import numpy as np
import pytest

from policies.laws import make_case
from policies.linear import Linear
from policies.make import make
from policies.snapshot import MAGIC, SnapshotError, pack, sha256, unpack

CASE = make_case(2)


def packed() -> bytes:
    policy = Linear(waves=4)
    policy.learn(CASE.feedback)
    return pack(policy)


def test_the_same_state_gives_the_same_bytes() -> None:
    assert packed() == packed() == pack(unpack(packed()))
    assert sha256(packed()) == sha256(packed())


def test_a_snapshot_is_not_pickle_and_names_its_kind_in_plain_text() -> None:
    assert packed().startswith(MAGIC)
    assert b'"kind": "linear"' in packed()


def test_a_thousand_damaged_snapshots_are_all_refused() -> None:
    whole, rng = packed(), np.random.Generator(np.random.PCG64(0))
    for i in range(1000):
        at, other = rng.integers(0, len(whole), 2)
        damaged = bytearray(whole)
        if i % 3 == 0:
            damaged = damaged[:at]
        elif i % 3 == 1:
            damaged[at] ^= 1 << int(rng.integers(8))
        else:
            damaged[at], damaged[other] = damaged[other], damaged[at]
            if bytes(damaged) == whole:
                continue
        with pytest.raises(SnapshotError):
            unpack(bytes(damaged))


def test_bodies_of_two_snapshots_cannot_be_swapped() -> None:
    one, other = packed(), pack(make("uniform"))
    with pytest.raises(SnapshotError, match="SHA-256"):
        unpack(one[:40] + other[40:])


def test_what_never_was_a_snapshot_is_refused_in_words() -> None:
    with pytest.raises(SnapshotError, match="not a snapshot"):
        unpack(b"PK\x03\x04 something else altogether, long enough to hold a header")
    with pytest.raises(SnapshotError, match="not a snapshot"):
        unpack(b"")


def test_a_learner_that_has_learnt_nothing_can_be_kept() -> None:
    case = CASE
    pmf = unpack(pack(Linear())).pmf(case.X, case.actions, case.mask, case.prior)
    assert np.array_equal(pmf, Linear().pmf(case.X, case.actions, case.mask, case.prior))
