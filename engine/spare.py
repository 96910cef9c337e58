"""Sparing: what a customer's contacts usually earn, so that one that earns less is put off.

A contact takes more than its cost. Who heard from us yesterday notices less today, some unsubscribe, and a
cap that is used up leaves no room for something better. None of that is in the contact's own reward. So it
has to earn more than what contacts with this customer usually earn, times the setting `spare`: the same room,
left for later, would earn about that. It is charged like the price of any other scarce thing, before the
draw, and told with it.

What contacts usually earn is a regression: over the newest decisions of some of the policy's customers, the
best that is expected of a contact over sending nothing, on the columns of the context that tell customers
apart. Columns that change from one decision of a customer to the next (the contact history, days left) are
left out, so it is what a customer's contacts earn on the average of moments. It is found anew at each lesson
and stands in the snapshot.

Room that is left is worth something if there are other moments to use it. Where customers are decided for
only as often as they are written to, nothing is charged; where nothing is sent at half of the moments or
more, all of it; in between in proportion.

Source: Charnov (1976), "Optimal foraging, the marginal value theorem": a gain is taken if it is above the
    rate that can be had elsewhere; Talluri and van Ryzin (1998), "An analysis of bid-price controls for
    network revenue management", for charging the use of what is limited.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from sqlalchemy import Connection

from engine.assign import unit_hash
from engine.choose import Live, Scorer, scorer
from engine.context import Encoding
from engine.latest import Latest, customers, latest
from engine.store import entries
from policies.base import Floats, Mask

AMONG = 3_000  # newest decisions whose customers are looked at
CUSTOMERS = 400  # of these so many, by a hash of their names
EACH = 8  # newest decisions of each
LEAST = 200  # decisions that had a choice; fewer say nothing
_SHRINK = 10.0  # decisions that each column's weight is held to 0 by
_EVER = 2**62


def with_usual(connection: Connection, current: Live, without: str = "") -> Encoding:
    """The encoding with what contacts usually earn by the policy as it is now.

    Args:
        without: a customer who is not looked at.

    Raises:
        StoreError: a fold of the log is damaged.
    """
    judge = scorer(current)
    met = _sampled(connection, current, without) if judge is not None else None
    usual = () if met is None or judge is None or len(met) < LEAST else _usual(current, judge, met)
    return msgspec.structs.replace(current.encoding, usual=usual)


def _sampled(connection: Connection, current: Live, without: str) -> Latest | None:
    """The newest decisions by the program as it is of some of the newest customers.

    Each customer is looked at over several moments however many customers there are: the newest decisions
    of a large program would each be of somebody else.
    """
    name = current.program.name
    newest = customers(connection, entries.newest(connection, name, _EVER, AMONG), "policy")
    by_lot = sorted(newest, key=lambda one: unit_hash(f"spare {name}", one))
    some = [one for one in by_lot if one != without][:CUSTOMERS]
    return latest(connection, current, "policy", some, EACH)


def _usual(current: Live, judge: Scorer, met: Latest) -> tuple[float, ...]:
    """(1 + d) weights of [1, x]; () where too few decisions had a choice."""
    chosen = np.flatnonzero(met.mask[:, 1:].any(axis=1))
    if len(chosen) < LEAST:
        return ()
    steady = _steady(met.X, met.customer, len(current.encoding.history))
    gained = _gained(judge.scores(met.X[chosen], current.actions, met.prior[chosen]), met.mask[chosen])
    A = np.column_stack([np.ones(len(chosen)), met.X[chosen] * steady])
    held = _SHRINK * np.diag(np.arange(A.shape[1]) > 0)
    weights: Floats = np.linalg.solve(A.T @ A + held, A.T @ gained)
    return tuple((weights * room(met.customer, met.contact)).tolist())


def room(customer: Sequence[str], contact: Sequence[bool] | Mask) -> float:
    """What part of what contacts usually earn is charged, in [0, 1], from (n,) decisions of customers.

    Twice the share of moments at which nothing is sent, 1 at most. A customer's only moment is none that
    could be used instead.
    """
    _, who = np.unique(np.array(customer), return_inverse=True)
    moments = np.bincount(who)
    used = np.maximum(np.bincount(who, np.array(contact, dtype=np.float64)), 1.0)
    return float(min(1.0, 2.0 * (moments - used).sum() / moments.sum()))


def _gained(scores: Floats, mask: Mask) -> Floats:
    """(n,) the best that is expected of a contact over sending nothing, 0 or more."""
    best = np.where(mask, scores, -np.inf)[:, 1:].max(axis=1)
    gained: Floats = np.maximum(best - scores[:, 0], 0.0)
    return gained


def _steady(X: Floats, customer: Sequence[str], history: int) -> Mask:
    """(d,) columns that differ more between customers than from one decision of a customer to the next."""
    _, who, count = np.unique(np.array(customer), return_inverse=True, return_counts=True)
    mean = np.stack([np.bincount(who, column) for column in X.T], axis=1) / count[:, None]
    within, between = ((X - mean[who]) ** 2).mean(axis=0), mean.var(axis=0)
    steady: Mask = within <= between
    steady[len(steady) - history :] = False
    return steady
