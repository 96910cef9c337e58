"""Policies by name, and messages a person can act on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from policies.make import KINDS, make
from policies.settings import PolicyError

NEEDED = {"constant": {"action": "a"}}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_made_and_remade_from_its_own_settings(kind: str) -> None:
    policy = make(kind, NEEDED.get(kind))
    assert policy.kind == kind
    assert make(kind, policy.settings).settings == policy.settings


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
