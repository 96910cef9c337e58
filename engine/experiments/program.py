"""The straight line of a program's report: store, customers, trust, ladder, money, guardrails, headline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection

from engine.errors import RefusedError
from engine.experiments import conduct, guardrails, refunds
from engine.experiments.compare import Reading, Setting
from engine.experiments.daily import Look, Week, cumulative, marks, weekly
from engine.experiments.draws import drawn_as_logged
from engine.experiments.guardrails import Watch
from engine.experiments.headline import Pace, headline, pace
from engine.experiments.ladder import ORDER, Step, served, steps
from engine.experiments.lifetime import HALF_LIFE, Lifetime, lifetime
from engine.experiments.money import Money, money
from engine.experiments.planning import DEFAULT, Outlook, Wanted, outlook
from engine.experiments.program_metrics import ACTIVE_AT, acquired, asked, returned
from engine.experiments.program_metrics import Asked as Wish
from engine.experiments.ranked import ranked
from engine.experiments.received import Received, received
from engine.experiments.report import Report, analyse
from engine.experiments.results import clamping
from engine.experiments.segments import Labels, Segment, labelled, split
from engine.experiments.segments import segments as read_segments
from engine.experiments.stored import BEFORE, MARGIN, REVENUE, REWARD, Panel, panel
from engine.experiments.targeting import Targeting
from engine.experiments.trust import Check
from engine.experiments.upkeep import Upkeep, upkeep
from engine.experiments.verdict import Verdict
from engine.store.flows import DAY_US

CLAMP = 0.999


@dataclass(frozen=True, slots=True)
class Also:
    """What else may be wanted of a program's report.

    Attributes:
        score: a model whose scores from before the assignments are judged as a ranking.
        half_life: days in which an effect that fades has lost half of itself.
        upkeep_before, upkeep_now: money a month that the upkeep of rules took and takes.
        active_at: days since the assignment at which customers are looked for.
        allow_negative: kinds of outcome whose values may be below 0, whatever arm they come from.
    """

    score: str | None = None
    half_life: float = HALF_LIFE
    upkeep_before: float | None = None
    upkeep_now: float = 0.0
    active_at: tuple[int, ...] = ACTIVE_AT
    allow_negative: tuple[str, ...] = ()


NOTHING = Also()


@dataclass(frozen=True, slots=True)
class ProgramReport:
    """What a program earned, and how sure that is.

    Attributes:
        name, title, version: of the program.
        at: the moment up to which everything is counted.
        since_us: the first assignment.
        days: mean days per customer since the assignment.
        arms: from the bottom of the ladder up.
        arm, control: what the headline compares: the last and the first of them.
        pace: what the headline's figure counts for.
        verdict: the headline.
        trust: all checks, those of the figures and those of the program's conduct.
        figures: every metric of every arm against the control.
        ladder: what each arm adds to the one below it.
        money: the account of the arm.
        received: the effect on those whom contacts reached; () where nobody reported deliveries.
        guardrails: harms, arm by arm.
        looks: the effect as it grew, day by day.
        marks: (day, what happened then), to be written on that curve.
        weeks: the effect by week since the assignment.
        segments: the effect in each of the segments asked for.
        lifetime: the first twelve months of a customer; None in the first week.
        upkeep: what the user says is saved in rules; None if nothing was entered.
        targeting: how well a score ranks customers; None if none was asked for.
        plan: when what will be proven; None without an effect that one could plan for.
        notes: what was left out of the figures, and why.
    """

    name: str
    title: str
    version: int
    at: datetime
    since_us: int
    days: float
    arms: tuple[str, ...]
    arm: str
    control: str
    pace: Pace
    verdict: Verdict
    trust: tuple[Check, ...]
    figures: Report
    ladder: tuple[Step, ...]
    money: Money
    received: tuple[Received, ...]
    guardrails: tuple[Watch, ...]
    looks: tuple[Look, ...]
    marks: tuple[tuple[int, str], ...]
    weeks: tuple[Week, ...]
    segments: tuple[Segment, ...]
    lifetime: Lifetime | None
    upkeep: Upkeep | None
    targeting: Targeting | None
    plan: Outlook | None
    notes: tuple[str, ...]

    @property
    def trusted(self) -> bool:
        """Every trust check passed."""
        return all(one.passed for one in self.trust)

    @property
    def reading(self) -> Reading | None:
        """The comparison of the headline; None where nothing varies."""
        return next((one.reading for one in self.figures.metrics[0].comparisons if one.arm == self.arm), None)

    def as_dict(self) -> dict[str, Any]:
        """The fields that `nextbest report PROGRAM --json` prints."""
        from engine.experiments.program_document import as_dict

        return as_dict(self)


def report_program(
    connection: Connection,
    name: str,
    at: datetime,
    level: float = 0.95,
    wanted: Wanted = DEFAULT,
    margin: float = guardrails.MARGIN,
    segments: Sequence[str] = (),
    also: Also = NOTHING,
) -> ProgramReport:
    """Report a program of the store as of `at`.

    Args:
        wanted: what is to be proven, and by when: there the interval is narrowest.
        margin: more harm per customer that is lived with.
        segments: attributes whose levels are read apart; to be named before the figures are seen.
        also: what else.

    Raises:
        InputError: there is no such attribute, or an amount cannot be.
        NotFoundError: there is no such program.
        RefusedError: there are not two arms with two customers or more, or too few scores to rank.
    """
    found = panel(connection, name, at)
    labels = labelled(connection, found, segments)
    arms = _arms(found)
    units = returned(found, found.units.filter(pl.col("arm").is_in(arms)), also.active_at)
    arm, control, lived = arms[-1], arms[0], conduct.days(found)
    setting = Setting(level, elapsed=max(lived, 1 / 24) / wanted.days)
    wish = asked(found, units, also.active_at)
    share = conduct.expected_split(found, arms)
    figures = _figures(found, units, arms, wish, share, setting)
    limits = clamping(units[REWARD], CLAMP)
    counted = units if limits is None else units.with_columns(pl.col(REWARD).clip(*limits))
    watched = _watched(found, units, arms, margin, level)
    checks = _checks(connection, found, units, figures, labels, share, also.allow_negative)
    told = pace(lived, found.program.unit)
    reading = next((one.reading for one in figures.metrics[0].comparisons if one.arm == arm), None)
    failed = [one for one in checks if not one.passed]
    least, most = float(str(units[REWARD].min())), float(str(units[REWARD].max()))
    looks = tuple(cumulative(found, (control, arm), limits or (least, most), wanted.days))
    return ProgramReport(
        name=name,
        title=found.program.title,
        version=found.program.version,
        at=at,
        since_us=int(str(units["assigned_us"].min())),
        days=lived,
        arms=tuple(arms),
        arm=arm,
        control=control,
        pace=told,
        verdict=headline(
            arm, control, reading, told, level, [one for one in watched if one.arm == arm], failed
        ),
        trust=checks,
        figures=figures,
        ladder=steps(counted, REWARD, arms, _before(units), setting),
        money=money(units, arm, control, acquired(found), setting),
        received=received(units, arms, level, CLAMP, found.program.unit or "customer"),
        guardrails=watched,
        looks=looks,
        marks=marks(found, looks),
        weeks=tuple(weekly(found, (control, arm), level)),
        segments=read_segments(counted, REWARD, (control, arm), labels.of, level),
        plan=None if reading is None else outlook(found, (control, arm), reading, wanted, lived, level),
        lifetime=lifetime(found, (control, arm), level, also.half_life),
        upkeep=upkeep(also.upkeep_before, also.upkeep_now, _elapsed(found)),
        targeting=ranked(connection, found, counted, arms, also.score, level),
        notes=(*wish.notes, *labels.notes),
    )


def _figures(
    found: Panel,
    units: pl.DataFrame,
    arms: list[str],
    wish: Wish,
    share: Mapping[str, float],
    setting: Setting,
) -> Report:
    """Every metric of every arm against the lowest."""
    return analyse(
        units,
        arm="arm",
        control=arms[0],
        metrics=wish.means,
        ratios=wish.ratios,
        covariates=_before(units),
        expected_split=share,
        clamp=CLAMP,
        money=[REWARD, REVENUE, MARGIN],
        level=setting.level,
        elapsed=setting.elapsed,
        allow_negative=None,
        name=f"program '{found.program.name}'",
    )


def _before(units: pl.DataFrame) -> list[str]:
    """What customers brought before, where it tells them apart."""
    return [BEFORE] if units[BEFORE].n_unique() > 1 else []


def _checks(
    connection: Connection,
    found: Panel,
    units: pl.DataFrame,
    figures: Report,
    labels: Labels,
    share: Mapping[str, float],
    allowed: Sequence[str],
) -> tuple[Check, ...]:
    """The trust checks of the figures, and those of how the program was run."""
    arms, name, at = list(figures.units), found.program.name, found.at
    return (
        *(conduct.all_arms(found, arms) if one.name == "arms" else one for one in figures.trust),
        *refunds.in_store(found.back, units, arms[0], allowed),
        conduct.daily_split(found),
        *filter(None, [drawn_as_logged(connection, name, at), conduct.dates(connection, found)]),
        conduct.contamination(found),
        conduct.exposure(found),
        conduct.maturity(found),
        *([split(units, labels.of, share)] if labels.of else ()),
    )


def _arms(found: Panel) -> list[str]:
    """The arms with two customers or more, from the bottom of the ladder up."""
    counted: dict[str, int] = dict(found.units.group_by("arm").len().iter_rows())
    arms = [arm for arm in ORDER if counted.get(arm, 0) > 1]
    if len(arms) > 1:
        return arms
    told = ", ".join(f"{arm} {n:,}" for arm, n in sorted(counted.items()))
    raise RefusedError(
        f"Program '{found.program.name}' has nothing to compare: its customers by arm are {told}. Give it a "
        "holdout (arms: {policy: 0.9, holdout: 0.1}) and decide for more customers."
    )


def _watched(
    found: Panel, units: pl.DataFrame, arms: list[str], margin: float, level: float
) -> tuple[Watch, ...]:
    """Every harm: the arms above the control against it, and the served arm against today's rules."""
    kinds = guardrails.harmful(found.program.goal, found.kinds)
    pairs = [(arm, arms[0]) for arm in arms[1:]]
    if "bau" in arms[1:] and (top := served(arms)):
        pairs.append((top, "bau"))
    return tuple(guardrails.watch(units, kind, *pair, margin, level) for kind in kinds for pair in pairs)


def _elapsed(found: Panel) -> float:
    """Days since the first assignment."""
    return (found.at.timestamp() * 1e6 - float(str(found.units["assigned_us"].min()))) / DAY_US
