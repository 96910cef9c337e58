"""What the notes of a plan say of a live program is what happens when it is applied."""

from __future__ import annotations

from datetime import timedelta

from engine.learn import learn
from engine.store import Store, assignments, customers
from tests.engine.programs import AT, TEXT, applied, ask, people, person, settled

RIPE = AT + timedelta(days=9)


def learnt(store: Store) -> list[str]:
    """Fifty customers decided for, and a snapshot of that."""
    with store.write() as c:
        applied(c)
        names = people(c, 50)
        ask(c, names)
        assert learn(c, "spring", RIPE).snapshot == 1
    return names


def test_an_attribute_of_another_type_is_unknown_to_what_was_learnt(store: Store) -> None:
    names = learnt(store)
    with store.write() as c:
        applied(c, TEXT.replace("age: integer", "age: text").replace("age >= 18", "spend > 1"))
        customers.put_customers(c, [person(names[0], age="old")])
        first, *others = settled(ask(c, names, RIPE, "later"))
    assert first.row.snapshot_version == 1 and b'"old"' in first.row.situation
    assert not any(b'"age"' in one.row.situation for one in others)


def test_attributes_offers_and_channels_come_and_go_while_a_snapshot_decides(store: Store) -> None:
    names = learnt(store)
    for i, (old, new) in enumerate(
        [
            ("  age: integer\n", "  age: integer\n  vip: boolean\n"),
            ("  spend: number\n", ""),
            ("  news: {value: 1, priority: 1}\n", "  tips: {value: 1, priority: 1}\n"),
            (
                '  sms: {cost: 0.1, consent: sms, quiet: "21:00-08:00"}\n',
                "  post: {cost: 1, consent: none}\n",
            ),
            ("{kind: linear, waves: 20}", "{kind: uniform}"),
        ]
    ):
        assert TEXT.count(old) == 1
        with store.write() as c:
            applied(c, TEXT.replace(old, new))
            made = settled(ask(c, names, RIPE, f"later{i}"))
        assert {one.row.snapshot_version for one in made} == {1}


def test_customers_already_assigned_keep_their_arm_when_shares_and_salt_change(store: Store) -> None:
    names = learnt(store)
    with store.write() as c:
        before = assignments.assignments(c, "spring", names)
        text = TEXT.replace("policy: 0.5, random: 0.2", "policy: 0.1, random: 0.6").replace(
            "program: spring\n", "program: spring\nsalt: other\n"
        )
        applied(c, text)
        ask(c, [*names, *(f"new{i}" for i in range(50))], RIPE, "later")
        assert assignments.assignments(c, "spring", names) == before
        fresh = list(assignments.assignments(c, "spring", [f"new{i}" for i in range(50)]).values())
    assert fresh.count("random") > fresh.count("policy")
