"""The law of the pipeline: alone, in a batch and replayed, a customer gets the same decision bit for bit."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.choose import choose
from engine.learn import learn
from engine.live import live
from engine.replay import replay
from engine.situation import Contact, Situation, columns
from engine.store import open_store, outcomes
from engine.store.rows import OutcomeRow
from tests.engine.programs import AT, applied, ask, people, settled

US = 86_400_000_000
RULES = ["age >= 18", "spend > 5 OR spend IS NULL", "country IN ('NO', 'SE')", "NOT (age < 30 AND spend < 3)"]
KINDS = [
    "{kind: linear, waves: 8}",
    "{kind: linear, waves: 0, explore: softmax}",
    "{kind: formula, epsilon: 0.1}",
]


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Program files that differ in rules, caps, slots, arms and policy."""
    offers = []
    for i in range(draw(st.integers(1, 4))):
        rule, value = draw(st.sampled_from(RULES)), draw(st.integers(0, 50))
        more = draw(st.sampled_from(["", ", ramp: {share: 0.3, until: 9}", ", weight: 1 + spend / 7"]))
        offers.append(f'  o{i}: {{value: {value}, priority: {i}, eligible: "{rule}"{more}}}')
    formula = "arbitration: COALESCE(p, 0.1) * value * lever * weight - cost + spend / age"
    share = draw(st.sampled_from([0.1, 0.25]))
    return "\n".join(
        [
            "program: spring",
            'attributes: {age: integer, spend: number, country: {type: text, levels: ["NO", SE, DK]}}',
            "predictions: {p_buy.o0: o0}",
            "offers:",
            *offers,
            "channels:",
            "  email: {cost: 0.01, consent: marketing, caps: [2 per 7 days]}",
            '  sms: {cost: 0.1, consent: sms, quiet: "21:00-08:00"}',
            'slots: {now: {}, tonight: {at: "18:30"}}',
            f"caps: [{draw(st.integers(1, 4))} per 7 days]",
            "goal: {outcomes: {purchase: 1, visit: 0.1}, window: 2 days}",
            f"arms: {{policy: {1 - 3 * share}, random: {share}, bau: {share}, holdout: {share}}}",
            f"policy: {draw(st.sampled_from(KINDS))}",
            "bau: {kind: priority}",
            *draw(st.sampled_from([[], ["options: 2"], [formula], [formula, "options: 3"]])),
        ]
    )


def situation(i: int, seed: int) -> Situation:
    chance = np.random.default_rng([seed, i])
    contacts = [
        Contact(int(chance.integers(0, 20)) * US // 2, "o0", "email") for _ in range(chance.integers(0, 4))
    ]
    values = {"age": int(chance.integers(10, 80)), "spend": float(chance.exponential(9)), "country": "SE"}
    if chance.random() < 0.3:
        del values["spend"]
    consent = {"marketing": bool(chance.random() < 0.8), "sms": bool(chance.random() < 0.8)}
    arm = ("policy", "random", "bau", "holdout")[int(chance.integers(4))]
    zone = ("Europe/Oslo", "Asia/Tokyo", None)[int(chance.integers(3))]
    explore = bool(chance.random() < 0.8)
    at_us = 10 * US + i * 7_000_000
    return Situation(f"c{i}", f"k{i}", at_us, arm, values, consent, contacts, zone, explore=explore)


@settings(max_examples=25, deadline=None)
@given(texts(), st.integers(0, 2**31))
def test_a_customer_gets_the_same_choice_alone_as_in_a_batch(text: str, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder) / "store.db")
        with store.write() as connection:
            program = applied(connection, text)
            settled(ask(connection, people(connection, 40)))
            happened = [
                OutcomeRow(f"e{i}", None, f"c{i}", "purchase", 9.0, int(AT.timestamp() * 1e6) + 10 * i, 0)
                for i in range(0, 40, 3)
            ]
            outcomes.append_outcomes(connection, happened)
            learn(connection, "spring", AT + timedelta(days=5))
            current = live(connection, "spring")
        store.close()
        rows = [situation(i, seed) for i in range(90)]
        together = choose(current, columns(program, rows))
        for i in range(0, 90, 7):
            alone = choose(current, columns(program, [rows[i]]))
            assert alone.action[0] == together.action[i]
            assert alone.propensity[0] == together.propensity[i]
            assert (alone.pmf[0] == together.pmf[i]).all()
            assert (alone.value[0] == together.value[i]).all()
            assert (alone.feasible.mask[0] == together.feasible.mask[i]).all()
            assert (alone.feasible.send_us[0] == together.feasible.send_us[i]).all()
        off = together.pmf[~together.feasible.mask]
        assert (off == 0).all()
        assert np.allclose(together.pmf.sum(axis=1), 1.0)


@settings(max_examples=10, deadline=None)
@given(texts())
def test_every_logged_decision_replays_after_the_program_and_the_policy_moved_on(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        store = open_store(path)
        with store.write() as connection:
            applied(connection, text)
            names = people(connection, 30)
            first = [one.row.id for one in settled(ask(connection, names))]
            learn(connection, "spring", AT + timedelta(days=3))
            second = [one.row.id for one in settled(ask(connection, names, AT + timedelta(days=4), "b"))]
            applied(connection, text.replace("value: ", "value: 1"))
            learn(connection, "spring", AT + timedelta(days=9))
        store.close()
        again = open_store(path)
        with again.read() as connection:
            for id in first + second:
                assert replay(connection, id).differences == ()
        again.close()
