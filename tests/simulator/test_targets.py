"""Targets: every way to name a policy, and what is said when one cannot be had."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.errors import InputError
from policies.base import Actions, Feedback, Floats, Mask
from policies.make import make
from simulator.folds import folds
from simulator.logs import Log
from simulator.targets import Target, Wanted, target
from tests.simulator.bandits import logged

LOG, _ = logged(1, n=400)


def on(wanted: Wanted, log: Log = LOG) -> Floats:
    pmf = target(wanted, log, folds(log)).pmf
    assert pmf is not None
    return pmf


def with_columns(pmf: Floats) -> Log:
    from dataclasses import replace

    frame = LOG.frame.with_columns(pl.Series(f"q_a{j}", pmf[:, j]) for j in range(3))
    return replace(LOG, frame=frame)


def test_uniform_and_constant_are_what_they_say() -> None:
    assert on("uniform") == pytest.approx(np.full((400, 3), 1 / 3))
    assert on("constant:a1")[:, 1].tolist() == [1.0] * 400


def test_the_logging_policy_has_no_pmf_of_its_own() -> None:
    assert target("logging", LOG, folds(LOG)) == Target("logging", None)


def test_probabilities_are_read_from_columns() -> None:
    pmf = np.tile([0.2, 0.3, 0.5], (400, 1))
    assert on("pmf:q_", with_columns(pmf)) == pytest.approx(pmf)


def test_a_learnt_policy_never_saw_the_row_it_acts_on() -> None:
    seen: list[Feedback] = []

    class Spy:
        def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
            learnt = {row.tobytes() for row in seen[-1].X}
            assert not any(row.tobytes() in learnt for row in X)
            return np.full(mask.shape, 1 / mask.shape[1])

        def learn(self, feedback: Feedback) -> None:
            seen.append(feedback)

    assert on(("spy", Spy)) == pytest.approx(np.full((400, 3), 1 / 3))
    assert sum(len(one) for one in seen) == 4 * 400


def test_learning_finds_the_best_action() -> None:
    log, q = logged(2, n=6000)
    chosen = on("learnt", log).argmax(axis=1)
    gained = q[np.arange(len(q)), chosen].mean()
    assert gained > 0.9 * q.max(axis=1).mean() + 0.1 * q.mean()
    assert on("learnt", log).min() > 0.0


def test_a_policy_file_is_learnt_and_a_policy_object_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("kind: linear\nsettings:\n  waves: 0\n  explore: greedy\n  floor: 0.02\n")
    assert np.array_equal(on(str(path)), on("learnt"))
    fixed = make("priority", {"priorities": {"a2": 1.0}})
    assert np.array_equal(on(("mine", fixed)), on("constant:a2"))


class Crashes:
    """A policy that fails, or errs, where the first context column is above 2."""

    def __init__(self, how: Any) -> None:
        self.how = how

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        pmf = np.full(mask.shape, 1 / mask.shape[1])
        bad = X[:, 0] > 2
        if self.how == "crash":
            if bad.any():
                raise KeyError("income")
            return pmf
        pmf[bad] = self.how
        return pmf

    def learn(self, feedback: Feedback) -> None:
        return None


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("crash", r"row {row}: policy mine failed \(KeyError: 'income'\)"),
        ([0.5, 0.4, 0.2], r"policy mine, row {row}: has probabilities that sum to 1\.1, must be 1"),
        ([-0.5, 0.5, 1.0], r"policy mine, row {row}: has a probability that is negative"),
        ([np.nan, 0.5, 0.5], r"policy mine, row {row}: has a probability that is negative or not a number"),
    ],
)
def test_a_policy_that_fails_is_told_with_the_row(how: Any, said: str) -> None:
    row = int(np.argmax(LOG.X[:, 0] > 2)) + 1
    assert row > 1
    with pytest.raises(InputError, match=said.format(row=row)):
        on(("mine", Crashes(how)))


def test_probabilities_off_the_feasible_set_are_told() -> None:
    from dataclasses import replace

    mask = LOG.mask.copy()
    mask[7] = np.arange(3) == LOG.action[7]
    with pytest.raises(InputError, match=r"row 8: gives a probability to an action that was not feasible"):
        on(("mine", Crashes([1.0, 0.0, 0.0])), replace(LOG, mask=mask))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unifrom", r"There is no policy 'unifrom'\. Did you mean 'uniform'\?"),
        ("constant:a9", r"the log has no action 'a9'"),
        ("pmf:q_", r"has no column 'q_a0'"),
        ("none.yaml", r"none\.yaml: cannot be read"),
    ],
)
def test_unknown_policies_are_told(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        on(name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: [", "is not YAML"),
        ("settings: {}", "must have `kind"),
        ("kind: linear\nseting: 1", "has an unknown key 'seting'. Did you mean 'settings'?"),
        ("kind: lineer", "Did you mean 'linear'?"),
        ("kind: linear\nsettings: {floor: 2}", "floor == 2"),
    ],
)
def test_bad_policy_files_are_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as told:
        on(str(path))
    assert said in str(told.value) and str(path) in str(told.value)


def test_rows_of_probabilities_that_do_not_sum_to_one_are_told() -> None:
    pmf = np.tile([0.2, 0.3, 0.5], (400, 1))
    pmf[4, 0] = 0.3
    with pytest.raises(
        InputError, match=r"policy pmf:q_, row 5: has probabilities that sum to 1\.1, must be 1"
    ):
        on("pmf:q_", with_columns(pmf))
