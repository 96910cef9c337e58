"""Kernels: they give what plain numpy gives, row by row, and work where nothing can be kept."""

from __future__ import annotations

import importlib
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import explore, optimism, rowwise, vw_export, waves
from policies.base import NO_ACTION, Actions, Floats, Mask, draw, drawn
from policies.kernel import Kernel, kernel
from policies.stakes import stakes

MODULES = ("policies.base", "policies.grid", "policies.optimism", "policies.rowwise")
MODULES += (
    "policies.vw_export",
    "policies.vw_text",
    "policies.waves",
    "engine.context",
    "engine.feasible",
    "engine.rules.bits",
    "engine.xxh3",
)


@kernel("f8(f8[::1])")
def _sum_of_products(x: Floats) -> float:
    total = 0.1
    for i in range(len(x)):
        total = total * x[i] + x[i]
    return total


@pytest.mark.parametrize("module", MODULES)
def test_a_kernel_calls_kernels_of_its_own_module_only(module: str) -> None:
    named = vars(importlib.import_module(module))
    own = {name: one for name, one in named.items() if isinstance(one, Kernel)}
    assert own
    for one in own.values():
        called = [own[name] for name in one.plain.__code__.co_names if name in own]
        assert {other.__module__ for other in [one, *called]} == {module}


@pytest.mark.parametrize("one", [waves._bend, rowwise._deviations, vw_export._add_up, _sum_of_products])
def test_no_kernel_fuses_a_multiplication_with_an_addition(one: Kernel[..., object]) -> None:
    compiled = one._compile(cache=False)
    (machine_code,) = compiled.inspect_asm().values()  # type: ignore[attr-defined]
    assert "mul" in machine_code
    assert not any(word in machine_code for word in ("fmadd", "fmsub", "fnmadd", "fmla", "fmls"))


def test_a_kernel_works_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    script = "import numpy as np; from policies.base import draw; print(draw(np.eye(2), np.zeros(2))[0])"
    nowhere = {"NUMBA_CACHE_DIR": str(tmp_path / "file" / "in-it")}
    made = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, **nowhere}, capture_output=True, text=True
    )
    assert (made.returncode, made.stdout.strip()) == (0, "[0 1]"), made.stderr


def test_arrays_of_another_type_are_refused() -> None:
    with pytest.raises(TypeError):
        _sum_of_products(np.zeros(3, dtype=np.float32))  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32), k=st.integers(1, 400), ties=st.booleans(), floor=st.sampled_from([0.0, 0.01])
)
def test_probabilities_are_those_of_plain_numpy_and_each_row_its_own(
    seed: int, k: int, ties: bool, floor: float
) -> None:
    chance = np.random.default_rng(seed)
    scores, mask = chance.normal(size=(5, k)), chance.random((5, k)) < 0.5
    mask[:, 0] = True
    scores = np.round(scores) if ties else scores
    gamma, u = chance.uniform(0.0, 1e3, 5), chance.random(5)
    for made, expected in (
        (explore.squarecb(scores, mask, gamma, floor), _squarecb(scores, mask, gamma, floor)),
        (explore.softmax(scores, mask, gamma + 0.1, floor), _softmax(scores, mask, gamma + 0.1, floor)),
    ):
        np.testing.assert_allclose(made, expected, rtol=1e-12, atol=1e-12)
        drawn, propensity = draw(made, u)
        first = [
            int(np.flatnonzero(np.cumsum(row) > t * np.cumsum(row)[-1])[0])
            for row, t in zip(made, u, strict=True)
        ]
        assert drawn.tolist() == first
        assert (propensity == made[np.arange(5), drawn]).all()
    alone = [explore.squarecb(scores[i : i + 1], mask[i : i + 1], gamma[i : i + 1], floor) for i in range(5)]
    assert (np.vstack(alone) == explore.squarecb(scores, mask, gamma, floor)).all()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), k=st.integers(1, 300))
def test_what_is_at_stake_is_what_plain_numpy_says(seed: int, k: int) -> None:
    chance = np.random.default_rng(seed)
    prior, mask = chance.normal(size=(4, k)), chance.random((4, k)) < 0.5
    mask[:, -1] = True
    rows, spread, half = stakes(mask, prior, 100.0, 7.0, 30.0)
    for i in range(4):
        open_ = prior[i, mask[i]]
        reach = (open_.max() - open_.min()) / 2
        worth = 100.0 if reach > 0 else 0.0
        assert (rows[i], half[i]) == (7.0 + worth, reach)
        assert math.isclose(spread[i], math.sqrt((30.0 + worth * reach**2) / (7.0 + worth)), rel_tol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    k=st.integers(1, 300),
    feasible=st.sampled_from([0.0, 0.02, 0.5]),
    predicted=st.booleans(),
    nothing=st.booleans(),
)
def test_squarecb_with_optimism_in_one_pass_gives_the_bits_of_its_steps(
    seed: int, k: int, feasible: float, predicted: bool, nothing: bool
) -> None:
    chance = np.random.default_rng(seed)
    scores, mask = chance.normal(size=(5, k)).round(1), chance.random((5, k)) < feasible
    mask[:, 0] = True
    prior = chance.normal(size=(5, k)) if predicted else np.zeros((5, k))
    unknown, totals = chance.random((5, k)), (40.0, 30.0)
    actions = Actions.plain((NO_ACTION if nothing else "x", *map(str, range(k - 1))))
    chosen = {"trust": 10.0, "optimism": 2.0, "gamma": 100.0, "floor": 0.01}
    made = optimism.squarecb(scores, mask, prior, unknown, actions, totals, chosen)
    rows, spread, half = stakes(mask, prior, 10.0, *totals)
    hoped = scores + 2.0 * optimism.beyond(optimism.bonus(unknown, spread, half), mask, actions)
    assert (made == explore.squarecb(hoped, mask, 100.0 * np.sqrt(rows) / spread, 0.01)).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 11), k=st.integers(1, 300))
def test_what_is_drawn_says_whether_another_action_was_likelier_and_rows_do_not_meet(
    seed: int, n: int, k: int
) -> None:
    chance = np.random.default_rng(seed)
    pmf, u = chance.integers(0, 4, (n, k)) + 0.0, chance.random(n)
    pmf[:, 0] += 1.0
    pmf /= pmf.sum(axis=1, keepdims=True)
    action, propensity, explored = drawn(pmf, u)
    assert (explored == (pmf > propensity[:, None]).any(axis=1)).all()
    alone = [drawn(pmf[i : i + 1], u[i : i + 1]) for i in range(n)]
    assert [one[0][0] for one in alone] == action.tolist()
    assert [one[1][0] for one in alone] == propensity.tolist()


def test_the_exponential_is_right_to_the_last_digits() -> None:
    for x in np.linspace(-700.0, 0.0, 5001).tolist():
        assert math.isclose(rowwise._exp(x), math.exp(x), rel_tol=1e-15)
    assert rowwise._exp(-math.inf) == 0.0


def _squarecb(scores: Floats, mask: Mask, gamma: Floats, floor: float) -> Floats:
    made = np.zeros(scores.shape)
    for i, row in enumerate(scores):
        open_ = np.flatnonzero(mask[i])
        best = row[open_].max()
        made[i, open_] = [
            0.0 if row[j] == best else 1 / (len(open_) + gamma[i] * (best - row[j])) for j in open_
        ]
        leaders = open_[row[open_] == best]
        made[i, leaders] = (1.0 - made[i].sum()) / len(leaders)
        made[i, open_] = (1.0 - floor) * made[i, open_] + floor / len(open_)
    return made


def _softmax(scores: Floats, mask: Mask, heat: Floats, floor: float) -> Floats:
    odds = np.where(
        mask,
        np.exp((scores - np.where(mask, scores, -np.inf).max(axis=1, keepdims=True)) / heat[:, None]),
        0.0,
    )
    made = odds / odds.sum(axis=1, keepdims=True)
    return (1.0 - floor) * made + floor * mask / mask.sum(axis=1, keepdims=True)
