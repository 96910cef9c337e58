from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.cli import main
from engine.domain import Goal, Weight
from engine.erase import buried, erase
from engine.errors import InputError
from engine.learn import learn
from engine.live import thaw
from engine.plan import words
from engine.plausible import LARGEST, believed, bounded
from engine.relearn import relearn
from engine.reward import worth
from engine.store import Store, open_store, quarantine
from engine.store.rows import OutcomeRow
from engine.track import OutcomeEvent, check_event
from policies.base import Actions, FeedbackError, feedback
from tests.engine.programs import AT, TEXT, applied, ask, people, settled
from tests.engine.test_learn import DAY, MATURE, bought
from tests.engine.test_relearn import LEVELS_ONLY, body

LIMITED = LEVELS_ONLY.replace("{share: 0.5}", "{share: 0.5, at_most: 50}")
CAPPED = LEVELS_ONLY.replace("window: 7 days", "window: 7 days\n  per_customer: 2 per day")
MONEY = st.floats(-1e12, 1e12, allow_nan=False)


def event(value: float) -> OutcomeRow:
    return OutcomeRow("e", None, "c1", "purchase", value, 0, 0)


@given(st.lists(MONEY, max_size=5), st.floats(0.0, 1e6))
def test_what_is_learnt_of_a_kind_is_its_worth_within_the_limit(values: list[float], at_most: float) -> None:
    goal = Goal({"purchase": Weight(share=0.5, at_most=at_most)}, timedelta(days=1))
    found = believed(goal, goal, [event(value) for value in values])
    counted = sum(worth(goal, "purchase", one.value) for one in found.outcomes) + found.instead
    assert abs(counted) <= at_most * (1 + 1e-9) + 1e-9
    assert bool(found.reason) == (len(found.outcomes) < len(values))


@given(MONEY)
def test_no_reward_is_larger_than_any_policy_can_learn(reward: float) -> None:
    counted, reason = bounded(reward)
    assert abs(counted) <= LARGEST and bool(reason) == (counted != reward)


def test_a_limit_is_said_in_words() -> None:
    assert words.words(Weight(0.0, 0.5, 50.0)).endswith(", at most 50")


def lived(connection: Connection, text: str, poison: float | None) -> None:
    applied(connection, text)
    settled(ask(connection, people(connection, 20)))
    for i in range(2, 20, 3):
        bought(connection, f"c{i}", AT + timedelta(hours=1), 10.0 + i)
    if poison is not None:
        bought(connection, "c1", AT + timedelta(hours=1), poison)
    learn(connection, "spring", MATURE)


def test_an_implausible_outcome_moves_the_policy_by_its_limit_and_is_told(store: Store) -> None:
    with store.write() as connection:
        lived(connection, LIMITED, 1e12)
        odd = quarantine.listed(connection, "spring", 9)
        poisoned = body(connection)
        assert [(one.customer, one.reason) for one in odd] == [
            ("c1", "purchase worth 5e+11 learnt as 50, see at_most")
        ]
        connection.rollback()
    with store.write() as connection:
        lived(connection, LIMITED, 100.0)
        assert quarantine.listed(connection, "spring", 9) == []
        assert body(connection) == poisoned


@pytest.mark.parametrize("kind", ["{kind: linear, waves: 20}", "{kind: vw, bits: 10}"])
@pytest.mark.parametrize("value", [1e12, -1e12])
def test_a_poisoned_policy_recovers_fully(tmp_path: Path, kind: str, value: float) -> None:
    text = LEVELS_ONLY.replace("{kind: linear, waves: 20}", kind)
    kept = []
    for name, poison in (("a", value), ("b", None)):
        store = open_store(tmp_path / f"{name}.db")
        with store.write() as connection:
            lived(connection, text, poison)
            if poison is not None:
                assert "the most that is learnt" in quarantine.listed(connection, "spring", 9)[0].reason
            erase(connection, "c1", buried(), MATURE)
            if "vw" in kind:
                relearn(connection, "spring", MATURE)
            assert quarantine.listed(connection, "spring", 9) == []
            kept.append(body(connection))
        store.close()
    assert kept[0] == kept[1]


def test_a_limit_set_after_the_harm_counts_once_learnt_afresh(store: Store) -> None:
    with store.write() as connection:
        lived(connection, LEVELS_ONLY, 1e6)
        applied(connection, LIMITED)
        relearn(connection, "spring", MATURE)
        assert len(quarantine.listed(connection, "spring", 9)) == 1
        healed = body(connection)
        connection.rollback()
    with store.write() as connection:
        lived(connection, LIMITED, 100.0)
        assert body(connection) == healed


def test_one_customer_teaches_no_more_than_the_cap_however_learning_is_cut(store: Store) -> None:
    with store.write() as connection:
        applied(connection, CAPPED)
        people(connection, 3)
        for turn in range(6):
            settled(ask(connection, ["c1"], AT + timedelta(minutes=turn), f"flood{turn}"))
        settled(ask(connection, ["c0", "c2"], AT))
        while learn(connection, "spring", MATURE, 3).snapshot:
            pass
        step_by_step = body(connection)
        assert {one.customer for one in quarantine.listed(connection, "spring", 9)} == {"c1"}
        assert len(quarantine.listed(connection, "spring", 9)) == 4
        bought(connection, "c1", AT + timedelta(hours=1), 10.0)
        assert learn(connection, "spring", MATURE + DAY).corrected == 2
        corrected = body(connection)
        lesson = relearn(connection, "spring", MATURE + DAY)
        assert (lesson.decisions, lesson.skipped) == (4, 4)
        assert body(connection) == corrected != step_by_step


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e38])
def test_an_event_with_no_money_in_it_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="value"):
        check_event(OutcomeEvent("e", "c1", "purchase", AT, value), "line 1")


@pytest.mark.parametrize("name", ["event", "customer", "kind"])
def test_a_newline_in_a_name_is_refused(name: str) -> None:
    given_: dict[str, Any] = {"event": "e", "customer": "c1", "kind": "purchase", "at": AT, name: "a\nb"}
    with pytest.raises(InputError, match=name):
        check_event(OutcomeEvent(**given_), "line 1")


@pytest.mark.parametrize("propensity", [0.0, np.nan, 1.5, -0.1])
def test_no_policy_is_taught_a_propensity_that_is_none(propensity: float) -> None:
    with pytest.raises(FeedbackError, match="propensity"):
        feedback(
            np.zeros((1, 1)), Actions.plain(("a", "b")), np.array([0]), np.zeros(1), np.array([propensity])
        )


def test_a_newline_in_an_attribute_reaches_no_learner_as_text(store: Store) -> None:
    with store.write() as connection:
        applied(connection, TEXT.replace("{kind: linear, waves: 20}", "{kind: vw, bits: 10}"))
        names = people(connection, 6)
        connection.exec_driver_sql(
            'UPDATE customer SET attributes = CAST(\'{"age":40,"country":"N\\nO |x 1:1"}\' AS BLOB)'
        )
        settled(ask(connection, names))
        assert learn(connection, "spring", MATURE).decisions == 6
        assert thaw(body(connection))[1].kind == "vw"


def test_the_verb_tells_what_was_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.db"
    opened = open_store(path)
    with opened.write() as connection:
        lived(connection, LIMITED, 1e12)
    opened.close()
    assert main(["learn", "-p", "spring", "--quarantine", "--store", str(path)]) == 0
    assert "c1" in (told := capsys.readouterr().out) and "learnt as 50" in told
    assert told.startswith("Not learnt as they stood: 1 decision (1 with an outcome beyond its at_most).\n")


def test_the_verb_counts_all_that_was_set_aside_by_what_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    opened = open_store(path)
    with opened.write() as connection:
        lived(connection, LIMITED.replace("at_most: 50", "at_most: 6"), None)
    opened.close()
    monkeypatch.setattr("engine.commands.learn.NEWEST", 2)
    assert main(["learn", "-p", "spring", "--quarantine", "--store", str(path)]) == 0
    first, *rows = capsys.readouterr().out.splitlines()
    with open_store(path).read() as connection:
        every = quarantine.counted(connection, "spring")
        assert every == quarantine.counted(connection, "spring", "see at_most") > len(rows) == 2
    kinds = f"({every} with an outcome beyond its at_most)"
    assert first == f"Not learnt as they stood: {every} decisions {kinds}. The newest 2:"
