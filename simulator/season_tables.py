"""A season as tables of at most 80 columns, and as a plain document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.table import Table

from engine.experiments.welch import Interval
from simulator import clones
from simulator.season import LAST, Rung, Season


def earnings(seasons: Sequence[Season]) -> Table:
    """Net reward per customer of each policy, then of the arms that all seasons share, with the truth."""
    made = _table(
        "Net reward per customer", "policy", "estimate", "95 %", "truth", "lift", "95 %", "true lift"
    )
    for name, one in rungs(seasons):
        estimate, lift = one.estimate, one.lift
        made.add_row(
            name,
            _number(_middle(estimate)),
            _range(estimate),
            _number(one.value),
            _number(_middle(lift), "+"),
            _range(lift, "+"),
            "-" if one.arm == "holdout" else _number(one.true_lift, "+"),
        )
    return made


def verdict(season: Season) -> str:
    """What its report says, in a sentence."""
    if season.report is not None:
        return season.report.verdict.sentence
    return (
        "no lift is told, as nobody is held out or all who are brought the same; more customers or days help."
    )


def deeds(seasons: Sequence[Season]) -> Table:
    """What each policy did: reach, contacts, shortfall, violations."""
    made = _table("What was done", "policy", "customers", "contacts each", "regret", "violations")
    violations = {season.policy: str(season.audit.violations) for season in seasons}
    for name, one in rungs(seasons):
        found = violations.get(name, "")
        made.add_row(name, f"{one.customers:,}", f"{one.contacts:.2f}", _number(one.regret), found)
    return made


def rungs(seasons: Sequence[Season]) -> list[tuple[str, Rung]]:
    """The arm `policy` of each season under its policy's name, then the other arms, all the same."""
    named = [(season.policy, one) for season in seasons if (one := season.rung("policy")) is not None]
    return named + [(one.arm, one) for one in seasons[0].ladder if one.arm != "policy"]


def weeks(season: Season) -> Table:
    """The learning curve, week by week: true value of a decision in each arm, and its regret."""
    arms = [one.arm for one in season.ladder]
    shown = [season.policy if arm == "policy" else arm for arm in arms]
    short = [f"regret of {name}" for name in shown if name != "holdout"]
    made = _table("True value of a decision", "days", *shown, *short)
    for first in range(0, season.days, LAST):
        last = min(first + LAST, season.days)
        days = [one for one in season.daily if first <= one.day < last]
        value = [f"{_mean([one.value for one in days if one.arm == arm]):.3f}" for arm in arms]
        regret = [_mean([one.regret for one in days if one.arm == arm]) for arm in arms if arm != "holdout"]
        made.add_row(f"{first + 1}-{last}", *value, *(f"{one:.3f}" for one in regret))
    return made


def judged(season: Season) -> Table:
    """Policies judged from the arm `random`, with the truth."""
    made = _table("Off-policy, per decision", "policy", "estimate", "95 %", "truth", "verdict")
    for one in season.off_policy:
        found = one.found
        span = None if found.low is None or found.high is None else (found.low, found.high)
        made.add_row(
            found.name,
            "-" if found.value is None else _milli(found.value),
            "-" if span is None else f"{_milli(span[0])}, {_milli(span[1])}",
            _milli(one.value),
            found.verdict,
        )
    return made


def learnt(season: Season) -> Table:
    """Which offers, channels and slots the policy came to use, against what would have been best.

    The gain is what the action was expected to earn over doing nothing, in truth, where it was chosen.
    """
    made = _table(f"Used by {season.policy}", "action", "days 1-7", "last 7", "best in truth", "gain")
    for one in season.uses:
        gain = "-" if one.value is None else _number(one.value, "+")
        made.add_row(one.action, f"{one.first:.1%}", f"{one.last:.1%}", f"{one.best:.1%}", gain)
    return made


def document(season: Season) -> dict[str, Any]:
    """Everything of a season as plain dicts, lists, strings and numbers; None where there is no answer."""
    plain = {
        name: getattr(season, name) for name in ("world", "customers", "days", "seed", "policy", "snapshots")
    }
    verdict = None if season.report is None else asdict(season.report.verdict)
    return {
        **plain,
        "clone": clones.told(season.policy),
        "ladder": [asdict(one) for one in season.ladder],
        "verdict": verdict,
        "audit": {**asdict(season.audit), "violations": season.audit.violations},
        "uses": [asdict(one) for one in season.uses],
        "off_policy": [{**asdict(one.found), "truth": one.value} for one in season.off_policy],
        "refusal": season.refusal,
        "daily": [asdict(one) for one in season.daily],
    }


def _table(title: str, *columns: str) -> Table:
    made = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    made.add_column(columns[0], overflow="fold")
    for column in columns[1:]:
        made.add_column(column, justify="right", overflow="fold")
    return made


def _mean(days: Sequence[float]) -> float:
    return sum(days) / len(days)


def _middle(span: Interval | None) -> float | None:
    return None if span is None else span.value


def _number(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{round(value, 2) + 0.0:{sign}.2f}"  # never -0.00


def _milli(value: float) -> str:
    return f"{round(value, 3) + 0.0:.3f}"  # + 0.0: no "-0.000"


def _range(span: Interval | None, sign: str = "") -> str:
    return "-" if span is None else f"{_number(span.low, sign)} to {_number(span.high, sign)}"
