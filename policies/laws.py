"""The conformance kit: laws every policy obeys, as functions that raise `LawBroken` with a sentence.

`check_policy` runs all that apply to a policy: laws of additive learners where it can `merge`, of snapshots
where it can be kept, of the floor where it has one. Write your own policy class and call it from one test.

Example:
    >>> from policies.fixed import Uniform
    >>> check_policy(Uniform)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from policies.base import (
    Actions,
    Additive,
    Feedback,
    FeedbackError,
    Floats,
    Mask,
    Policy,
    draw,
)
from policies.cases import Case, make_case, part
from policies.snapshot import SnapshotError, pack, unpack
from policies.state import Kept

MakePolicy = Callable[[], Policy]
_SUM = 1e-9  # how far a row may be from 1


class LawBroken(AssertionError):
    """A policy that does not do what every policy must; the message says which law, and where."""


def check_policy(make_policy: MakePolicy, seed: int = 0) -> None:
    """Run every law that applies. Raises `LawBroken` at the first one that does not hold.

    Args:
        make_policy: a class, or any function without arguments that makes a new policy.
        seed: of the made-up problems.
    """
    makes_policies(make_policy)
    for case in (make_case(seed), make_case(seed, plain=True), make_case(seed, signs=True)):
        for law in LAWS:
            law(make_policy, case)
        if isinstance(make_policy(), Additive):
            for law in ADDITIVE_LAWS:
                law(make_policy, case)
        if isinstance(make_policy(), Kept):
            for law in KEPT_LAWS:
                law(make_policy, case)


def makes_policies(make_policy: object) -> None:
    """What is given makes a new policy whenever it is called, with the methods every policy has."""
    _hold(
        callable(make_policy), f"{make_policy!r} makes new policies; give the class, not one of its objects"
    )
    made = make_policy() if callable(make_policy) else None
    missing = [name for name in ("pmf", "learn") if not callable(getattr(made, name, None))]
    _hold(not missing, f"a policy has the methods pmf and learn; {type(made).__name__} lacks {missing}")


def pmf_is_a_distribution(make_policy: MakePolicy, case: Case) -> None:
    """Rows sum to 1, are 0 off the feasible set, and at least floor / F on it; before and after learning."""
    for policy in (make_policy(), _learnt(make_policy, case)):
        pmf = _pmf(policy, case)
        feasible = case.mask.sum(axis=1)
        least = getattr(policy, "floor", 0.0) / feasible * (1.0 - _SUM)
        _hold(pmf.shape == case.mask.shape, f"pmf has shape {pmf.shape}, must be {case.mask.shape}")
        _hold(bool((np.abs(pmf.sum(axis=1) - 1.0) < _SUM).all()), "every row of the pmf sums to 1")
        _hold(bool((pmf[~case.mask] == 0.0).all()), "an action that is not feasible has probability 0")
        _hold(bool(((pmf >= least[:, None]) | ~case.mask).all()), "a feasible action has at least floor / F")


def batch_equals_one_by_one(make_policy: MakePolicy, case: Case) -> None:
    """A decision made alone is the same, bit for bit, as in a batch, in a part of it, or in another order."""
    policy = _learnt(make_policy, case)
    whole = _pmf(policy, case)
    one = [policy.pmf(X, case.actions, mask, prior) for X, mask, prior in _single_rows(case)]
    _hold(np.array_equal(np.vstack(one), whole), "a batch equals its rows one by one, bit for bit")
    turned = policy.pmf(case.X[::-1], case.actions, case.mask[::-1], case.prior[::-1])
    _hold(np.array_equal(turned[::-1], whole), "the order of rows in a batch does not matter, bit for bit")


def arguments_are_left_alone(make_policy: MakePolicy, case: Case) -> None:
    """Neither `pmf` nor `learn` changes what it is given."""
    policy = make_policy()
    given = (case.X, case.mask, case.prior, case.actions.features)
    given += tuple(
        getattr(case.feedback, name) for name in ("X", "action", "propensity", "reward", "prior", "rest")
    )
    before = [one.copy() for one in given]
    policy.learn(case.feedback)
    _pmf(policy, case)
    same = all(np.array_equal(one, old) for one, old in zip(given, before, strict=True))
    _hold(same, "pmf and learn leave their arguments as they were")


def asking_teaches_nothing(make_policy: MakePolicy, case: Case) -> None:
    """Asking for a pmf twice gives the same answer twice."""
    policy = _learnt(make_policy, case)
    _hold(np.array_equal(_pmf(policy, case), _pmf(policy, case)), "asking again gives the same bits")


def bad_feedback_changes_nothing(make_policy: MakePolicy, case: Case) -> None:
    """A propensity of 0, NaN or 1.5, a reward that is not finite: `FeedbackError`, and nothing was learnt."""
    policy = _learnt(make_policy, case)
    before = _pmf(policy, case)
    for name, value in (
        ("propensity", 0.0),
        ("propensity", np.nan),
        ("propensity", 1.5),
        ("reward", np.inf),
        ("reward", np.nan),
        ("rest", np.inf),
        ("weight", np.nan),
        ("X", np.nan),
        ("action", len(case.actions)),
    ):
        column = getattr(case.feedback, name).copy()
        column[-1] = value
        bad = replace(case.feedback, **{name: column})
        _hold(_refuses(policy, bad), f"feedback with {name} == {value} is refused")
    _hold(np.array_equal(_pmf(policy, case), before), "refused feedback changes nothing")


def new_actions_can_appear(make_policy: MakePolicy, case: Case) -> None:
    """An action never seen before gets a probability like any other."""
    policy = _learnt(make_policy, case)
    names = (*case.actions.names, "new")
    features = np.pad(case.actions.features, ((0, 1), (0, 1)))
    features[-1, -1] = 1.0
    actions = Actions(names, (*case.actions.factors, "new"), features)
    mask = np.column_stack([case.mask, np.ones(len(case.X), dtype=np.bool_)])
    prior = np.column_stack([case.prior, np.ones(len(case.X))])
    pmf = policy.pmf(case.X, actions, mask, prior)
    _hold(bool((np.abs(pmf.sum(axis=1) - 1.0) < _SUM).all()), "rows sum to 1 when a new action has appeared")


def learning_order_does_not_matter(make_policy: MakePolicy, case: Case) -> None:
    """All at once, row by row, or backwards: the same pmf to 1e-9."""
    whole = _pmf(_learnt(make_policy, case), case)
    backwards = make_policy()
    for i in reversed(range(len(case.feedback))):
        backwards.learn(part(case.feedback, slice(i, i + 1)))
    _same(whole, _pmf(backwards, case), "the order of learning does not matter")


def taking_back_equals_never_learning(make_policy: MakePolicy, case: Case) -> None:
    """Rows learnt with weight 1 and then with weight -1 leave no trace, to 1e-9."""
    half = len(case.feedback) // 2
    kept, gone = part(case.feedback, slice(half)), part(case.feedback, slice(half, None))
    never, back = make_policy(), make_policy()
    never.learn(kept)
    back.learn(case.feedback)
    back.learn(replace(gone, weight=-gone.weight))
    _same(_pmf(never, case), _pmf(back, case), "what was taken back was never learnt")


def merging_equals_learning_alone(make_policy: MakePolicy, case: Case) -> None:
    """Two learners of a half each, merged, are one learner of the whole, to 1e-9."""
    half = len(case.feedback) // 2
    one, other = make_policy(), make_policy()
    one.learn(part(case.feedback, slice(half)))
    other.learn(part(case.feedback, slice(half, None)))
    before = _pmf(one, case)
    if isinstance(one, Additive):
        one.merge(other)
        _same(_pmf(_learnt(make_policy, case), case), _pmf(one, case), "merged learners equal one learner")
        one.merge(other, -1.0)
        _same(before, _pmf(one, case), "what was merged is taken out again with weight -1")


def snapshot_brings_back_the_same_bits(make_policy: MakePolicy, case: Case) -> None:
    """A policy unpacked from its snapshot gives the same pmf bit for bit."""
    policy = _learnt(make_policy, case)
    assert isinstance(policy, Kept)
    again = _unpacked(pack(policy), policy)
    _hold(np.array_equal(_pmf(policy, case), _pmf(again, case)), "a snapshot brings back the same bits")


def restored_learners_learn_on(make_policy: MakePolicy, case: Case) -> None:
    """A learner unpacked from its snapshot goes on learning as the original, bit for bit."""
    policy = _learnt(make_policy, case)
    if isinstance(policy, Kept):
        again = _unpacked(pack(policy), policy)
        policy.learn(case.feedback)
        again.learn(case.feedback)
        _hold(np.array_equal(_pmf(policy, case), _pmf(again, case)), "a restored learner learns on")


def damaged_snapshots_are_refused(make_policy: MakePolicy, case: Case) -> None:
    """Cut short, one bit flipped, two bytes swapped: `SnapshotError`."""
    policy = _learnt(make_policy, case)
    assert isinstance(policy, Kept)
    packed = pack(policy)
    rng = np.random.Generator(np.random.PCG64(len(packed)))
    for at in rng.integers(0, len(packed), 25):
        flipped = bytearray(packed)
        flipped[at] ^= 1 << int(rng.integers(8))
        for damaged in (packed[:at], bytes(flipped), packed[at:] + packed[:at] if at else packed + b"\0"):
            _hold(_unreadable(damaged, policy), f"a snapshot damaged at byte {at} is refused")


def draws_follow_the_pmf(
    make_policy: MakePolicy, case: Case, draws: int = 40_000, level: float = 1e-6
) -> None:
    """Pearson's chi-square of the draws against the pmf, over all rows, is not rejected at the level."""
    from scipy.stats import chi2

    pmf = _pmf(_learnt(make_policy, case), case)
    rng = np.random.Generator(np.random.PCG64(draws))
    each = draws // len(pmf)
    action, propensity = draw(np.repeat(pmf, each, axis=0), rng.random(each * len(pmf)))
    row = np.repeat(np.arange(len(pmf)), each)
    _hold(np.array_equal(propensity, pmf[row, action]), "the propensity is the probability drawn with")
    seen = np.zeros(pmf.shape)
    np.add.at(seen, (row, action), 1.0)
    usual = pmf * each >= 5.0
    statistic = float(((seen - pmf * each)[usual] ** 2 / (pmf * each)[usual]).sum())
    freedom = int(usual.sum()) - int(usual.all(axis=1).sum())
    p = float(chi2.sf(statistic, freedom)) if freedom else 1.0
    _hold(p > level, f"draws follow the pmf (chi-square {statistic:.1f}, p = {p:.2g})")


LAWS = (
    pmf_is_a_distribution,
    batch_equals_one_by_one,
    arguments_are_left_alone,
    asking_teaches_nothing,
    bad_feedback_changes_nothing,
    new_actions_can_appear,
    draws_follow_the_pmf,
)
ADDITIVE_LAWS = (
    learning_order_does_not_matter,
    taking_back_equals_never_learning,
    merging_equals_learning_alone,
    restored_learners_learn_on,
)
KEPT_LAWS = (snapshot_brings_back_the_same_bits, damaged_snapshots_are_refused)


def _learnt(make_policy: MakePolicy, case: Case) -> Policy:
    policy = make_policy()
    policy.learn(case.feedback)
    return policy


def _pmf(policy: Policy, case: Case) -> Floats:
    return policy.pmf(case.X, case.actions, case.mask, case.prior)


def _single_rows(case: Case) -> list[tuple[Floats, Mask, Floats]]:
    return [(case.X[i : i + 1], case.mask[i : i + 1], case.prior[i : i + 1]) for i in range(len(case.X))]


def _hold(holds: bool, law: str) -> None:
    if not holds:
        raise LawBroken(f"law broken: {law}.")


def _same(one: Floats, other: Floats, law: str) -> None:
    apart = float(np.max(np.abs(one - other), initial=0.0))
    _hold(apart <= 1e-9, f"{law} to 1e-9 (apart by {apart:.3g})")


def _refuses(policy: Policy, feedback: Feedback) -> bool:
    try:
        policy.learn(feedback)
    except FeedbackError:
        return True
    return False


def _unpacked(packed: bytes, policy: Kept) -> Kept:
    """A policy of the same class, whether or not its kind can be named in a program file."""
    return unpack(packed, lambda _, settings: type(policy)(**settings))


def _unreadable(packed: bytes, policy: Kept) -> bool:
    try:
        _unpacked(packed, policy)
    except SnapshotError:
        return True
    return False
