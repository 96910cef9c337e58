"""A batch in a process that is sent SIGKILL in the middle, and goes on: as one that nobody killed."""

from __future__ import annotations

from pathlib import Path

from benchmarks.killed_batches import measure


def test_a_batch_that_is_killed_and_resumed_ends_as_one_that_never_was(tmp_path: Path) -> None:
    found = measure(tmp_path, kills=2, people=1_200, chunk=100)
    assert found["kills"] == 2
    assert {name: count for name, count in found.items() if name not in ("customers", "kills", "rounds")} == {
        "half_written_files": 0,
        "files_that_differ": 0,
        "lost": 0,
        "added": 0,
        "changed": 0,
        "twice": 0,
    }
