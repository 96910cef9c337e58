"""Laws of the contact policy, on real stores: caps of every level, consent, zones, holidays."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.calendar import instant, microseconds
from engine.contact import pauses, window_us
from engine.decide import Decided, decide
from engine.domain import Cap, Cooldown, Program
from engine.live import live
from engine.program import loads
from engine.request import Request
from engine.service import Service
from engine.situation import Contact, Happened
from engine.store import Store, customers, decisions, open_store
from engine.store.rows import CustomerRow, DecisionRow
from tests.engine.limited import TEXT, with_
from tests.engine.programs import AT, applied, ask, person, settled

DAY = 86_400_000_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "store.db")
    yield opened
    opened.close()


def most_in_a_window(times: Iterable[int], width: int) -> int:
    """The most contacts in any window (t - width, t], counted one by one."""
    every = list(times)
    return max((sum(0 <= end - t < width for t in every) for end in every), default=0)


def broken(program: Program, contacts: list[Contact]) -> list[str]:
    """The caps of every level that the contacts of one customer break."""
    inside = {o.name: {o.name, *(g.name for g in program.lineage(o.group))} for o in program.offers}
    scopes: list[tuple[str, tuple[Cap, ...], list[int]]] = [
        ("all channels", program.caps, [c.at_us for c in contacts]),
        *(
            (one.name, one.caps, [c.at_us for c in contacts if c.channel == one.name])
            for one in program.channels
        ),
    ]
    for one in (*program.groups, *program.offers):
        scopes.append((one.name, one.caps, [c.at_us for c in contacts if one.name in inside[c.offer]]))
    return [
        f"{name}: {cap}"
        for name, caps, times in scopes
        for cap in caps
        if most_in_a_window(times, window_us(cap)) > cap.count
    ]


def row_of(service: Service, request: Request) -> DecisionRow:
    """The logged decision, asked for in a transaction of its own."""
    with service.store.write() as c:
        (answer,) = service.answer(c, [request])
    assert isinstance(answer, Decided)
    return answer.row


def contacts_of(store: Store, names: list[str]) -> dict[str, list[Contact]]:
    with store.read() as c:
        rows = decisions.contacts(c, names, 0)
    return {n: [Contact(r.at_us, r.offer, r.channel) for r in rows if r.customer == n] for n in names}


def test_no_cap_of_any_level_is_broken_by_api_and_batch_at_once_or_by_retries(store: Store) -> None:
    names = [f"c{i}" for i in range(4)]
    with store.write() as c:
        program = applied(c, TEXT)
        customers.put_customers(c, [person(name) for name in names])
    asked = [
        Request(name, "spring", f"{name}-{hour}", AT + timedelta(hours=5 * hour))
        for hour in range(40)
        for name in names
    ]

    def in_batch(part: list[Request]) -> None:
        with store.write() as c:
            decide(c, part, {"spring": live(c, "spring")})

    service = Service(store)
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(in_batch, asked[i::7]) for i in range(3)]
        answers = list(threads.map(lambda one: row_of(service, one), asked + asked[::2]))
        for one in waiting:
            one.result(30)
    assert len({row.id for row in answers}) == len(asked)
    found = contacts_of(store, names)
    assert all(found.values())
    assert {name: broken(program, mine) for name, mine in found.items()} == {name: [] for name in names}


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30 * 24), st.integers(0, 2)), min_size=20, max_size=60))
def test_no_cap_of_any_level_is_broken_in_any_order_of_decisions(asked: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "store.db")
        with store.write() as c:
            program = applied(c, TEXT)
            customers.put_customers(c, [person(f"c{i}") for i in range(3)])
            current = {"spring": live(c, "spring")}
            for number, (hour, who) in enumerate(asked):
                decide(c, [Request(f"c{who}", "spring", f"k{number}", AT + timedelta(hours=hour))], current)
        found = contacts_of(store, [f"c{i}" for i in range(3)])
        store.close()
    assert not any(broken(program, mine) for mine in found.values())


@given(
    st.builds(
        Cooldown,
        st.sampled_from(["ignored", "purchase"]),
        st.integers(1, 3),
        st.integers(1, 20).map(lambda d: timedelta(days=d)),
        st.integers(1, 20).map(lambda d: timedelta(days=d)),
    ),
    st.lists(st.integers(0, 60), max_size=8),
    st.integers(0, 90),
)
def test_a_pause_lasts_from_the_last_of_enough_outcomes(
    cooldown: Cooldown, days: list[int], send: int
) -> None:
    """Against the sentence itself, day by day: some day ends a window with enough of them."""
    outcomes = [Happened(day * DAY, cooldown.kind, "sale", "email") for day in days]
    counted = days if cooldown.kind == "ignored" else sorted(set(days))
    width, pause = cooldown.window.days, cooldown.pause.days
    expected = any(
        sum(0 <= last - day < width for day in counted) >= cooldown.count and last <= send < last + pause
        for last in counted
    )
    assert pauses(cooldown, outcomes, send * DAY) is expected


def test_consent_counts_on_the_very_next_decision(store: Store) -> None:
    with store.write() as c:
        applied(c, TEXT)
        customers.put_customers(c, [person("c0")])
    service = Service(store)
    for number, granted in enumerate((True, False, True, False)):
        with store.write() as c:
            said = {"marketing": granted, "sms": granted}
            customers.put_customers(c, [CustomerRow("c0", {}, said, None, microseconds(AT))])
        row = row_of(service, Request("c0", "spring", f"k{number}", AT + timedelta(days=20 * number)))
        assert bool(row.feasible[0] & 0x7F) is granted  # any of the first seven actions
        assert granted or row.action == 0


def test_what_is_not_known_is_no_consent_and_no_hour_that_is_not_quiet(store: Store) -> None:
    text = with_(channel_sms='quiet: "21:00-08:00"')
    with store.write() as c:
        applied(c, text)
        known = person("c1")
        rows = [
            CustomerRow("c0", {}, {}, "Europe/Oslo", 1),
            CustomerRow("c1", known.attributes, known.consent, None, 1),
        ]
        customers.put_customers(c, rows)
        nobody, no_zone = settled(ask(c, ["c0", "c1"]))
    assert nobody.made is not None and no_zone.made is not None
    assert not nobody.made.choices.feasible.mask[0, 1:].any()
    allowed = no_zone.made.choices.feasible.mask[1]
    program = loads(text.encode(), "spring.yaml")
    sendable = {action.channel for action, free in zip(program.actions, allowed, strict=True) if free}
    assert sendable == {"", "email"}


ZONES = ["Europe/Oslo", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kolkata", None]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 14 * 24), st.integers(0, 2**16))
def test_nothing_is_sent_on_a_holiday_of_the_customers_own_calendar(hours: int, seed: int) -> None:
    days = {date(2026, 11, 25), date(2026, 11, 29), date(2026, 12, 1)}
    text = with_(holidays=str([day.isoformat() for day in sorted(days)]).replace("'", '"'))
    at = AT + timedelta(hours=hours)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "store.db")
        with store.write() as c:
            applied(c, text)
            people = [person(f"c{i}-{seed}") for i in range(len(ZONES))]
            rows = [
                CustomerRow(one.id, {}, one.consent, zone, 1) for one, zone in zip(people, ZONES, strict=True)
            ]
            customers.put_customers(c, rows)
            made = settled(ask(c, [one.id for one in people], at))[0].made
        store.close()
    assert made is not None
    possible = made.choices.feasible
    for i, zone in enumerate(ZONES):
        for j, action in enumerate(made.live.program.actions):
            send = instant(int(possible.send_us[i, j]))
            if not action.offer:
                continue
            offsets = [timedelta(hours=h) for h in range(-12, 15)]
            local = {send.astimezone(ZoneInfo(zone)).date()} if zone else {(send + o).date() for o in offsets}
            assert bool(possible.mask[i, j]) is not bool(local & days)
