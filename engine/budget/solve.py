"""The shadow prices of a whole batch, found before its first decision.

The prices sought are the lowest that keep the expected use of every period within what it has left: the dual
of the allocation problem, whose condition is that what is priced is used whole. They are found on the
customers themselves, or on a sample of them that stands for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sqlalchemy import Connection

from engine.arms import NEVER_CONTACTED
from engine.budget import demand
from engine.budget.book import Book, Page, Prices
from engine.budget.tariff import MICRO, tariffs
from engine.choose import Live, Weighed, chances, charged, weigh
from engine.coded import Coded, levels
from engine.enrol import enrol
from engine.gather import gather
from engine.request import Request
from engine.situation import Limit, Situations, columns
from engine.store import decisions
from policies.base import Floats, Mask

CELLS = 400_000  # customers x actions to find prices on; more would change them less than luck does
MOST = 20_000  # customers
_CLOSE = 0.002  # of what is left: prices aim at this much less, and may miss by as much
_TRIES = 100


def sample_size(live: Live) -> int:
    """How many customers prices are found on at most."""
    return min(MOST, max(1000, CELLS // len(live.actions)))


def prices(connection: Connection, live: Live, requests: Sequence[Request], times: float = 1.0) -> Prices:
    """Shadow prices for requests that are about to be decided, in the open write transaction.

    Args:
        requests: all of a batch, or an even sample; those decided already ask for nothing.
        times: how many requests of the batch each of these stands for.
    """
    stored = decisions.decisions_by_key(connection, live.program.name, [one.key for one in requests])
    fresh = [one for one in requests if one.key not in stored]
    if not fresh:
        return {}
    ids, contexts = [one.customer for one in fresh], [one.context for one in fresh]
    enrolled = enrol(connection, live.program, ids, fresh[0].at, contexts)
    gathered = gather(connection, live.program, fresh, enrolled)
    return solved(connection, live, columns(live.program, gathered), times)


def solved(connection: Connection, live: Live, situations: Situations, times: float) -> Prices:
    """As `prices`, for situations without what budgets have left."""
    book = Book(connection, live.program, levels(situations.at_us), {})
    market = _market(live, book, replace(situations, limits=_limits(book, situations)), times)
    return _cleared(market) if market.lots else {}


def prices_of_all(connection: Connection, live: Live, requests: Sequence[Request]) -> Prices:
    """Shadow prices for any number of requests of customers in the store, found on an even sample of them."""
    if not live.program.budgets:
        return {}
    sample = requests[:: -(-len(requests) // sample_size(live))]
    return prices(connection, live, sample, len(requests) / len(sample))


@dataclass(frozen=True, slots=True)
class _Lot:
    """One period of one budget on offer: where the (n, m) contacts that fall into it stand."""

    page: Page
    here: Mask


@dataclass(frozen=True, slots=True)
class _Market:
    live: Live
    book: Book
    situations: Situations
    weighed: Weighed
    lots: tuple[_Lot, ...]
    served: Floats  # (n,) weight of each row: 0 for who is never contacted


def _market(live: Live, book: Book, situations: Situations, times: float) -> _Market:
    weighed = weigh(live, situations)
    lots = []
    for tariff in tariffs(live.program):
        starts = tariff.starts(weighed.feasible.send_us[:, tariff.members])
        for start in np.unique(starts).tolist():
            page = book.page(tariff, start)
            if page.left >= tariff.cheapest:
                lots.append(_Lot(page, starts == start))
    served = np.array([0.0 if arm in NEVER_CONTACTED else times for arm in situations.arm])
    return _Market(live, book, situations, weighed, tuple(lots), served)


def _cleared(market: _Market) -> Prices:
    """The prices at which expected use meets what is left.

    Each price goes up where use is above what is left and down where it is below, by a step of its own that
    grows while the direction lasts and is halved when it turns.

    Source: Riedmiller and Braun (1993), "A Direct Adaptive Method for Faster Backpropagation Learning: The
        RPROP Algorithm", on the subgradient of the dual.
    """
    left = np.array([lot.page.left / MICRO for lot in market.lots]) * (1.0 - _CLOSE)
    price = np.zeros(len(left))
    excess = _use(market, price) / left - 1.0
    if (excess <= 0.0).all():
        return {}
    step, turned = np.array([_scale(market, lot) for lot in market.lots]), np.sign(excess)
    best, miss = price, np.inf
    for _ in range(_TRIES):
        found = np.abs(np.where(price > 0.0, excess, np.maximum(excess, 0.0))).max()
        if found < miss:
            best, miss = price, found
        if miss <= _CLOSE:
            break
        step = step * np.where(np.sign(excess) == turned, 1.2, 0.5)
        turned = np.sign(excess)
        price = np.maximum(0.0, price + step * turned)
        excess = _use(market, price) / left - 1.0
    return _named(market.lots, best)


def _use(market: _Market, price: Floats) -> Floats:
    """Units of each lot that the batch is expected to use at those prices."""
    market.book.reprice(_named(market.lots, price))
    situations = replace(market.situations, limits=_limits(market.book, market.situations))
    charge = charged(market.live, situations, market.weighed)
    _, pmf = chances(market.live, situations, market.weighed, charge)
    return np.array([demand.expected(lot.page.tariff, pmf, lot.here, market.served) for lot in market.lots])


def _limits(book: Book, situations: Situations) -> Sequence[Mapping[str, Limit]]:
    """(n,) what budgets have left for each."""
    at_us = situations.at_us
    limits = [book.limits(one) for one in levels(at_us)]
    return Coded(at_us.place, limits) if isinstance(at_us, Coded) else limits


def _named(lots: Sequence[_Lot], price: Floats) -> Prices:
    return {
        (lot.page.tariff.budget.name, lot.page.start_us): one
        for lot, one in zip(lots, price.tolist(), strict=True)
    }


def _scale(market: _Market, lot: _Lot) -> float:
    """A first step: the mean size of what the actions of a lot are worth to anyone, for one unit."""
    tariff, weighed = lot.page.tariff, market.weighed
    worth = weighed.value[:, tariff.members][weighed.feasible.mask[:, tariff.members] & lot.here]
    return float(np.abs(worth).mean() / (tariff.units.mean() / MICRO)) or 1.0 if len(worth) else 1.0
