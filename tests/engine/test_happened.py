"""What follows a contact, what is ignored, and which cool-downs pause what: by hand, on a real store."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.contact import in_words
from engine.decide import decide
from engine.domain import Cap, Cooldown
from engine.enrol import Enrolled
from engine.gather import gather
from engine.live import live
from engine.replay import replay
from engine.request import Request
from engine.situation import Happened, columns
from engine.store import Store, customers, decisions, happened, open_store, outcomes, withdrawn
from engine.store.rows import DecisionRow, OutcomeRow
from tests.engine.limited import with_
from tests.engine.programs import AT, applied, person
from tests.store import made

DAY = timedelta(days=1)
IGNORED = '["ignored 2 times in 30 days: pause 60 days"]'


def contact(c: Connection, number: int, at: datetime, offer: str = "sale", channel: str = "email") -> str:
    """A contact of c0, sent as soon as it is decided; its id."""
    at_us = microseconds(at)
    row = made.decision(
        number,
        customer="c0",
        at_us=at_us,
        send_at_us=at_us,
        offer=offer,
        channel=channel,
        key=f"old-{number}",
    )
    decisions.append_decisions(c, [row])
    return row.id


def follow(c: Connection, kind: str, at: datetime, decision: str | None = None) -> None:
    event = f"{kind}-{microseconds(at)}"
    outcomes.append_outcomes(c, [OutcomeRow(event, decision, "c0", kind, 1.0, microseconds(at), 0)])


def seen(c: Connection, text: str, at: datetime = AT) -> list[tuple[str, str, float]]:
    """(kind, offer, days ago) of what a decision of the program looks at."""
    program = applied(c, text)
    customers.put_customers(c, [person("c0")])
    (one,) = gather(c, program, [Request("c0", "spring", "k", at)], Enrolled(["random"], ["c0"]))
    return [(o.kind, o.offer, (microseconds(at) - o.at_us) / 86_400_000_000) for o in one.outcomes]


def left(c: Connection, text: str, at: datetime = AT) -> tuple[set[str], set[str], DecisionRow]:
    """Actions that may be chosen, why the others may not, and the logged decision."""
    applied(c, text)
    customers.put_customers(c, [person("c0")])
    batch = decide(c, [Request("c0", "spring", f"k-{at}", at)], {"spring": live(c, "spring")})
    ((current, choices),) = batch.rounds
    made_ = choices.feasible
    free = {a.name for a, ok in zip(current.program.actions, made_.mask[0], strict=True) if ok}
    why = {made_.reasons[blame - 1].text for blame in made_.blame[0] if blame}
    row = decisions.decisions_by_key(c, "spring", [f"k-{at}"])[f"k-{at}"]
    return free, why, row


def test_a_program_without_cooldowns_and_lookups_loads_no_outcome(store: Store) -> None:
    with store.write() as c:
        follow(c, "purchase", AT - DAY, contact(c, 1, AT - 2 * DAY))
        assert seen(c, with_()) == []


def test_a_contact_is_ignored_from_a_day_after_it_until_an_outcome_answers_it(store: Store) -> None:
    text = with_(cooldowns=IGNORED)
    with store.write() as c:
        first, _ = contact(c, 1, AT - 9 * DAY), contact(c, 2, AT - 23 * timedelta(hours=1))
        assert seen(c, text) == [("ignored", "sale", 9.0)]
        assert seen(c, text, AT + timedelta(hours=1))[1:] == [("ignored", "sale", 1.0)]
        follow(c, "delivered", AT - 8 * DAY, first)
        follow(c, "seen", AT - 8 * DAY, first)
        assert len(seen(c, text)) == 1
        follow(c, "visit", AT - timedelta(hours=2), first)
        assert seen(c, text, AT - timedelta(hours=3)) != []
        assert seen(c, text) == []


def test_an_answer_that_names_no_decision_counts_inside_the_attribution_window(store: Store) -> None:
    text = with_(cooldowns=IGNORED)
    with store.write() as c:
        contact(c, 1, AT - 20 * DAY)
        contact(c, 2, AT - 9 * DAY, "bonus")
        follow(c, "visit", AT - 3 * DAY)
        assert seen(c, text) == [("ignored", "sale", 20.0)]


def test_an_answer_that_names_another_decision_answers_only_that(store: Store) -> None:
    with store.write() as c:
        contact(c, 1, AT - 5 * DAY)
        follow(c, "visit", AT - 2 * DAY, contact(c, 2, AT - 4 * DAY))
        assert seen(c, with_(cooldowns=IGNORED)) == [("ignored", "sale", 5.0)]


def test_two_contacts_ignored_pause_all_that_the_cooldown_is_of(store: Store) -> None:
    with store.write() as c:
        contact(c, 1, AT - 20 * DAY)
        contact(c, 2, AT - 10 * DAY, "bonus", "sms")
        everything, *_ = left(c, with_())
        free, why, row = left(c, with_(cooldowns=IGNORED), AT + timedelta(hours=1))
        assert free == {"no_action"}
        assert "all channels: ignored 2 times in 30 days: pause 60 days" in why
        free, why, _ = left(c, with_(group_keep=f"cooldowns: {IGNORED}"), AT + timedelta(hours=2))
        assert everything - free == {
            name for name in everything if name.split("/")[0] in ("sale", "bonus", "thanks")
        }
        assert "group keep: ignored 2 times in 30 days: pause 60 days" in why
        free, *_ = left(c, with_(offer_sale=f"cooldowns: {IGNORED}"), AT + timedelta(hours=3))
        assert free == everything
        assert replay(c, row.id).differences == ()


@pytest.mark.parametrize(("days", "free"), [(49, False), (50, True)])
def test_a_pause_ends_counted_from_the_last_of_the_outcomes(store: Store, days: int, free: bool) -> None:
    with store.write() as c:
        contact(c, 1, AT - 20 * DAY)
        contact(c, 2, AT - 10 * DAY)
        assert ("sale/sms/now" in left(c, with_(cooldowns=IGNORED), AT + days * DAY)[0]) is free


def test_a_pause_is_over_or_not_when_the_action_is_sent(store: Store) -> None:
    """Bought 90 days before tomorrow noon: closed now, open tomorrow evening."""
    text = with_(offer_sale='cooldowns: ["purchase: pause 90 days"]')
    with store.write() as c:
        bought = AT + timedelta(days=1, hours=3) - 90 * DAY
        follow(c, "purchase", bought, contact(c, 1, bought - DAY))
        free, *_ = left(c, text)
        assert {name for name in free if name.startswith("sale/")} == {
            "sale/email/tomorrow",
            "sale/sms/tomorrow",
        }


@pytest.mark.parametrize(
    ("named", "closed"), [(True, {"sale"}), (False, {"sale", "bonus"})], ids=["named", "unnamed"]
)
def test_an_unnamed_purchase_counts_for_every_contact_it_may_follow_from(
    store: Store, named: bool, closed: set[str]
) -> None:
    pause = 'cooldowns: ["purchase: pause 90 days"]'
    text = with_(offer_sale=pause, offer_bonus=pause, offer_thanks=pause)
    with store.write() as c:
        sale = contact(c, 1, AT - 8 * DAY)
        contact(c, 2, AT - 7 * DAY, "bonus")
        contact(c, 3, AT - 30 * DAY, "thanks")
        follow(c, "purchase", AT - 5 * DAY, sale if named else None)
        free, *_ = left(c, text)
    offers = {name.split("/")[0] for name in free}
    assert {"sale", "bonus", "thanks", "news"} - offers == closed


def test_one_purchase_that_follows_two_contacts_is_one_purchase(store: Store) -> None:
    text = with_(cooldowns='["purchase 2 times in 30 days: pause 30 days"]')
    with store.write() as c:
        contact(c, 1, AT - 8 * DAY)
        contact(c, 2, AT - 7 * DAY, "bonus")
        follow(c, "purchase", AT - 6 * DAY)
        assert left(c, text)[0] > {"no_action"}
        follow(c, "purchase", AT - 5 * DAY)
        assert left(c, text, AT + timedelta(hours=1))[0] == {"no_action"}


def test_a_purchase_that_follows_no_contact_pauses_the_whole_program_only(store: Store) -> None:
    pause = '["purchase: pause 90 days"]'
    with store.write() as c:
        follow(c, "purchase", AT - 5 * DAY)
        free, *_ = left(c, with_(channel_email=f"cooldowns: {pause}", group_keep=f"cooldowns: {pause}"))
        assert free > {"no_action"}
        assert left(c, with_(cooldowns=pause), AT + timedelta(hours=1))[0] == {"no_action"}


def test_a_withdrawn_contact_is_neither_ignored_nor_followed(store: Store) -> None:
    with store.write() as c:
        withdrawn.withdraw(c, [contact(c, 1, AT - 5 * DAY)])
        follow(c, "purchase", AT - 2 * DAY)
        assert seen(c, with_(cooldowns=IGNORED)) == []
        pause = 'cooldowns: ["purchase: pause 90 days"]'
        assert seen(c, with_(offer_sale=pause)) == [("purchase", "", 2.0)]


def test_an_outcome_dated_after_the_decision_is_not_seen(store: Store) -> None:
    with store.write() as c:
        follow(c, "purchase", AT + timedelta(hours=2))
        assert left(c, with_(cooldowns='["purchase: pause 90 days"]'))[0] > {"no_action"}


def test_each_decision_of_a_batch_sees_the_past_as_if_alone(store: Store) -> None:
    with store.write() as c:
        program = applied(c, with_(cooldowns=IGNORED))
        customers.put_customers(c, [person("c0")])
        for number, days in enumerate((50, 9, 5)):
            contact(c, number, AT - days * DAY)
        asked = [Request("c0", "spring", f"k{i}", AT - days * DAY) for i, days in enumerate((45, 0))]
        people = [one.customer for one in asked]
        together = gather(c, program, asked, Enrolled(["random"] * 2, people))
        alone = [Enrolled(["random"], [one]) for one in people]
        assert together == [gather(c, program, [one], who)[0] for one, who in zip(asked, alone, strict=True)]
        assert columns(program, together).outcomes[1][-1] == Happened(
            microseconds(AT - 5 * DAY), "ignored", "sale", "email"
        )


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (Cap(2, 7 * DAY), "2 per 7 days"),
        (Cap(1, DAY), "1 per 1 day"),
        (Cap(1, timedelta(hours=36)), "1 per 36 hours"),
        (Cooldown("purchase", 1, 90 * DAY, 90 * DAY), "purchase: pause 90 days"),
        (Cooldown("ignored", 2, 30 * DAY, 60 * DAY), "ignored 2 times in 30 days: pause 60 days"),
    ],
)
def test_limits_are_said_as_the_program_file_says_them(limit: Cap | Cooldown, said: str) -> None:
    assert in_words(limit) == said


def test_two_outcomes_of_one_moment_are_two(store: Store) -> None:
    twice = with_(cooldowns='["visit 2 times in 30 days: pause 60 days"]')
    at_us = microseconds(AT - DAY)
    with store.write() as c:
        contact(c, 1, AT - 2 * DAY)
        outcomes.append_outcomes(c, [OutcomeRow("first", None, "c0", "visit", 1.0, at_us, 0)])
        assert left(c, twice)[0] != {"no_action"}
        outcomes.append_outcomes(c, [OutcomeRow("second", None, "c0", "visit", 1.0, at_us, 0)])
        free, _, row = left(c, twice, AT + timedelta(hours=1))
        assert free == {"no_action"}
        assert replay(c, row.id).differences == ()


hours_ago = st.integers(0, 40)
moves = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["sale", "bonus"]), st.sampled_from(["email", "sms"]), hours_ago),
        st.tuples(st.sampled_from(["purchase", "visit"]), st.none() | st.integers(0, 5), hours_ago),
    ),
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(moves, st.integers(0, 30))
def test_the_last_of_each_kind_is_that_of_all_that_happened(
    moves: list[tuple[str, str | int | None, int]], window: int
) -> None:
    """What one look-up finds, newest first, against everything there is of the customer."""
    hour = timedelta(hours=1)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "store.db")
        with store.write() as c:
            sent = [one for one in moves if one[0] in ("sale", "bonus")]
            ids = [contact(c, i, AT - h * hour, of, str(on)) for i, (of, on, h) in enumerate(sent)]
            for i, (kind, which, h) in enumerate(one for one in moves if one[0] in ("purchase", "visit")):
                named = ids[which % len(ids)] if isinstance(which, int) and ids else None
                at_us = microseconds(AT - h * hour)
                outcomes.append_outcomes(c, [OutcomeRow(f"e{i}", named, "c0", kind, 1.0, at_us, 0)])
            pairs = [(of, kind) for of in ("sale", "bonus") for kind in ("purchase", "visit")]
            asked = [("c0", microseconds(AT - h * hour), *pair) for h in (0, 20) for pair in pairs]
            found = happened.latest(c, asked, window * 3_600_000_000)
            every = happened.happened(c, ["c0"], 0, window * 3_600_000_000)
        store.close()
    for place, (_, at_us, offer, kind) in enumerate(asked):
        fit = [
            (one.at_us, one.channel, one.seq)
            for one in every
            if (one.offer, one.kind) == (offer, kind) and one.at_us <= at_us
        ]
        best = [one[1:] for one in found if one[0] == place]
        assert max(best, default=None) == max(fit, default=None)
        assert len(best) <= 2  # one that names its decision, and one that names none
