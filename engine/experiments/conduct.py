"""How a program was run: the trust checks that only a store can answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from scipy.stats import binom
from sqlalchemy import Connection

from engine.astray import AHEAD_US
from engine.calendar import microseconds
from engine.domain import Program
from engine.experiments import srm
from engine.experiments.stored import Panel
from engine.experiments.trust import LIMIT, Check
from engine.store import flows
from engine.store.flows import DAY_US

MERGED = 0.05  # of an arm may have met another one under another id before the verdict is withheld


def expected_split(panel: Panel, arms: list[str]) -> dict[str, float]:
    """Share of each arm that the versions in force at the assignments promised, over the arms there are.

    Shares that grow move only new customers: the promise is a mean over the versions, weighed by how many
    customers each assigned.
    """
    promised = {arm: n for arm, n in _promised(panel).items() if arm in arms and n > 0}
    total = sum(promised.values())
    return {arm: n / total for arm, n in promised.items()}


def all_arms(panel: Panel, arms: Sequence[str]) -> Check:
    """Has every arm that was promised its customers, and was every arm that has any promised?

    An arm of one customer, or none, is not compared; it is a fault where so few are beyond chance.
    """
    title, n = "All arms there?", panel.units.height
    found, promised = dict(panel.units.group_by("arm").len().iter_rows()), _promised(panel)
    few = {arm: found.get(arm, 0) for arm, hoped in promised.items() if hoped > 0 and arm not in arms}
    lost = [arm for arm, count in few.items() if binom.cdf(count, n, min(promised[arm] / n, 1.0)) < LIMIT]
    extra = [arm for arm in sorted(found) if not promised.get(arm)] if promised else []
    parts = [f"'{arm}' has {few[arm]} of {promised[arm]:,.0f} promised customers" for arm in lost]
    parts += [f"'{arm}' was not planned and has {found[arm]:,}" for arm in extra]
    if parts:
        sentence = "; ".join(parts) + ". Find out where customers went, or who gave them that arm."
        return Check("arms", title, False, sentence, count=len(parts))
    told = ", ".join(f"{arm} {count}" for arm, count in few.items())
    sentence = f"Too few customers yet to compare: {told}." if few else "All planned arms are there."
    return Check("arms", title, True, sentence, count=0)


def _promised(panel: Panel) -> dict[str, float]:
    """How many customers each arm was to have, by the versions in force at the assignments."""
    promised: dict[str, float] = {}
    for version, count in _by_version(panel).items():
        for arm, share in panel.versions[version].arms:
            promised[arm] = promised.get(arm, 0.0) + share * count
    return promised


def daily_split(panel: Panel) -> Check:
    """Does the split hold on every day? Sequential, so that it may be asked every day.

    Each version of the program is tested against its own shares; Bonferroni over the versions.
    """
    title = "Split as promised every day?"
    versions = list(_by_version(panel))
    p = min(1.0, len(versions) * min((_daily_p(panel, one) for one in versions), default=1.0))
    if p >= LIMIT:
        return Check("srm_daily", title, True, f"No day on which the split went astray (p = {p:.2g}).", p=p)
    sentence = (
        f"The split drifted from the promise on some day (p = {p:.2g}). Find out which customers are missing."
    )
    return Check("srm_daily", title, False, sentence, p=p)


def contamination(panel: Panel) -> Check:
    """Did anybody get what another arm gets? Contacts in the holdout count, and decisions astray."""
    title = "Every customer kept to one arm?"
    own, merged = panel.units.filter(~pl.col("mixed")), panel.units.filter("mixed")
    touched = own.filter(pl.col("arm") == "holdout", pl.col("contacts") > 0)
    strayed = own.filter(pl.col("strayed") > 0)
    n = pl.concat([touched, strayed])["customer"].n_unique()
    if not n and not merged.is_empty():
        return _merged_across(panel, merged, title)
    if not n:
        return Check(
            "contamination", title, True, "Nobody in the holdout was contacted, nobody changed arms.", count=0
        )
    sentence = (
        f"{touched.height:,} customers of the holdout were contacted and {strayed.height:,} had decisions "
        "under another arm, merged ids not counted. Find out by which way."
    )
    return Check("contamination", title, False, sentence, count=n)


def _merged_across(panel: Panel, merged: pl.DataFrame, title: str) -> Check:
    """Persons with several ids who met two arms count in the first: the effect told is too small by them."""
    whole = dict(panel.units.group_by("arm").len().iter_rows())
    share = {arm: n / whole[arm] for arm, n in merged.group_by("arm").len().sort("arm").iter_rows()}
    told = ", ".join(f"{arm} {part:.1%}" for arm, part in share.items())
    sentence = (
        f"{merged.height:,} customers with several ids met two arms before their ids were merged ({told}). "
        "They count in the arm given first, so the effect is told too small by about that share"
    )
    if max(share.values()) <= MERGED:
        return Check("contamination", title, True, f"{sentence}.", count=merged.height)
    sentence += f", more than {MERGED:.0%}. Tell ids apart sooner, or decide where customers are known."
    return Check("contamination", title, False, sentence, count=merged.height)


def dates(connection: Connection, panel: Panel) -> Check | None:
    """Are outcomes dated in the future, which do not count yet? None if there are none."""
    at_us = microseconds(panel.at)
    later, beyond = flows.ahead(connection, panel.program.name, at_us, at_us + AHEAD_US)
    if not later:
        return None
    title, told = (
        "Dates possible?",
        f"{later:,} outcomes that have arrived are dated later, and do not count yet",
    )
    if not beyond:
        return Check("dates", title, True, f"{told}.", count=0)
    sentence = (
        f"{told}; {beyond:,} of them are more than {AHEAD_US // DAY_US} days ahead, which is a wrong date. "
        "Tell them again under new event ids."
    )
    return Check("dates", title, False, sentence, count=beyond)


def exposure(panel: Panel) -> Check:
    """Did the arms that should contact anybody do so?"""
    title = "Did contacts go out?"
    reached = (
        panel.units.filter(pl.col("arm") != "holdout").group_by("arm").agg((pl.col("contacts") > 0).mean())
    )
    share = dict(reached.sort("arm").iter_rows())
    told = ", ".join(f"{arm} {part:.0%}" for arm, part in share.items())
    if all(share.get(arm, 1.0) > 0 for arm in ("policy", "evaluation")):
        return Check("exposure", title, True, f"Customers contacted at least once: {told}.")
    sentence = "Not one customer of the policy's arm was contacted. Look at the funnel with nextbest plan."
    return Check("exposure", title, False, sentence)


def maturity(panel: Panel) -> Check:
    """Was there time for outcomes to come? Less than one attribution window per customer is too early."""
    title = "Long enough to see outcomes?"
    lived, window = days(panel), panel.program.goal.window.total_seconds() / 86_400
    told = f"{lived:.1f} days per customer on average, the goal waits {window:g} for an outcome"
    passed = lived >= window
    return Check("maturity", title, passed, f"{told}." if passed else f"{told}: come back later.")


def days(panel: Panel) -> float:
    """Mean days from the assignment to the moment of the report."""
    return (panel.at.timestamp() * 1e6 - float(str(panel.units["assigned_us"].mean()))) / DAY_US


def _by_version(panel: Panel) -> Mapping[int, int]:
    counted = panel.units.drop_nulls("version").group_by("version").len().sort("version")
    return dict(counted.iter_rows())


def _daily_p(panel: Panel, version: int) -> float:
    program: Program = panel.versions[version]
    share = {str(arm): part for arm, part in program.arms if part > 0}
    if len(share) < 2:
        return 1.0
    own = panel.units.filter(pl.col("version") == version).with_columns(
        (pl.col("assigned_us") // DAY_US).alias("day")
    )
    columns = [(pl.col("arm") == arm).sum().alias(arm) for arm in share]
    batches = own.group_by("day").agg(*columns).sort("day").select(list(share)).rows()
    total = sum(share.values())
    return srm.sequential_p(batches, [part / total for part in share.values()])
