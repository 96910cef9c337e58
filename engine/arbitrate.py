"""Arbitration: what each action is expected to earn before anything is learnt, and which go to the policy.

The words of the formula, for one customer and one action:

* `p`: the predicted response to the offer; NULL where nobody predicts it, or not for this customer.
* `value`, `priority`: of the offer.
* `lever`: the offer's, times those of its groups.
* `weight`: the offer's `weight` for this customer; 1 where it has none or it is NULL.
* `cost`: of the offer and the channel.

`docs/decisions/018` says why ties, options and ramps are as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, cast

import numpy as np

from engine.columns import Column, column
from engine.domain import ABLATIONS, AttributeType, Offer, Program
from engine.feasible import Feasible
from engine.hurdles import ARBITRATION, Reason
from engine.once import latest, once
from engine.program.compiled import arbitration_of, weights_of
from engine.rules import Amount, many, tree
from engine.rules.bits import FEW
from engine.situation import Situations
from policies.base import Floats, Ints, Mask

_ABLATED = frozenset(ABLATIONS)
_MANY, _KEPT = 64, 1024  # rows that are the same for all are kept where so many are asked for


@dataclass(frozen=True, slots=True)
class _Terms:
    """What the formula reads of a program with o offers and k actions.

    Attributes:
        value, lever, priority: (o + 1,) of each offer; the last is that of no_action, all 0.
        cost, offer: (k,) money, and which of them each action is of.
        models: each prediction of a response, with the place of its offer.
        weights: the places of offers that have a weight, with it.
        formula: the program's own, None for p * value * lever * weight - cost.
    """

    value: Floats
    lever: Floats
    priority: Floats
    cost: Floats
    offer: Ints
    models: tuple[tuple[str, int], ...]
    weights: tuple[tuple[int, Amount], ...]
    formula: Amount | None


@once
def _terms(program: Program) -> _Terms:
    place = {offer.name: i for i, offer in enumerate(program.offers)}
    channels = {channel.name: channel.cost for channel in program.channels}
    cost = [
        program.offers[place[a.offer]].cost + channels[a.channel] if a.offer else 0.0 for a in program.actions
    ]
    return _Terms(
        np.array([*(offer.value for offer in program.offers), 0.0]),
        np.array([*(lever(program, offer) for offer in program.offers), 0.0]),
        np.array([*(offer.priority for offer in program.offers), 0.0]),
        np.array(cost, dtype=np.float64),
        np.array([place.get(action.offer, len(place)) for action in program.actions], dtype=np.int64),
        tuple((model, place[offer]) for model, offer in program.predictions.items() if offer),
        tuple((place[name], weight) for name, weight in weights_of(program).items()),
        arbitration_of(program),
    )


def lever(program: Program, offer: Offer) -> float:
    """The lever of an offer and of every group above it, multiplied."""
    return offer.lever * prod(group.lever for group in program.lineage(offer.group))


def prior(program: Program, situations: Situations) -> Floats:
    """(n, k) expected net value of each action before any learning; no_action is 0.

    p * value * lever * weight - cost, or what the program's own formula says. Where that is NULL, because
    nobody predicts the response or a value it reads is not known, the action is expected to earn nothing but
    its cost. In the arm no_levers every lever is 1; in prediction_only p is all that counts.
    """
    terms = _terms(program)
    if _ABLATED.isdisjoint(arm for arm, _ in program.arms):
        return _prior(terms, situations)
    arms, found = np.array(situations.arm)[:, None], _prior(terms, situations)
    plain = _prior(replace(terms, lever=np.ones_like(terms.lever)), situations)
    found = np.where(arms == "no_levers", plain, found)
    return np.where(arms == "prediction_only", _response(terms, situations), found)


def _prior(terms: _Terms, situations: Situations) -> Floats:
    if terms.formula is None and not terms.models:
        return _costs(terms, len(situations))
    p, weight = _predicted(terms, situations), _weights(terms, situations)
    if terms.formula is not None:
        return _by_formula(terms, terms.formula, situations, p, weight)
    with np.errstate(over="ignore", invalid="ignore"):
        earned = p * terms.value * terms.lever
        if weight is not None:
            earned *= weight
    return np.where(np.isfinite(earned), earned, 0.0)[:, terms.offer] - terms.cost


def _costs(terms: _Terms, n: int) -> Floats:
    """(n, k) what actions cost, where nobody predicts anything: the same for all. Not to be written to."""
    if not _MANY <= n <= _KEPT:
        return np.zeros((n, 1)) - terms.cost
    return _same(terms)[:n]


@latest
def _same(terms: _Terms) -> Floats:
    same = np.zeros((_KEPT, 1)) - terms.cost
    same.flags.writeable = False
    return same


def _response(terms: _Terms, situations: Situations) -> Floats:
    """(n, k) predicted response to the offer of each action, 0 where nobody predicts it."""
    return np.nan_to_num(_predicted(terms, situations), nan=0.0)[:, terms.offer]


def cost(program: Program) -> Floats:
    """(k,) money each action costs when it is sent."""
    return _terms(program).cost


def _predicted(terms: _Terms, situations: Situations) -> Floats:
    """(n, o + 1) predicted response, NaN where it is not known; of two models the later one that knows."""
    n = len(situations)
    p = np.full((n, len(terms.value)), np.nan)
    for model, offer in terms.models:
        score = np.array(situations.values.get(model) or [None] * n, dtype=np.float64)
        p[:, offer] = np.where(np.isnan(score), p[:, offer], score)
    return p


def _weights(terms: _Terms, situations: Situations) -> Floats | None:
    """(n, o + 1) weight of each offer for each customer; None if no offer has one."""
    if not terms.weights:
        return None
    weight = np.ones((len(situations), len(terms.value)))
    for offer, written in terms.weights:
        found = _amounts(written, situations.values, len(situations))
        weight[:, offer] = np.where(np.isnan(found), 1.0, found)
    return weight


def _by_formula(
    terms: _Terms, formula: Amount, situations: Situations, p: Floats, weight: Floats | None
) -> Floats:
    """(n, k) the formula's value; actions of one offer and cost are looked at once."""
    pairs: dict[tuple[int, float], int] = {}
    of = [
        pairs.setdefault(pair, len(pairs))
        for pair in zip(terms.offer.tolist(), terms.cost.tolist(), strict=True)
    ]
    n, q = len(situations), len(pairs)
    offer, spent = np.array([one for one, _ in pairs]), np.array([cost for _, cost in pairs])
    words = {
        "p": p[:, offer],
        "value": np.tile(terms.value[offer], (n, 1)),
        "lever": np.tile(terms.lever[offer], (n, 1)),
        "weight": np.ones((n, q)) if weight is None else weight[:, offer],
        "cost": np.tile(spent, (n, 1)),
        "priority": np.tile(terms.priority[offer], (n, 1)),
    }
    values = {
        name: Column("number", words[name].ravel())
        if name in words
        else _repeated(situations.values[name], _kinds(formula)[name], q)
        for name in formula.names
    }
    earned = _amounts(formula, values, n * q).reshape(n, q)
    earned = np.where(np.isnan(earned), -spent, earned)
    earned[:, offer == len(terms.value) - 1] = 0.0
    return earned[:, of]


def _amounts(written: Amount, values: Mapping[str, Sequence[Any]], n: int) -> Floats:
    """(n,) the number for each customer, NaN for NULL: row by row for a few, by columns for many."""
    columns = {name: values[name] for name in written.names}
    if n > FEW:
        kinds = _kinds(written)
        return _for_many(written)({name: column(one, kinds[name]) for name, one in columns.items()}, n)
    rows = ({name: one[i] for name, one in columns.items()} for i in range(n))
    return np.array([written.of(row) for row in rows], dtype=np.float64)


def _repeated(values: Sequence[Any], kind: AttributeType, q: int) -> Column:
    one = column(values, kind)
    return Column(kind, np.repeat(one.array, q), one.levels)


@once
def _kinds(written: Amount) -> Mapping[str, AttributeType]:
    """The types of what an amount reads."""
    read = (node for node in tree.walk(written.tree) if isinstance(node, tree.Name))
    return {node.name: cast(AttributeType, node.type) for node in read}


@once
def _for_many(written: Amount) -> Callable[[Mapping[str, Column], int], Floats]:
    return many.amounts(written.tree)


def shortlist(made: Feasible, expected: Floats, options: int, first: Mask | None = None) -> Feasible:
    """The feasible sets with at most that many actions besides no_action.

    The highest expected net value stays; of equal ones those that stand earlier in the file.

    Args:
        expected: (n, k) expected net value.
        first: (n, k) actions that stay before any other.
    """
    rank = np.where(made.mask[:, 1:], expected[:, 1:], -np.inf)
    if first is not None:
        rank[made.mask[:, 1:] & first[:, 1:]] = np.inf
    order = np.argsort(-rank, axis=1, kind="stable")[:, options:]
    outranked = np.zeros_like(made.mask)
    np.put_along_axis(outranked[:, 1:], order, True, axis=1)
    text = f"outranked: not among the {options} of the highest expected net value"
    return closed(made, outranked, Reason(ARBITRATION, text))


def closed(made: Feasible, dropped: Mask, reason: Reason) -> Feasible:
    """The feasible sets without the actions `dropped` (n, k); what was infeasible keeps its own reason."""
    dropped, blame = dropped & made.mask, made.blame.copy()
    blame[dropped] = len(made.reasons) + 1
    return replace(made, mask=made.mask & ~dropped, blame=blame, reasons=(*made.reasons, reason))
