"""The law of the past: by columns it is seen, and limits, as customer by customer."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.calendar import microseconds
from engine.enrol import Enrolled
from engine.feasible import feasible
from engine.gather import gather
from engine.live import live
from engine.met import meet
from engine.recent import recent
from engine.request import Request
from engine.situation import columns
from engine.store import customers, decisions, open_store, outcomes, withdrawn
from engine.store.rows import OutcomeRow
from tests.engine.limited import with_
from tests.engine.programs import AT, applied, person
from tests.store import made

NAMES = ["c0", "c1", "c2"]
HOUR = timedelta(hours=1)
PAUSES = [
    "ignored 2 times in 2 days: pause 3 days",
    "ignored: pause 40 hours",
    "purchase: pause 12 hours",
    "visit 2 times in 20 hours: pause 1 day",
    "sent 3 times in 2 days: pause 12 hours",
]
who, hours = st.sampled_from(NAMES), st.integers(-4, 60)
contacts = st.lists(
    st.tuples(
        who, st.sampled_from(["sale", "bonus"]), st.sampled_from(["email", "sms"]), hours, st.integers(0, 30)
    ),
    max_size=16,
)
happened = st.lists(
    st.tuples(
        who,
        st.sampled_from(["purchase", "visit", "delivered", "sent"]),
        st.none() | st.integers(0, 20),
        hours,
    ),
    max_size=16,
)
pauses = st.lists(st.sampled_from(PAUSES), max_size=2, unique=True)
asks = st.sampled_from(
    [
        "days_since('sale', 'purchase') > 1",
        "days_since('bonus', 'ignored') > 1",
        "days_since('sale', 'sent') > 1",
    ]
)


@settings(max_examples=60, deadline=None)
@given(contacts, happened, st.tuples(pauses, pauses, pauses, pauses), st.none() | asks, st.integers(0, 16))
def test_by_columns_the_past_is_what_it_is_one_by_one(
    sent: list[tuple[str, str, str, int, int]],
    done: list[tuple[str, str, int | None, int]],
    paused: tuple[list[str], ...],
    rule: str | None,
    gone: int,
) -> None:
    own = dict(zip(("offer_sale", "group_keep", "channel_email"), paused, strict=False))
    said = {owner: f"cooldowns: {one}" for owner, one in own.items()}
    if rule is not None:
        said["offer_bonus"] = f'suitable: "{rule}"'
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "store.db")
        with store.write() as c:
            applied(c, with_(cooldowns=str(paused[3]), **said))
            customers.put_customers(c, [person(name) for name in NAMES])
            rows = [
                made.decision(
                    i,
                    customer=name,
                    at_us=microseconds(AT - (ago + late) * HOUR),
                    send_at_us=microseconds(AT - ago * HOUR),
                    offer=offer,
                    channel=channel,
                    key=f"old-{i}",
                )
                for i, (name, offer, channel, ago, late) in enumerate(sent)
            ]
            decisions.append_decisions(c, rows)
            withdrawn.withdraw(c, [row.id for row in rows[gone : gone + 2]])
            outcomes.append_outcomes(
                c,
                [
                    OutcomeRow(
                        f"e{i}",
                        rows[named % len(rows)].id if named is not None and rows else None,
                        name,
                        kind,
                        1.0,
                        microseconds(AT - ago * HOUR),
                        0,
                    )
                    for i, (name, kind, named, ago) in enumerate(done)
                ],
            )
            current = live(c, "spring")
            asked = [Request(name, "spring", f"k:{name}", AT) for name in NAMES]
            alone = gather(c, current.program, asked, Enrolled(["random"] * 3, NAMES))
            found = recent(c, current.program, NAMES, microseconds(AT), meet(c, NAMES))
        store.close()
    by_time = [sorted(one.contacts, key=lambda it: it.at_us) for one in alone]
    assert [sorted(one, key=lambda it: it.at_us) for one in found[0]] == by_time
    assert [list(one) for one in found[1]] == [one.outcomes for one in alone]
    s = columns(current.program, alone)
    rows_of, columns_of = (
        feasible(current.program, current.screen, one)
        for one in (s, replace(s, contacts=found[0], outcomes=found[1]))
    )
    assert np.array_equal(rows_of.blame, columns_of.blame)
