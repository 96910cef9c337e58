from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from engine.assign import assign
from engine.calendar import microseconds
from engine.contact import window_us
from engine.decide import ConflictError, Decided, decide
from engine.errors import InputError
from engine.live import live
from engine.request import Request
from engine.store import Store, assignments, customers, decisions
from engine.store.rows import CustomerRow, DecisionRow
from tests.engine.programs import AT, TEXT, applied, ask, people, person, settled, spring

DAY = timedelta(days=1)


def logged(connection: Connection) -> list[DecisionRow]:
    return decisions.decisions_iter(connection, "spring", 0, 1_000_000)


def test_every_customer_gets_one_logged_decision(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        answers = settled(ask(connection, people(connection, 300)))
        rows = logged(connection)
    assert [one.row.id for one in answers] == [row.id for row in rows]
    assert {row.arm for row in rows} == {"policy", "random", "bau", "holdout"}
    assert all(0 < row.propensity <= 1 for row in rows)


def test_a_repeated_key_gets_the_stored_decision_and_one_contact(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        names = people(connection, 50)
        first = settled(ask(connection, names))
        again = settled(ask(connection, names, AT + 3 * DAY))
        assert len(logged(connection)) == 50
    assert [one.row.id for one in again] == [one.row.id for one in first]
    assert all(one.replayed for one in again)


def test_a_key_repeated_within_one_call_is_decided_once(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        people(connection, 1)
        requests = [Request("c0", "spring", "same", AT)] * 3
        answers = decide(connection, requests, {"spring": live(connection, "spring")}).answers
        assert len(logged(connection)) == 1
    assert [one.replayed for one in answers if isinstance(one, Decided)] == [False, True, True]


def test_a_key_used_for_another_request_is_refused_and_nothing_is_logged(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        people(connection, 2)
        current = {"spring": live(connection, "spring")}
        decide(connection, [Request("c0", "spring", "same", AT)], current)
        (answer,) = decide(connection, [Request("c1", "spring", "same", AT)], current).answers
        assert len(logged(connection)) == 1
    assert isinstance(answer, ConflictError)
    assert "'same'" in str(answer)


def test_a_request_with_an_unknown_feature_is_refused_alone(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        people(connection, 2)
        requests = [
            Request("c0", "spring", "one", AT, {"aeg": 3}),
            Request("c1", "spring", "two", AT, {"age": 3}),
        ]
        bad, good = decide(connection, requests, {"spring": live(connection, "spring")}).answers
        assert len(logged(connection)) == 1
    assert isinstance(bad, InputError)
    assert "Did you mean 'age'?" in str(bad)
    assert isinstance(good, Decided)


def test_the_holdout_is_never_contacted_and_logs_what_would_have_been_sent(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        rows = [one.row for one in settled(ask(connection, people(connection, 500)))]
    held = [row for row in rows if row.arm == "holdout"]
    assert held
    assert all(not row.contact and row.action == 0 and row.propensity == 1.0 for row in held)
    assert any(row.withheld not in (None, "no_action") for row in held)
    assert all(row.withheld is None for row in rows if row.arm != "holdout")


def test_the_stored_arm_stands_when_shares_change(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        names = people(connection, 200)
        before = {one.row.customer: one.row.arm for one in settled(ask(connection, names))}
        changed = TEXT.replace(
            "policy: 0.5, random: 0.2, bau: 0.1, holdout: 0.2",
            "policy: 0.1, random: 0.1, bau: 0.1, holdout: 0.7",
        )
        program = applied(connection, changed)
        after = {one.row.customer: one.row.arm for one in settled(ask(connection, names, key="later"))}
        assert after == before
        assert dict(zip(names, assign(program, names), strict=True)) != before
        assert assignments.assignments(connection, "spring", names) == before


def test_caps_hold_within_one_call_over_days_and_over_keys(store: Store) -> None:
    program = spring()
    with store.write() as connection:
        applied(connection)
        people(connection, 30)
        current = {"spring": live(connection, "spring")}
        for day in range(12):
            at = AT + day * DAY
            requests = [
                Request(f"c{i}", "spring", f"{day}:{turn}:{i}", at) for turn in range(3) for i in range(30)
            ]
            decide(connection, requests, current)
        rows = [row for row in logged(connection) if row.contact]
    overall, email = program.caps[0], program.channels[0].caps[0]
    for customer in {row.customer for row in rows}:
        for cap, chosen in ((overall, None), (email, "email")):
            times = [
                row.send_at_us
                for row in rows
                if row.customer == customer and row.send_at_us is not None and chosen in (None, row.channel)
            ]
            width = window_us(cap)
            assert max((sum(0 <= end - t < width for t in times) for end in times), default=0) <= cap.count
    assert max(Counter(row.customer for row in rows).values()) >= overall.count


def test_an_unknown_customer_is_answered_and_not_contacted(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        (answer,) = settled(ask(connection, ["nobody"]))
    assert answer.row.action_name == "no_action"
    assert not answer.row.contact


@pytest.mark.parametrize("consent", [{}, {"marketing": False}, {"sms": True}])
def test_without_consent_a_channel_is_closed(store: Store, consent: dict[str, bool]) -> None:
    names = [f"c{i}" for i in range(100)]
    with store.write() as connection:
        applied(connection)
        rows = [CustomerRow(name, {"age": 40, "country": "NO"}, consent, "Europe/Oslo", 0) for name in names]
        customers.put_customers(connection, rows)
        made = [one.row for one in settled(ask(connection, names))]
    assert not any(row.channel == "email" for row in made)
    assert any(row.channel == "sms" for row in made) is consent.get("sms", False)


def test_quiet_hours_close_a_channel_and_an_unknown_zone_is_quiet(store: Store) -> None:
    names = [f"c{i}" for i in range(60)]
    with store.write() as connection:
        applied(connection)
        customers.put_customers(connection, [person(name) for name in names[:30]])
        lost = [CustomerRow(n, {"age": 40}, {"marketing": True, "sms": True}, None, 0) for n in names[30:]]
        customers.put_customers(connection, lost)
        late = AT.replace(hour=22)
        made = [one.row for one in settled(ask(connection, names, late))]
    assert not any(row.channel == "sms" for row in made)
    assert not any(row.slot == "tonight" for row in made)


def test_send_times_are_the_customers_own(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        made = [one.row for one in settled(ask(connection, people(connection, 200)))]
    tonight = microseconds(AT.replace(hour=17, minute=30))
    assert {row.send_at_us for row in made if row.slot == "tonight"} == {tonight}
    assert {row.send_at_us for row in made if row.slot == "now"} == {microseconds(AT)}


def test_a_program_without_predictions_explores_until_it_has_learnt(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        rows = [one.row for one in settled(ask(connection, people(connection, 400)))]
    served = [row for row in rows if row.arm == "policy"]
    assert sum(row.contact for row in served) > len(served) / 2
