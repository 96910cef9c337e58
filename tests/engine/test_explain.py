from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace
from sqlalchemy import Connection

from engine.learn import learn
from engine.replay import replay
from engine.reply import explained, reply
from engine.store import Store, customers
from engine.store.rows import DecisionRow
from tests.engine.programs import AT, TEXT, applied, ask, people, person, settled, spring
from tests.engine.test_learn import bought


def learnt_rows(connection: Connection) -> list[DecisionRow]:
    applied(connection)
    names = people(connection, 300)
    first = settled(ask(connection, names))
    for one in first:
        if one.row.offer == "sale" and int(one.row.customer[1:]) % 3 == 0:
            bought(connection, one.row.customer, AT + timedelta(hours=2), 50.0)
    learn(connection, "spring", AT + timedelta(days=8))
    return [one.row for one in settled(ask(connection, names, AT + timedelta(days=8), "next"))]


def test_every_decision_is_explained_in_words(store: Store) -> None:
    with store.write() as connection:
        for row in learnt_rows(connection)[:60]:
            told = explained(connection, row)
            assert told.sentence.startswith(row.customer)
            assert told.reasons[0].endswith("offers eligible")
            assert {rival.action for rival in told.rivals} | {row.withheld or row.action_name} >= {
                "no_action"
            }
            assert all(rival.rule for rival in told.rivals if not rival.feasible)


def test_who_is_left_with_nothing_is_told_what_the_last_offer_fell_to(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        customers.put_customers(connection, [replace(person("c0"), consent={"marketing": False})])
        (one,) = settled(ask(connection, ["c0"]))
        assert explained(connection, one.row).reasons[:2] == [
            "0 of 3 offers eligible",
            "the last fell to consent: channel sms: no consent to sms",
        ]


def test_no_factor_is_claimed_for_an_explored_action(store: Store) -> None:
    with store.write() as connection:
        rows = learnt_rows(connection)
        explored = [row for row in rows if row.explored]
        assert explored
        assert all(explained(connection, row).factors == [] for row in explored)


def test_a_probability_counted_over_samples_says_its_error(store: Store) -> None:
    thompson = TEXT.replace(
        "kind: linear, waves: 20", "kind: linear, waves: 20, explore: thompson, samples: 101"
    )
    with store.write() as connection:
        applied(connection, thompson)
        rows = [one.row for one in settled(ask(connection, people(connection, 60)))]
        said = {arm: [] for arm in ("policy", "random", "bau", "holdout")}
        for row in rows:
            told = [one for one in explained(connection, row).reasons if "samples" in one]
            error = (row.propensity * (1.0 - row.propensity) / 100) ** 0.5
            said[row.arm].append([one.endswith(f"with a standard error of {error:.2g}") for one in told])
        assert said["policy"] and all(one == [True] for one in said["policy"])
        assert all(one == [] for one in said["random"] + said["bau"])


def test_factors_say_what_moved_the_lead(store: Store) -> None:
    with store.write() as connection:
        rows = [row for row in learnt_rows(connection) if row.arm == "policy" and not row.explored]
        told = [explained(connection, row) for row in rows[:40]]
    assert any(one.factors for one in told)
    known = {"age", "spend", "country", "p_buy.sale", "recent contacts", "predicted before learning"}
    assert {factor.name for one in told for factor in one.factors} <= known


def test_a_rule_that_dropped_an_action_is_named_as_written(store: Store) -> None:
    with store.write() as connection:
        applied(connection)
        people(connection, 3)
        (one,) = settled(ask(connection, ["c2"]))  # from Denmark, 17 years old
        told = explained(connection, one.row)
    rules = {rival.action: (rival.stage, rival.rule) for rival in told.rivals if not rival.feasible}
    assert rules["sale/email/now"] == ("eligible", "offer sale: age >= 18")
    assert rules["loyalty/sms/now"] == ("suitable", "offer loyalty: country IN ('NO', 'SE')")


def test_a_held_out_customer_is_told_what_would_have_been_sent(store: Store) -> None:
    with store.write() as connection:
        row = next(row for row in learnt_rows(connection) if row.arm == "holdout")
        told = explained(connection, row)
    assert "is in the holdout and gets nothing" in told.sentence
    decision = reply(row, spring(), False)
    assert decision.action is None
    assert decision.arm == "holdout"


def test_a_reply_names_what_is_sent_and_when_in_the_customers_time(store: Store) -> None:
    with store.write() as connection:
        row = next(row for row in learnt_rows(connection) if row.slot == "tonight")
    action = reply(row, spring(), False).action
    assert action is not None
    assert (action.offer, action.channel, action.slot) == (row.offer, row.channel, "tonight")
    assert f"{action.send_at:%H:%M %Z}" == "18:30 CET"


def test_replay_names_every_difference(store: Store) -> None:
    with store.write() as connection:
        row = learnt_rows(connection)[0]
        connection.exec_driver_sql("UPDATE decision SET propensity = 0.123 WHERE id = ?", (row.id,))
        result = replay(connection, row.id)
    assert [one.field for one in result.differences] == ["propensity"]
    assert result.differences[0].replayed == row.propensity
