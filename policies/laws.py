"""The conformance kit: laws every policy obeys, as functions that raise `LawBroken` with a sentence.

`check_policy` runs all that apply to a policy: laws of additive learners where it can `merge`, of snapshots
where it can be kept, of the floor where it has one. Write your own policy class and call it from one test.

Example:
    >>> from policies.fixed import Uniform
    >>> check_policy(Uniform)
"""

from __future__ import annotations

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
from policies.broken import LawBroken, hold, hold_entries, hold_rows, same
from policies.cases import Case, Law, MakePolicy, asked, learnt, make_case, part
from policies.kept_laws import KEPT_LAWS, restored_learners_learn_on
from policies.state import Kept

_SUM = 1e-9  # how far a row may be from 1
_NEAR = 1e-9  # how far what was learnt in another way may be
_GRID = "Products of matrices round otherwise for one row than for many: use policies.grid.snap and product."
_SUMS = "Let it keep sums of what rows are, weighed by feedback.weight, and no more."


def check_policy(make_policy: MakePolicy, seed: int = 0) -> None:
    """Run every law that applies. Raises `LawBroken` at the first one that does not hold.

    Args:
        make_policy: a class, or any function without arguments that makes a new policy.
        seed: of the made-up problems.
    """
    makes_policies(make_policy)
    made = make_policy()
    laws = [*LAWS, *(ADDITIVE_LAWS if isinstance(made, Additive) else ())]
    laws += KEPT_LAWS if isinstance(made, Kept) else ()
    for told, kind in CASES.items():
        for law in laws:
            _try(law, make_policy, make_case(seed, **kind), told)


def _try(law: Law, make_policy: MakePolicy, case: Case, told: str) -> None:
    """Run one law; whatever else a policy raises breaks it too."""
    where = f"in {law.__module__}.{law.__name__}, with {told}"
    try:
        law(make_policy, case)
    except LawBroken as broken:
        raise LawBroken(f"{broken} ({where})") from None
    except Exception as error:
        raise LawBroken(
            f"law broken: no error where none is due, but {type(error).__name__}: {error}. See the traceback "
            f"above ({where})"
        ) from error


def makes_policies(make_policy: object) -> None:
    """What is given makes a new policy whenever it is called, with the methods every policy has."""
    told = f"{make_policy!r} makes new policies; give the class, not one of its objects"
    hold(callable(make_policy), told)
    try:
        made = make_policy() if callable(make_policy) else None
    except TypeError as error:
        raise LawBroken(
            f"law broken: it makes a policy when called without arguments, but {error}. Give settings "
            "defaults, or give a function: check_policy(lambda: Mine(0.5))."
        ) from error
    missing = [name for name in ("pmf", "learn") if not callable(getattr(made, name, None))]
    hold(not missing, f"a policy has the methods pmf and learn; {type(made).__name__} lacks {missing}")


def pmf_is_a_distribution(make_policy: MakePolicy, case: Case) -> None:
    """Rows sum to 1, are 0 off the feasible set, and at least floor / F on it; before and after learning.

    A policy without a `floor` gives every feasible action a chance all the same.
    """
    for policy in (make_policy(), learnt(make_policy, case)):
        pmf, mask = asked(policy, case), case.mask
        hold(pmf.shape == mask.shape, f"pmf has shape {pmf.shape}, must be (n, k) = {mask.shape}")
        total, floor = pmf.sum(axis=1), getattr(policy, "floor", None)
        divide = "Divide each row by its sum, once everything else is done."
        hold_rows(np.abs(total - 1.0) < _SUM, "every row of the pmf sums to 1", total, divide)
        masked = "Set it to 0 where the mask is False, before you divide by the sum."
        hold_entries(
            mask | (pmf == 0.0), "an action that is not feasible has probability 0", pmf, case.actions, masked
        )
        if floor is None:
            some = "Mix in a floor; a policy that is certain by design says so with floor = 0.0."
            hold_entries(~mask | (pmf > 0.0), "a feasible action has a chance", pmf, case.actions, some)
        else:
            least = (floor / mask.sum(axis=1) * (1.0 - _SUM))[:, None]
            mixed = f"Give (1 - floor) of your pmf and floor / F to each; floor is {floor:g}."
            law = "each of F feasible actions has at least floor / F"
            hold_entries(~mask | (pmf >= least), law, pmf, case.actions, mixed)


def batch_equals_one_by_one(make_policy: MakePolicy, case: Case) -> None:
    """A decision made alone is the same, bit for bit, as in a batch, in a part of it, or in another order."""
    policy = learnt(make_policy, case)
    whole = asked(policy, case)
    one = [policy.pmf(X, case.actions, mask, prior) for X, mask, prior in _single_rows(case)]
    same(np.vstack(one), whole, "a batch equals its rows one by one", _GRID)
    turned = policy.pmf(case.X[::-1], case.actions, case.mask[::-1], case.prior[::-1])
    same(turned[::-1], whole, "the order of rows in a batch does not matter", _GRID)


def arguments_are_left_alone(make_policy: MakePolicy, case: Case) -> None:
    """Neither `pmf` nor `learn` changes what it is given."""
    policy, taught = make_policy(), case.feedback
    given = {"X": case.X, "mask": case.mask, "prior": case.prior, "actions.features": case.actions.features}
    for name in ("X", "action", "propensity", "reward", "prior", "weight", "time", "rest"):
        given[f"feedback.{name}"] = getattr(taught, name)
    before = {name: one.copy() for name, one in given.items()}
    policy.learn(taught)
    asked(policy, case)
    for name, one in given.items():
        law = f"pmf and learn leave their arguments as they were; {name} was changed"
        hold(np.array_equal(one, before[name]), law, "Work on a copy: one = one.copy().")


def asking_teaches_nothing(make_policy: MakePolicy, case: Case) -> None:
    """Asking for a pmf twice gives the same answer twice."""
    policy = learnt(make_policy, case)
    chance = "Chance is drawn from the pmf alone; take none in pmf, and let asking change nothing."
    same(asked(policy, case), asked(policy, case), "asking again gives the same", chance)


def bad_feedback_changes_nothing(make_policy: MakePolicy, case: Case) -> None:
    """A propensity of 0, NaN or 1.5, a reward that is not finite: `FeedbackError`, and nothing was learnt."""
    policy = learnt(make_policy, case)
    before = asked(policy, case)
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
        checks = "Begin learn with policies.base.check(feedback), which raises FeedbackError."
        hold(_refuses(policy, bad), f"feedback with {name} == {value} is refused", checks)
    first = "Check all rows before you learn the first."
    same(asked(policy, case), before, "refused feedback changes nothing", first)


def new_actions_can_appear(make_policy: MakePolicy, case: Case) -> None:
    """An action never seen before gets a probability like any other."""
    policy = learnt(make_policy, case)
    names = (*case.actions.names, "new")
    features = np.pad(case.actions.features, ((0, 1), (0, 1)))
    features[-1, -1] = 1.0
    actions = Actions(names, (*case.actions.factors, "new"), features)
    mask = np.column_stack([case.mask, np.ones(len(case.X), dtype=np.bool_)])
    prior = np.column_stack([case.prior, np.ones(len(case.X))])
    pmf = policy.pmf(case.X, actions, mask, prior)
    total, law = pmf.sum(axis=1), "rows sum to 1 when a new action has appeared"
    hold_rows(np.abs(total - 1.0) < _SUM, law, total, "Look actions up by name; k may differ in every call.")


def learning_order_does_not_matter(make_policy: MakePolicy, case: Case) -> None:
    """All at once, row by row, or backwards: the same pmf to 1e-9."""
    whole = asked(learnt(make_policy, case), case)
    backwards = make_policy()
    for i in reversed(range(len(case.feedback))):
        backwards.learn(part(case.feedback, slice(i, i + 1)))
    same(whole, asked(backwards, case), "the order of learning does not matter", _SUMS, _NEAR)


def taking_back_equals_never_learning(make_policy: MakePolicy, case: Case) -> None:
    """Rows learnt with weight 1 and then with weight -1 leave no trace, to 1e-9."""
    half = len(case.feedback) // 2
    kept, gone = part(case.feedback, slice(half)), part(case.feedback, slice(half, None))
    never, back = make_policy(), make_policy()
    never.learn(kept)
    back.learn(case.feedback)
    back.learn(replace(gone, weight=-gone.weight))
    same(asked(never, case), asked(back, case), "what was taken back was never learnt", _SUMS, _NEAR)


def merging_equals_learning_alone(make_policy: MakePolicy, case: Case) -> None:
    """Two learners of a half each, merged, are one learner of the whole, to 1e-9."""
    half = len(case.feedback) // 2
    one, other = make_policy(), make_policy()
    one.learn(part(case.feedback, slice(half)))
    other.learn(part(case.feedback, slice(half, None)))
    before = asked(one, case)
    if isinstance(one, Additive):
        one.merge(other)
        whole = asked(learnt(make_policy, case), case)
        same(whole, asked(one, case), "merged learners equal one learner", _SUMS, _NEAR)
        one.merge(other, -1.0)
        law = "merge(other, -1.0) takes out what merge(other) took in"
        same(before, asked(one, case), law, "Let it have the form merge(self, other, weight=1.0).", _NEAR)


def draws_follow_the_pmf(
    make_policy: MakePolicy, case: Case, draws: int = 40_000, level: float = 1e-6
) -> None:
    """Pearson's chi-square of the draws against the pmf, over all rows, is not rejected at the level."""
    from scipy.stats import chi2

    pmf = asked(learnt(make_policy, case), case)
    rng = np.random.Generator(np.random.PCG64(draws))
    each = draws // len(pmf)
    action, propensity = draw(np.repeat(pmf, each, axis=0), rng.random(each * len(pmf)))
    row = np.repeat(np.arange(len(pmf)), each)
    hold(np.array_equal(propensity, pmf[row, action]), "the propensity is the probability drawn with")
    seen = np.zeros(pmf.shape)
    np.add.at(seen, (row, action), 1.0)
    usual = pmf * each >= 5.0
    statistic = float(((seen - pmf * each)[usual] ** 2 / (pmf * each)[usual]).sum())
    freedom = int(usual.sum()) - int(usual.all(axis=1).sum())
    p = float(chi2.sf(statistic, freedom)) if freedom else 1.0
    hold(p > level, f"draws follow the pmf (chi-square {statistic:.1f}, p = {p:.2g})")


CASES: dict[str, dict[str, bool]] = {
    "offers and channels": {},
    "actions that share nothing": {"plain": True},
    "rewards that early signs foretell in part": {"signs": True},
}
LAWS: tuple[Law, ...] = (
    arguments_are_left_alone,
    pmf_is_a_distribution,
    asking_teaches_nothing,
    batch_equals_one_by_one,
    bad_feedback_changes_nothing,
    new_actions_can_appear,
    draws_follow_the_pmf,
)
ADDITIVE_LAWS: tuple[Law, ...] = (
    learning_order_does_not_matter,
    taking_back_equals_never_learning,
    merging_equals_learning_alone,
    restored_learners_learn_on,
)


def _single_rows(case: Case) -> list[tuple[Floats, Mask, Floats]]:
    return [(case.X[i : i + 1], case.mask[i : i + 1], case.prior[i : i + 1]) for i in range(len(case.X))]


def _refuses(policy: Policy, feedback: Feedback) -> bool:
    try:
        policy.learn(feedback)
    except FeedbackError:
        return True
    return False
