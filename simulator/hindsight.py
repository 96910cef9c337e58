"""Off-policy evaluation inside a season, with the simulator's true value beside each estimate.

The arm `random` is the log: it tries everything, and what it does teaches nothing about the day it is done
on, since only matured decisions are learnt. So the learnt policy is judged as it served on each of these
days, by rewards it had not seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.choose import Live
from engine.domain import ArmName
from engine.errors import InputError
from policies.base import NO_ACTION, Floats, Ints, Mask
from policies.explore import uniform
from policies.fixed import Constant
from simulator.evaluate import evaluate
from simulator.logs import Log
from simulator.season import Decisions, Judged, label
from simulator.targets import Target
from simulator.truth import true_value

LOGGED: ArmName = "random"  # the arm whose decisions are the log
_ESTIMATORS = ("calibrated", "ips")


@dataclass(frozen=True, slots=True)
class Trial:
    """One day of the arm `random`: m decisions, what is true of them, and what others would have done.

    Attributes:
        live: what served on that day.
        customer: (m,) rows of the customers.
        X: (m, d) contexts.
        mask: (m, k) feasible actions.
        action: (m,) what was drawn.
        propensity: (m,) its probability.
        reward: (m,) realised net reward.
        response: (m, k) expected net reward of every action.
        learnt: (m, k) pmf of the policy as it served.
        bau: (m, k) pmf of business as usual.
    """

    live: Live
    customer: Ints
    X: Floats
    mask: Mask
    action: Ints
    propensity: Floats
    reward: Floats
    response: Floats
    learnt: Floats
    bau: Floats


def trial(made: Decisions, live: Live, reward: Floats, response: Floats) -> Trial | None:
    """What a day of the arm `random` tells; None if nobody is in it, or nothing had been learnt yet."""
    if not live.snapshot_version or not (made.arm == LOGGED).any():
        return None
    met = made.met.only(np.flatnonzero(made.arm == LOGGED))
    own, mask = met.row, made.mask[met.row]
    learnt, bau = (one.pmf(met.X, live.actions, mask, met.prior) for one in (live.policy, live.bau))
    return Trial(
        live,
        own,
        met.X,
        mask,
        made.action[own],
        made.propensity[own],
        reward[own],
        response[own],
        learnt,
        bau,
    )


def off_policy(trials: Iterable[Trial]) -> tuple[Judged, ...]:
    """Policies judged from the arm `random`.

    In order: sending nothing, uniform, business as usual, the one action for all that is best in truth, and
    the policy as it served. The true value of each is exact: expected net reward of its probabilities on the
    same decisions, in the states these found the customers in.

    Raises:
        InputError: there is no such decision.
    """
    days = list(trials)
    if not days:
        raise InputError(
            "Nobody was in the arm random on a day on which something had been learnt; give that arm a "
            "share, and the season more days than the goal's window has."
        )
    whole = _joined(days)
    log, targets = _log(whole), _targets(whole)
    found = evaluate(log, targets, _ESTIMATORS)
    return tuple(
        Judged(one, float(true_value(whole.response, target.pmf).mean()))
        for one, target in zip(found.policies, targets, strict=True)
        if target.pmf is not None
    )


def _joined(days: list[Trial]) -> Trial:
    def column(name: str) -> Floats:
        return np.concatenate([getattr(one, name) for one in days])

    names = ("X", "propensity", "reward", "response", "learnt", "bau")
    X, propensity, reward, response, learnt, bau = (column(name) for name in names)
    customer = np.concatenate([one.customer for one in days])
    mask = np.concatenate([one.mask for one in days])
    action = np.concatenate([one.action for one in days])
    return Trial(days[-1].live, customer, X, mask, action, propensity, reward, response, learnt, bau)


def _log(whole: Trial) -> Log:
    return Log(
        X=whole.X,
        names=whole.live.encoding.columns,
        frame=pl.DataFrame({"customer": whole.customer}),
        actions=whole.live.actions,
        action=whole.action,
        propensity=whole.propensity,
        reward=whole.reward,
        mask=whole.mask,
        cluster=np.unique(whole.customer, return_inverse=True)[1],
        source="the arm random",
        logging=uniform(whole.mask),
    )


def _targets(whole: Trial) -> list[Target]:
    actions, nothing = whole.live.actions, np.zeros(whole.mask.shape)
    pmfs = [Constant(action=name).pmf(whole.X, actions, whole.mask, nothing) for name in actions.names]
    value = [float(true_value(whole.response, pmf).mean()) for pmf in pmfs]
    top = 1 + int(np.argmax(value[1:]))
    targets = {
        f"constant:{NO_ACTION}": pmfs[0],
        "uniform": uniform(whole.mask),
        "bau": whole.bau,
        f"constant:{actions.names[top]}": pmfs[top],
        label(whole.live.program.policy): whole.learnt,
    }
    return [Target(name, pmf) for name, pmf in targets.items()]
