"""Counterfactuals are true: what is told happens, and just before it does not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.choose import Live, choose
from engine.explain import Explanation, Move, explain
from engine.learn import learn
from engine.live import live
from engine.situation import Contact, Situation, columns
from engine.store import open_store
from tests.engine.programs import AT, TEXT, applied, ask, people, settled
from tests.engine.test_learn import bought

US = 86_400_000_000
PREDICTED = TEXT.replace(
    "predictions: {p_buy.sale: sale}", "predictions: {p_buy.sale: sale, churn: }"
).replace(
    "loyalty: {value: 20, cost: 0.5, priority: 2, suitable: \"country IN ('NO', 'SE')\"}",
    'loyalty: {value: 20, cost: 0.5, priority: 2, suitable: churn > 0.6, weight: "1 + COALESCE(churn, 0)"}',
)


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Live]]:
    """A program that has learnt nothing, one that has, and one that goes by its formula."""
    made = []
    for number, text in enumerate(
        [PREDICTED, PREDICTED, PREDICTED.replace("kind: linear, waves: 20", "kind: formula")]
    ):
        store = open_store(tmp_path_factory.mktemp(f"nearest{number}") / "store.db")
        with store.write() as connection:
            applied(connection, text)
            if number == 1:
                _teach(connection)
            made.append(live(connection, "spring"))
        store.close()
    yield made


def _teach(connection: Any) -> None:
    for one in settled(ask(connection, people(connection, 300))):
        if one.row.offer and (int(one.row.customer[1:]) % 5 == len(one.row.offer) % 3):
            bought(connection, one.row.customer, AT + timedelta(hours=2), 50.0)
    learn(connection, "spring", AT + timedelta(days=8))


values = st.fixed_dictionaries(
    {},
    optional={
        "age": st.integers(10, 80),
        "spend": st.floats(0, 30).map(lambda one: round(one, 2)),
        "country": st.sampled_from(["NO", "SE", "DK"]),
        "p_buy.sale": st.integers(0, 20).map(lambda one: one / 20),
        "churn": st.integers(0, 20).map(lambda one: one / 20),
    },
)
situations = st.builds(
    Situation,
    customer=st.just("c"),
    key=st.integers(0, 999).map(str),
    at_us=st.just(10 * US),
    arm=st.sampled_from(["policy", "policy", "bau", "holdout", "random"]),
    values=values,
    consent=st.fixed_dictionaries({"marketing": st.booleans(), "sms": st.booleans()}),
    contacts=st.sampled_from([[], [Contact(9 * US, "sale", "email"), Contact(8 * US, "news", "email")]]),
    zone=st.just("Europe/Oslo"),
    explore=st.booleans(),
)


def changed(situation: Situation, changes: list[Move], short: int | None = None) -> Situation:
    """The situation with the changes, the one of that number only as far as it does not suffice."""
    values, consent, contacts = dict(situation.values), dict(situation.consent), situation.contacts
    for j, one in enumerate(changes):
        to = one.short_of if j == short else one.becomes
        if one.name in ("marketing", "sms"):
            consent[one.name] = to
        elif one.name == "recent contacts":
            contacts = situation.contacts if j == short else []
        else:
            values[one.name] = to
    values = {name: value for name, value in values.items() if value is not None}
    return msgspec.structs.replace(
        situation, values=values, consent=consent, contacts=contacts, explore=False
    )


def winners(current: Live, situation: Situation) -> list[str]:
    """The actions that are chosen by those who do not explore."""
    pmf = choose(current, columns(current.program, [situation])).pmf[0]
    return [action.name for action, chance in zip(current.program.actions, pmf, strict=True) if chance]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2), situations)
def test_a_change_makes_its_action_the_best_and_a_little_less_does_not(
    lives: list[Live], number: int, situation: Situation
) -> None:
    current = lives[number]
    told = explain(current, situation)
    for one in told.counterfactuals:
        assert winners(current, changed(situation, one.changes)) == one.actions
        for j, change in enumerate(one.changes):
            assert change.becomes != change.short_of
            if change.short_of is not None or len(one.changes) == 1:
                assert winners(current, changed(situation, one.changes, short=j)) != one.actions


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2), situations)
def test_factors_sum_to_the_score_and_chance_is_never_explained(
    lives: list[Live], number: int, situation: Situation
) -> None:
    current = lives[number]
    choices = choose(current, columns(current.program, [situation]))
    told = explain(current, situation)
    if situation.arm == "random" or choices.explored[0]:
        assert (told.score, told.factors, told.counterfactuals) == (None, [], [])
        assert any("no fact made it win" in reason for reason in told.reasons)
    elif situation.arm != "bau" and number != 2:
        assert told.score is not None
        assert told.score.value == choices.value[0, choices.drawn[0]]
        assert np.isclose(told.score.base + sum(one.score for one in told.factors), told.score.value)
        if told.score.lead is not None and told.score.base_lead is not None:
            assert np.isclose(
                told.score.base_lead + sum(one.lead or 0.0 for one in told.factors), told.score.lead
            )
    assert told.funnel is not None
    assert sum(told.funnel.dropped.values()) == sum(not one.feasible for one in told.rivals)


def for_whom(current: Live, **given: Any) -> Explanation:
    situation = Situation(
        "c", "k", 10 * US, "policy", given, {"marketing": True}, [], "Europe/Oslo", explore=False
    )
    return explain(current, situation)


def test_a_rule_that_stands_in_the_way_is_told_with_its_own_number(lives: list[Live]) -> None:
    told = for_whom(lives[2], age=17, churn=0.2, **{"p_buy.sale": 0.5})
    assert told.sentence.startswith("c gets nothing")
    assert [one.sentence for one in told.counterfactuals] == ["with age at least 18, sale wins"]


def test_two_facts_are_told_where_none_alone_would_do(lives: list[Live]) -> None:
    told = for_whom(lives[2], age=17, churn=0.2, **{"p_buy.sale": 0.0})
    for one in told.counterfactuals:
        assert len(one.changes) == 2
        assert " and " in one.sentence
    assert told.counterfactuals


def test_consent_is_told_where_it_is_what_lacks(lives: list[Live]) -> None:
    situation = Situation(
        "c", "k", 10 * US, "policy", {"age": 30, "p_buy.sale": 0.5}, {}, [], "Europe/Oslo", explore=False
    )
    told = explain(lives[2], situation)
    assert any(one.sentence.startswith("with consent to") for one in told.counterfactuals)
