"""Programs made by lot, every field of them, from few values so that two are often alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from random import Random
from typing import Any, TypeVar

from engine.domain import (
    Action,
    Attribute,
    Budget,
    Cap,
    Channel,
    Cooldown,
    Goal,
    Group,
    Offer,
    PolicySpec,
    Program,
    QuietHours,
    Quota,
    RuleText,
    Slot,
    Staleness,
    Weight,
)
from engine.period import Period

T = TypeVar("T")
NAMES = ("a", "b", "c")
LENGTHS = (timedelta(hours=36), timedelta(days=7), timedelta(days=14))
PERIODS = (None, Period(1, "day"), Period(1, "month"), Period(2, "month"))
MOMENTS = (None, datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, 8, 30, tzinfo=UTC))
CREATIVES: tuple[dict[str, Any], ...] = ({}, {"a": {}}, {"a": {"subject": "x y"}}, {"b": [], "a": "x"})


def made(seed: int) -> Program:
    """The program of that number."""
    return _Lot(Random(seed)).program()


def with_actions(program: Program) -> Program:
    """The program with the actions that a file with its offers, channels and slots has."""
    on = [one.name for one in program.channels]
    at = [one.name for one in program.slots]
    actions = [
        Action(offer.name, channel, slot)
        for offer in program.offers
        for channel, slot in product(offer.channels or on, offer.slots or at)
    ]
    return replace(program, actions=(Action(), *actions))


class _Lot:
    def __init__(self, random: Random) -> None:
        self.one = random.choice
        self.random = random

    def program(self) -> Program:
        names = self.random.sample(["policy", "random", "holdout"], 3)
        shares = self.one([(0.9, 0.1), (0.8, 0.2), (0.8, 0.1, 0.1)])
        plain = Program(
            self.one(["spring", "autumn"]), self.text(), self.one([1, 2]), self.text(), self.text(),
            self.named(lambda n: Attribute(n, self.one(["text", "number"]), self.names())),
            {name: self.one(["", "a"]) for name in self.names()},
            self.named(self.offer), self.named(self.channel),
            self.named(lambda n: Slot(n, self.one([None, time(8, 30)]), self.one([0, 1]))),
            Goal({n: Weight(self.number(), self.number()) for n in self.names()}, self.one(LENGTHS)),
            tuple(zip(names, shares, strict=False)),  # type: ignore[arg-type]
            self.text(), self.policy(), self.policy(), self.caps(), self.rules(),
        )  # fmt: skip
        return with_actions(
            replace(
                plain,
                groups=self.named(self.group),
                cooldowns=self.cooldowns(),
                budgets=self.named(self.budget),
                staleness={n: self.staleness() for n in self.names()},
                holidays=self.some(lambda: date(2026, 12, self.one([24, 25]))),
                arbitration=self.one([None, self.rule()]),
                zone=self.one(["UTC", "Europe/Oslo"]),
            )
        )

    def offer(self, name: str) -> Offer:
        return Offer(
            name, self.text(), self.text(), self.number(), self.number(), self.number(), self.number(),
            self.names(), self.names(), self.rules(), self.one(MOMENTS), self.one(MOMENTS),
            self.one(CREATIVES), self.caps(), self.cooldowns(), self.one([None, self.rule()]),
        )  # fmt: skip

    def channel(self, name: str) -> Channel:
        quiet = self.one([None, QuietHours(time(21), time(8)), QuietHours(time(22), time(8))])
        return Channel(
            name, self.number(), self.one([None, "x"]), self.caps(), quiet, self.rules(), self.cooldowns()
        )

    def group(self, name: str) -> Group:
        return Group(
            name, self.text(), self.text(), self.number(), self.caps(), self.cooldowns(), self.rules()
        )

    def budget(self, name: str) -> Budget:
        quota = Quota(self.one([5.0, 6.0]), self.one(PERIODS))
        return Budget(name, self.one(["money", "stock"]), quota, self.names(), self.names(), self.text())

    def staleness(self) -> Staleness:
        return Staleness(self.one(LENGTHS), self.one([None, *LENGTHS]), self.one(["use", "ignore"]))

    def policy(self) -> PolicySpec:
        return PolicySpec(self.one(["linear", "uniform"]), self.one([{}, {"ridge": self.number()}]))

    def rules(self) -> tuple[RuleText, ...]:
        return self.some(self.rule)

    def rule(self) -> RuleText:
        intent, text = (
            self.one(["eligible", "applicable", "suitable"]),
            self.one(["a > 1", "a > 2", "a > 3"]),
        )
        return RuleText(intent, text, "owner", self.one([0, 1]), self.one([0, 1]))

    def caps(self) -> tuple[Cap, ...]:
        return self.some(lambda: Cap(self.one([1, 2]), self.one(LENGTHS)))

    def cooldowns(self) -> tuple[Cooldown, ...]:
        return self.some(lambda: Cooldown("ignored", self.one([1, 2]), self.one(LENGTHS), self.one(LENGTHS)))

    def some(self, make: Callable[[], T]) -> tuple[T, ...]:
        return tuple(make() for _ in range(self.one([0, 0, 1, 2])))

    def named(self, make: Callable[[str], T]) -> tuple[T, ...]:
        return tuple(make(name) for name in self.names())

    def names(self) -> tuple[str, ...]:
        return tuple(self.random.sample(NAMES, self.one([0, 1, 2])))

    def text(self) -> str:
        return self.one(["", "x", "x y"])

    def number(self) -> float:
        return self.one([0.0, 1.0, 1.2])
