"""What seldom changes is read once by groups of decisions, and again whenever anybody else has written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.store import Store, lots, open_store
from engine.store.lots import EverywhereRow
from engine.store.unchanged import unchanged


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    made = open_store(tmp_path / "store.db")
    yield made
    made.close()


class Reads:
    """Reads the global holdout's share in groups of decisions, and counts how often the store was asked."""

    def __init__(self, store: Store) -> None:
        self.store, self.asked = store, 0

    def __call__(self) -> float | None:
        """The share as one group of decisions sees it, however often it looks."""
        connection = self.store.begin()
        assert connection is not None

        def read() -> float | None:
            self.asked += 1
            found = lots.everywhere(connection)
            return None if found is None else found.share

        shares = {unchanged(connection, "share", read) for _ in range(3)}
        self.store.end()
        assert len(shares) == 1
        return shares.pop()


def set_share(store: Store, share: float) -> None:
    with store.write() as c:
        lots.set_everywhere(c, EverywhereRow(share, "salt", 1, "who"))


def test_groups_of_decisions_ask_once(store: Store) -> None:
    share = Reads(store)
    assert [share() for _ in range(4)] == [None] * 4
    assert share.asked == 1


def other_process(store: Store, share: float) -> None:
    other = open_store(store.path)
    set_share(other, share)
    other.close()


@pytest.mark.parametrize("write", [set_share, other_process])
def test_what_anybody_else_writes_is_seen_by_the_next_group(
    store: Store, write: Callable[[Store, float], None]
) -> None:
    share = Reads(store)
    share()
    for number in range(1, 4):
        write(store, number / 10)
        assert share() == share() == number / 10
    assert share.asked == 4


def test_any_other_transaction_always_asks(store: Store) -> None:
    share = Reads(store)
    share()
    with store.write() as c:
        lots.set_everywhere(c, EverywhereRow(0.5, "salt", 1, "who"))
        found = lots.everywhere(c)
        assert found is not None and found.share == 0.5
    with store.read() as c:
        found = lots.everywhere(c)
        assert found is not None and found.share == 0.5


def test_a_group_that_is_undone_leaves_nothing_untrue_behind(store: Store) -> None:
    share = Reads(store)
    share()
    assert store.begin() is not None
    with pytest.raises(RuntimeError):
        store.end(RuntimeError("undone"))
    set_share(store, 0.25)
    assert share() == 0.25
