"""Sparing: a contact has to earn what contacts with the customer usually earn."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import spare
from engine.choose import Live, choose, weigh
from engine.context import Encoding, usually
from engine.erase import buried, erase
from engine.live import live
from engine.replay import replay
from engine.situation import columns, decode
from engine.spare import room, with_usual
from engine.store import Store, decisions, learning, open_store
from policies.grid import snap
from simulator.run import DAY, START, run
from simulator.worlds import world

NAME = "retail"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store in which a season of a shop was lived through."""
    path = tmp_path_factory.mktemp("season") / "season.db"
    run(world(NAME), 250, 16, 3, path=path, every=4)
    return open_store(path)


def unpriced(current: Live) -> Live:
    """The program without any price."""
    return replace(current, encoding=msgspec.structs.replace(current.encoding, usual=()))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=40))
def test_what_is_charged_is_a_share_that_grows_as_fewer_moments_are_used(
    rows: list[tuple[int, bool]],
) -> None:
    who = [str(one) for one, _ in rows]
    shares = [room(who, [i < sent for i in range(len(rows))]) for sent in range(len(rows) + 1)]
    assert all(0.0 <= more <= less <= 1.0 for less, more in pairwise(shares))


@pytest.mark.parametrize(
    ("who", "sent", "charged"),
    [
        ("abcd", "0110", 0.0),  # one moment each: none is left for later
        ("aaaa", "1111", 0.0),  # all moments are used
        ("aaaa", "1110", 0.5),
        ("aaaa", "0110", 1.0),
        ("aaaab", "01101", 0.8),
        ("aaaa", "0000", 1.0),
    ],
)
def test_known_shares(who: str, sent: str, charged: float) -> None:
    assert room(list(who), [one == "1" for one in sent]) == pytest.approx(charged)


def test_rows_are_multiplied_alike_alone_and_together() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    X, made = snap(rng.standard_normal((50, 31))), Encoding((), usual=tuple(rng.standard_normal(32).tolist()))
    together = usually(made, X)
    assert all(usually(made, X[i : i + 1])[0] == together[i] for i in range(50))
    expected = np.maximum(made.usual[0] + X @ np.array(made.usual[1:]), 0.0)
    np.testing.assert_allclose(together, expected, atol=1e-6)


def test_a_contact_is_charged_what_contacts_usually_earn_and_nothing_else_is(lived: Store) -> None:
    with lived.read() as connection:
        current = live(connection, NAME)
        rows = learning.newest(connection, NAME, 2**62, 200)
    situations = columns(current.program, [decode(row.situation) for row in rows])
    made, free = (choose(one, situations) for one in (current, unpriced(current)))
    usual = usually(current.encoding, weigh(current, situations).X)
    assert made.charge is not None and free.charge is None and usual.max() > 0.0
    np.testing.assert_array_equal(made.charge[:, 0], 0.0)
    np.testing.assert_array_equal(made.charge[:, 1:], np.repeat(usual[:, None], made.charge.shape[1] - 1, 1))
    np.testing.assert_array_equal(made.value, free.value)
    own = np.array([row.arm == "policy" for row in rows]) & made.feasible.mask[:, 1:].any(axis=1)
    assert made.pmf[own, 0].mean() > free.pmf[own, 0].mean()


def test_what_contacts_earn_stands_beside_other_prices_in_the_reasons_and_is_replayed(lived: Store) -> None:
    with lived.read() as connection:
        rows = [row for row in decisions.decisions_iter(connection, NAME, 0, 10_000) if row.snapshot_version]
        assert not any(replay(connection, row.id).differences for row in rows[:: len(rows) // 40])


def test_the_charge_does_not_depend_on_how_many_customers_the_newest_decisions_are_of(
    lived: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lived.read() as connection:
        current = live(connection, NAME)
        whole = with_usual(connection, current).usual
        monkeypatch.setattr(spare, "AMONG", 200)  # one day's: each of another customer
        of_one_day = with_usual(connection, current).usual
        situations = columns(
            current.program, [decode(row.situation) for row in learning.newest(connection, NAME, 2**62, 200)]
        )
    X = weigh(current, situations).X
    earned = [usually(Encoding((), usual=one), X).mean() for one in (whole, of_one_day)]
    assert earned[1] == pytest.approx(earned[0], rel=0.3)


def test_customers_are_looked_at_for_their_newest_decisions(lived: Store) -> None:
    with lived.read() as connection:
        version = live(connection, NAME).program.version
        every = [row for row in learning.newest(connection, NAME, 2**62, 10_000) if row.arm == "policy"]
        names = sorted({row.customer for row in every})[:20]
        found = learning.newest_of_each(connection, NAME, version, "policy", names, 3)
        assert set(names) <= set(learning.customers_of(connection, [row.seq for row in every], "policy"))
    expected = [
        row.seq
        for i, row in enumerate(every)
        if row.customer in names and sum(one.customer == row.customer for one in every[:i]) < 3
    ]
    assert [row.seq for row in found] == expected


def test_before_anything_is_learnt_nothing_is_charged(lived: Store) -> None:
    with lived.read() as connection:
        assert live(connection, NAME, snapshot=0).encoding.usual == ()


def test_who_is_erased_is_in_no_price(lived: Store) -> None:
    with lived.write() as connection:
        current = live(connection, NAME)
        name = learning.newest(connection, NAME, 2**62, 200)[7].customer
        erase(connection, name, buried(), START + 40 * DAY)
        taken = live(connection, NAME)
        assert taken.encoding.usual == with_usual(connection, taken).usual != current.encoding.usual
        connection.rollback()
