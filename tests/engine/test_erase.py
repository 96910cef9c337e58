from __future__ import annotations

from datetime import timedelta
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.cli import main
from engine.erase import buried, erase, take_back
from engine.errors import NotFoundError, RefusedError
from engine.learn import learn, publish, study
from engine.live import live
from engine.published import roll_back
from engine.relearn import relearn, republish, restudy
from engine.replay import replay
from engine.situation import decode
from engine.store import (
    Store,
    assignments,
    customers,
    decisions,
    entries,
    erasures,
    open_store,
    predictions,
    snapshots,
)
from engine.store.rows import PredictionRow
from tests.engine.programs import AT, TEXT, applied, ask, people, settled
from tests.engine.programs import person as known_as
from tests.engine.test_learn import DAY, MATURE, bought, season
from tests.engine.test_relearn import LEVELS_ONLY, body


def lived(connection: Connection, names: list[str], bought_by: list[int], late: list[int]) -> None:
    """People decided for twice, some of whom bought in time and some late; all of it learnt."""
    for day in range(2):
        settled(ask(connection, names, AT + day * DAY, f"k{day}"))
    for i in (one for one in bought_by if f"c{one}" in names):
        bought(connection, f"c{i}", AT + timedelta(hours=1), 10.0 + i)
    learn(connection, "spring", MATURE)
    for i in (one for one in late if f"c{one}" in names):
        bought(connection, f"c{i}", AT + timedelta(hours=2), 5.0)
    learn(connection, "spring", MATURE + DAY)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_who_is_erased_was_never_there_to_the_bit(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    some = st.lists(st.integers(0, 11), max_size=6, unique=True)
    bought_by, late, gone = data.draw(some), data.draw(some), data.draw(st.integers(0, 11))
    folder = tmp_path_factory.mktemp("law")
    kept = []
    for path, erased in ((folder / "a.db", True), (folder / "b.db", False)):
        store = open_store(path)
        with store.write() as connection:
            applied(connection, LEVELS_ONLY)
            names = people(connection, 12)
            present = names if erased else [one for one in names if one != f"c{gone}"]
            lived(connection, present, bought_by, late)
            if erased:
                erase(connection, f"c{gone}", buried(), MATURE + DAY)
            kept.append(body(connection))
        store.close()
    assert kept[0] == kept[1]


def test_nothing_in_the_file_names_the_erased_person(tmp_path: Path) -> None:
    path, person = tmp_path / "store.db", "kari.nordmann"
    store = open_store(path)
    with store.write() as connection:
        season(connection, 20)
        customers.put_customers(connection, [known_as(person, age=41)])
        predictions.put_predictions(connection, [PredictionRow(person, "p_buy.sale", "v1", 0.5, 1, 1)])
        settled(ask(connection, [person]))
        bought(connection, person, AT + DAY, 3.0)
        learn(connection, "spring", MATURE)
    with store.write() as connection:
        erased = erase(connection, person, "erased:x", MATURE)
        assert (erased.decisions, erased.outcomes, erased.facts) == (1, 1, 2)
        arms = {row.customer: row for row in assignments.assignments_iter(connection, "spring")}
        assert arms["erased:x"].hash == 0 and arms["erased:x"].assigned_us % 86_400_000_000 == 0
        assert len(arms) == 21
    store.close()
    assert person.encode() not in path.read_bytes()


def test_older_snapshots_that_had_learnt_of_them_are_emptied_and_say_so(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        other = settled(ask(connection, ["c2"], MATURE, "later"))[0].row
        erase(connection, "c1", buried(), MATURE + DAY)
        assert [one.bytes > 0 for one in snapshots.listed(connection, "spring")] == [False, True]
        assert live(connection, "spring").fallback == ""
        with pytest.raises(RefusedError, match="erased"):
            replay(connection, other.id)
        with pytest.raises(RefusedError, match="erased"):
            roll_back(connection, "spring", 1, MATURE + DAY)


def test_what_is_learnt_after_an_erasure_is_exact(store: Store) -> None:
    with store.write() as connection:
        applied(connection, LEVELS_ONLY)
        lived(connection, people(connection, 12), [1, 2, 3], [])
        erase(connection, "c1", buried(), MATURE + DAY)
        bought(connection, "c4", AT + timedelta(hours=3), 9.0)
        assert learn(connection, "spring", MATURE + 2 * DAY).corrected == 1
        learnt_on = body(connection)
        relearn(connection, "spring", MATURE + 2 * DAY)
        assert body(connection) == learnt_on


def test_what_was_studied_before_an_erasure_is_not_published(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        old, all_of_it = study(connection, "spring", MATURE, 1000), restudy(connection, "spring", MATURE)
        assert old is not None
        erase(connection, "c1", buried(), MATURE)
        assert publish(connection, old, MATURE) is None
        with pytest.raises(RefusedError, match="erased meanwhile"):
            republish(connection, all_of_it, MATURE)
        assert learn(connection, "spring", MATURE).decisions == 119


def test_what_was_taken_back_beforehand_counts_only_while_its_snapshot_serves(store: Store) -> None:
    with store.write() as connection:
        season(connection)
        learn(connection, "spring", MATURE)
        prepared = take_back(connection, "c1")
        bought(connection, "c2", AT + DAY, 99.0)
        learn(connection, "spring", MATURE + DAY)
        erase(connection, "c1", buried(), MATURE + DAY, prepared)
        after = body(connection)
        assert after != prepared["spring"].body


@pytest.mark.parametrize("policy", ["{kind: vw, bits: 10}", "rolled back"])
def test_what_cannot_be_taken_back_is_due_to_be_learnt_afresh(store: Store, policy: str) -> None:
    with store.write() as connection:
        applied(
            connection, TEXT if policy == "rolled back" else TEXT.replace("{kind: linear, waves: 20}", policy)
        )
        settled(ask(connection, people(connection, 20)))
        learn(connection, "spring", MATURE)
        if policy == "rolled back":
            bought(connection, "c2", AT + DAY, 1.0)
            learn(connection, "spring", MATURE)
            roll_back(connection, "spring", 1, MATURE)
        erased = erase(connection, "c1", buried(), MATURE)
        assert erased.due == {"spring": 19} and erased.snapshots == {}
        assert erasures.unsettled(connection, "spring")[0] == 1
        lesson = relearn(connection, "spring", MATURE)
        assert lesson.decisions == 19
        assert erasures.unsettled(connection, "spring")[0] == 0
        sizes = [one.bytes for one in snapshots.listed(connection, "spring")]
        assert not any(sizes[:-1]) and sizes[-1] > 0


def test_nobody_can_be_erased_who_is_not_there(store: Store) -> None:
    with store.write() as connection, pytest.raises(NotFoundError, match="nothing is known"):
        erase(connection, "nobody", buried(), AT)


def test_the_verb_erases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store.db"
    opened = open_store(path)
    with opened.write() as connection:
        season(connection, 20)
        learn(connection, "spring", MATURE)
    assert main(["erase", "c4", "--store", str(path), "--at", MATURE.isoformat()]) == 0
    assert "Erased: 1 decision, 1 outcome, 1 row of" in capsys.readouterr().out
    assert main(["erase", "c4", "--store", str(path)]) == 2
    with opened.read() as connection:
        assert [row.customer for row in decisions.decisions_iter(connection, "spring", 0, 99)].count(
            "c4"
        ) == 0
    opened.close()


def test_a_person_in_a_batch_is_erased_from_its_block(tmp_path: Path) -> None:
    people_file, store_path, program = tmp_path / "p.csv", tmp_path / "store.db", tmp_path / "spring.yaml"
    people_file.write_text(
        "customer,age,consent.marketing\n" + "".join(f"p{i},{30 + i},true\n" for i in range(6))
    )
    program.write_text(TEXT)
    common = ["--store", str(store_path), "--at", AT.isoformat()]
    assert (
        main(["batch", str(people_file), "-p", str(program), "--out", str(tmp_path / "o.csv"), *common]) == 0
    )
    assert main(["erase", "p3", *common]) == 0
    opened = open_store(store_path)
    with opened.read() as connection:
        rows = decisions.decisions_iter(connection, "spring", 0, 99)
        bodies = connection.exec_driver_sql("SELECT body FROM block").fetchall()
        assert all(row.customer == decode(row.situation).customer for row in rows)
        assert len(rows) == 5 and bodies
        assert all("p3" not in pl.read_ipc(BytesIO(one[0]))["customer"].to_list() for one in bodies)
    opened.close()


def test_a_person_of_two_ids_in_batches_is_in_no_place_of_them_any_more(tmp_path: Path) -> None:
    people_file, program = tmp_path / "p.csv", tmp_path / "spring.yaml"
    people_file.write_text(f"customer,spend,age\n{''.join(f'q{i},{i},{20 + i}{chr(10)}' for i in range(8))}")
    program.write_text(TEXT)
    common = ["--at", AT.isoformat(), "--store", str(tmp_path / "store.db")]
    out = ["--out", str(tmp_path / "o.csv")]
    assert main(["batch", str(people_file), "-p", str(program), *out, *common]) == 0
    assert main(["merge", "q3", "q4", *common]) == 0
    assert main(["erase", "q3", *common]) == 0
    later = ["-p", "spring", "--at", MATURE.isoformat(), *common[2:]]
    assert main(["learn", *later]) == 0
    assert main(["learn", *later, "--afresh"]) == 0
    store = open_store(tmp_path / "store.db")
    with store.read() as c:
        assert len(entries.matured(c, "spring", 2**62)) == 6
        assert not {"q3", "q4"} & {row.customer for row in decisions.decisions_iter(c, "spring", 0, 100)}
    store.close()
