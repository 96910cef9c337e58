"""Early signs: what clicks foretell of purchases, and that nothing is lost by parting rewards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine import signs
from engine.choose import Live
from engine.domain import Goal
from engine.erase import buried, erase
from engine.lesson import Learnt
from engine.live import live
from engine.logged import pieces
from engine.program import loads
from engine.replay import replay
from engine.store import Store, decisions, entries, learning, open_store
from engine.teach import teach
from policies.base import Floats
from simulator.run import DAY, START, run
from simulator.worlds import world
from tests.engine.programs import TEXT

KINDS = ("seen", "click", "visit")


@pytest.fixture(scope="module")
def goal() -> Goal:
    return loads(TEXT.encode(), "spring.yaml").goal  # purchase: share 0.5, nothing else


def campaign(seed: int, n: int = 4000, worth: float = 4.0) -> tuple[Floats, list[signs.Kinds]]:
    """Rewards of n decisions, of which a click foretells `worth`, and what followed each."""
    rng = np.random.Generator(np.random.PCG64(seed))
    click, seen = rng.random(n) < 0.1, rng.random(n) < 0.5
    bought = rng.random(n) < 0.01 + np.where(click, worth / 40.0, 0.0)
    told = [
        frozenset(kind for kind, there in zip(("seen", "click", "purchase"), row, strict=True) if there)
        for row in zip(seen, click, bought, strict=True)
    ]
    return 40.0 * bought, told


def test_a_click_is_worth_what_follows_it(goal: Goal) -> None:
    found = np.array([signs.find(goal, *campaign(seed)).get("click", 0.0) for seed in range(40)])
    error = float(found.std() / np.sqrt(len(found)))
    shrunk = 4.0 * 400 / (400 + 20)  # the ridge of twenty decisions
    assert abs(float(found.mean()) - shrunk) < 3.0 * error + 0.05


def test_what_the_goal_prices_is_no_sign(goal: Goal) -> None:
    assert all("purchase" not in signs.find(goal, *campaign(seed)) for seed in range(5))


def test_kinds_that_foretell_nothing_are_seldom_taken_for_signs(goal: Goal) -> None:
    found = [kind for seed in range(60) for kind in signs.find(goal, *campaign(seed, 2000, worth=0.0))]
    assert len(found) <= 0.12 * 60 * 2  # 5 % of each kind; 120 of them, the 99.9 % point is 14


def test_a_handful_of_a_kind_tells_nothing(goal: Goal) -> None:
    gross, told = campaign(1, n=150)
    assert "click" not in signs.find(goal, gross, told) and signs.find(goal, gross[:0], []) == {}


@given(
    st.dictionaries(st.sampled_from(KINDS), st.floats(-50, 50)),
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.frozensets(st.sampled_from((*KINDS, "purchase")))), max_size=9
    ),
)
def test_what_is_foretold_and_the_rest_are_the_reward(
    worth: dict[str, float], rows: list[tuple[float, signs.Kinds]]
) -> None:
    gross, told = np.array([money for money, _ in rows]), [kinds for _, kinds in rows]
    rest = signs.rest(worth, gross, told)
    if worth:
        np.testing.assert_allclose(signs.foretold(worth, told) + rest, gross, atol=1e-9)
    else:
        assert not rest.any()


@pytest.mark.parametrize(
    ("among", "learnt", "contacts", "due"),
    [
        (0, 0, 199, False),
        (0, 0, 200, True),
        (200, 300, 799, False),
        (200, 300, 800, True),
        (200, 20_001, 9e9, False),
    ],
)
def test_signs_are_looked_for_early_and_then_ever_more_seldom(
    among: int, learnt: int, contacts: float, due: bool
) -> None:
    assert signs.are_due(among, learnt, int(contacts)) is due


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store in which a season of a shop was lived through."""
    path = tmp_path_factory.mktemp("season") / "season.db"
    run(world("newsletter"), 250, 16, 3, path=path, every=2)
    return open_store(path)


def unlearnt(connection: Connection) -> Live:
    """The program with all taken back that was learnt."""
    current, before = live(connection, "newsletter"), Learnt(*entries.learnt(connection, "newsletter"))
    for some, logged in pieces(connection, current.program, before.listed):
        teach(current, logged, before.reward[some], before.rest[some], -1.0)
    return current


def test_in_a_season_signs_are_found_and_parted_from_what_was_learnt(lived: Store) -> None:
    with lived.read() as connection:
        current, (_, _, rest) = live(connection, "newsletter"), entries.learnt(connection, "newsletter")
    assert current.encoding.contacts >= signs.FIRST
    assert 0.1 < current.encoding.signs["seen"] < 1.0  # a click is worth 1, and follows what was seen
    assert rest.any()


def test_all_that_was_learnt_can_be_taken_back(lived: Store) -> None:
    with lived.read() as connection:
        current = unlearnt(connection)
    assert not current.policy.state().arrays


def test_decisions_before_and_after_the_parting_are_replayed(lived: Store) -> None:
    with lived.read() as connection:
        rows = decisions.decisions_iter(connection, "newsletter", 0, 10_000)
        assert not any(replay(connection, row.id).differences for row in rows[:: len(rows) // 40])


def test_who_is_erased_leaves_no_trace_in_either_part(lived: Store) -> None:
    with lived.write() as connection:
        first = int(entries.learnt(connection, "newsletter")[0].seq[0])
        name = learning.rows(connection, [first])[0].customer
        erase(connection, name, buried(), START + 40 * DAY)
        current, left = unlearnt(connection), entries.learnt(connection, "newsletter")[0]
        people = {row.customer for row in learning.rows(connection, left.seq.tolist())}
        connection.rollback()
    assert not current.policy.state().arrays and name not in people
