"""Lookups of rules: what each finds, alone and for many, and what is refused."""

# ruff: noqa: E501
from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import derived
from engine.calendar import microseconds
from engine.decide import decide
from engine.domain import Program, RuleText
from engine.enrol import Enrolled
from engine.errors import ProgramError
from engine.gather import gather
from engine.live import live
from engine.program import loads, rules_of
from engine.replay import replay
from engine.request import Request
from engine.rules import findings
from engine.screen import screen
from engine.situation import Happened, Situation, columns
from engine.store import Store, customers, predictions
from engine.store.rows import PredictionRow
from tests.engine.limited import TEXT, with_
from tests.engine.programs import AT, applied, person

DAY_US = 86_400_000_000
NOW = microseconds(AT)  # Monday 2026-11-23 09:00 UTC
PROGRAM = loads(TEXT.encode(), "spring.yaml", 1)


def ruled(text: str, owner: str = "program") -> Program:
    return replace(PROGRAM, rules=(RuleText("eligible", text, owner, 7, 11),))


def situation(**known: Any) -> Situation:
    return Situation("c0", "k", NOW, "policy", **{"zone": "Europe/Oslo", **known})


def held(text: str, **known: Any) -> bool:
    """Whether a customer passes a rule, after one and many have agreed."""
    program = ruled(text)
    one, rows = screen(program), columns(program, [situation(**known)] * 70)
    alone = one.passes(columns(program, [situation(**known)]).values, 1)
    assert (one.passes(rows.values, 70) == alone[0]).all()
    return bool(alone[0, 0])


BOUGHT = [
    Happened(NOW - 9 * DAY_US, "purchase", "sale", "email"),
    Happened(NOW - 3 * DAY_US, "purchase", "sale", "sms"),
    Happened(NOW + DAY_US, "purchase", "sale", "sms"),
    Happened(NOW - DAY_US, "purchase", "news", "sms"),
]


@pytest.mark.parametrize(
    ("text", "known", "expected"),
    [
        ("age(churn) < 7", {"as_of": {"churn": NOW - 6 * DAY_US}}, True),
        ("age(churn) < 7", {"as_of": {"churn": NOW - 7 * DAY_US}}, False),
        ("age(churn) = 0.5", {"as_of": {"churn": NOW - DAY_US // 2}}, True),
        ("age(churn) IS NULL", {}, True),
        ("age(p_buy.sale) = 0", {"as_of": {"p_buy.sale": NOW + 5}}, True),
        ("age > 30 AND AGE(churn) < 7", {"as_of": {"churn": NOW}, "values": {"age": 31}}, True),
        ("days_since('sale', 'purchase') = 3", {"outcomes": BOUGHT}, True),
        ("days_since('sale', 'visit') IS NULL", {"outcomes": BOUGHT}, True),
        ("days_since('bonus', 'purchase') IS NULL", {"outcomes": BOUGHT}, True),
        ("days_since('sale', 'purchase') > 2", {}, False),
        ("days_since('sale', 'sent') BETWEEN 1 AND 2", {"outcomes": [Happened(NOW - DAY_US, "sent", "sale", "sms")]}, True),
        ("days_since(since) = 2.5", {"values": {"since": datetime(2026, 11, 20, 21, tzinfo=UTC)}}, True),
        ("days_since(since) < 0", {"values": {"since": datetime(2027, 1, 1, tzinfo=UTC)}}, True),
        ("days_since(since) IS NULL", {}, True),
        ("hour() = 10 AND weekday() = 1 AND day() = 23 AND month() = 11 AND year() = 2026", {}, True),
        ("hour() = 23 AND weekday() = 7 AND day() = 22", {"zone": "Pacific/Marquesas"}, True),
        ("hour() = 4", {"zone": "America/New_York"}, True),
        ("hour() IS NULL AND weekday() IS NULL AND today() IS NULL", {"zone": None}, True),
        ("hour() IS NULL", {"zone": "Europe/Nowhere"}, True),
        ("today() = '2026-11-22 23:00'", {}, True),
        ("now() = '2026-11-23 09:00'", {"zone": None}, True),
        ("now() > since", {"values": {"since": datetime(2026, 1, 1, tzinfo=UTC)}}, True),
    ],
)  # fmt: skip
def test_what_a_lookup_finds(text: str, known: dict[str, Any], expected: bool) -> None:
    assert held(text, **known) is expected


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("age(chrun) < 7", 15, "age: unknown prediction 'chrun'. Did you mean 'churn'?"),
        ("days_since('sael', 'purchase') < 7", 22, "days_since: unknown offer 'sael'. Did you mean 'sale'?"),
        ("days_since('sale', 'purchas') < 7", 30, "days_since: unknown kind of outcome 'purchas'. Did you mean 'purchase'?"),
        ("days_since(age) < 7", 22, "days_since: unknown timestamp 'age'. Known: since."),
        ("age() < 7", 11, "age is given 0 values; write age(churn)"),
        ("age(1) < 7", 15, "1 is no name; write it in quotes"),
        ("hour(9) < 7", 11, "hour is given 1 value; write hour()"),
        ("hours() < 7", 11, "unknown function 'hours'. Did you mean 'HOUR'?"),
        ("hour < 7", 11, "unknown attribute 'hour'. Did you mean 'hour()'?"),
        ("weekday() = 'Monday'", 11, "WEEKDAY() is a number and 'Monday' a text; they do not compare"),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_up_is_refused_with_its_place(text: str, column: int, said: str) -> None:
    with pytest.raises(ProgramError) as error:
        rules_of(ruled(text))
    assert str(error.value).startswith(f"spring.yaml line 7, column {column}: program: eligible rule ")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("age(churn) < 0", "never"),
        ("age(churn) >= 0", "always if known"),
        ("age(churn) < 7", None),
        ("hour() > 23", "never"),
        ("hour() BETWEEN 0 AND 23", "always if known"),
        ("hour() >= 21 AND hour() < 8", "never"),
        ("weekday() IN (0, 8)", "never"),
        ("weekday() NOT IN (6, 7)", None),
        ("month() <= 12 OR month() IS NULL", "always"),
        ("days_since('sale', 'purchase') < 0", "never"),
        ("days_since(since) < 0", None),
        ("today() > '2026-01-01'", None),
    ],
)
def test_findings_know_what_a_lookup_can_give(text: str, kind: str | None) -> None:
    (rule,) = rules_of(ruled(text))
    assert [found.kind for found in findings(rule)] == ([kind] if kind else [])


LOOKING = replace(
    ruled("age(churn) < 7 OR hour() BETWEEN 9 AND 17 AND weekday() < 6"),
    channels=tuple(
        replace(one, rules=(RuleText("suitable", "NOT days_since('sale', 'purchase') < 7", one.name),))
        for one in PROGRAM.channels
    ),
)
LOOKS = screen(LOOKING)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Europe/Oslo", "Asia/Tokyo", "America/St_Johns", None]),
            st.integers(-400 * DAY_US, 400 * DAY_US),
            st.none() | st.integers(-10 * DAY_US, 30 * DAY_US),
            st.lists(st.integers(-30 * DAY_US, DAY_US), max_size=3),
        ),
        min_size=65,
        max_size=70,
    )
)
def test_one_customer_and_many_pass_the_same_lookups(
    rows: list[tuple[str | None, int, int | None, list[int]]],
) -> None:
    people = [
        Situation(
            f"c{i}",
            f"k{i}",
            NOW + at,
            "policy",
            zone=zone,
            as_of={} if age is None else {"churn": NOW + at - age},
            outcomes=[Happened(NOW + at + one, "purchase", "sale", "email") for one in past],
        )
        for i, (zone, at, age, past) in enumerate(rows)
    ]
    together = LOOKS.passes(columns(LOOKING, people).values, len(people))
    for i in range(0, len(people), 9):
        alone = LOOKS.passes(columns(LOOKING, [people[i]]).values, 1)
        assert (alone[0] == together[i]).all()


def test_only_what_the_rules_ask_for_becomes_a_column() -> None:
    assert derived.used(PROGRAM) == ()
    assert derived.used(ruled("age > 3 AND title_age = 'age(churn)'")) == ()
    asked = ruled("age(churn) < 7 AND Days_Since('sale','sent') > 3 OR HOUR( ) > 9")
    assert derived.used(asked) == ("age(churn)", "days_since(sale, sent)", "hour()")
    assert set(columns(asked, [situation()]).values) - set(columns(PROGRAM, [situation()]).values) == set(
        derived.used(asked)
    )


def test_lookups_are_gathered_decided_and_replayed(store: Store) -> None:
    text = with_(
        offer_sale="eligible: age(churn) < 7",
        offer_bonus="eligible: \"days_since('sale', 'sent') < 3\"",
        offer_thanks="eligible: hour() >= 12",
    )
    with store.write() as c:
        program = applied(c, text)
        customers.put_customers(c, [person("c0")])
        old = PredictionRow("c0", "churn", "v1", 0.5, microseconds(AT - timedelta(days=6)), 0)
        predictions.put_predictions(c, [old])
        ids = []
        for hours in (0, 30, 60):
            asked = Request("c0", "spring", f"k{hours}", AT + timedelta(hours=hours))
            (situation_,) = gather(c, program, [asked], Enrolled(["random"], [asked.customer]))
            batch = decide(c, [asked], {"spring": live(c, "spring")})
            ((_, choices),) = batch.rounds
            open_ = {a.offer for a, ok in zip(program.actions, choices.feasible.mask[0], strict=True) if ok}
            assert ("sale" in open_) <= (hours < 24)
            assert ("thanks" in open_) == (hours != 0)
            sent = [one.at_us for one in situation_.outcomes if one.kind == "sent"]
            assert len(sent) <= 1
            assert situation_.as_of == {"churn": old.as_of_us}
            ids += [row.id for row in (one.row for one in batch.answers) if row]  # type: ignore[union-attr]
    with store.read() as c:
        assert [replay(c, one).differences for one in ids] == [()] * 3


def test_a_score_that_comes_with_the_request_is_of_now_and_an_unknown_one_of_never(store: Store) -> None:
    with store.write() as c:
        program = applied(c, with_(eligible="age(churn) < 7"))
        customers.put_customers(c, [person("c0")])
        predictions.put_predictions(c, [PredictionRow("c0", "churn", "v1", 0.5, 5, 0)])
        asked = [
            Request("c0", "spring", f"k{i}", AT, given)
            for i, given in enumerate(({}, {"churn": 0.1}, {"churn": None}))
        ]
        found = gather(c, program, asked, Enrolled(["random"] * 3, [one.customer for one in asked]))
    assert [one.as_of for one in found] == [{"churn": 5}, {"churn": NOW}, {}]
