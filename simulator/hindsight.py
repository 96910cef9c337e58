"""Off-policy evaluation of a season's last days, with the simulator's true value beside each estimate.

What was learnt by the last day was learnt from decisions that had matured, so with a window of seven days the
last seven days' rewards are new to the policy that is judged on them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from engine import context
from engine.choose import Live
from engine.domain import NO_ACTION
from engine.errors import InputError
from engine.situation import columns, decode
from policies.base import Floats, Ints
from policies.explore import uniform
from policies.fixed import Constant
from simulator.evaluate import evaluate
from simulator.logs import Log
from simulator.season import Judged, Page
from simulator.targets import Target
from simulator.truth import true_value

_ESTIMATORS = ("dr", "ips")


def off_policy(pages: Sequence[Page]) -> tuple[Judged, ...]:
    """Policies judged from the logged decisions whose arm could have chosen any feasible action.

    In order: sending nothing, uniform, business as usual, the constant action that is best in truth, and the
    policy with all it had learnt by the last day. The true value of each is exact: expected net reward of its
    probabilities on the same decisions, in the states these found the customers in.

    Raises:
        InputError: no decision was drawn so.
    """
    rows = [_explored(page) for page in pages]
    if not sum(len(own) for own in rows):
        raise InputError(
            "No decision of the last days was drawn from all feasible actions; nothing can be judged."
        )
    response = np.concatenate([page.response[own] for page, own in zip(pages, rows, strict=True)])
    log, prior = _log(pages, rows)
    targets = _targets(pages[-1].live, log, prior, response)
    found = evaluate(log, targets, _ESTIMATORS)
    return tuple(
        Judged(one, float(true_value(response, target.pmf).mean()))
        for one, target in zip(found.policies, targets, strict=True)
        if target.pmf is not None
    )


def _explored(page: Page) -> Ints:
    """Rows in which every feasible action had a chance, so that any policy can be judged from them."""
    return np.flatnonzero(((page.made.pmf > 0) | ~page.made.mask).all(axis=1) & (page.made.arm != "holdout"))


def _log(pages: Sequence[Page], rows: Sequence[Ints]) -> tuple[Log, Floats]:
    """The decisions as a log, in the contexts the last snapshot sees, and (m, k) what was predicted."""
    live, both = pages[-1].live, list(zip(pages, rows, strict=True))
    program = live.program
    logged = columns(program, [decode(page.made.situations[i]) for page, own in both for i in own.tolist()])
    X = context.encode(live.encoding, logged)
    log = Log(
        X=X,
        names=live.encoding.columns,
        frame=pl.DataFrame({"customer": logged.customer}),
        actions=live.actions,
        action=np.concatenate([page.made.action[own] for page, own in both]),
        propensity=np.concatenate([page.made.propensity[own] for page, own in both]),
        reward=np.concatenate([page.reward[own] for page, own in both]),
        mask=np.concatenate([page.made.mask[own] for page, own in both]),
        cluster=np.unique(np.concatenate(rows), return_inverse=True)[1],
        source="the season's last days",
    )
    return log, context.prior(program, logged)


def _targets(live: Live, log: Log, prior: Floats, response: Floats) -> list[Target]:
    constant = [Constant(action=name) for name in log.actions.names]
    value = [true_value(response, one.pmf(log.X, log.actions, log.mask, prior)).mean() for one in constant]
    top = 1 + int(np.argmax(value[1:]))
    learnt = f"{live.program.policy.kind}@{live.snapshot_version}"
    return [
        Target(f"constant:{NO_ACTION}", constant[0].pmf(log.X, log.actions, log.mask, prior)),
        Target("uniform", uniform(log.mask)),
        Target("bau", live.bau.pmf(log.X, log.actions, log.mask, prior)),
        Target(f"constant:{log.actions.names[top]}", constant[top].pmf(log.X, log.actions, log.mask, prior)),
        Target(learnt, live.policy.pmf(log.X, log.actions, log.mask, prior)),
    ]
