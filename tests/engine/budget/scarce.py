"""A program in which nearly everything is scarce, and what its ledger must say, worked out by hand."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from engine.store.rows import DecisionRow

US = 1_000_000
DAY_US = 86_400 * US
TEXT = """
program: spring
zone: ZONE
attributes: {age: integer}
predictions: {p_buy.sale: sale, p_buy.loyalty: loyalty}
budgets:
  cash: {money: 1.5 per CASH, settled_by: purchase, hold: 1 day}
offers:
  sale: {value: 40, stock: 9}
  loyalty: {value: 20, cost: 0.5, stock: {count: 4, settled_by: visit, hold: 2 days}}
  news: {value: 1}
channels:
  email: {cost: 0.01, consent: marketing}
  sms: {cost: 0.1, consent: sms, capacity: 5 per day}
slots:
  now: {}
  tomorrow: {at: "07:30", days: 1}
goal: {outcomes: {purchase: 1, visit: 1}, window: 2 days}
arms: {policy: 0.5, random: 0.2, bau: 0.1, holdout: 0.2}
policy: {kind: formula, epsilon: 0.4}
bau: {kind: priority}
"""
CASH = {"email": {"sale": 10_000, "loyalty": 510_000, "news": 10_000}}
CASH["sms"] = {offer: cost + 90_000 for offer, cost in CASH["email"].items()}
QUOTAS = {"cash": 1_500_000, "stock sale": 9 * US, "stock loyalty": 4 * US, "capacity sms": 5 * US}
SETTLED_BY = {"cash": ("purchase", DAY_US), "stock loyalty": ("visit", 2 * DAY_US)}
LIFE = -(2**62)


@dataclass
class Drawn:
    """What one decision drew on one budget."""

    row: DecisionRow
    budget: str
    start_us: int
    amount: int
    state: str


@dataclass
class Ledger:
    """The ledger by its definition, told everything that happens in order.

    `cash` is the stretch of the calendar of `zone` in which there is so much of it.
    """

    zone: str
    cash: str
    quotas: dict[str, int] = field(default_factory=lambda: dict(QUOTAS))
    drawn: list[Drawn] = field(default_factory=list)

    def decided(self, row: DecisionRow) -> None:
        if not row.contact:
            return
        assert row.send_at_us is not None
        day = datetime.fromtimestamp(row.send_at_us / US, ZoneInfo(self.zone)).date()
        first = {"week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[self.cash]
        self._draw(row, "cash", self._midnight(first), CASH[row.channel][row.offer])
        if row.offer in ("sale", "loyalty"):
            self._draw(row, f"stock {row.offer}", LIFE, US)
        if row.channel == "sms":
            self._draw(row, "capacity sms", self._midnight(day), US)

    def _midnight(self, day: date) -> int:
        return round(datetime.combine(day, time(), ZoneInfo(self.zone)).timestamp()) * US

    def _draw(self, row: DecisionRow, budget: str, start_us: int, amount: int) -> None:
        assert amount <= self.left(budget, start_us), f"{budget} is overspent"
        state = "reserved" if budget in SETTLED_BY else "used"
        self.drawn.append(Drawn(row, budget, start_us, amount, state))

    def clock(self, now_us: int) -> None:
        """Decisions are about to be made: what was not settled in time is released."""
        for one in self.drawn:
            if one.state == "reserved":
                assert one.row.send_at_us is not None
                expired = one.row.send_at_us + SETTLED_BY[one.budget][1] <= now_us
                one.state = "expired" if expired else "reserved"

    def happened(self, kind: str, customer: str, decision: str | None, at_us: int) -> None:
        for one in self.drawn:
            if one.row.customer != customer or decision not in (None, one.row.id):
                continue
            settled_by = SETTLED_BY.get(one.budget, ("", 0))[0]
            if kind == settled_by and (decision or one.row.at_us <= at_us):
                late = one.state == "expired" and self.left(one.budget, one.start_us) >= one.amount
                one.state = "used" if late or one.state == "reserved" else one.state
            elif kind in ("unsent", "bounced") and decision:
                open = one.state == "reserved" or (one.state == "used" and not settled_by)
                one.state = "released" if open else one.state

    def left(self, budget: str, start_us: int) -> int:
        used, reserved = self.pages().get((budget, start_us), (0, 0))
        return self.quotas[budget] - used - reserved

    def pages(self) -> dict[tuple[str, int], tuple[int, int]]:
        """(used, reserved) of every period that anything was ever drawn on."""
        found: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
        for one in self.drawn:
            page = found[one.budget, one.start_us]
            page[0] += one.amount * (one.state == "used")
            page[1] += one.amount * (one.state == "reserved")
        return {key: (used, reserved) for key, (used, reserved) in found.items()}


def scarce(zone: str, cash: str) -> str:
    """The program with that calendar."""
    return TEXT.replace("ZONE", zone).replace("CASH", cash)


def stored(connection: Connection) -> dict[tuple[str, int], tuple[int, int]]:
    """(used, reserved) of every period of the store that anything was ever drawn on."""
    drawn = {
        tuple(one)
        for one in connection.exec_driver_sql("SELECT DISTINCT budget, start_us FROM draw").fetchall()
    }
    rows = connection.exec_driver_sql("SELECT budget, start_us, used, reserved FROM ledger").fetchall()
    assert all(
        (used, reserved) == (0, 0) for budget, start, used, reserved in rows if (budget, start) not in drawn
    )
    return {
        (budget, start): (used, reserved)
        for budget, start, used, reserved in rows
        if (budget, start) in drawn
    }


def hours(number: int) -> timedelta:
    return timedelta(hours=number)
