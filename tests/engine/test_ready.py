from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import ready
from engine.live import freeze, live
from engine.ready import Ready
from engine.store import Store, open_store, snapshots
from tests.engine.programs import TEXT, applied


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path / "store.db")
    with made.write() as c:
        applied(c)
    yield made
    made.close()


def publish(store: Store) -> None:
    """A snapshot like the one before it."""
    import hashlib

    with store.write() as c:
        current = live(c, "spring")
        body = freeze(current.encoding, current.policy, current.seen)
        snapshots.put_snapshot(c, "spring", body, hashlib.sha256(body).hexdigest(), 1, "again")


def serving(known: Ready, store: Store) -> int:
    with store.read() as c:
        return known.get(c, "spring").snapshot_version


def test_a_newer_snapshot_is_loaded_beside_and_the_old_one_serves_until_then(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Ready(store)
    assert serving(known, store) == 0
    publish(store)
    assert serving(known, store) == 0
    end = time.monotonic() + 30
    while serving(known, store) == 0 and time.monotonic() < end:
        time.sleep(0.01)
    assert serving(known, store) == 1
    known.close()


def test_what_cannot_be_loaded_leaves_the_old_one_serving_and_is_tried_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, tried = Ready(store), list[str]()
    serving(known, store)

    def broken(connection: object, name: str) -> None:
        tried.append(name)
        raise RuntimeError("a bug")

    monkeypatch.setattr(ready, "live", broken)
    publish(store)
    for _ in range(5):
        assert serving(known, store) == 0
        time.sleep(0.05)
    known.close()
    assert tried == ["spring"]


def test_a_new_version_of_the_program_counts_at_once_with_what_was_learnt(store: Store) -> None:
    known = Ready(store)
    publish(store)
    with store.read() as c:
        before = known.get(c, "spring")
    with store.write() as c:
        applied(c, TEXT + "\n# edited\n")
        after = known.get(c, "spring")
    assert (before.program.version, after.program.version) == (1, 2)
    assert after.snapshot_version == before.snapshot_version == 1
    assert after.policy is before.policy
    known.close()
