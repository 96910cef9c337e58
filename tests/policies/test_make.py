"""Policies by name, and messages a person can act on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from policies.base import Actions, Feedback, Floats, Mask, check
from policies.cases import make_case
from policies.explore import greedy
from policies.laws import LawBroken, check_policy
from policies.make import KINDS, changed_settings, make
from policies.settings import PolicyError
from policies.snapshot import pack, unpack
from policies.state import Kept, State

NEEDED = {"constant": {"action": "a"}}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_made_and_remade_from_its_own_settings(kind: str) -> None:
    policy = make(kind, NEEDED.get(kind))
    assert policy.kind == kind
    assert make(kind, policy.settings).settings == policy.settings
    assert make(kind, changed_settings(policy)).settings == policy.settings


def test_settings_that_are_defaults_need_not_be_said() -> None:
    assert changed_settings(make("linear", {"gamma": 7.0, "optimism": 2.0})) == {"gamma": 7.0}


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(PolicyError, match=r"policy kind == 'liner'.*Did you mean 'linear'"):
        make("liner", {})


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(PolicyError, match=r"setting of policy 'linear' == 'gama'.*Did you mean 'gamma'"):
        make("linear", {"gama": 1.0})


@pytest.mark.parametrize(
    ("kind", "chosen", "message"),
    [
        ("linear", {"ridge": -1.0}, r"ridge == -1.0, must be in"),
        ("linear", {"waves": 2.5}, r"waves == 2.5, must be a whole number"),
        ("linear", {"floor": True}, r"floor == True, must be a number"),
        ("linear", {"explore": "squarcb"}, r"Did you mean 'squarecb'"),
        ("vw", {"explore": "regcb", "estimator": "dr"}, r"estimator == 'dr', must be one of mtr"),
        ("vw", {"explore": "bag", "degree": 2.5}, r"degree == 2.5"),
        ("priority", {"priorities": {"a": "high"}}, r"priorities\[a\] == 'high'"),
        ("priority", {"priorities": [1]}, r"must map action names"),
        ("formula", {"epsilon": 2}, r"epsilon == 2, must be in \[0, 1\]"),
        ("constant", {}, r"needs the setting 'action'"),
        ("constant", {"action": 3}, r"must be the name"),
    ],
)
def test_a_wrong_setting_is_one_clear_sentence(kind: str, chosen: dict[str, object], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        make(kind, chosen)


def test_importing_and_making_a_light_policy_loads_nothing_heavy() -> None:
    code = (
        "import sys; from policies.make import make; make('uniform', {}); "
        "print([m for m in ('scipy', 'vowpalwabbit') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


class Means:
    """The mean reward of each action, whoever the customer is; a policy that nextbest does not know."""

    kind = "means"

    def __init__(self, floor: float = 0.05) -> None:
        self.floor = floor
        self.settings = {"floor": floor}
        self._n: dict[str, float] = {}
        self._sum: dict[str, float] = {}

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        mean = np.array([self._sum.get(name, 0.0) / (self._n.get(name, 0.0) + 1.0) for name in actions.names])
        return greedy(prior + mean, mask, self.floor)

    def learn(self, feedback: Feedback) -> None:
        check(feedback)
        gained = zip(feedback.action, feedback.reward - feedback.prior, feedback.weight, strict=True)
        for action, reward, weight in gained:
            name = feedback.actions.names[action]
            self._n[name] = self._n.get(name, 0.0) + float(weight)
            self._sum[name] = self._sum.get(name, 0.0) + float(weight * reward)

    def state(self) -> State:
        return State({"n": self._n, "sum": self._sum}, {})

    def restore(self, state: State) -> None:
        self._n, self._sum = dict(state.words["n"]), dict(state.words["sum"])


class Amnesiac(Means):
    """Loses what it learnt on the way to a snapshot."""

    def state(self) -> State:
        return State({"n": {}, "sum": {}}, {})


def test_a_policy_of_ones_own_runs_every_law_that_applies_to_it() -> None:
    check_policy(Means)
    check_policy(lambda: Means(0.2))
    with pytest.raises(LawBroken, match="snapshot brings back"):
        check_policy(Amnesiac)


def test_an_installed_package_names_a_kind_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PolicyError, match="policy kind == 'means'"):
        make("means")
    about = tmp_path / "mine-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[nextbest.policies]\nmeans = {__name__}:Means\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    policy = make("means", {"floor": 0.1})
    assert isinstance(policy, Means) and isinstance(policy, Kept)
    policy.learn(make_case(3).feedback)
    again = unpack(pack(policy))
    assert again.settings == {"floor": 0.1} and again.state() == policy.state()
    with pytest.raises(PolicyError, match=r"setting of policy 'means' == 'flor'.*Did you mean 'floor'"):
        make("means", {"flor": 0.1})
