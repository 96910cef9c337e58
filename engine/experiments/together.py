"""What all programs earned together: everybody they could reach against the holdout of all programs.

The figures count whole customers from the draw of the global holdout on, by what they did since. A kind of
outcome that programs weigh differently counts at the least of what they say it is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from sqlalchemy import Connection

from engine.applied import stored_program
from engine.calendar import microseconds
from engine.domain import Program
from engine.experiments import guardrails
from engine.experiments.compare import Setting
from engine.experiments.conduct import MERGED
from engine.experiments.guardrails import Watch
from engine.experiments.headline import Pace, headline, pace
from engine.experiments.money import Money, money, scaled
from engine.experiments.planning import DEFAULT, Wanted
from engine.experiments.portfolio import Line, portfolio
from engine.experiments.program import CLAMP, Also
from engine.experiments.reachable import ARM, CHANCE, CONTROL, DRAWN, Reach, reachable
from engine.experiments.refunds import in_store
from engine.experiments.report import Report, analyse
from engine.experiments.stored import (
    BEFORE,
    MARGIN,
    REVENUE,
    REWARD,
)
from engine.experiments.trust import Check
from engine.experiments.verdict import Verdict
from engine.experiments.welch import Interval
from engine.store import programs
from engine.store.flows import DAY_US


@dataclass(frozen=True, slots=True)
class Together:
    """What all programs earned over contacting nobody, and each program's part, corrected for their number.

    Attributes:
        at, since_us, days: the moment; the first draw; mean days since it.
        unit: what counts as one customer where programs give arms by it; "" for customers.
        pace: what the headline's figure counts for.
        headline: the figure of the first sentence; None where nothing varies.
        figures: net reward, revenue and margin per customer.
        money: the account of everybody the programs could reach.
        guardrails: harms, of all programs together.
        lines: program by program.
        notes: who was left out, and what counts for less.
    """

    at: datetime
    since_us: int
    days: float
    unit: str
    pace: Pace
    verdict: Verdict
    headline: Interval | None
    trust: tuple[Check, ...]
    figures: Report
    money: Money
    guardrails: tuple[Watch, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    @property
    def trusted(self) -> bool:
        """Every trust check passed."""
        return all(one.passed for one in self.trust)


def report_together(
    connection: Connection,
    at: datetime,
    level: float = 0.95,
    wanted: Wanted = DEFAULT,
    margin: float = guardrails.MARGIN,
    allow_negative: Sequence[str] = (),
) -> Together:
    """Compare everybody whom programs may contact with the global holdout, as of `at`.

    Args:
        margin: more harm per customer that is lived with.
        allow_negative: kinds of outcome whose values may be below 0, whatever arm they come from.

    Raises:
        RefusedError: no global holdout was set, or it or the others have fewer than two customers.
    """
    names = programs.program_names(connection)
    known = {name: stored_program(connection, name) for name in names}
    reach = reachable(connection, known, microseconds(at))
    units = reach.units
    days = (microseconds(at) - float(str(units["drawn_us"].mean()))) / DAY_US
    setting = Setting(level, elapsed=max(days, 1 / 24) / wanted.days)
    shares = units.select(pl.col(CHANCE).filter(arm=CONTROL).unique())[CHANCE].to_list()
    weighed = CHANCE if len(shares) > 1 else None
    figures = analyse(
        units,
        arm="arm",
        control=CONTROL,
        metrics=[REWARD, *(name for name in (REVENUE, MARGIN) if units[name].n_unique() > 1)],
        covariates=[BEFORE] if units[BEFORE].n_unique() > 1 else [],
        expected_split=None if weighed else {CONTROL: shares[0], ARM: 1 - shares[0]},
        propensity=weighed,
        assigned_at=DRAWN,
        clamp=CLAMP,
        level=level,
        elapsed=setting.elapsed,
        at=at,
        allow_negative=None,
        name="the store",
    )
    reading = next((one.reading for one in figures.metrics[0].comparisons), None)
    back = in_store(reach.back, units, CONTROL, allow_negative, compared=weighed is None)
    checks = (*figures.trust, *back, _contamination(reach), _exposure(units), _maturity(known.values(), days))
    watched = [guardrails.watch(units, kind, ARM, CONTROL, margin, level, weighed) for kind in reach.harms]
    told, failed = pace(days, reach.unit), [one for one in checks if not one.passed]
    return Together(
        at=at,
        since_us=int(str(units["drawn_us"].min())),
        days=days,
        unit=reach.unit,
        pace=told,
        verdict=headline(ARM, CONTROL, reading, told, level, watched, failed),
        headline=None if reading is None else scaled(reading.always, told.factor),
        trust=checks,
        figures=figures,
        money=money(units, ARM, CONTROL, None, setting, weighed),
        guardrails=tuple(watched),
        lines=portfolio(
            connection, names, at, level, wanted, margin, Also(allow_negative=tuple(allow_negative))
        ),
        notes=reach.notes,
    )


def _contamination(reach: Reach) -> Check:
    """Was anybody contacted whom no program may contact, and who met both: by several ids, or by members?"""
    units = reach.units
    title = "Nobody in the holdout of all programs contacted?"
    touched = units.filter(pl.col("arm") == CONTROL, pl.col("contacts") > 0, ~pl.col("mixed")).height
    crossed = dict(units.group_by("arm").agg(pl.col("mixed").mean()).sort("arm").iter_rows())
    who = f"units by {reach.unit} whose members drew apart" if reach.unit else "customers with several ids"
    told = f"{touched:,} of them were contacted; {units['mixed'].sum():,} {who} met both"
    passed = not touched and max(crossed.values()) <= MERGED
    sentence = f"{told}." if passed else f"{told}. Find out by which way, and tell ids apart sooner."
    return Check("contamination", title, passed, sentence, count=touched)


def _exposure(units: pl.DataFrame) -> Check:
    others = units.filter(arm=ARM)
    share = others.filter(pl.col("contacts") > 0).height / others.height
    title = "Did contacts go out?"
    if share > 0:
        return Check("exposure", title, True, f"{share:.0%} of the others were contacted at least once.")
    sentence = "Not one customer was contacted by any program. Look at the funnels with nextbest plan."
    return Check("exposure", title, False, sentence)


def _maturity(known: Iterable[Program], days: float) -> Check:
    """Was there time for outcomes to come? The longest of the goals' windows."""
    window = max(one.goal.window.total_seconds() for one in known) / 86_400
    told = f"{days:.1f} days per customer on average, the longest goal waits {window:g} for an outcome"
    passed = days >= window
    title = "Long enough to see outcomes?"
    return Check("maturity", title, passed, f"{told}." if passed else f"{told}: come back later.")
