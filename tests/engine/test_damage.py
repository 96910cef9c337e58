"""Damaged snapshots are never served, and odd rows leave no trace: `benchmarks.learning` on a small scale."""

from __future__ import annotations

from pathlib import Path

from benchmarks.learning import AT, PROGRAM, ladder, poisoned
from engine.applied import apply
from engine.store import open_store


def test_every_damaged_snapshot_is_seen_and_the_last_good_one_served(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(PROGRAM)
    store = open_store(tmp_path / "store.db")
    with store.write() as connection:
        apply(connection, tmp_path / "small.yaml", AT)
        found = ladder(connection, 60)
    store.close()
    assert found == {"damaged": 60, "detected": 60}


def test_what_is_poisoned_is_refused_and_leaves_no_trace() -> None:
    assert poisoned() == {"poisoned": 10, "refused": 10, "recovered": True}
