"""A program of the size the figures speak of: 200 actions, 200 rules, 30 features, caps on. Or 1,993."""

from __future__ import annotations

import json
import random
from typing import Any

OFFERS, CHANNELS, SLOTS = 25, 4, 2  # 200 actions, and no_action
WIDE_OFFERS = 249  # 1,992 actions, and no_action: a program may have 2,000
RULES_AN_OFFER = 8  # 200 rules
FEATURES = 30
QUIET = "22:00-07:00"
TONIGHT = {"tonight": {"at": "18:30"}}


def program_text(policy: str = "linear", wide: bool = False) -> str:
    """The program file.

    Args:
        policy: "linear:0" is a linear policy with that many waves.
        wide: as many offers as a program may have, without rules and quiet hours, so that every action is
            feasible at any hour.
    """
    kind, _, waves = policy.partition(":")
    attributes = {f"f{i:02}": "number" for i in range(FEATURES)}
    offers = {f"offer_{i:02}": _offer(i) for i in range(OFFERS)}
    if wide:
        offers = {f"offer_{i:03}": {"value": 5 + i % 25, "priority": i} for i in range(WIDE_OFFERS)}
    channels = {
        f"channel_{i}": {
            "consent": "marketing",
            "cost": 0.01,
            "caps": ["2 per 7 days"],
            **({} if wide else {"quiet": QUIET}),
        }
        for i in range(CHANNELS)
    }
    program: dict[str, Any] = {
        "program": "big",
        "attributes": attributes,
        "offers": offers,
        "channels": channels,
        "slots": {"now": {}, **({"tomorrow": {"at": "10:00", "days": 1}} if wide else TONIGHT)},
        "caps": ["20 per 28 days"],
        "goal": {"outcomes": {"purchase": {"share": 0.3}}, "window": "14 days"},
        "arms": {"policy": 0.85, "random": 0.05, "bau": 0.05, "holdout": 0.05},
        "policy": {"kind": kind, **({"waves": int(waves)} if waves else {})},
    }
    return json.dumps(program, indent=1)


def _offer(number: int) -> dict[str, Any]:
    """Eight rules, most of which most customers pass."""
    chance = random.Random(number)
    rules = [_rule(chance) for _ in range(RULES_AN_OFFER)]
    return {
        "value": 5 + number,
        "priority": number,
        "eligible": rules[:3],
        "applicable": rules[3:6],
        "suitable": rules[6:],
    }


def _rule(chance: random.Random) -> str:
    """A condition of five comparisons that about 95 customers of 100 pass."""
    a, b, c, d = (f"f{i:02}" for i in chance.sample(range(FEATURES), 4))
    low, high = chance.uniform(2, 6), chance.uniform(60, 90)
    return f"{a} > {low:.2f} AND {a} < 99.5 OR {b} BETWEEN 20 AND {high:.1f} AND ({c} > 90 OR {d} < 5)"


def features(chance: random.Random) -> dict[str, float]:
    """One customer's features, uniform on 0-100."""
    return {f"f{i:02}": round(chance.uniform(0, 100), 2) for i in range(FEATURES)}
