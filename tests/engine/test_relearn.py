from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine import logged
from engine.cli import main
from engine.errors import NotFoundError, RefusedError
from engine.learn import learn, publish, study
from engine.live import live, thaw
from engine.published import published, roll_back
from engine.relearn import relearn, republish, restudy
from engine.replay import replay
from engine.store import Store, entries, open_store, snapshots
from policies.linear import Linear
from policies.vw import VW
from tests.engine.programs import AT, TEXT, applied, ask, people, settled
from tests.engine.test_learn import DAY, MATURE, bought, season

LEVELS_ONLY = (
    TEXT.replace("age: integer", "age: {type: integer, learn: false}")
    .replace("spend: number", "spend: {type: number, learn: false}")
    .replace("predictions: {p_buy.sale: sale}", "")
)
EVER = 2**62


def body(connection: Connection) -> bytes:
    row = snapshots.snapshot(connection, "spring")
    assert row is not None
    return row.body


def test_afresh_gives_what_one_lesson_gives_bit_for_bit(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        once = body(connection)
        lesson = relearn(connection, "spring", MATURE)
        assert body(connection) == once
    assert (lesson.decisions, lesson.skipped, lesson.snapshot) == (120, 0, 2)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_afresh_gives_what_was_learnt_bit_by_bit_and_corrected(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = open_store(tmp_path_factory.mktemp("law") / "store.db")
    with store.write() as connection:
        applied(connection, LEVELS_ONLY)
        names = people(connection, 30)
        for day in range(data.draw(st.integers(1, 3))):
            settled(ask(connection, names, AT + day * DAY, f"k{day}"))
            for i in data.draw(st.lists(st.integers(0, 29), max_size=4, unique=True)):
                bought(connection, f"c{i}", AT + day * DAY + timedelta(hours=1), 10.0 + i)
            learn(connection, "spring", MATURE + day * DAY, data.draw(st.sampled_from([7, 30, 100])))
        for i in data.draw(st.lists(st.integers(0, 29), max_size=4, unique=True)):
            bought(connection, f"c{i}", AT + timedelta(hours=2), 5.0)
        while learn(connection, "spring", MATURE + 3 * DAY, 20).snapshot:
            pass
        step_by_step = body(connection)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(logged, "PIECE", data.draw(st.sampled_from([9, 1000])))
            done = restudy(connection, "spring", MATURE + 3 * DAY)
        assert done.body == step_by_step
    store.close()


def test_what_is_late_after_learning_afresh_is_corrected_exactly(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        relearn(connection, "spring", MATURE)
        bought(connection, "c1", AT + DAY, 99.0)
        assert learn(connection, "spring", MATURE + DAY).corrected == 1
        corrected = body(connection)
        relearn(connection, "spring", MATURE + DAY)
        assert body(connection) == corrected


def test_what_others_learnt_meanwhile_is_learnt_again_once(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        done = restudy(connection, "spring", MATURE)
        settled(ask(connection, ["c1", "c2"], AT + DAY, "more"))
        bought(connection, "c9", AT + DAY, 7.0)
        learn(connection, "spring", MATURE + DAY)
        republish(connection, done, MATURE + DAY)
        lesson = learn(connection, "spring", MATURE + 2 * DAY)
        assert (lesson.decisions, lesson.corrected) == (2, 1)
        assert learn(connection, "spring", MATURE + 2 * DAY).snapshot is None
        state = thaw(body(connection))[1].state()
        whole = thaw(restudy(connection, "spring", MATURE + 2 * DAY).body)[1].state()
        assert state.arrays["n"].sum() == whole.arrays["n"].sum()


def test_a_study_made_before_learning_afresh_is_not_published(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        old = study(connection, "spring", MATURE, 1000)
        assert old is not None
        relearn(connection, "spring", MATURE)
        assert publish(connection, old, MATURE) is None


def test_a_changed_policy_and_a_new_attribute_count_once_learnt_afresh(store: Store) -> None:
    text = TEXT.replace("{kind: linear, waves: 20}", "{kind: linear, waves: 10}").replace(
        "age: integer", "age: integer\n  member: boolean"
    )
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        applied(connection, text)
        before = live(connection, "spring")
        relearn(connection, "spring", MATURE)
        after = live(connection, "spring")
        assert (before.policy.settings["waves"], after.policy.settings["waves"]) == (20, 10)
        assert "member" not in before.encoding.columns and "member" in after.encoding.columns
        made = settled(ask(connection, ["c1"], MATURE, "later"))
        assert made[0].row.snapshot_version == 2 and made[0].row.fallback is None
        assert replay(connection, made[0].row.id).differences == ()


def test_decisions_for_an_offer_that_is_gone_are_skipped_and_stay_so(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        applied(connection, TEXT.replace("  news: {value: 1, priority: 1}\n", ""))
        lesson = relearn(connection, "spring", MATURE)
        assert lesson.skipped > 0 and lesson.decisions + lesson.skipped == 120
        bought(connection, "c1", AT + DAY, 99.0)
        for i in range(120):
            bought(connection, f"c{i}", AT + 2 * DAY, 1.0, f"again {i}")
        again = learn(connection, "spring", MATURE + DAY)
        assert (again.decisions, again.corrected) == (0, lesson.decisions)
        assert not any("news" in name for name in thaw(body(connection))[1].state().words["actions"])
        assert len(entries.due(connection, "spring", EVER, 1000)) == 0


def test_vowpalwabbit_is_corrected_by_learning_afresh(store: Store) -> None:
    text = TEXT.replace("{kind: linear, waves: 20}", "{kind: vw, bits: 10}")
    with store.write() as connection:
        applied(connection, text)
        settled(ask(connection, people(connection, 60)))
        learn(connection, "spring", MATURE)
        never = thaw(body(connection))[1]
        bought(connection, "c1", AT + DAY, 99.0)
        learn(connection, "spring", MATURE + DAY)
        relearn(connection, "spring", MATURE + DAY)
        corrected = thaw(body(connection))[1]
        assert isinstance(corrected, VW) and isinstance(never, VW)
        relearn(connection, "spring", MATURE + DAY)
        again = thaw(body(connection))[1]
        model = [one.state().arrays["model"] for one in (never, corrected, again)]
    assert not np.array_equal(model[0], model[1]) and np.array_equal(model[1], model[2])


def test_with_nothing_matured_there_is_nothing_to_learn_afresh(store: Store, tmp_path: Path) -> None:
    with store.write() as connection:
        season(connection)
        with pytest.raises(RefusedError, match="no decision has matured"):
            relearn(connection, "spring", AT)


def test_going_back_publishes_the_old_bits_and_learning_waits(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        first = body(connection)
        bought(connection, "c1", AT + DAY, 99.0)
        learn(connection, "spring", MATURE + DAY)
        assert roll_back(connection, "spring", 1, MATURE + DAY) == 3
        assert body(connection) == first
        listed = published(connection, "spring")
        assert [one.serves for one in listed] == [False, False, True]
        assert [one.reason for one in listed][1:] == ["learnt 0 decisions, corrected 1", "rollback to 1"]
        with pytest.raises(RefusedError, match="went back to snapshot 1"):
            learn(connection, "spring", MATURE + 2 * DAY)
        roll_back(connection, "spring", 2, MATURE + DAY)
        bought(connection, "c2", AT + DAY, 5.0)
        assert learn(connection, "spring", MATURE + 2 * DAY).corrected == 1
        learnt_on = body(connection)
        relearn(connection, "spring", MATURE + 2 * DAY)
        assert body(connection) == learnt_on


def test_after_going_back_learning_afresh_goes_on(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        bought(connection, "c1", AT + DAY, 99.0)
        learn(connection, "spring", MATURE + DAY)
        roll_back(connection, "spring", 1, MATURE + DAY)
        relearn(connection, "spring", MATURE + DAY)
        assert learn(connection, "spring", MATURE + 2 * DAY).snapshot is None


def test_a_snapshot_that_is_not_there_or_damaged_is_not_published_again(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        snapshots.put_snapshot(connection, "spring", body(connection)[:-1], "x", 0, "cut")
        with pytest.raises(NotFoundError, match=r"Known: 1, 2"):
            roll_back(connection, "spring", 7, MATURE)
        with pytest.raises(RefusedError, match="damaged"):
            roll_back(connection, "spring", 2, MATURE)
        assert roll_back(connection, "spring", 1, MATURE) == 3
        assert live(connection, "spring").fallback == ""


@pytest.mark.parametrize("odd", [np.nan, np.inf, -0.5])
def test_what_cannot_decide_is_not_published_and_the_last_good_one_serves_on(
    store: Store, monkeypatch: pytest.MonkeyPatch, odd: float
) -> None:
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        bought(connection, "c1", AT + DAY, 99.0)
        spoilt = lambda self, X, actions, mask, prior: np.full(mask.shape, odd)  # noqa: E731
        monkeypatch.setattr(Linear, "pmf", spoilt)
        for one in (learn, relearn):
            with pytest.raises(RefusedError, match="is not published, the last good one serves on"):
                one(connection, "spring", MATURE + DAY)
        assert snapshots.newest_version(connection, "spring") == 1
        monkeypatch.undo()
        assert learn(connection, "spring", MATURE + DAY).corrected == 1


def test_the_verb_learns_afresh_lists_and_goes_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "store.db"
    opened = open_store(path)
    with opened.write() as connection:
        season(connection, 20)
    opened.close()
    common = ["learn", "-p", "spring", "--store", str(path), "--at", MATURE.isoformat()]
    assert main([*common]) == 0 and main([*common, "--afresh"]) == 0
    assert "20 decisions learnt afresh in" in capsys.readouterr().out
    assert main([*common, "--rollback", "1"]) == 0 and main([*common, "--snapshots"]) == 0
    told = capsys.readouterr().out
    assert "Snapshot 3 is published: a copy of 1." in told and "rollback to 1  <- serves" in told
    assert main([*common, "--afresh", "--snapshots"]) == 2
