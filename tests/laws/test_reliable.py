"""What a program promises is kept, whatever is asked in whatever order: no violation, no duplicate, and every
decision comes out of a replay bit for bit after program and policy have moved on."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from simulator.charter import ZONES, charter
from simulator.town import Town

PROGRAMS = ("spring", "autumn")
NAMES = [f"c{i}" for i in range(8)]
program = st.sampled_from(PROGRAMS)
who = st.sampled_from(NAMES)
several = st.lists(who, min_size=1, max_size=10)
number = st.integers(0, 10**6)


class Reliable(RuleBasedStateMachine):
    """A town in which anything may happen next."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.town = Town(Path(self.folder.name) / "store.db")

    @initialize(seed=number)
    def begin(self, seed: int) -> None:
        lot = Random(seed)
        for name in PROGRAMS:
            self.town.apply(charter(lot, name))
        for name in NAMES:
            granted = {"marketing": lot.random() < 0.8, "sms": lot.random() < 0.7}
            self.town.tell(name, granted, lot.randrange(14, 40), lot.choice(ZONES), lot.choice("xy"))

    @rule(program=program, customers=several, explore=st.booleans())
    def group(self, program: str, customers: list[str], explore: bool) -> None:
        self.town.group(program, customers, explore)

    @rule(program=program, customers=several)
    def batch(self, program: str, customers: list[str]) -> None:
        self.town.batch(program, customers)

    @rule(program=program, count=st.integers(1, 20), keep=st.booleans(), seed=number)
    def strangers(self, program: str, count: int, keep: bool, seed: int) -> None:
        self.town.strangers(program, count, keep, Random(seed))

    @rule(numbers=st.lists(number, min_size=1, max_size=4))
    def again(self, numbers: list[int]) -> None:
        self.town.again(numbers)

    @rule(number=number)
    def otherwise(self, number: int) -> None:
        self.town.otherwise(number)

    @rule(customer=who, purpose=st.sampled_from(["marketing", "sms"]), granted=st.booleans())
    def consent(self, customer: str, purpose: str, granted: bool) -> None:
        self.town.tell(customer, {purpose: granted})

    @rule(customer=who, kind=st.sampled_from(["purchase", "visit", "unsubscribe"]))
    def outcome(self, customer: str, kind: str) -> None:
        self.town.happen(customer, kind)

    @rule(gone=who, into=who)
    def merge(self, gone: str, into: str) -> None:
        self.town.merge(gone, into)

    @rule(share=st.sampled_from([0.0, 0.3, 0.5]))
    def hold(self, share: float) -> None:
        self.town.hold(share)

    @rule(program=program)
    def learn(self, program: str) -> None:
        self.town.learn(program)

    @rule(program=program)
    def damage(self, program: str) -> None:
        self.town.damage(program)

    @rule(program=program, customers=several)
    def unsent(self, program: str, customers: list[str]) -> None:
        self.town.unsent(program, customers[:3])

    @rule(program=program, seed=number)
    def change(self, program: str, seed: int) -> None:
        self.town.apply(charter(Random(seed), program, self.town.texts[program]))

    @rule(hours=st.sampled_from([0.1, 3.0, 12.0, 30.0]))
    def wait(self, hours: float) -> None:
        self.town.wait(hours)

    @rule()
    def restart(self) -> None:
        self.town.restart()

    @invariant()
    def nothing_is_broken(self) -> None:
        assert not +self.town.inspector.broken

    def teardown(self) -> None:
        ids = self.town.ids
        assert self.town.differences(ids[:: max(1, len(ids) // 40)]) == []
        self.town.close()
        self.folder.cleanup()


Reliable.TestCase.settings = settings(
    max_examples=8, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


TestReliable = Reliable.TestCase


def lived(folder: Path) -> Town:
    """A town after a few days in which everyone is asked for often."""
    lot, town = Random(5), Town(folder / "store.db")
    town.apply(charter(lot, "spring", "arms: {policy: 0.5, random: 0.3, holdout: 0.2}"))
    for i, name in enumerate(NAMES * 4):
        town.tell(f"{name}{i}", {"marketing": i % 3 > 0, "sms": i % 2 > 0}, 12 + i, ZONES[i % len(ZONES)])
    names = [f"{name}{i}" for i, name in enumerate(NAMES * 4)]
    for _ in range(12):
        town.group("spring", names * 2)
        for name in names[::3]:
            town.happen(name, "unsubscribe")
        town.wait(7.0)
    return town


def test_a_town_in_which_nothing_is_spoilt_keeps_every_promise(tmp_path: Path) -> None:
    town = lived(tmp_path)
    town.close()
    assert not +town.inspector.broken
    assert town.inspector.contacts > 50


@pytest.mark.parametrize(
    ("kind", "module", "name", "instead"),
    [
        ("cap", "engine.contact", "exceeds", lambda *_: False),
        ("cool-down", "engine.contact", "pauses", lambda *_: False),
        ("quiet hours", "engine.clock", "is_quiet", lambda *_: False),
        ("consent", "engine.feasible", "_by_consent", lambda *_: None),
    ],
)
def test_the_inspector_finds_what_a_spoilt_engine_does(
    kind: str,
    module: str,
    name: str,
    instead: Callable[..., object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(f"{module}.{name}", instead)
    town = lived(tmp_path)
    town.close()
    assert town.inspector.broken[kind] > 0
