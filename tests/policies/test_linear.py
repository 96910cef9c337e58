"""The additive linear learner against numpy's own least squares, and its promises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import explore, grid
from policies.base import Actions, FeedbackError, feedback
from policies.laws import make_case, part
from policies.linear import Linear
from policies.settings import PolicyError
from policies.snapshot import pack, unpack
from policies.waves import draw_waves, expand

CASE = make_case(3, n=60)
PLAIN = make_case(3, n=60, plain=True)


def explicit_ridge(case, ridge: float, pool: float, factors: list[int]) -> np.ndarray:
    """(k, D) weights from one big ridge regression on explicit Kronecker crosses, without any elimination.

    Where there are factors, one more is in every action.
    """
    phi = np.column_stack([np.ones(len(case.X)), grid.snap(case.X)])
    k, D = len(case.actions), phi.shape[1]
    Z = np.hstack([np.ones((k, 1 if factors else 0)), case.actions.features[:, factors]])
    a = case.feedback.action
    shared = np.einsum("nm,nd->nmd", Z[a], phi).reshape(len(a), -1)
    own = np.einsum("nk,nd->nkd", np.eye(k)[a], phi).reshape(len(a), -1)
    design = np.hstack([shared, own])
    penalty = np.repeat([pool, ridge], [shared.shape[1], own.shape[1]])
    y = case.feedback.reward - case.feedback.prior
    solved = np.linalg.solve(design.T @ design + np.diag(penalty), design.T @ y)
    W, U = solved[: shared.shape[1]].reshape(-1, D), solved[shared.shape[1] :].reshape(k, D)
    return Z @ W + U


def test_weights_equal_one_ridge_regression_on_explicit_crosses() -> None:
    policy = Linear(waves=0, ridge=2.0, pool=0.5, tune=False)
    policy.learn(CASE.feedback)
    np.testing.assert_allclose(
        policy.weights(CASE.actions), explicit_ridge(CASE, 2.0, 0.5, [1, 2, 3, 4]), atol=1e-11
    )


def test_plain_actions_are_solved_one_by_one() -> None:
    policy = Linear(waves=0, ridge=2.0, tune=False)
    policy.learn(PLAIN.feedback)
    np.testing.assert_allclose(policy.weights(PLAIN.actions), explicit_ridge(PLAIN, 2.0, 1.0, []), atol=1e-11)


def test_an_action_with_few_rows_does_not_look_better_where_everybody_loses() -> None:
    rng = np.random.Generator(np.random.PCG64(7))
    actions = CASE.actions  # no_action, and two offers on two channels
    action = np.repeat(np.arange(5), [4000, 120, 120, 120, 120])
    X = rng.standard_normal((len(action), 4))
    reward = -3.0 - 0.2 * X[:, 0] + rng.standard_normal(len(action))  # whatever is done
    policy = Linear(waves=0)
    policy.learn(feedback(X, actions, action, reward))
    asked = rng.standard_normal((50, 4))
    scores = policy.scores(asked, actions, np.zeros((50, 5)))
    np.testing.assert_allclose(scores, np.repeat(-3.0 - 0.2 * asked[:, :1], 5, axis=1), atol=0.5)


def test_an_action_never_learnt_begins_where_all_others_are() -> None:
    rng = np.random.Generator(np.random.PCG64(8))
    X, action = rng.standard_normal((400, 2)), rng.integers(0, 5, 400)
    policy = Linear(waves=0)
    policy.learn(feedback(X, CASE.actions, action, 5.0 + rng.standard_normal(400)))
    fresh = Actions(("z/push/now",), ("offer=z",), np.ones((1, 1)))
    assert policy.scores(np.zeros((1, 2)), fresh, np.zeros((1, 1)))[0, 0] == pytest.approx(5.0, abs=0.3)


def test_waves_approximate_the_gaussian_kernel() -> None:
    X = np.random.Generator(np.random.PCG64(5)).standard_normal((30, 6))
    phi = expand(X, draw_waves(6, 10_000, 1.0, 1))[:, 7:]
    apart = ((X[:, None] - X[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(phi @ phi.T * 2 / 10_000, np.exp(-apart / 6), atol=0.05)


def test_the_cosine_is_right_to_the_grid() -> None:
    X = np.linspace(-8.0, 8.0, 4001)[:, None]
    waves = draw_waves(1, 5, 0.3, 2)
    expected = np.cos(2 * np.pi * (grid.snap(X) @ waves.frequency + waves.phase))
    np.testing.assert_allclose(expand(X, waves)[:, 2:], expected, atol=2.0**-12)


def test_scores_are_the_prior_plus_what_was_learnt_over_it() -> None:
    policy = Linear(waves=0)
    policy.learn(CASE.feedback)
    learnt = policy.scores(CASE.X, CASE.actions, np.zeros_like(CASE.prior))
    np.testing.assert_allclose(
        policy.scores(CASE.X, CASE.actions, CASE.prior), learnt + CASE.prior, atol=1e-12
    )


def test_before_learning_a_policy_without_predictions_is_uniform() -> None:
    pmf = Linear().pmf(CASE.X, CASE.actions, CASE.mask, np.zeros_like(CASE.prior))
    np.testing.assert_allclose(pmf, explore.uniform(CASE.mask))


def test_before_learning_predictions_are_followed_as_the_formula_would() -> None:
    prior = np.tile([0.0, 3.0, 1.0, 1.0, 1.0], (60, 1))
    pmf = Linear().pmf(CASE.X, CASE.actions, np.ones_like(CASE.mask), prior)
    assert ((pmf * prior).sum(axis=1) > 0.98 * 3.0).all()


@pytest.mark.parametrize("explorer", ["squarecb", "softmax", "greedy"])
def test_the_unit_of_the_reward_does_not_matter(explorer: str) -> None:
    cents, euros = Linear(waves=8, explore=explorer), Linear(waves=8, explore=explorer)
    f = CASE.feedback
    euros.learn(f)
    cents.learn(replace(f, reward=f.reward * 1000.0, prior=f.prior * 1000.0))
    one = euros.pmf(CASE.X, CASE.actions, CASE.mask, CASE.prior)
    other = cents.pmf(CASE.X, CASE.actions, CASE.mask, CASE.prior * 1000.0)
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_new_offer_borrows_from_its_channel() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    factors = ("offer=x", "offer=y", "channel=email", "channel=sms")
    loading = np.array([[1.0, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]])
    actions = Actions(("x/email", "x/sms", "y/email", "y/sms"), factors, loading)
    action = rng.integers(0, 3, 600)  # y/sms is never tried
    reward = 1.0 * (action == 1) + 0.1 * rng.standard_normal(600)
    policy = Linear(waves=0)
    policy.learn(feedback(np.zeros((600, 1)), actions, action, reward))
    new = policy.scores(np.zeros((1, 1)), actions, np.zeros((1, 4)))[0]
    assert new[3] > new[2] + 0.2


def test_learners_merge_to_the_same_bits() -> None:
    one, other, whole = Linear(waves=8), Linear(waves=8), Linear(waves=8)
    other_case = make_case(4, n=60)
    for policy, case in ((one, CASE), (other, other_case), (whole, CASE), (whole, other_case)):
        policy.learn(case.feedback)
    one.merge(other)
    assert np.array_equal(one.weights(CASE.actions), whole.weights(CASE.actions))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 60), min_size=4, max_size=4), signs=st.booleans()
)
def test_learners_that_began_alike_merge_to_what_one_learner_would_have_learnt(
    seed: int, cuts: list[int], signs: bool
) -> None:
    f = make_case(seed, n=60, signs=signs).feedback
    first, gone, *edges = sorted(cuts)
    base, whole = Linear(waves=8), Linear(waves=8)
    base.learn(part(f, slice(gone)))
    whole.learn(part(f, slice(first)))
    workers = [unpack(pack(base)) for _ in range(3)]
    for worker, start, end in zip(workers, (gone, *edges), (*edges, 60), strict=True):
        worker.learn(part(f, slice(start, end)))
        whole.learn(part(f, slice(start, end)))
    wrong = part(f, slice(first, gone))  # one of them takes back some rows of the beginning
    workers[2].learn(replace(wrong, weight=-wrong.weight))
    one, *others = workers
    for other in others:
        one.merge(other)
        one.merge(base, -1.0)
    np.testing.assert_allclose(one.weights(CASE.actions), whole.weights(CASE.actions), rtol=0, atol=1e-9)


def test_learners_of_different_settings_do_not_merge() -> None:
    with pytest.raises(PolicyError, match="settings"):
        Linear(ridge=2.0).merge(Linear())


def test_learners_of_other_actions_under_the_same_name_do_not_merge_and_none_takes_out_more_than_it_has() -> (
    None
):
    one, other = Linear(waves=8), Linear(waves=8)
    one.learn(CASE.feedback)
    before = one.weights(CASE.actions)
    names = tuple("channel=push" if factor == "channel=sms" else factor for factor in CASE.actions.factors)
    other.learn(replace(CASE.feedback, actions=replace(CASE.actions, factors=names)))
    with pytest.raises(PolicyError, match=r"sms/now' is made of .*channel=sms.* in one learner, of .*push"):
        one.merge(other)
    with pytest.raises(PolicyError, match="more would be taken out"):
        Linear(waves=8).merge(one, -1.0)
    assert np.array_equal(one.weights(CASE.actions), before)


def test_taking_everything_back_leaves_a_new_learner() -> None:
    policy = Linear(waves=8)
    policy.learn(CASE.feedback)
    policy.learn(replace(CASE.feedback, weight=-CASE.feedback.weight))
    new = Linear(waves=8).pmf(CASE.X, CASE.actions, CASE.mask, CASE.prior)
    assert np.array_equal(policy.pmf(CASE.X, CASE.actions, CASE.mask, CASE.prior), new)


def test_more_than_was_learnt_cannot_be_taken_back() -> None:
    with pytest.raises(FeedbackError, match="taken back"):
        Linear().learn(replace(CASE.feedback, weight=-CASE.feedback.weight))


def test_taking_back_rows_that_were_never_learnt_is_noticed() -> None:
    policy = Linear(waves=0)
    policy.learn(CASE.feedback)
    policy.learn(replace(CASE.feedback, X=CASE.feedback.X + 3.0, weight=-CASE.feedback.weight))
    with pytest.raises(PolicyError, match="learn the log again"):
        policy.pmf(CASE.X, CASE.actions, CASE.mask, CASE.prior)


def test_an_absurd_reward_is_refused() -> None:
    absurd = CASE.feedback.reward.copy()
    absurd[5] = 1e200
    with pytest.raises(FeedbackError, match="row 5: reward"):
        Linear().learn(replace(CASE.feedback, reward=absurd))


def test_contexts_of_another_width_are_refused() -> None:
    policy = Linear()
    policy.learn(CASE.feedback)
    with pytest.raises(PolicyError, match="X has 3 columns, this policy has learnt on 4"):
        policy.pmf(CASE.X[:, :3], CASE.actions, CASE.mask, CASE.prior)
    with pytest.raises(FeedbackError, match="3 columns"):
        policy.learn(replace(CASE.feedback, X=CASE.X[:, :3]))


def test_a_context_that_is_not_finite_is_refused() -> None:
    policy = Linear(waves=0)
    policy.learn(CASE.feedback)
    X = CASE.X.copy()
    X[7, 0] = np.nan
    with pytest.raises(PolicyError, match="row 7"):
        policy.pmf(X, CASE.actions, CASE.mask, CASE.prior)


def test_it_learns_a_world_that_is_not_linear() -> None:
    from policies.base import draw

    rng = np.random.Generator(np.random.PCG64(9))
    actions = Actions.plain(("inside", "outside"))
    policy, X = Linear(), rng.standard_normal((4000, 2))
    right = (np.hypot(X[:, 0], X[:, 1]) > 1.2).astype(np.int64)
    mask, prior, hits = np.ones((200, 2), dtype=np.bool_), np.zeros((200, 2)), []
    for start in range(0, 4000, 200):
        rows = slice(start, start + 200)
        action, propensity = draw(policy.pmf(X[rows], actions, mask, prior), rng.random(200))
        reward = (action == right[rows]).astype(np.float64)
        policy.learn(feedback(X[rows], actions, action, reward, propensity))
        hits.append(reward.mean())
    assert np.mean(hits[-5:]) > 0.9  # a linear one stays below 0.7


@pytest.mark.parametrize("waves", [0, 7])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), share=st.floats(0.0, 1.0))
def test_columns_that_are_0_for_everybody_change_no_bit(waves: int, seed: int, share: float) -> None:
    case, rng = make_case(3, n=4 * grid.MANY), np.random.Generator(np.random.PCG64(seed))
    policy = Linear(waves=waves)
    policy.learn(case.feedback)
    X = case.X.copy()
    X[:, rng.random(X.shape[1]) < share] = 0.0
    rest = (case.actions, case.mask, case.prior)
    every, scores = policy.pmf(X, *rest), policy.scores(X, case.actions, case.prior)
    for i in range(0, len(X), 37):
        alone = slice(i, i + 1)
        one, prior = X[alone], case.prior[alone]
        np.testing.assert_array_equal(policy.pmf(one, case.actions, case.mask[alone], prior), every[alone])
        np.testing.assert_array_equal(policy.scores(one, case.actions, prior), scores[alone])
