"""The world changes under a running program: its learner sees it, lesson by lesson, from its snapshots."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.learn import learn
from engine.live import live
from engine.store import Store, customers, outcomes
from engine.store.rows import OutcomeRow
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


def lesson(connection: Connection, day: int, liked: dict[bool, str]) -> None:
    """A day's decisions for new customers; who gets what his age likes buys for 10. Then it is learnt."""
    at: datetime = AT + 3 * day * DAY
    rows = [person(f"c{day}:{i}", age=20 + i % 50) for i in range(EACH)]
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
