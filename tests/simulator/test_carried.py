"""Programs taken forward over each customer's decisions, where the truth is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from engine.calendar import microseconds
from engine.program import loads
from engine.store import Store, outcomes
from engine.store.rows import OutcomeRow
from policies.base import Actions, Floats
from simulator.carried import Arms, carried
from simulator.logs import Log, log_of
from simulator.readers.own import stored_log
from simulator.remake import remade
from simulator.what_if import WhatIf, what_if
from simulator.what_if_told import lines
from tests.engine.programs import AT, applied, ask, people, settled
from tests.store.conftest import store

__all__ = ["store"]

DAY = timedelta(days=1)
LATER = AT + 60 * DAY
SMALL = """
program: spring
attributes: {age: integer, spend: number, country: {type: text, levels: ["NO", SE, DK]}}
offers:
  sale: {value: 10}
channels:
  email: {consent: marketing}
slots:
  now: {}
caps: [2 per 3 days]
goal: {outcomes: {purchase: {share: 1}}, window: 7 days}
arms: {random: 0.8, policy: 0.2}
policy: {kind: linear, waves: 0}
"""


def paths(log: Log, drawn: Arms, programs: list[Arms]) -> tuple[Floats, Floats]:
    """(n,) chance of the logged path up to each row, and (programs, n) under each, by plain products."""
    assert log.cluster is not None and log.at is not None
    first, own = np.zeros(len(log)), np.zeros((len(programs), len(log)))
    for i in range(len(log)):
        so_far = (log.cluster == log.cluster[i]) & (log.at <= log.at[i])
        rows = np.flatnonzero(so_far)
        chance = [one.pmf[:, rows, log.action[rows]].prod(axis=1) @ one.share for one in (drawn, *programs)]
        first[i], own[:, i] = chance[0], chance[1:]
    return first, own


@st.composite
def logs(draw: st.DrawFn) -> tuple[Log, Arms, list[Arms]]:
    """Some customers with up to four decisions each, two arms that drew them, and two programs."""
    rng = np.random.Generator(np.random.PCG64(draw(st.integers(0, 2**32))))
    n, k = draw(st.integers(1, 24)), 3
    unit = np.unique(rng.integers(max(1, n // 4), size=n), return_inverse=True)[1]
    log = log_of(
        np.zeros((n, 1)), Actions.plain(("a", "b", "c")), rng.integers(k, size=n), np.ones(n), np.ones(n)
    )
    arms = [Arms(("x", "y"), rng.dirichlet(np.ones(2)), rng.dirichlet(np.ones(k), (2, n))) for _ in range(3)]
    return replace(log, cluster=unit, at=rng.permutation(n)), arms[0], arms[1:]


@settings(max_examples=50, deadline=None)
@given(made=logs())
def test_a_row_weighs_as_much_as_its_path_is_likelier_under_the_program(
    made: tuple[Log, Arms, list[Arms]],
) -> None:
    log, drawn, programs = made
    its, pmf = carried(log, drawn, programs)
    logged, under = paths(log, drawn, programs)
    i = np.arange(len(log))
    for own, path in zip(pmf, under, strict=True):
        assert own[i, log.action] / its.propensity == pytest.approx(path / logged, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(made=logs())
def test_the_program_that_drew_the_log_weighs_every_row_as_one(made: tuple[Log, Arms, list[Arms]]) -> None:
    log, drawn, _ = made
    its, (own,) = carried(log, drawn, [drawn])
    assert own.sum(axis=1) == pytest.approx(np.ones(len(log)))
    assert own[np.arange(len(log)), log.action] == pytest.approx(its.propensity)
    assert its.logging == pytest.approx(own)


def test_where_customers_have_one_decision_it_is_the_mixture_over_the_arms() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    log = log_of(
        np.zeros((5, 1)), Actions.plain(("a", "b")), rng.integers(2, size=5), np.full(5, 0.5), np.ones(5)
    )
    one = Arms(("x", "y"), np.array([0.3, 0.7]), rng.dirichlet(np.ones(2), (2, 5)))
    assert carried(log, one, [one])[1][0] == pytest.approx(one.mixed)


def buying(contacted: int, recent: int) -> float:
    """Chance of a purchase after a decision: contacts help, and hurt when two came in the last two days."""
    return 0.2 + contacted * (0.5 if recent == 0 else 0.1) - 0.1 * (recent == 2)


def truth(cap: int, days: int = 5) -> tuple[float, float]:
    """Purchases and contacts a decision, exact, when each contact that the cap leaves is drawn with 1/2."""
    value, sent = 0.0, 0.0
    for path in product((0, 1), repeat=days):
        chance, bought = 1.0, 0.0
        for day, one in enumerate(path):
            recent = sum(path[max(0, day - 2) : day])
            chance *= 0.5 if recent < cap else float(one == 0)
            bought += buying(one, recent)
        value, sent = value + chance * bought, sent + chance * sum(path)
    return value / days, sent / days


def logged(connection: Connection, n: int, seed: int, text: str = SMALL) -> Log:
    """Five days of decisions, drawn half and half as far as caps let them, and what they brought."""
    program = applied(connection, text)
    names, rng = people(connection, n), np.random.default_rng(seed)
    sent: dict[str, list[int]] = {name: [] for name in names}
    for day in range(5):
        at = AT + day * DAY
        for one in settled(ask(connection, names, at, f"day{day}-{seed}")):
            row = one.row
            chance = buying(int(row.contact), sum(sent[row.customer][-2:]))
            if rng.random() < chance:
                told = OutcomeRow(
                    row.id, row.id, row.customer, "purchase", 1.0, microseconds(at + DAY / 2), 0
                )
                outcomes.append_outcomes(connection, [told])
            sent[row.customer].append(int(row.contact))
    return stored_log(connection, program, LATER)


def changed(connection: Connection, log: Log, old: str, new: str, text: str = SMALL) -> WhatIf:
    assert text.count(old) == 1
    return what_if(connection, loads(text.replace(old, new).encode(), "spring.yaml"), log)


def test_a_lower_cap_is_told_what_it_brings_over_all_decisions_of_a_customer(store: Store) -> None:
    even = SMALL.replace("arms: {random: 0.8, policy: 0.2}", "arms: {random: 1}")
    with store.write() as connection:
        log = logged(connection, 700, 1, even)
        found = changed(connection, log, "2 per 3 days", "1 per 3 days", even)
        tighter = loads(even.replace("2 per 3 days", "1 per 3 days").encode(), "spring.yaml")
        (stood,) = remade(connection, log, [tighter]).pmf
    (before, sent), (after, fewer) = truth(2), truth(1)
    assert found.forward and found.reward is not None and found.contacts is not None
    apart, contacts = found.reward.difference, found.contacts.difference
    assert apart.low < after - before < apart.high and apart.high - apart.low < 0.2
    assert contacts.low < fewer - sent < contacts.high < 0
    as_it_stood = 1.0 - stood[:, log.actions.names.index("no_action")].mean()
    assert found.contacts.before == pytest.approx(sent, abs=0.03) and as_it_stood < fewer - 0.04
    told = "\n".join(lines(found))
    assert "taken forward over each customer's decisions" in told and "As it stood" not in told


def test_a_higher_cap_is_unsupported_in_words(store: Store) -> None:
    with store.write() as connection:
        log = logged(connection, 300, 2)
        found = changed(connection, log, "2 per 3 days", "3 per 3 days")
    assert (found.reward, found.contacts, found.reach, found.verdict) == (None, None, None, "refused")
    told = "\n".join(lines(found))
    assert told.count("unsupported") == 4 and "contacts beyond a cap" in told and "nan" not in told.lower()


def test_a_longer_cap_counts_contacts_from_before_what_the_log_had_looked_at(store: Store) -> None:
    with store.write() as connection:
        applied(connection, SMALL)
        names = people(connection, 400)
        settled(ask(connection, names, AT, "first"))
        settled(ask(connection, names, AT + 12 * DAY, "second"))
        rows = stored_log(connection, applied(connection, SMALL), LATER)
        log = replace(rows, reward=np.random.default_rng(1).random(len(rows)))
        found = changed(connection, log, "2 per 3 days", "1 per 30 days")
    assert found.contacts is not None and found.reach is not None
    assert found.contacts.difference.high < -0.1
    assert found.reach.difference.low <= 0.0 <= found.reach.difference.high


def test_a_pause_after_what_was_never_looked_at_is_unsupported(store: Store) -> None:
    new = SMALL.replace(
        "caps: [2 per 3 days]", 'caps: [2 per 3 days]\ncooldowns: ["complaint: pause 14 days"]'
    )
    with store.write() as connection:
        log = logged(connection, 200, 3)
        found = what_if(connection, loads(new.encode(), "spring.yaml"), log)
    assert found.reward is None and "pauses contact after outcomes" in found.reason
