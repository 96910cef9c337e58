"""The law of budgets: whatever happens in whatever order, the ledger is its sum, and never overspent."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.budget.solve import prices
from engine.calendar import microseconds
from engine.decide import Decided, decide
from engine.live import live
from engine.replay import replay
from engine.request import Request
from engine.store import customers, decisions, open_store, outcomes, predictions
from engine.store.rows import DecisionRow, OutcomeRow, PredictionRow
from engine.store.withdrawn import withdraw
from tests.engine.budget.scarce import Ledger, hours, scarce, stored
from tests.engine.programs import AT, applied, person

NAMES = [f"c{i}" for i in range(12)]
KINDS = ["purchase", "visit", "unsent", "bounced", "click"]
who = st.sampled_from(range(len(NAMES)))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("group"), st.lists(who, min_size=1, max_size=12), st.integers(0, 3)),
        st.tuples(st.just("batch"), st.lists(who, min_size=1, max_size=12, unique=True)),
        st.tuples(st.just("outcome"), st.sampled_from(KINDS), st.integers(0, 40), st.booleans()),
        st.tuples(st.just("withdraw"), st.integers(0, 40)),
        st.tuples(st.just("wait"), st.integers(1, 30)),
        st.tuples(st.just("restock"), st.integers(1, 15)),
    ),
    min_size=3,
    max_size=16,
)


class Town:
    """A store in which steps are taken, beside the ledger that should come of them."""

    def __init__(self, c: Connection, at: datetime = AT, zone: str = "UTC", cash: str = "week") -> None:
        self.c = c
        self.at = at
        self.text = scarce(zone, cash)
        self.number = 0
        self.rows: dict[str, DecisionRow] = {}
        self.ledger = Ledger(zone, cash)
        applied(c, self.text)
        customers.put_customers(c, [person(name) for name in NAMES])
        at_us = microseconds(at)
        scores = [
            PredictionRow(name, f"p_buy.{offer}", "1", (i + shift) % 7 / 10, at_us, at_us)
            for i, name in enumerate(NAMES)
            for offer, shift in (("sale", 0), ("loyalty", 3))
        ]
        predictions.put_predictions(c, scores)

    def group(self, members: list[int], repeated: int) -> None:
        """Requests of one commit; the first `repeated` of them are told twice, and keys of before again."""
        self.number += 1
        fresh = [Request(NAMES[m], "spring", f"{self.number}:{j}", self.at) for j, m in enumerate(members)]
        before = [
            Request(row.customer, "spring", row.key, self.at) for row in list(self.rows.values())[:repeated]
        ]
        self._decide([*before, *fresh, *fresh[:repeated]], solved=False)

    def batch(self, members: list[int]) -> None:
        """One decision each by prices solved for all of them."""
        self.number += 1
        self._decide(
            [Request(NAMES[m], "spring", f"b{self.number}:{m}", self.at) for m in members], solved=True
        )

    def _decide(self, requests: list[Request], solved: bool) -> None:
        current = live(self.c, "spring")
        self.ledger.clock(microseconds(self.at))
        going = prices(self.c, current, requests) if solved else None
        made = decide(self.c, requests, {"spring": current}, going)
        for answer in made.answers:
            if isinstance(answer, Decided) and answer.row.id not in self.rows:
                assert not answer.replayed
                self.rows[answer.row.id] = answer.row
                self.ledger.decided(answer.row)

    def outcome(self, kind: str, which: int, named: bool) -> None:
        """Something happens to the customer of a decision, which it names or not."""
        self.number += 1
        row = list(self.rows.values())[which % len(self.rows)] if self.rows else None
        customer, id = ("nobody", None) if row is None else (row.customer, row.id if named else None)
        at_us = microseconds(self.at)
        outcomes.append_outcomes(
            self.c, [OutcomeRow(f"e{self.number}", id, customer, kind, 0.0, at_us, at_us)] * 2
        )
        self.ledger.happened(kind, customer, id, at_us)

    def withdraw(self, which: int) -> None:
        """A decision came too late for its caller."""
        if self.rows:
            row = list(self.rows.values())[which % len(self.rows)]
            withdraw(self.c, [row.id])
            self.ledger.happened("unsent", row.customer, row.id, row.at_us)

    def restock(self, pieces: int) -> None:
        """Another version of the program has another number of pieces."""
        applied(self.c, self.text.replace("stock: 9", f"stock: {pieces}"))
        self.ledger.quotas["stock sale"] = pieces * 1_000_000

    def wait(self, number: int) -> None:
        self.at += hours(number)


calendars = st.sampled_from(
    [
        (AT, "UTC", "week"),
        (datetime(2026, 11, 30, 14, tzinfo=UTC), "UTC", "month"),
        (datetime(2026, 10, 24, 20, tzinfo=UTC), "Europe/Oslo", "week"),  # a Saturday; 25 hours on Sunday
        (datetime(2026, 10, 31, 2, tzinfo=UTC), "America/New_York", "month"),  # 25 hours on 1 November
        (datetime(2026, 11, 30, 20, tzinfo=UTC), "Asia/Kathmandu", "month"),
    ]
)


@settings(max_examples=25, deadline=None)
@given(steps, calendars)
def test_the_ledger_is_never_overspent_and_is_what_the_log_and_the_outcomes_make_it(
    taken: list[tuple[str, object]], calendar: tuple[datetime, str, str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "store.db")
        with store.write() as c:
            town = Town(c, *calendar)
            for name, *arguments in taken:
                getattr(town, name)(*arguments)
                assert stored(c) == town.ledger.pages()
            for id, row in town.rows.items():
                again = replay(c, id)
                assert [one for one in again.differences if one.field not in ("withdrawn", "contact")] == []
                assert again.propensity == row.propensity
        store.close()


@settings(max_examples=8, deadline=None)
@given(calendars, st.permutations(range(len(NAMES))), st.integers(0, 30))
def test_one_group_and_one_by_one_take_the_same_on_both_sides_of_midnight(
    calendar: tuple[datetime, str, str], members: list[int], waited: int
) -> None:
    """A batch decides in groups, requests come alone: at the same prices nothing differs or is overspent."""
    at = calendar[0] + timedelta(hours=waited)
    taken = []
    for size in (len(members), 1):
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(Path(folder) / "store.db")
            with store.write() as c:
                town = Town(c, *calendar)
                requests = [Request(NAMES[m], "spring", f"k{j}", at) for j, m in enumerate(members)]
                for i in range(0, len(requests), size):
                    decide(c, requests[i : i + size], {"spring": live(c, "spring")}, {})
                rows = [found for one in requests if (found := _made(c, one.key))]
                for row in rows:
                    town.ledger.decided(row)
                assert len(rows) == len(requests)
                assert stored(c) == town.ledger.pages()
                taken.append([(row.key, row.offer, row.channel, row.slot, row.propensity) for row in rows])
            store.close()
    assert taken[0] == taken[1]


def _made(c: Connection, key: str) -> DecisionRow | None:
    return decisions.decisions_by_key(c, "spring", [key]).get(key)
