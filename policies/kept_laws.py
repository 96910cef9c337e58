"""Laws of policies that can be kept in a snapshot: part of the conformance kit, `policies.laws`."""

from __future__ import annotations

import numpy as np

from policies.broken import hold, same
from policies.cases import Case, Law, MakePolicy, asked, learnt
from policies.snapshot import SnapshotError, pack, unpack
from policies.state import Kept

_ALL = "Let state() give, and restore() take up, all that pmf and learn depend on."


def snapshot_brings_back_the_same_bits(make_policy: MakePolicy, case: Case) -> None:
    """A policy unpacked from its snapshot gives the same pmf bit for bit."""
    policy = learnt(make_policy, case)
    assert isinstance(policy, Kept)
    again = _unpacked(pack(policy), policy)
    same(asked(policy, case), asked(again, case), "a snapshot brings back what was learnt", _ALL)


def restored_learners_learn_on(make_policy: MakePolicy, case: Case) -> None:
    """A learner unpacked from its snapshot goes on learning as the original, bit for bit."""
    policy = learnt(make_policy, case)
    if isinstance(policy, Kept):
        again = _unpacked(pack(policy), policy)
        policy.learn(case.feedback)
        again.learn(case.feedback)
        same(asked(policy, case), asked(again, case), "a restored learner learns on as before", _ALL)


def damaged_snapshots_are_refused(make_policy: MakePolicy, case: Case) -> None:
    """Cut short, one bit flipped, two bytes swapped: `SnapshotError`."""
    policy = learnt(make_policy, case)
    assert isinstance(policy, Kept)
    packed = pack(policy)
    rng = np.random.Generator(np.random.PCG64(len(packed)))
    for at in rng.integers(0, len(packed), 25):
        flipped = bytearray(packed)
        flipped[at] ^= 1 << int(rng.integers(8))
        for damaged in (packed[:at], bytes(flipped), packed[at:] + packed[:at] if at else packed + b"\0"):
            hold(_unreadable(damaged, policy), f"a snapshot damaged at byte {at} is refused")


def _unpacked(packed: bytes, policy: Kept) -> Kept:
    """A policy of the same class, whether or not its kind can be named in a program file."""
    return unpack(packed, lambda _, settings: type(policy)(**settings))


def _unreadable(packed: bytes, policy: Kept) -> bool:
    try:
        _unpacked(packed, policy)
    except SnapshotError:
        return True
    return False


KEPT_LAWS: tuple[Law, ...] = (snapshot_brings_back_the_same_bits, damaged_snapshots_are_refused)
