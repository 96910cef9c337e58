"""The evidence against dense normal densities, and the scale it chooses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from policies import grid
from policies.base import Floats
from policies.evidence import SCALES, Part, belief, dispersion, evidence, likeliest, part
from policies.laws import Case, make_case
from policies.moments import Moments
from policies.pool import Layout, lay_out

RIDGE, POOL = 2.0, 0.5


def features(case: Case) -> Floats:
    return np.column_stack([np.ones(len(case.X)), grid.snap(case.X)])


def summed(case: Case) -> tuple[dict[str, Moments], Layout]:
    """Sums of every action that was tried, and how they are pooled."""
    phi, f = features(case), case.feedback
    moments, loading = {}, {}
    for a in np.unique(f.action):
        rows, name = f.action == a, case.actions.names[a]
        moments[name] = Moments.empty(phi.shape[1])
        moments[name].add(phi[rows], (f.reward - f.prior)[rows], f.weight[rows], phi.shape[1])
        made_of = np.flatnonzero(case.actions.features[a])
        loading[name] = {case.actions.factors[j]: float(case.actions.features[a, j]) for j in made_of}
    return moments, lay_out(loading, 3)


def dense(case: Case, layout: Layout, scale: float) -> float:
    """The same evidence from the (n, n) covariance of the rewards, none eliminated."""
    phi, f = features(case), case.feedback
    Z = np.array([layout.Z[layout.names.index(case.actions.names[a])] for a in f.action])
    near = phi[:, : layout.p]
    spread = 1.0 / layout.precision(POOL, scale).reshape(len(layout.factors), layout.p)
    shared = np.einsum("aj,bj,ac,bc,jc->ab", Z, Z, near, near, spread, optimize=True)
    own = (f.action[:, None] == f.action) * (phi @ phi.T) / (scale * RIDGE)
    V, y = np.eye(len(phi)) + shared + own, f.reward - f.prior
    noise = float(y @ np.linalg.solve(V, y)) / len(y)
    return float(multivariate_normal(cov=noise * V).logpdf(y))


def absorbed(moments: dict[str, Moments], layout: Layout, scale: float, rho: Floats) -> float:
    known = [moments[name] for name in layout.names]
    ridge = scale * RIDGE * np.ones(known[0].b.shape[1])
    parts = [part(one.G, one.b[0], ridge, layout.p) for one in known]
    square, n = sum(float(one.square[0, 0]) for one in known), sum(one.n for one in known)
    return evidence(parts, layout.Z, layout.precision(POOL, scale), square, n, rho)[0]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), plain=st.booleans(), scale=st.sampled_from([0.1, 1.0, 30.0, 1e5]))
def test_the_evidence_is_the_normal_density_of_the_rewards(seed: int, plain: bool, scale: float) -> None:
    case = make_case(seed, plain=plain)
    moments, layout = summed(case)
    found = absorbed(moments, layout, scale, np.ones(len(layout.names) + 1))
    assert found == pytest.approx(dense(case, layout, scale), abs=1e-8)


def test_the_evidence_of_two_rows_by_hand() -> None:
    parts = [part(np.array([[2.0]]), np.array([4.0]), np.array([1.0]), 0)]  # y = 1, 3 around one mean
    Q = 10.0 - 16.0 / 3.0
    by_hand = -(np.log(2 * np.pi * Q / 2) + 1) - np.log(3.0) / 2
    found, most = evidence(parts, np.zeros((1, 0)), np.ones(0), 10.0, 2.0, np.ones(2))
    assert most == pytest.approx(by_hand + np.log(3.0) / 2, abs=1e-12)
    assert found == pytest.approx(by_hand, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), signal=st.sampled_from([0.0, 0.1, 1.0, 10.0]))
def test_the_choice_is_the_best_of_all_scales(seed: int, signal: float) -> None:
    case = make_case(seed, n=80)
    f = case.feedback
    rng = np.random.Generator(np.random.PCG64(seed))
    reward = f.prior + signal * case.X[:, 1] * (f.action - 2) + rng.standard_normal(len(f))
    case = replace(case, feedback=replace(f, reward=reward))
    moments, layout = summed(case)
    rho = dispersion([moments[name] for name in layout.names], 5)
    chosen = likeliest(belief(moments, layout, np.outer(RIDGE * np.ones(5), SCALES), POOL, 5, {}))
    scan = {scale: absorbed(moments, layout, scale, rho) for scale in SCALES}
    assert scan[chosen] == max(scan.values())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), signal=st.sampled_from([0.0, 1.0, 100.0]), plain=st.booleans())
def test_scales_that_are_not_worked_out_are_not_believed_in(seed: int, signal: float, plain: bool) -> None:
    case = make_case(seed, n=300, plain=plain)
    f = case.feedback
    case = replace(case, feedback=replace(f, reward=f.reward + signal * case.X[:, 1] * f.action))
    moments, layout = summed(case)
    rho, parts = dispersion([moments[name] for name in layout.names], 5), dict[str, list[Part]]()
    found = belief(moments, layout, np.outer(RIDGE * np.ones(5), SCALES), POOL, 5, parts)
    value = np.array([absorbed(moments, layout, scale, rho) for scale in SCALES])
    odds = np.exp(value - value.max())
    np.testing.assert_allclose(found, odds / odds.sum(), atol=1e-12)
    again = belief(moments, layout, np.outer(RIDGE * np.ones(5), SCALES), POOL, 5, parts)
    assert np.array_equal(again, found)
    if signal == 100.0:
        assert max(map(len, parts.values())) < len(SCALES)


def one_action(X: Floats, y: Floats) -> tuple[dict[str, Moments], Layout]:
    phi = np.column_stack([np.ones(len(X)), grid.snap(X)])
    moments = {"a": Moments.empty(phi.shape[1])}
    moments["a"].add(phi, y, np.ones(len(y)), phi.shape[1])
    return moments, lay_out({"a": {"a": 1.0}}, phi.shape[1])


def chosen_for(X: Floats, y: Floats) -> float:
    moments, layout = one_action(X, y)
    D = X.shape[1] + 1
    return likeliest(belief(moments, layout, np.outer(np.ones(D), SCALES), 1.0, D, {}))


def test_a_clear_signal_is_trusted_and_pure_noise_is_not() -> None:
    rng = np.random.Generator(np.random.PCG64(4))
    X, noise = rng.standard_normal((500, 8)), rng.standard_normal(500)
    assert chosen_for(X, X.sum(axis=1) + noise) == SCALES[0]
    assert chosen_for(X, noise) >= 1e3


def test_luck_that_grows_with_the_context_is_not_taken_for_taste() -> None:
    rng, tempered, plain = np.random.Generator(np.random.PCG64(8)), [], []
    for _ in range(60):
        X = rng.standard_normal((300, 8)) * rng.choice([0.2, 2.0], (300, 1))
        moments, layout = one_action(X, rng.standard_normal(300) * np.square(X).sum(axis=1))
        tempered.append(likeliest(belief(moments, layout, np.outer(RIDGE * np.ones(9), SCALES), POOL, 9, {})))
        at = [absorbed(moments, layout, scale, np.ones(2)) for scale in SCALES]
        plain.append(SCALES[int(np.argmax(at))])
    assert np.mean(np.equal(plain, SCALES[-1])) < 0.25
    assert np.mean(np.equal(tempered, SCALES[-1])) > 0.45  # about as often as under even noise


def test_the_dispersion_of_even_noise_is_one() -> None:
    rng = np.random.Generator(np.random.PCG64(2))
    moments, _ = one_action(rng.standard_normal((20_000, 4)), rng.standard_normal(20_000))
    np.testing.assert_allclose(dispersion([moments["a"]], 5), 1.0, atol=0.05)


def test_where_every_reward_is_its_prior_the_prior_is_kept() -> None:
    assert chosen_for(np.ones((5, 2)), np.zeros(5)) == SCALES[-1]
