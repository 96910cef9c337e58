"""A program made by lot, with every kind of promise a program file can make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

ADULT = "adult"  # offers whose name starts so are for those of age only
ZONES = ("Europe/Oslo", "America/New_York", "Asia/Tokyo", "Australia/Lord_Howe", None)
_CAPS = ("1 per 2 days", "2 per 7 days", "3 per 10 days", "1 per 1 day")
_PAUSES = ("unsubscribe: pause 10 days", "purchase: pause 2 days", "purchase 2 times in 7 days: pause 5 days")
_QUIET = ("21:00-08:00", "00:30-03:30", "12:00-13:00")
_POLICIES = (
    "{kind: linear, waves: 0}",
    "{kind: linear, waves: 8, explore: softmax}",
    "{kind: formula, epsilon: 0.1}",
    "{kind: uniform}",
)
_ARMS = (
    "{policy: 0.6, random: 0.2, bau: 0.1, holdout: 0.1}",
    "{holdout: 0.3, policy: 0.7}",
    "{bau: 0.2, holdout: 0.2, random: 0.6}",
    "{policy: 0.3, evaluation: 0.3, holdout: 0.4}",
    "{evaluation: 0.3, no_levers: 0.2, prediction_only: 0.2, eligibility_only: 0.2, holdout: 0.1}",
)


def charter(lot: Random, name: str, before: str | None = None) -> str:
    """A program file; its arms, unit, layer and zone are those of the file `before`, if there was one.

    The share of a layer may change, by which only new customers move; two programs fit into a layer.
    """
    kept = (
        _kept(before)
        if before
        else [f"arms: {lot.choice(_ARMS)}", f"zone: {lot.choice(_CALENDARS)}", *lot.choice(_SHARED)]
    )
    lines = [
        f"{line[:-1]}, share: {lot.choice((0.3, 0.4, 0.5))}}}" if "layer" in line else line for line in kept
    ]
    return "\n".join([*_lines(lot, name), *lines])


def _kept(text: str) -> list[str]:
    """What a new version of a program file must not change."""
    lines = [line for line in text.splitlines() if line.startswith(("arms: ", "zone: ", "unit: ", "layer: "))]
    return [f"{line.partition(', share')[0]}}}" if "layer" in line else line for line in lines]


def _lines(lot: Random, name: str) -> Iterator[str]:
    yield f"program: {name}"
    yield "attributes: {age: integer, spend: number, home: {type: text, learn: false}}"
    yield "predictions: {p_buy.sale: sale}"
    yield "groups:"
    yield f"  all: {{lever: 1.1{_some(lot, 'caps', _CAPS)}}}"
    yield f"  special: {{within: all{_some(lot, 'caps', _CAPS)}{_some(lot, 'cooldowns', _PAUSES)}}}"
    yield "offers:"
    yield f"  sale: {{value: 30, priority: 3, group: special{_some(lot, 'caps', _CAPS)}{_ramp(lot)}}}"
    wine = "value: 20, cost: 0.5, priority: 2, group: all, eligible: age >= 18"
    yield f"  {ADULT}_wine: {{{wine}{_stock(lot)}}}"
    yield f"  news: {{value: 1, priority: 1{_some(lot, 'cooldowns', _PAUSES)}{_dates(lot)}}}"
    yield "channels:"
    yield f"  email: {{cost: 0.01, consent: marketing{_some(lot, 'caps', _CAPS)}}}"
    sms = f'cost: 0.1, consent: sms, quiet: "{lot.choice(_QUIET)}"'
    yield f"  sms: {{{sms}{_some(lot, 'cooldowns', _PAUSES)}}}"
    yield "  app: {consent: none}"
    yield 'slots: {now: {}, tonight: {at: "18:30"}, tomorrow: {at: "02:30", days: 1}}'
    yield f"caps: [{lot.choice(('2 per 3 days', '4 per 7 days'))}]"
    if lot.random() < 0.7:
        yield 'cooldowns: ["unsubscribe: pause 20 days"]'
    if lot.random() < 0.5:
        yield 'holidays: ["2026-10-27", "2026-11-02"]'
    if lot.random() < 0.5:
        money = lot.choice(("1 per day", "4 per day", "10 per week", "30 per month", "20 per 12 hours"))
        yield f"budgets: {{gifts: {{money: {money}, channels: [email, sms]}}}}"
    if lot.random() < 0.4:
        yield f"options: {lot.choice((1, 3, 6))}"
    yield "goal: {outcomes: {purchase: {share: 0.5}, visit: 1, unsubscribe: -5}, window: 2 days}"
    yield f"policy: {lot.choice(_POLICIES)}"
    yield "bau: {kind: priority}"


_CALENDARS = ("UTC", "Europe/Oslo", "America/New_York")  # whose budgets go by; changed, they start anew
_SHARED: tuple[tuple[str, ...], ...] = ((), (), ("unit: home",), ("layer: {name: both}",))


def _some(lot: Random, field: str, choices: Sequence[str]) -> str:
    """Two times in three a field with one or two of the choices, as the rest of a YAML object."""
    if lot.random() < 1 / 3:
        return ""
    chosen = lot.sample(choices, lot.choice((1, 2)))
    return f", {field}: [{', '.join(chr(34) + one + chr(34) for one in chosen)}]"


def _stock(lot: Random) -> str:
    return lot.choice(("", ", stock: 25", ", stock: 6 per day", ", stock: 40 per month", ", stock: 400"))


def _ramp(lot: Random) -> str:
    return lot.choice(("", "", ", ramp: {share: 0.3, until: 40}"))


def _dates(lot: Random) -> str:
    return lot.choice(("", ", starts: 2026-10-22, ends: 2026-11-10"))
