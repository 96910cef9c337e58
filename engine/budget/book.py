"""The ledger while a group of decisions is made: opened, drawn on, and written in their one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
from sqlalchemy import Connection

from engine.budget import demand
from engine.budget.pace import Pace, arrived, met, priced, to_come
from engine.budget.tariff import LIFE_US, MICRO, Tariff, tariffs
from engine.calendar import MICROSECOND
from engine.choose import Choices
from engine.domain import Budget, Program
from engine.situation import Limit, Situation
from engine.store import ledger
from engine.store.rows import DecisionRow, DrawRow, LedgerRow
from policies.base import Ints

Prices = Mapping[tuple[str, int], float]  # money per unit, by budget and start of period; 0 where missing
_MEMORY_US = 7 * 86_400_000_000  # of arrivals, for budgets for life
_FOREVER_US = 2**62
_DECODER = msgspec.msgpack.Decoder(dict[int, float])


@dataclass(slots=True)
class Page:
    """One period of one budget as it stands in the open transaction.

    `at_first` is what was left of it when the group came.
    """

    tariff: Tariff
    start_us: int
    used: int = 0
    reserved: int = 0
    pace: Pace = field(default_factory=Pace)
    at_first: int = field(init=False)

    def __post_init__(self) -> None:
        self.at_first = self.left

    @property
    def left(self) -> int:
        """Millionths that can still be drawn; a quota that was lowered may be overdrawn already."""
        return max(0, self.tariff.quota - self.used - self.reserved)


class Book:
    """The budgets of a program for one group of decisions.

    Args:
        connection: the open write transaction.
        program: has budgets.
        at_us: the moments of the group's decisions, to know its periods.
        prices: shadow prices to go by; the ledger's own, which then learn from the group, if None.
    """

    def __init__(
        self, connection: Connection, program: Program, at_us: Sequence[int], prices: Prices | None
    ) -> None:
        self._connection = connection
        self._program = program
        self._prices = prices
        self._draws: list[_Draws] = []
        self._decided = 0
        self._taken: list[demand.Decided] = []
        self._pages: dict[tuple[str, int], Page] = {}
        self._shared: dict[tuple[int, ...], dict[str, Limit]] = {}
        if any(budget.settled_by for budget in program.budgets):
            ledger.expire(connection, program.name, min(at_us))
        self._open(min(at_us), max(at_us))

    def _open(self, first_us: int, last_us: int) -> None:
        """Read every period that a contact of the group can fall into."""
        known = tariffs(self._program)
        periodic = [one for one in known if one.period]
        starts = [one.start(first_us) for one in periodic]
        ends = [one.following(one.start(last_us))[-1] for one in periodic]
        rows = ledger.pages(
            self._connection, self._program.name, LIFE_US, min(starts, default=0), max(ends, default=-1)
        )
        by_name = {one.budget.name: one for one in known}
        for row in rows:
            tariff = by_name.get(row.budget)
            if tariff is not None and tariff.begins(row.start_us):
                self._pages[row.budget, row.start_us] = _page(tariff, row)

    def page(self, tariff: Tariff, start_us: int) -> Page:
        """A period; one never drawn on starts with the price and the pace of the one before it."""
        name = tariff.budget.name
        found = self._pages.get((name, start_us))
        if found is None:
            found = self._pages[name, start_us] = Page(tariff, start_us, pace=self._before(tariff, start_us))
        return found

    def _before(self, tariff: Tariff, start_us: int) -> Pace:
        row = ledger.page_before(self._connection, self._program.name, tariff.budget.name, start_us)
        own = (page for page in self._pages.values() if page.tariff is tariff and page.start_us < start_us)
        earlier = max(own, key=lambda page: page.start_us, default=None)
        if earlier is not None:
            return earlier.pace
        return Pace() if row is None or not tariff.period else _page(tariff, row).pace

    def limited(self, situations: Sequence[Situation]) -> list[Situation]:
        """The situations with what each budget has left now; those of one time share it."""
        self._shared.clear()
        return [msgspec.structs.replace(one, limits=self.limits(one.at_us)) for one in situations]

    def left(self, at_us: int) -> dict[str, Limit]:
        """What each budget has left now, for decisions at that time."""
        self._shared.clear()
        return self.limits(at_us)

    def reprice(self, prices: Prices) -> None:
        """Go by other prices from now on."""
        self._prices = prices
        self._shared.clear()

    def limits(self, at_us: int) -> dict[str, Limit]:
        """What each budget has left for a decision at that time; the same object for the same periods."""
        known = tariffs(self._program)
        starts = tuple(tariff.start(at_us) for tariff in known)
        found = self._shared.get(starts)
        if found is None:
            limits = zip(known, starts, strict=True)
            found = {tariff.budget.name: self._limit(tariff, start) for tariff, start in limits}
            self._shared[starts] = found
        return found

    def _limit(self, tariff: Tariff, start_us: int) -> Limit:
        fresh = self.page(tariff, start_us)
        drawn = []
        for number, start in enumerate(tariff.following(start_us)[: tariff.periods]):
            page = self._pages.get((tariff.budget.name, start))
            if page is not None:
                drawn.append((number, page.left, self._price(page)))
        return Limit(start_us, tariff.quota, self._price(fresh), drawn)

    def _price(self, page: Page) -> float:
        if self._prices is None:
            return page.pace.price
        return self._prices.get((page.tariff.budget.name, page.start_us), 0.0)

    def fits(self, choices: Choices) -> int:
        """How many of n choices, all made with what was left before the first, stand: 1 at least.

        A choice stands if what those before it drew leaves enough for the dearest it could have drawn. That
        does not hang on what it did draw, so its propensity is exact, and one that does not stand can be made
        again with what is left. Who is held out draws nothing, but is to be logged with what would have been
        possible, and counts like anybody.
        """
        stand = len(choices.action)
        for tariff in tariffs(self._program):
            if len(choices.action) * tariff.dearest > self._least(tariff):
                stand = min(stand, self._stand(tariff, choices))
        return stand

    def _least(self, tariff: Tariff) -> int:
        pages = self._pages.values()
        return min((page.left for page in pages if page.tariff is tariff), default=tariff.quota)

    def _stand(self, tariff: Tariff, choices: Choices) -> int:
        stand, sends = len(choices.action), choices.feasible.send_us
        starts, drawn = tariff.starts(sends[:, tariff.members]), tariff.cost[choices.action]
        chosen = tariff.starts(sends[np.arange(stand), choices.action])
        for start in np.unique(starts).tolist():
            most = demand.worst(tariff, choices, starts == start)
            here = np.where(chosen == start, drawn, 0)
            before = np.cumsum(here) - here
            over = before + most > self.page(tariff, start).left
            stand = min(stand, int(np.argmax(over)) if over.any() else stand)
        return stand

    def take(self, choices: Choices, rows: Sequence[DecisionRow] = ()) -> None:
        """Draw what choices use up; with the rows they are logged as, remember what they asked for."""
        for tariff in tariffs(self._program):
            drawn = tariff.cost[choices.action]
            if len(i := np.flatnonzero(drawn)):
                sent_us = choices.feasible.send_us[i, choices.action[i]]
                draws = _Draws(tariff, self._decided + i, tariff.starts(sent_us), drawn[i], sent_us)
                self._draw(draws)
        self._decided += len(choices.action)
        if rows:
            self._taken.append((choices, rows))

    def _draw(self, draws: _Draws) -> None:
        self._draws.append(draws)
        for start in np.unique(draws.start_us).tolist():
            page, amount = self.page(draws.tariff, start), int(draws.amount[draws.start_us == start].sum())
            if draws.tariff.budget.settled_by:
                page.reserved += amount
            else:
                page.used += amount

    def close(self, numbers: Ints | None = None) -> None:
        """Move the prices by what the group asked for, and write all periods and draws.

        Args:
            numbers: of all decisions in the log, where they were taken without rows.
        """
        if not self._decided:
            return
        if self._prices is None:
            first = self._taken[0][1][0].at_us
            for page in self._pages.values():
                until = page.tariff.open_until(page.start_us)
                if until is not None and page.start_us - page.tariff.ahead_us <= first < until:
                    page.pace = self._moved(page, until)
        ledger.put_pages(self._connection, [_row(self._program, page) for page in self._pages.values()])
        if numbers is None:
            numbers = ledger.numbers(self._connection, [row.id for _, rows in self._taken for row in rows])
        every = [row for draws in self._draws for row in draws.rows(self._program.name, numbers)]
        ledger.put_draws(self._connection, every)

    def _moved(self, page: Page, until_us: int) -> Pace:
        """The pace of a period after the group."""
        tariff, n = page.tariff, sum(len(rows) for _, rows in self._taken)
        first, after = tariff.following(page.start_us)[:2]
        memory = after - first if tariff.period else _MEMORY_US
        pace = arrived(page.pace, n, self._taken[-1][1][-1].at_us, memory)
        coming = to_come(pace, until_us, memory)
        if page.at_first < tariff.cheapest:
            return pace
        if coming is not None and page.at_first >= (coming + n) * tariff.dearest:
            return replace(pace, price=0.0)
        pace = met(pace, demand.demand(tariff, page.start_us, page.pace.price, self._taken))
        return pace if coming is None else priced(pace, page.left / MICRO, coming)


@dataclass(frozen=True, slots=True)
class _Draws:
    """What m decisions draw on one budget.

    Attributes:
        decision: (m,) which of the group each is.
        start_us, amount, sent_us: (m,) start of the period, millionths, and when the contact is sent.
    """

    tariff: Tariff
    decision: Ints
    start_us: Ints
    amount: Ints
    sent_us: Ints

    def rows(self, program: str, numbers: Ints) -> list[DrawRow]:
        """The rows of the ledger, of decisions with those numbers in the log."""
        budget = self.tariff.budget
        state = "reserved" if budget.settled_by else "used"
        until = [_until(budget, sent_us) for sent_us in self.sent_us.tolist()]
        columns = (one.tolist() for one in (numbers[self.decision], self.start_us, self.amount))
        return [
            DrawRow(number, budget.name, program, start_us, amount, budget.settled_by, state, until_us)
            for number, start_us, amount, until_us in zip(*columns, until, strict=True)
        ]


def _until(budget: Budget, sent_us: int) -> int | None:
    """When a reservation is released; None for what is no reservation."""
    if not budget.settled_by:
        return None
    return _FOREVER_US if budget.hold is None else sent_us + budget.hold // MICROSECOND


def _page(tariff: Tariff, row: LedgerRow) -> Page:
    wanted = _DECODER.decode(row.wanted) if row.wanted else {}
    pace = Pace(row.price, row.seen, wanted, row.extra, row.count, row.since_us, row.paced_us)
    return Page(tariff, row.start_us, row.used, row.reserved, pace)


def _row(program: Program, page: Page) -> LedgerRow:
    pace = page.pace
    return LedgerRow(
        program.name,
        page.tariff.budget.name,
        page.start_us,
        page.tariff.quota,
        page.used,
        page.reserved,
        pace.price,
        pace.seen,
        msgspec.msgpack.encode(pace.wanted),
        pace.extra,
        pace.count,
        pace.since_us,
        pace.at_us,
    )
