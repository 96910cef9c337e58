"""Laws of who is in which arm: for ever, whatever the shares become, across programs, households and ids."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.cli import main
from engine.domain import Program
from engine.enrol import enrol
from engine.erase import buried, erase
from engine.errors import RefusedError
from engine.merge import merge
from engine.replay import replay
from engine.store import Store, assignments, customers, decisions, lots, merges
from engine.store.lots import EverywhereRow
from engine.store.rows import CustomerRow, DecisionRow
from simulator.charter import charter
from simulator.town import Town
from tests.engine.programs import AT, TEXT, applied, ask, people, person, settled

ARMS = "arms: {policy: 0.5, random: 0.2, bau: 0.1, holdout: 0.2}"
SILENT = {"holdout", "global_holdout", "excluded"}
relaxed = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def named(name: str, *lines: str, arms: str = ARMS) -> str:
    return "\n".join([TEXT.replace("program: spring", f"program: {name}").replace(ARMS, arms), *lines])


def arms(connection: Connection, program: Program, ids: Sequence[str]) -> Mapping[str, str]:
    return dict(zip(ids, enrol(connection, program, ids, AT).arms, strict=True))


def held_everywhere(connection: Connection, share: float) -> None:
    lots.set_everywhere(connection, EverywhereRow(share, "", microseconds(AT), "test"))


def ids(first: int, last: int) -> list[str]:
    return [f"c{i}" for i in range(first, last)]


shares = st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4).map(
    lambda raw: [round(one / sum(raw), 6) for one in raw[:-1]]
)


@relaxed
@given(st.lists(shares, min_size=2, max_size=3), st.sampled_from(["", "unit: country"]))
def test_only_new_customers_move_when_shares_change(store: Store, each: list[list[float]], unit: str) -> None:
    names = ("policy", "random", "bau")
    with store.write() as connection:
        known: dict[str, str] = {}
        for i, given_shares in enumerate(each):
            parts = [*zip(names, given_shares, strict=True), ("holdout", 1 - sum(given_shares))]
            text = named(
                "spring", unit, arms=f"arms: {{{', '.join(f'{arm}: {one!r}' for arm, one in parts)}}}"
            )
            found = arms(connection, applied(connection, text), ids(0, 40 * (i + 1)))
            assert {one: found[one] for one in known} == known
            known = dict(found)
        connection.exec_driver_sql("DELETE FROM assignment")
        connection.exec_driver_sql("DELETE FROM lot")


@relaxed
@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=4))
def test_the_global_holdout_moves_new_customers_only_and_holds_in_every_program(
    store: Store, each: list[float]
) -> None:
    with store.write() as connection:
        one, two = applied(connection), applied(connection, named("autumn"))
        before, known = arms(connection, one, ids(0, 30)), dict[str, bool]()
        for i, share in enumerate(each):
            held_everywhere(connection, share)
            told = arms(connection, one, ids(0, 60 * (i + 1)))
            now = {name: arm == "global_holdout" for name, arm in told.items()}
            assert {name: told[name] for name in before} == before
            assert {name: now[name] for name in known} == known
            assert arms(connection, two, ids(0, 60 * (i + 1))).keys() == now.keys()
            other = arms(connection, two, list(now))
            assert {name for name, arm in other.items() if arm == "global_holdout"} == {
                name for name, held in now.items() if held
            }
            known = now
        for name in ("assignment", "lot", "everywhere"):
            connection.exec_driver_sql(f"DELETE FROM {name}")


def test_a_larger_global_holdout_would_hold_everybody_a_smaller_one_held(store: Store) -> None:
    found = []
    for share in (0.1, 0.3):
        with store.write() as connection:
            held_everywhere(connection, share)
            told = arms(connection, applied(connection), ids(0, 2000))
            found.append({name for name, arm in told.items() if arm == "global_holdout"})
            connection.exec_driver_sql("DELETE FROM assignment")
            connection.exec_driver_sql("DELETE FROM lot")
    assert found[0] < found[1]
    assert 140 < len(found[0]) < 260
    assert 520 < len(found[1]) < 680


@relaxed
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.02, 0.33)), min_size=2, max_size=7))
def test_a_customer_is_in_one_program_of_a_layer_and_stays(
    store: Store, steps: list[tuple[str, float]]
) -> None:
    with store.write() as connection:
        known: dict[tuple[str, str], str] = {}
        for i, (name, share) in enumerate(steps):
            program = applied(connection, named(name, f"layer: {{name: january, share: {share!r}}}"))
            for customer, arm in arms(connection, program, ids(0, 60 * (i + 1))).items():
                assert known.setdefault((name, customer), arm) == arm
        inside = [customer for (_, customer), arm in known.items() if arm != "excluded"]
        assert len(inside) == len(set(inside))
        for table in ("assignment", "lot", "stake"):
            connection.exec_driver_sql(f"DELETE FROM {table}")


def test_a_layer_gives_each_program_its_share_and_no_more_than_there_is(store: Store) -> None:
    with store.write() as connection:
        for name, share, low, high in (("one", 0.6, 1120, 1280), ("two", 0.3, 530, 670)):
            program = applied(connection, named(name, f"layer: {{name: january, share: {share}}}"))
            found = arms(connection, program, ids(0, 2000))
            assert low < sum(arm != "excluded" for arm in found.values()) < high
        with pytest.raises(RefusedError, match=r"layer 'january' has 0\.1 left, share is 0\.2; the rest is"):
            applied(connection, named("three", "layer: {name: january, share: 0.2}"))
        applied(connection, named("three", "layer: {name: january, share: 0.1}"))


def test_a_household_shares_an_arm_and_a_stranger_to_it_has_their_own(store: Store) -> None:
    with store.write() as connection:
        program = applied(connection, named("spring", "unit: country"))
        customers.put_customers(connection, [person(f"n{i}", country="NO") for i in range(30)])
        customers.put_customers(connection, [person(f"x{i}", country=None) for i in range(200)])
        first = set(arms(connection, program, [f"n{i}" for i in range(30)]).values())
        alone = set(arms(connection, program, [f"x{i}" for i in range(200)]).values())
    assert len(first) == 1
    assert len(alone) == 4


def test_what_a_request_says_of_the_household_counts_before_the_profile(store: Store) -> None:
    with store.write() as connection:
        program = applied(connection, named("spring", "unit: country"))
        said = [{"country": "DK"}] * 50
        found = enrol(connection, program, ids(0, 50), AT, said).arms
    assert len(set(found)) == 1


@relaxed
@given(st.lists(st.floats(0.0, 0.6), min_size=1, max_size=3))
def test_a_household_shares_the_lot_of_the_global_holdout_whatever_the_share_becomes(
    store: Store, each: list[float]
) -> None:
    with store.write() as connection:
        program, known = applied(connection, named("spring", "unit: country")), dict[str, bool]()
        for i, share in enumerate(each):
            held_everywhere(connection, share)
            asked = ids(0, 60 * (i + 1))
            said = [{"country": f"land {j % 20}"} for j in range(len(asked))]
            found = enrol(connection, program, asked, AT, said).arms
            held = {name: arm == "global_holdout" for name, arm in zip(asked, found, strict=True)}
            assert {name: held[name] for name in known} == known
            assert all(held[f"c{j}"] == held[f"c{j % 20}"] for j in range(len(asked)))
            known = held
        for name in ("assignment", "lot", "everywhere", "member"):
            connection.exec_driver_sql(f"DELETE FROM {name}")


def test_a_member_who_was_free_before_stays_free_and_frees_nobody_else(store: Store) -> None:
    with store.write() as connection:
        program = applied(connection, named("spring", "unit: country"))
        other = applied(connection, named("autumn"))
        arms(connection, other, ids(0, 5))
        held_everywhere(connection, 0.5)
        said = [{"country": f"land {j % 40}"} for j in range(40, 120)]
        late = enrol(connection, program, ids(40, 120), AT, said).arms
        early = enrol(connection, program, ids(0, 5), AT, [{"country": f"land {j}"} for j in range(5)]).arms
    assert "global_holdout" not in early
    assert "global_holdout" in late and late[:40] == late[40:]


@pytest.mark.parametrize("gone_is_held", [True, False])
def test_who_was_held_out_under_either_id_stays_uncontacted(store: Store, gone_is_held: bool) -> None:
    with store.write() as connection:
        program = applied(connection)
        names = people(connection, 60)
        found = arms(connection, program, names)
        held = next(name for name, arm in found.items() if arm == "holdout")
        other = next(name for name, arm in found.items() if arm == "policy")
        gone, into = (held, other) if gone_is_held else (other, held)
        settled(ask(connection, [gone, into], key="before"))
        assert merge(connection, gone, into, AT, "test").contaminated == ("spring",)
        for day, asked in enumerate([gone, into, gone]):
            (decided,) = settled(ask(connection, [asked], AT + timedelta(days=30 * day), f"d{day}"))
            assert (decided.row.customer, decided.row.arm, decided.row.contact) == (into, "holdout", False)
        assert [replay(connection, row.id).differences for row in logged(connection)] == [()] * 5
        (mixed,) = merges.contaminated(connection, into)["spring"]
        assert (mixed.arms, mixed.contaminated) == ("holdout,policy", True)


def logged(connection: Connection) -> list[DecisionRow]:
    return decisions.decisions_iter(connection, "spring", 0, 1000)


pairs = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=10)


@relaxed
@given(pairs, st.data())
def test_merges_told_in_any_order_and_again_make_the_same_people(
    store: Store, told: list[tuple[int, int]], data: st.DataObject
) -> None:
    again = data.draw(st.permutations(told))
    with store.write() as connection:
        program = applied(connection)
        held_everywhere(connection, 0.3)
        names = [f"c{i}" for i in range(8)]
        before = arms(connection, program, names)
        groups = {name: {name} for name in names}
        for one, two in told:
            merge(connection, f"c{one}", f"c{two}", AT, "test")
            joined = groups[f"c{one}"] | groups[f"c{two}"]
            groups |= dict.fromkeys(joined, joined)
        found = {name: merges.person_of(connection, name) for name in names}
        for name in names:
            assert {other for other in names if found[other] == found[name]} == groups[name]
        now = arms(connection, program, names)
        for name in names:
            under = {before[other] for other in groups[name]}
            silent = under & {"holdout", "global_holdout"}
            assert now[name] in (silent or under)
        assert not any(merge(connection, f"c{one}", f"c{two}", AT, "test").new for one, two in again)
        assert arms(connection, program, names) == now
        for table in ("assignment", "lot", "merge", "contaminated", "everywhere"):
            connection.exec_driver_sql(f"DELETE FROM {table}")


def test_a_cap_counts_the_contacts_under_both_ids(store: Store) -> None:
    with store.write() as connection:
        applied(connection, named("spring", arms="arms: {bau: 1}"))
        customers.put_customers(connection, [person("old"), person("new")])
        for name in ("old", "new"):
            settled(ask(connection, [name], key="first"))
        settled(ask(connection, ["new"], key="second"))
        merge(connection, "old", "new", AT, "test")
        together = settled(ask(connection, ["old", "new"], key="third"))
    assert [one.row.contact for one in together] == [False, False]


def test_two_ids_of_one_person_in_one_call_are_decided_one_after_the_other(store: Store) -> None:
    with store.write() as connection:
        applied(connection, named("spring", arms="arms: {bau: 1}"))
        customers.put_customers(connection, [person("old"), person("new")])
        merge(connection, "old", "new", AT, "test")
        made = settled(ask(connection, ["new", "old", "other", "old2", "new"][:3], key="k"))
        more = settled(ask(connection, ["old", "new"], key="l"))
    assert [one.row.contact for one in (*made[:2], *more)] == [True, True, True, False]


def test_a_no_under_either_id_is_a_no(store: Store) -> None:
    with store.write() as connection:
        rows = [
            CustomerRow(
                "old", {"age": 20, "country": "NO"}, {"marketing": False, "sms": True}, "Asia/Tokyo", 1
            ),
            CustomerRow("new", {"age": 30}, {"marketing": True}, None, 1),
        ]
        customers.put_customers(connection, rows)
        merge(connection, "old", "new", AT, "test")
        known = customers.customers(connection, ["old", "new"])
    assert known.keys() == {"new"}
    assert known["new"].consent == {"marketing": False, "sms": True}
    assert known["new"].attributes == {"age": 30, "country": "NO"}
    assert known["new"].zone == "Asia/Tokyo"


def test_what_comes_in_under_the_old_id_is_the_persons(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        people(connection, 2)
        merge(connection, "c0", "c1", AT, "test")
        customers.put_customers(connection, [person("c0", age=70)])
        assert customers.customers(connection, ["c0", "c1"])["c1"].attributes["age"] == 70
        assert customers.seen(connection, ["c0"]) == {"c0"}


def test_an_erased_person_is_erased_under_every_id(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        held_everywhere(connection, 0.2)
        settled(ask(connection, people(connection, 3)))
        merge(connection, "c0", "c1", AT, "test")
        merge(connection, "c1", "c2", AT, "test")
        assert erase(connection, "c0", buried(), AT).decisions == 3
        assert customers.seen(connection, ["c0", "c1", "c2"]) == set()
        assert merges.ids_of(connection, "c2") == []
        assert lots.lots_of(connection, "c2") == {}
        assert all(
            row.customer.startswith("erased:") for row in assignments.assignments_iter(connection, "spring")
        )


def test_the_arms_that_measure_teach_nothing_and_contact_as_the_policy_does(store: Store) -> None:
    from engine.learn import learn

    text = named("spring", arms="arms: {evaluation: 0.7, no_levers: 0.1, prediction_only: 0.1, holdout: 0.1}")
    with store.write() as connection:
        applied(connection, text)
        made = settled(ask(connection, people(connection, 200)))
        assert {one.row.arm for one in made} == {"evaluation", "no_levers", "prediction_only", "holdout"}
        assert sum(one.row.contact for one in made if one.row.arm == "evaluation") > 50
        assert [replay(connection, one.row.id).differences for one in made[:40]] == [()] * 40
        learn(connection, "spring", AT + timedelta(days=8))
        assert settled(ask(connection, ["c1"], AT + timedelta(days=9), "later"))[0].made is not None
        seen = settled(ask(connection, ["c2"], AT + timedelta(days=9), "later"))[0].made
    assert seen is not None and seen.live.snapshot_version == 1 and seen.live.seen == {}


def test_the_command_line_holds_customers_back_merges_them_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, path = tmp_path / "spring.yaml", str(tmp_path / "shop.db")
    file.write_text(named("spring", "layer: {name: january, share: 0.5}"))
    (tmp_path / "customers.csv").write_text("customer\n" + "\n".join(ids(0, 400)))
    assert main(["holdout", "0.25", "--store", path]) == 0
    assert "25.000% of new customers are held back from every program." in capsys.readouterr().out
    batch = ["batch", str(tmp_path / "customers.csv"), "-p", str(file), "--out", str(tmp_path / "out.csv")]
    assert main([*batch, "--store", path]) == 0
    told = capsys.readouterr().out
    assert "Withheld in the holdout of all programs: " in told
    assert "Withheld by the layer: other programs' customers, and nobody's: " in told
    assert main(["holdout", "--store", path, "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["held"] + counts["free"] == 400
    assert 60 < counts["held"] < 140
    assert main(["merge", "c1", "c2", "--store", path]) == 0
    assert capsys.readouterr().out.startswith("c1 is c2 from now on.")
    assert main(["merge", "c1", "c2", "--store", path]) == 0
    assert capsys.readouterr().out == "c1 and c2 are one person already: c2.\n"
    assert main(["holdout", "0.9", "--store", path]) == 2
    assert "SHARE == 0.9, must be from 0 to 0.5" in capsys.readouterr().err


def test_the_inspector_finds_an_engine_that_lets_a_merge_end_a_holdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lived(folder: Path) -> Town:
        folder.mkdir()
        lot, town = Random(5), Town(folder / "store.db")
        town.apply(charter(lot, "spring", "arms: {random: 0.6, holdout: 0.4}"))
        names = ids(0, 40)
        for name in names:
            town.tell(name, {"marketing": True, "sms": True}, 40, "Europe/Oslo")
        for _ in range(3):
            town.group("spring", names)
            for one, two in zip(names[::2], names[1::2], strict=True):
                town.merge(one, two)
            town.wait(100.0)
        town.close()
        return town

    assert not +lived(tmp_path / "sound").inspector.broken
    monkeypatch.setattr("engine.merge._STRICTEST", ())
    assert lived(tmp_path / "spoilt").inspector.broken["holdout"] > 0
