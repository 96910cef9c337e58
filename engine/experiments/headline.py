"""The first sentence of a program's report, and what to do. It holds on whatever day it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.experiments import verdict
from engine.experiments.compare import Reading
from engine.experiments.guardrails import Watch
from engine.experiments.money import MONTH, scaled
from engine.experiments.trust import Check
from engine.experiments.verdict import Verdict, number

_MONTHLY = 28.0  # days from which on a sum may be told by the month
AGAINST = {
    "global_holdout": "no contact by any program",
    "holdout": "no contact",
    "bau": "today's rules",
    "random": "contacts by lot",
    "no_levers": "decisioning without levers",
    "prediction_only": "the predictions alone",
    "eligibility_only": "decisioning by eligibility alone",
    "policy": "the policy with customers it learns from",
}
_NOBODY = ("global_holdout", "holdout")  # whom nothing is sent to
_REMEDY = (
    "raise `cost` to what a contact really takes, price in `goal` those who leave, or predict what a contact "
    "changes in place of who responds."
)
_NARROWS = "it narrows as customers come and time passes."
_WHO = {
    "programs": "All programs together",
    "policy": "Decisioning",
    "evaluation": "Decisioning",
    "bau": "Today's rules",
    "random": "Contacting by lot",
    "no_levers": "Decisioning without levers",
    "prediction_only": "The predictions alone",
    "eligibility_only": "Decisioning by eligibility alone",
}


@dataclass(frozen=True, slots=True)
class Pace:
    """What a figure counts for, and what a customer's total is multiplied by to get it."""

    per: str
    factor: float


def pace(days: float, unit: str = "") -> Pace:
    """By the month once customers were followed for four weeks; the total so far before.

    Args:
        unit: what is given an arm together; a customer if empty.
    """
    who = unit or "customer"
    if days >= _MONTHLY:
        return Pace(f"per {who} per month", MONTH / days)
    return Pace(f"per {who} in {days:.0f} days" if days >= 1.5 else f"per {who} so far", 1.0)


def headline(
    arm: str,
    control: str,
    reading: Reading | None,
    pace: Pace,
    level: float,
    watched: Sequence[Watch],
    failed: Sequence[Check],
) -> Verdict:
    """The verdict on `arm`: proven where the interval that may be read every day leaves out 0."""
    if failed:
        return verdict.withheld(failed)
    who, against = _WHO[arm], AGAINST[control]
    if reading is None:
        sentence = f"{who} and {against} earned the same for every customer: there is nothing to compare."
        return Verdict(sentence, "Nothing to compare", "Check that outcomes reach the store.", "gray")
    span = scaled(reading.always, pace.factor)
    more = "more" if span.value >= 0 else "less"
    told = f"{100 * level:g} % interval {number(span.low, span)} to {number(span.high, span)}"
    head = f"{who} earned {number(abs(span.value), span)} {more} {pace.per} than {against} ({told})"
    harmed = [one for one in watched if one.status == "red"]
    if span.low > 0:
        return _kept(f"{head}; keep it.", watched, harmed)
    if span.high < 0:
        return Verdict(f"{head}; stop it.", "Stop it", _stopped(who, control), "red")
    guidance = (
        f"Anything from {number(span.low, span)} to {number(span.high, span)} {pace.per} is possible. Go on; "
        + (_NARROWS if arm == "programs" else "nextbest report --plan says how long it takes to know.")
    )
    if span.value < 0 and control in _NOBODY:
        guidance = f"{guidance} So far contacts lose money, which may be luck. If it stays so, {_REMEDY}"
    return Verdict(f"{head}; not decided yet.", "Not decided yet", _warned(guidance, harmed), "yellow")


def _stopped(who: str, control: str) -> str:
    """What to do about a proven loss; where the others get nothing, it is the contacts that lose."""
    lost = f"{who} earned less than {AGAINST[control]}, beyond chance"
    if control not in _NOBODY:
        return f"{lost}. Stop it, and look for the reason below."
    return f"{lost}: the contacts lose money. Stop them, or {_REMEDY}"


def _kept(sentence: str, watched: Sequence[Watch], harmed: Sequence[Watch]) -> Verdict:
    guidance = "The gain is beyond chance on whatever day this is read."
    if not harmed:
        unharmed = f"{guidance} No guardrail was broken." if watched else guidance
        return Verdict(sentence, "Keep it", unharmed, "green")
    return Verdict(sentence, "Keep it, with a warning", _warned(guidance, harmed), "yellow")


def _warned(guidance: str, harmed: Sequence[Watch]) -> str:
    told = " ".join(f"Harm in {one.arm}, {one.kind}: {one.sentence}" for one in harmed)
    return f"{guidance} {told}".strip()
