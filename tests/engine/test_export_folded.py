"""Outcomes and arms of a program go out alike, whether its decisions are rows or stand in folds."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from engine.applied import stored_program
from engine.calendar import microseconds
from engine.erase import erase
from engine.export import EXPORTS
from engine.outbox import outbox
from engine.store import Store, folded, folds, outcomes
from engine.store.rows import OutcomeRow
from tests.engine.programs import AT, ask, settled
from tests.store.conftest import store
from tests.store.test_folds import batch, counted

__all__ = ["store"]

DAY = timedelta(days=1)
LATER = AT + 30 * DAY


def log(store: Store) -> None:
    """Three batches over customers some of whom came by themselves before, between or after them."""
    batch(store, 1)
    with store.write() as c:
        settled(ask(c, ["n5", "n6"], AT, "before"))
    batch(store, 30, "tuesday", 2, AT + DAY)
    with store.write() as c:
        settled(ask(c, ["n7", "n90"], AT + 2 * DAY, "between"))
    batch(store, 40, "wednesday", 20, AT + 3 * DAY)
    with store.write() as c:
        erase(c, "n8", "anne", AT + 4 * DAY)
        happened = [
            OutcomeRow(f"e{i}", None, name, "purchase", 0.1 * i, microseconds(AT + (4 + i % 3) * DAY), i)
            for i, name in enumerate(["n5", "n8", "n30", "n59", "stranger", "n90", "n7", "n55", "n0"] * 3)
        ]
        outcomes.append_outcomes(c, happened)


def written(store: Store, part: str, path: Path, since: datetime) -> bytes:
    with store.read() as c, outbox(path) as take:
        for table in EXPORTS[part](c, stored_program(c, "spring"), since, LATER):
            take(table)
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("part", ["outcomes", "assignments"])
@pytest.mark.parametrize("since", [AT - DAY, AT + 3 * DAY, AT + 5 * DAY])
def test_no_row_is_made_of_an_export_and_its_bytes_are_those_of_rows(
    store: Store, tmp_path: Path, part: str, suffix: str, since: datetime
) -> None:
    log(store)
    made = counted(store, "decision"), counted(store, "assignment")
    before = written(store, part, tmp_path / f"folded{suffix}", since)
    assert (counted(store, "decision"), counted(store, "assignment")) == made
    with store.write() as c:
        folds.everyone(c)
        assert not folds.numbers(c, "spring") and folded.arms(c, "spring").is_empty()
    assert counted(store, "assignment") > made[1]
    assert written(store, part, tmp_path / f"rows{suffix}", since) == before


def test_every_customer_of_a_batch_goes_out_once_with_the_first_arm(store: Store) -> None:
    log(store)
    with store.read() as c:
        found = pl.concat(EXPORTS["assignments"](c, stored_program(c, "spring"), AT - DAY, LATER))
    names = found["customer"].to_list()
    assert names == sorted(set(names)) and {"n0", "n5", "n31", "n59", "n90"} <= set(names)
    at = dict(zip(names, found["assigned_at"], strict=True))
    assert (at["n25"], at["n45"], at["n6"]) == (AT + DAY, AT + 3 * DAY, AT)
    assert found.filter(pl.col("customer") == "n8").is_empty()
