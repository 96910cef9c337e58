from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import engine.batch
from engine.batch import Batch, run
from engine.profiles import customer_table
from engine.roster import Table
from engine.store import Store, ledger
from tests.engine.budget.test_solve import TEXT
from tests.engine.programs import AT, applied


def test_a_batch_of_many_chunks_gives_what_there_is_to_who_is_worth_most(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.batch, "CHUNK", 100)
    text = TEXT.replace("STOCK_A", "40").replace("STOCK_B", "60").replace("POLICY", "{kind: formula}")
    p = np.random.default_rng(9).beta(1, 9, (700, 2))
    with store.write() as c:
        program = applied(c, text)
    frame = pl.DataFrame(
        {
            "customer": [f"c{i}" for i in range(700)],
            "consent.marketing": [True] * 700,
            "p.a": p[:, 0],
            "p.b": p[:, 1],
        }
    )
    taken: list[pl.DataFrame] = []
    run(store, Batch(program, "monday", AT), Table(customer_table(program, frame, "file")), taken.append)
    offer = pl.concat(taken)["offer"].to_numpy()
    assert (38 <= (offer == "a").sum() <= 40) and (56 <= (offer == "b").sum() <= 60)
    assert p[offer == "a", 0].min() > np.quantile(p[:, 0], 0.9)
    late = offer[600:]
    assert (late == "a").any() and (late == "b").any()
    with store.read() as c:
        assert all(page.used <= page.quota for page in ledger.all_pages(c, program.name))
