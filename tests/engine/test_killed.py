"""Learning in a process that is killed, again and again: what is learnt in the end is what one run learns."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from engine.learn import learn
from engine.live import thaw
from engine.store import Store, folds, open_store, snapshots
from policies.linear import Linear
from tests.engine.test_learn import MATURE, season
from tests.store.test_folds import batch

ROOT = Path(__file__).resolve().parents[2]
PIECE = 30
# a process that learns piece by piece, and kills itself when a function is called for the n-th time
KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from engine import canary, learn
from engine.store import learning, open_store, quarantine, snapshots, taught

path, at, place, times, after = sys.argv[1:]
calls = 0
if place != "nowhere":
    module, _, name = place.partition(".")
    owner = {"learn": learn, "learning": learning, "quarantine": quarantine, "snapshots": snapshots,
        "taught": taught}[module]
    before = getattr(owner, name)

    def counted(*given):
        global calls
        calls += 1
        if calls == int(times) and after == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = before(*given)
        if calls == int(times):
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(owner, name, counted)
store = open_store(Path(path))
while True:
    with store.write() as connection:
        lesson = learn.learn(connection, "spring", datetime.fromisoformat(at), %d)
    if lesson.snapshot is None:
        break
"""
PLACES = (
    ("learn.taught", 1, "after"),
    ("snapshots.put_snapshot", 2, "after"),
    ("learning.mark_learnt", 2, "after"),
    ("taught.put", 1, "after"),
    ("quarantine.note", 1, "after"),
    ("learn.check_canary", 1, "before"),
)


def run(path: Path, place: str, times: int, when: str) -> int:
    line = [sys.executable, "-c", KILLED % PIECE, str(path), MATURE.isoformat(), place, str(times), when]
    return subprocess.run(line, cwd=ROOT, check=False, timeout=120).returncode


def told(path: Path) -> tuple[dict[str, object], list[tuple[object, ...]], list[int]]:
    """The sums that were learnt, what is marked with which reward, and how many decisions still wait."""
    store = open_store(path)
    with store.write() as connection:
        folds.everyone(connection)
    with store.read() as connection:
        row = snapshots.snapshot(connection, "spring")
        marked = connection.exec_driver_sql("SELECT decision, reward FROM learnt ORDER BY decision").all()
        waiting = connection.exec_driver_sql("SELECT count(*) FROM pending").scalar_one()
    store.close()
    assert row is not None
    policy = thaw(row.body)[1]
    assert isinstance(policy, Linear)
    arrays = policy.state().arrays
    return (
        {name: arrays[name] for name in ("G", "b", "n", "theta")},
        [tuple(one) for one in marked],
        [waiting],
    )


def test_killed_anywhere_and_begun_again_it_learns_what_one_run_learns(tmp_path: Path, store: Store) -> None:
    with store.write() as connection:
        season(connection)
    batch(store, 60, "tuesday", 200)
    store.close()
    killed, whole = tmp_path / "killed.db", tmp_path / "whole.db"
    for path in (killed, whole):
        shutil.copy(tmp_path / "store.db", path)
    for place, times, when in PLACES:
        assert run(killed, place, times, when) == -signal.SIGKILL, place
    assert run(killed, "nowhere", 0, "") == 0
    again = open_store(whole)
    while True:
        with again.write() as connection:
            if learn(connection, "spring", MATURE, PIECE).snapshot is None:
                break
    again.close()
    found, expected = told(killed), told(whole)
    assert found[1:] == expected[1:] and len(found[1]) == 180 and found[2] == [0]
    for name, array in expected[0].items():
        assert np.array_equal(found[0][name], array), name  # type: ignore[arg-type]
