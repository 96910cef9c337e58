"""What budgets do to a choice: too dear actions leave the feasible set, and the score loses their price.

Both happen before the draw, and follow from the `limits` of a situation alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from engine.assign import uniforms
from engine.budget.tariff import MICRO, Tariff, tariffs
from engine.coded import Coded
from engine.domain import Program
from engine.hurdles import BUDGET, Numbers, Reason
from engine.situation import Limit, Situations
from policies.base import Floats, Ints

TIE = 1e-3  # the price of each customer is up to this much higher, by lot: of equal ones some are served
Found = Iterator[tuple[Ints, Tariff, Limit]]


def close(
    program: Program, situations: Situations, send_us: Ints, blame: Numbers, first: int
) -> tuple[Reason, ...]:
    """Lower the blame of every action that costs more than its period has left.

    Args:
        send_us: (n, k) when each action would be sent.
        blame: (n, k) the number of what forbids each action so far.
        first: number of the first reason returned; those after it follow.

    Returns:
        The reasons, in the order of their numbers.
    """
    reasons: dict[Reason, int] = {}
    for rows, tariff, limit in _found(program, situations):
        left, at, cells = _left(tariff, limit), _period(tariff, limit, send_us, rows), _cells(tariff, rows)
        dear = tariff.units > left[at]
        if dear.any():
            for period in np.unique(at[dear]).tolist():
                reason = Reason(BUDGET, _words(tariff, limit, period, int(left[period])))
                number = reasons.setdefault(reason, first + len(reasons))
                blame[cells] = np.minimum(blame[cells], np.where(dear & (at == period), number, blame[cells]))
    return tuple(reasons)


def charge(program: Program, situations: Situations, send_us: Ints) -> Floats | None:
    """(n, k) money that the scarce things each action uses up are worth elsewhere; None if nothing is scarce.

    Of customers who would gain the same some are charged up to a thousandth more, by lot of the decision's
    key: a price can then serve any share of them.
    """
    charged: Floats | None = None
    lot: Floats | None = None
    for rows, tariff, limit in _found(program, situations):
        price = _prices(tariff, limit)
        if price.any():
            if charged is None or lot is None:
                charged = np.zeros(send_us.shape)
                lot = 1.0 + TIE * uniforms(f"price {program.name}", situations.key)
            each = price[_period(tariff, limit, send_us, rows)] * (tariff.units / MICRO)
            charged[_cells(tariff, rows)] += each * lot[rows, None]
    return charged


def _found(program: Program, situations: Situations) -> Found:
    """Each budget with what is left of it, for rows that share it."""
    for rows in alike(situations.limits):
        limits = situations.limits[rows[0]]
        for tariff in tariffs(program):
            limit = limits.get(tariff.budget.name)
            if limit is not None:
                yield rows, tariff, limit


def alike(limits: Sequence[Mapping[str, Limit]]) -> list[Ints]:
    """The rows, those that share one object of limits together."""
    if len(limits) == 1:
        return [np.zeros(1, dtype=np.int64)]
    if isinstance(limits, Coded):
        return [np.flatnonzero(limits.place == one) for one in np.unique(limits.place)]
    shared: dict[int, list[int]] = {}
    for i, one in enumerate(limits):
        shared.setdefault(id(one), []).append(i)
    return [np.array(rows, dtype=np.int64) for rows in shared.values()]


def _cells(tariff: Tariff, rows: Ints) -> tuple[Ints, Ints]:
    return rows[:, None], tariff.members[None, :]


def _period(tariff: Tariff, limit: Limit, send_us: Ints, rows: Ints) -> Ints:
    """(r, m) which period of a limit each contact falls into; the last one stands for all beyond."""
    if tariff.period is None:
        return np.zeros((len(rows), len(tariff.members)), dtype=np.int64)
    later = tariff.following(limit.start_us)[1:]
    return np.searchsorted(later, send_us[_cells(tariff, rows)], side="right")


def _left(tariff: Tariff, limit: Limit) -> Ints:
    """(periods + 1,) what each period has left; nothing is known, so nothing left, beyond the last."""
    left = np.full(tariff.periods + 1, limit.left, dtype=np.int64)
    left[-1] = 0
    for period, amount, _ in limit.drawn:
        left[period] = amount
    return left


def _prices(tariff: Tariff, limit: Limit) -> Floats:
    """(periods + 1,) money per unit in each period."""
    price = np.full(tariff.periods + 1, limit.price)
    for period, _, one in limit.drawn:
        price[period] = one
    return price


def _words(tariff: Tariff, limit: Limit, period: int, left: int) -> str:
    start = tariff.following(limit.start_us)[period]
    what = "used up" if left < tariff.cheapest else "too little left for this"
    return f"budget {tariff.budget.name}: {what}{tariff.in_words(start)}"
