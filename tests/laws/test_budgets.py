"""The law of budgets: whatever happens in whatever order, the ledger is its sum, and never overspent."""

from __future__ import annotations

import tempfile
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
from engine.store import customers, open_store, outcomes, predictions
from engine.store.rows import DecisionRow, OutcomeRow, PredictionRow
from engine.store.withdrawn import withdraw
from tests.engine.budget.scarce import TEXT, Ledger, hours, stored
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

    def __init__(self, c: Connection) -> None:
        self.c = c
        self.at = AT
        self.number = 0
        self.rows: dict[str, DecisionRow] = {}
        self.ledger = Ledger()
        applied(c, TEXT)
        customers.put_customers(c, [person(name) for name in NAMES])
        at_us = microseconds(AT)
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
        applied(self.c, TEXT.replace("stock: 9", f"stock: {pieces}"))
        self.ledger.quotas["stock sale"] = pieces * 1_000_000

    def wait(self, number: int) -> None:
        self.at += hours(number)


@settings(max_examples=25, deadline=None)
@given(steps)
def test_the_ledger_is_never_overspent_and_is_what_the_log_and_the_outcomes_make_it(
    taken: list[tuple[str, object]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "store.db")
        with store.write() as c:
            town = Town(c)
            for name, *arguments in taken:
                getattr(town, name)(*arguments)
                assert stored(c) == town.ledger.pages()
            for id, row in town.rows.items():
                again = replay(c, id)
                assert [one for one in again.differences if one.field not in ("withdrawn", "contact")] == []
                assert again.propensity == row.propensity
        store.close()
