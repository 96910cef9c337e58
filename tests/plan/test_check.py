"""Rules that contradict each other are found at every level, and told at the place of the lower one."""

from __future__ import annotations

import pytest

from engine.plan.check import check
from engine.program import loads

LINES = {
    "program": "program: spring",
    "issue": "  issue: {}",
    "group": "  group: {within: issue}",
    "offer": "  sale: {group: group}",
    "channel": "  email: {consent: none}",
}
TEXT = f"""
{LINES["program"]}
attributes: {{age: integer}}
groups:
{LINES["issue"]}
{LINES["group"]}
offers:
{LINES["offer"]}
channels:
{LINES["channel"]}
slots: {{now: {{}}}}
goal: {{outcomes: {{purchase: 20}}, window: 14 days}}
arms: {{policy: 1}}
"""
LEVELS = list(LINES)
PAIRS = [(upper, lower) for i, upper in enumerate(LEVELS) for lower in LEVELS[i:]]


def ruled(text: str, level: str, intent: str, rule: str) -> str:
    """The file with one more rule."""
    line = LINES[level]
    if level == "program":
        return text.replace(line, f"{line}\n{intent}: {rule}")
    before = next(one for one in text.splitlines() if one.startswith(line[:-1]))
    comma = "" if before.endswith("{}") else ", "
    return text.replace(before, f"{before[:-1]}{comma}{intent}: {rule}}}")


@pytest.mark.parametrize(("upper", "lower"), PAIRS, ids=lambda level: level)
def test_a_rule_that_contradicts_one_of_its_level_or_above_is_found(upper: str, lower: str) -> None:
    text = ruled(ruled(TEXT, upper, "eligible", "age >= 18"), lower, "suitable", "age < 16")
    (found,) = check(loads(text.encode(), "p.yaml"))
    assert '"(age >= 18) AND (age < 16)" can never hold' in found.sentence
    place = text.splitlines()[found.line - 1][found.column - 1 :]
    assert place.startswith("age < 16")
    assert [str(one) for one in check(loads(text.replace("16", "20").encode(), "p.yaml"))] == []
