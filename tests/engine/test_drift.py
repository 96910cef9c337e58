"""The world changes under a running program: its learner sees it, lesson by lesson, from its snapshots."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.erase import buried, erase
from engine.learn import learn
from engine.live import live
from engine.relearn import relearn
from engine.store import Store, customers, outcomes, watched
from engine.store.rows import OutcomeRow
from policies.watch import Watch
from tests.engine.programs import AT, applied, ask, person, settled
from tests.engine.test_learn import learner

DAY, EACH = timedelta(days=1), 200
PLAIN = """
program: spring
attributes: {age: integer}
offers: {sale: {value: 10}, news: {value: 10}}
channels: {email: {consent: marketing}}
slots: {now: {}}
goal: {outcomes: {purchase: {share: 1}}, window: 1 days}
arms: {policy: 0.5, random: 0.5}
policy: {kind: linear, waves: 0}
"""


def lesson(connection: Connection, day: int, liked: dict[bool, str], each: int = EACH) -> None:
    """A day's decisions for new customers; who gets what his age likes buys for 10. Then it is learnt."""
    at: datetime = AT + 3 * day * DAY
    rows = [person(f"c{day}:{i}", age=20 + i % 50) for i in range(each)]
    customers.put_customers(connection, rows)
    names = live(connection, "spring").actions.names
    made = settled(ask(connection, [row.id for row in rows], at, f"k{day}"))
    for i, one in enumerate(made):
        if liked[20 + i % 50 > 45] in names[one.row.action]:
            bought = OutcomeRow(
                f"e{day}:{i}", None, rows[i].id, "purchase", 10.0, microseconds(at + DAY / 2), 0
            )
            outcomes.append_outcomes(connection, [bought])
    assert learn(connection, "spring", at + 2 * DAY).snapshot is not None


def test_a_change_of_tastes_is_seen_by_the_lesson_after_it(store: Store) -> None:
    with store.write() as connection:
        applied(connection, PLAIN)
        for day in range(4):
            lesson(connection, day, {True: "sale", False: "news"})
        assert learner(connection).changes is None
        for day in range(4, 6):
            lesson(connection, day, {True: "news", False: "sale"})
        assert learner(connection).changes is not None


def few(connection: Connection, days: range) -> None:
    """Lessons too small to show anything each, in which tastes are others than before."""
    for day in days:
        lesson(connection, day, {True: "news", False: "sale"}, 15)


def test_a_change_is_seen_over_lessons_too_small_to_show_it_each(store: Store) -> None:
    with store.write() as connection:
        applied(connection, PLAIN)
        for day in range(3):
            lesson(connection, day, {True: "sale", False: "news"})
        few(connection, range(3, 14))
        assert learner(connection).changes is not None


def test_of_who_is_erased_the_watch_remembers_nothing(store: Store) -> None:
    with store.write() as connection:
        applied(connection, PLAIN)
        for day in range(3):
            lesson(connection, day, {True: "sale", False: "news"}, 30)
        before = watched.spans(connection, "spring")
        gone_us = microseconds(AT + 3 * 2 * DAY)
        assert any(first <= gone_us <= last for first, last, _ in before)
        erase(connection, "c2:3", buried(), AT + 10 * DAY)
        after = watched.spans(connection, "spring")
        assert after == [one for one in before if not one[0] <= gone_us <= one[1]] != []
        relearn(connection, "spring", AT + 12 * DAY)
        assert watched.spans(connection, "spring") == []


def test_the_watch_goes_on_with_what_it_handed_over() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    whole, handed = Watch(), Watch()
    for i in range(40):
        y, p, time = rng.random(7), rng.random(7), i + np.arange(7) / 7
        handed = Watch(handed.blocks.copy())
        assert whole.turned(y, p, 0.1, time) == handed.turned(y, p, 0.1, time)
        assert np.array_equal(whole.blocks, handed.blocks)
    assert whole.blocks[:, 2].sum() == 280 and len(whole.blocks) < 12
    assert whole.blocks[0, 0] == 0.0 and (whole.blocks[1:, 0] > whole.blocks[:-1, 1]).all()
