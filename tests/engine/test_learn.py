from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.errors import InputError
from engine.explain import Explanation
from engine.learn import learn
from engine.live import Lives, live, thaw
from engine.replay import replay
from engine.reply import Decision, as_decided, explained, reply
from engine.store import Store, decisions, entries, outcomes, snapshots
from engine.store.rows import DecisionRow, OutcomeRow
from policies.base import Feedback, feedback
from policies.linear import Linear
from tests.engine.programs import AT, TEXT, applied, ask, people, settled

DAY = timedelta(days=1)
MATURE = AT + 8 * DAY


def bought(connection: Connection, customer: str, at: datetime, value: float, event: str = "") -> None:
    row = OutcomeRow(event or f"e:{customer}:{at}", None, customer, "purchase", value, microseconds(at), 0)
    outcomes.append_outcomes(connection, [row])


def learner(connection: Connection) -> Linear:
    """The learner of the newest snapshot."""
    row = snapshots.snapshot(connection, "spring")
    assert row is not None
    policy = thaw(row.body)[1]
    assert isinstance(policy, Linear)
    return policy


def season(connection: Connection, n: int = 120) -> None:
    applied(connection)
    settled(ask(connection, people(connection, n)))
    for i in range(0, n, 4):
        bought(connection, f"c{i}", AT + timedelta(hours=i), 10.0 + i)


def test_nothing_is_learnt_before_it_has_matured(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        lesson = learn(connection, "spring", AT + 6 * DAY)
        assert lesson.snapshot is None
        assert snapshots.snapshot_versions(connection, "spring") == []


def test_matured_decisions_are_learnt_exactly_once(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        first = learn(connection, "spring", MATURE)
        second = learn(connection, "spring", MATURE)
    assert (first.decisions, first.snapshot) == (120, 1)
    assert (second.decisions, second.snapshot) == (0, None)


def test_the_holdout_never_teaches(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        rows = decisions.decisions_iter(connection, "spring", 0, 1000)
        taught = sum(row.arm != "holdout" for row in rows)
        state = learner(connection).state()
    assert state.arrays["n"].sum() == taught


def test_a_policy_is_taught_the_logged_propensities(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    taught: list[float] = []

    def listening(*given: Any) -> Feedback:
        made = feedback(*given)
        taught.extend(made.propensity)
        return made

    monkeypatch.setattr("engine.teach.feedback", listening)
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        rows = decisions.decisions_iter(connection, "spring", 0, 1000)
        logged = [row.propensity for row in rows if row.arm != "holdout"]
    assert sorted(taught) == sorted(logged) and min(logged) < 0.2


def test_the_reward_is_the_worth_of_outcomes_less_the_cost(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        lesson = learn(connection, "spring", MATURE)
        rows = decisions.decisions_iter(connection, "spring", 0, 1000)
    cost = {"email": 0.01, "sms": 0.1, "": 0.0}
    earned = sum(0.5 * (10.0 + i) for i in range(0, 120, 4))
    spent = sum(cost[row.channel] + (0.5 if row.offer == "loyalty" else 0.0) for row in rows)
    assert lesson.mean_reward == pytest.approx((earned - spent) / 120)


def test_a_late_outcome_is_corrected_as_if_it_had_been_there_from_the_start(
    tmp_path: object, store: Store
) -> None:
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        bought(connection, "c1", AT + DAY, 99.0)
        lesson = learn(connection, "spring", MATURE + DAY)
        late = learner(connection).state()
        connection.rollback()
    assert (lesson.decisions, lesson.corrected, lesson.snapshot) == (0, 1, 2)
    with store.write() as connection:
        season(connection)
        bought(connection, "c1", AT + DAY, 99.0)
        learn(connection, "spring", MATURE)
        early = learner(connection).state()
    for name in ("G", "b", "n"):
        assert np.array_equal(late.arrays[name], early.arrays[name])


def test_an_outcome_outside_the_window_is_worth_nothing(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        before = learn(connection, "spring", MATURE)
        bought(connection, "c3", AT + 7 * DAY + timedelta(microseconds=1), 1000.0)
        after = learn(connection, "spring", MATURE + DAY)
    assert before.decisions == 120
    assert after.snapshot is None


def test_a_crash_while_learning_leaves_everything_to_be_learnt_again(store: Store) -> None:
    with store.write() as connection:
        season(connection)
    with pytest.raises(RuntimeError, match="power cut"), store.write() as connection:
        learn(connection, "spring", MATURE)
        raise RuntimeError("power cut")
    with store.write() as connection:
        assert len(entries.due(connection, "spring", microseconds(MATURE), 1000)) == 120
        assert learn(connection, "spring", MATURE).snapshot == 1


def as_told(connection: Connection, row: DecisionRow) -> tuple[Decision, Explanation]:
    """The reply, and why."""
    current, _ = as_decided(connection, row)
    return reply(row, current.program, False), explained(connection, row)


def test_a_damaged_snapshot_is_never_served_the_last_good_one_is(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        row = snapshots.snapshot(connection, "spring")
        assert row is not None
        damaged = bytearray(row.body)
        damaged[len(damaged) // 2] ^= 1
        snapshots.put_snapshot(connection, "spring", bytes(damaged), row.sha256, 0, "damaged in transit")
        current = live(connection, "spring")
        made = settled(ask(connection, ["c1"], MATURE, "later"))
        assert (current.snapshot_version, current.fallback) == (1, "last good snapshot")
        assert made[0].row.fallback == "last good snapshot"
        told, why = as_told(connection, made[0].row)
        assert told.fallback and told.policy == {"policy": "linear@1", "bau": "priority"}[told.arm or ""]
        assert "fallback: the newest snapshot is damaged, the last good one serves" in why.reasons
        assert replay(connection, made[0].row.id).differences == ()
        with pytest.raises(InputError, match=r"learn -p spring --rollback N`, or .* with --afresh"):
            learn(connection, "spring", MATURE + DAY)


def test_with_no_sound_snapshot_the_priority_list_serves(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        people(connection, 3)
        snapshots.put_snapshot(connection, "spring", b"nonsense", "", 0, "damaged")
        current = live(connection, "spring")
        made = settled(ask(connection, ["c0", "c1", "c2"]))
        assert all(one.row.fallback == "priority list" for one in made)
        assert all(replay(connection, one.row.id).differences == () for one in made)
        for one in made:
            told, why = as_told(connection, one.row)
            assert (told.fallback, told.policy) == (
                True,
                "uniform" if told.arm == "random" else "priority",
            )
            assert (
                "fallback: no snapshot of what was learnt is sound, the priority list serves" in why.reasons
            )
    assert (current.snapshot_version, current.fallback, current.policy.kind) == (
        0,
        "priority list",
        "priority",
    )


def test_a_newer_snapshot_or_program_is_taken_up_at_once(store: Store) -> None:
    lives = Lives()
    with store.write() as connection:
        season(connection)
        first = lives.get(connection, "spring")
        assert lives.get(connection, "spring") is first
        learn(connection, "spring", MATURE)
        assert (first.snapshot_version, lives.get(connection, "spring").snapshot_version) == (0, 1)
        applied(connection, TEXT.replace("value: 40", "value: 41"))
        assert lives.get(connection, "spring").program.version == first.program.version + 1
