"""The law of scarce things: a file takes from budgets what its customers would take in one group."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine import batch
from engine.batch import Batch, run
from engine.budget.book import Prices
from engine.budget.solve import prices, solved
from engine.decide import decide
from engine.live import live
from engine.replay import replay
from engine.request import Request
from engine.roster import Table
from engine.situation import decode
from engine.store import Store, folds, outcomes
from engine.store.rows import OutcomeRow
from tests.engine.programs import settled
from tests.laws.test_batch import LATER, MERGES, file, joined, logged, some, texts, told, with_a_past


@st.composite
def scarce(draw: st.DrawFn) -> str:
    """Programs in which nearly everything is scarce."""
    stock, money, calls = draw(st.integers(1, 9)), draw(st.integers(1, 30)) / 10, draw(st.integers(1, 9))
    text = draw(texts()).replace("{value: ", f"{{stock: {stock}, cost: 0.05, value: ")
    settled = draw(st.sampled_from(["", ", settled_by: purchase, hold: 1 day"]))
    return (
        f"{text}\nbudgets: {{cash: {{money: {money} per week{settled}}}, "
        f"calls: {{contacts: {calls} per day, channels: [sms]}}}}"
    )


@settings(max_examples=5, deadline=None)
@given(scarce(), st.lists(some, min_size=10, max_size=18), MERGES)
def test_a_file_takes_from_budgets_as_its_customers_would_together(
    text: str, rows: list[dict[str, Any]], merges: list[tuple[int, str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store, program = with_a_past(Path(folder) / "batch.db", text)
        joined(store, merges)
        roster, taken, going = Table(file(rows, program)), list[pl.DataFrame](), list[Prices]()
        with patch.object(batch, "solved", lambda *given: going.append(solved(*given)) or going[-1]):
            run(store, Batch(program, "monday", LATER), roster, taken.append)
        made = logged(store, pl.concat(taken)["id"].to_list())
        other, _ = with_a_past(Path(folder) / "together.db", text)
        joined(other, merges)
        with other.write() as connection:
            told(connection, program, roster.table)
            asked = [Request(one, "spring", f"monday:{one}", LATER) for one in roster.table["customer"]]
            current = live(connection, "spring")
            assert merges or going == [prices(connection, current, asked)]
            answers = settled(decide(connection, asked, {"spring": current}, *going))
        for row, answer in zip(made, answers, strict=True):
            assert decode(row.situation) == decode(answer.row.situation)
            assert replace(row, seq=0, situation=b"") == replace(answer.row, seq=0, situation=b"")
        for each in (store, other):
            with each.write() as connection:
                bought = [
                    OutcomeRow(f"b{i}", None, row.customer, kind, 1.0, row.at_us + i, 0)
                    for i, (row, kind) in enumerate(zip(made, ["purchase", "visit"] * 20, strict=False))
                ]
                outcomes.append_outcomes(connection, bought)
        assert drawn(store) == drawn(other)
        with store.read() as connection:
            for row in made:
                assert replay(connection, row.id).differences == ()
        store.close()
        other.close()


def drawn(store: Store) -> list[list[Any]]:
    """The ledger, and what each decision drew."""
    with store.read() as connection:
        asks = (
            "SELECT budget, start_us, quota, used, reserved FROM ledger ORDER BY budget, start_us",
            "SELECT decision.id, budget, start_us, amount, settled_by, state, until_us FROM draw "
            "JOIN decision ON seq = draw.decision ORDER BY 1, 2",
        )
        folds.everyone(connection)
        return [list(connection.exec_driver_sql(one).fetchall()) for one in asks]
