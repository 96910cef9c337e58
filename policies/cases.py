"""Made-up problems to hold policies against: what the laws of `policies.laws` are tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from policies.base import NO_ACTION, Actions, Feedback, Floats, Mask, Policy, draw, feedback


@dataclass(frozen=True, slots=True)
class Case:
    """One made-up problem: n contexts, k actions, what is feasible, what is predicted, and what happened."""

    X: Floats
    actions: Actions
    mask: Mask
    prior: Floats
    feedback: Feedback


MakePolicy = Callable[[], Policy]
Law = Callable[[MakePolicy, Case], None]


def learnt(make_policy: MakePolicy, case: Case) -> Policy:
    """A new policy that has learnt what happened."""
    policy = make_policy()
    policy.learn(case.feedback)
    return policy


def asked(policy: Policy, case: Case) -> Floats:
    """(n, k) what a policy answers."""
    return policy.pmf(case.X, case.actions, case.mask, case.prior)


def make_case(seed: int, n: int = 40, d: int = 4, plain: bool = False, signs: bool = False) -> Case:
    """A random problem of no_action and 2 offers x 2 channels, or of plain actions."""
    rng = np.random.Generator(np.random.PCG64(seed))
    actions = Actions.plain((NO_ACTION, "a", "b", "c")) if plain else _crossed()
    k = len(actions)
    X = rng.standard_normal((n, d)) * rng.choice([0.1, 1.0, 4.0], (n, 1))
    mask = rng.random((n, k)) < 0.7
    mask[np.arange(n), rng.integers(0, k, n)] = True
    prior = rng.choice([0.0, 1.0], (n, 1)) * rng.standard_normal((n, k))
    action, propensity = draw(mask / mask.sum(axis=1, keepdims=True), rng.random(n))
    reward = X[:, 0] * (action % 2) + rng.standard_normal(n)
    chosen = prior[np.arange(n), action]
    told = feedback(X, actions, action, reward, propensity, chosen)
    if signs:
        told = replace(told, rest=np.where(rng.random(n) < 0.6, 3.0 * rng.standard_normal(n), 0.0))
    return Case(X, actions, mask, prior, told)


def part(feedback: Feedback, rows: slice) -> Feedback:
    """Some rows of feedback."""
    columns = ("X", "action", "propensity", "reward", "prior", "weight", "time", "rest")
    return replace(feedback, **{name: getattr(feedback, name)[rows] for name in columns})


def _crossed() -> Actions:
    names = (NO_ACTION, "x/email/now", "x/sms/now", "y/email/now", "y/sms/now")
    factors = (NO_ACTION, "offer=x", "offer=y", "channel=email", "channel=sms")
    loading = [[float(factor in _made_of(name)) for factor in factors] for name in names]
    return Actions(names, factors, np.array(loading))


def _made_of(name: str) -> tuple[str, ...]:
    if name == NO_ACTION:
        return (NO_ACTION,)
    offer, channel, _ = name.split("/")
    return (f"offer={offer}", f"channel={channel}")
