"""Checks that come before any result: a comparison of arms that differ for another reason proves nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
from scipy.stats import norm

from engine.experiments import srm, welch
from engine.experiments.metric import Term, moments
from engine.experiments.sample import Sample
from engine.experiments.units import Columns

FEW = 1000  # units of an arm in which nothing varies; with more, 3 / n is below what a report is read for
LIMIT = 0.001  # a check that compares by chance alone fails once in a thousand sound experiments


@dataclass(frozen=True, slots=True)
class Check:
    """One trust check.

    Attributes:
        name: short name, for machines.
        title: the question it answers, for people.
        passed: the result may be trusted as far as this check can tell.
        sentence: what was found, and what to do if it failed.
        p: p-value where the check is a test.
        count: offending cells, rows, units or arms where it is a count.
    """

    name: str
    title: str
    passed: bool
    sentence: str
    p: float | None = None
    count: int | None = None


def arms(found: Sequence[str], expected: Mapping[str, float] | None, lone: Sequence[str] = ()) -> Check:
    """Are the arms in the file the arms of the plan, and is none of one unit, which cannot be compared?"""
    title = "All arms there?"
    few = [f"'{arm}' has 1 unit, which is too few to compare it" for arm in lone]
    if expected is None and few:
        sentence = "; ".join(few) + ". Correct the arm's name, or leave its row out."
        return Check("arms", title, False, sentence, count=len(few))
    if expected is None:
        return Check("arms", title, True, f"{len(found)} arms found: {', '.join(found)}.", count=0)
    missing = [arm for arm in expected if arm not in found]
    extra = [arm for arm in found if arm not in expected]
    parts = [f"'{arm}' has no units" for arm in missing] + [f"'{arm}' was not planned" for arm in extra]
    parts += few
    sentence = (
        "; ".join(parts) + ". Check the export and the expected split."
        if parts
        else "All planned arms are there."
    )
    return Check("arms", title, not parts, sentence, count=len(parts))


def split(count: Mapping[str, int], expected: Mapping[str, float] | None) -> Check:
    """Sample ratio mismatch: do the arms hold the promised shares of the units (or clusters)?"""
    title = "Split as promised?"
    share = {arm: (expected or {}).get(arm, 0.0 if expected else 1.0) for arm in count}
    known = {arm: part for arm, part in share.items() if part > 0}
    found = ", ".join(f"{arm} {count[arm]:,}" for arm in count)
    promise = "the expected split" if expected else "an equal split"
    if len(known) < 2:
        return Check("srm", title, False, f"{found}: fewer than two arms have a promised share.")
    p = srm.chi_square([count[arm] for arm in known], list(known.values()))
    if p >= LIMIT:
        return Check("srm", title, True, f"{found}: fits {promise} ({_p(p)}).", p=p)
    remedy = "" if expected else " If the split was never meant to be equal, give it with --expected-split."
    sentence = f"{found}: does not fit {promise} ({_p(p)}). Units were lost or misplaced.{remedy}"
    return Check("srm", title, False, sentence, p=p)


def logged_shares(units: pl.DataFrame, arm: str, propensity: str) -> Check:
    """Do the arms hold the units that the logged, changing shares promised? Bonferroni over the arms.

    Units of an arm, each counted as one over its probability, come to the number of all units on average,
    whatever the shares were and whatever they followed.

    Source: Horvitz and Thompson (1952), "A generalization of sampling without replacement from a finite
    universe", with the variance estimated from the units of the arm.
    """
    title, n = "Split as logged?", len(units)
    weighed = units.group_by(arm).agg(
        (1 / pl.col(propensity)).sum().alias("total"),
        ((1 - pl.col(propensity)) / pl.col(propensity) ** 2).sum().alias("variance"),
    )
    scores = {
        str(name): (total - n) / math.sqrt(variance)
        if variance
        else 0.0
        if abs(total - n) < 1e-6 * n
        else math.inf
        for name, total, variance in weighed.sort(arm).iter_rows()
    }
    worst = max(scores, key=lambda name: abs(scores[name]))
    p = min(1.0, len(scores) * 2 * float(norm.sf(abs(scores[worst]))))
    if p >= LIMIT:
        return Check("srm", title, True, f"{n:,} units fit the logged shares ({_p(p)}).", p=p)
    sentence = (
        f"'{worst}' does not hold the units that the shares in '{propensity}' promise ({_p(p)}). Units were "
        "lost, or the shares are not those that were drawn with."
    )
    return Check("srm", title, False, sentence, p=p)


def every_day(units: pl.DataFrame, arm: str, day: str, expected: Mapping[str, float] | None) -> Check:
    """Does the split hold on every day? Sequential, so that it may be asked every day."""
    title = "Split as promised every day?"
    names = sorted(units[arm].drop_nulls().cast(pl.String).unique())
    share = {name: (expected or {}).get(name, 0.0 if expected else 1.0) for name in names}
    known = {name: part for name, part in share.items() if part > 0}
    columns = [(pl.col(arm) == name).sum().alias(name) for name in known]
    batches = (
        units.group_by(pl.col(day).dt.date().alias(day)).agg(*columns).sort(day).select(list(known)).rows()
    )
    total = sum(known.values())
    p = srm.sequential_p(batches, [part / total for part in known.values()]) if len(known) > 1 else 1.0
    if p >= LIMIT:
        return Check("srm_daily", title, True, f"No day of {len(batches):,} went astray (p = {p:.2g}).", p=p)
    sentence = (
        f"The split drifted from the promise on some day (p = {p:.2g}). Find out which units are missing."
    )
    return Check("srm_daily", title, False, sentence, p=p)


def dates(units: pl.DataFrame, assigned: str, known: str | None, at: datetime | None) -> Check:
    """Is no assignment in the future, and no covariate from after its unit's assignment?"""
    title, parts, count = "Dates possible?", [], 0
    if at is not None and (ahead := int((units[assigned] > at).sum())):
        parts.append(f"{ahead:,} units are assigned after {at:%Y-%m-%d %H:%M} UTC, in the future")
        count += ahead
    late = 0 if known is None else int((units[known] > units[assigned]).sum())
    if late:
        parts.append(
            f"the covariates of {late:,} units were measured after the assignment, and may be its effect"
        )
        count += late
    if not count:
        return Check(
            "dates", title, True, "None in the future, covariates from before the assignment.", count=0
        )
    sentence = "; ".join(parts)
    return Check(
        "dates",
        title,
        False,
        f"{sentence[0].upper()}{sentence[1:]}. Mend the dates or leave these out.",
        count=count,
    )


def missing(frame: pl.DataFrame, columns: Columns, optional: Sequence[str] = ()) -> Check:
    """Are arm, unit, cluster and metrics known for every row? Covariates and `optional` may be unknown."""
    title = "Every outcome known?"
    spared = {*columns.covariates, *optional}
    needed = [name for name in columns.all if name not in spared or name in columns.totals]
    empty = {name: n for name in needed if (n := frame[name].null_count())}
    if not empty:
        unknown = sum(frame[name].null_count() for name in columns.covariates)
        note = f" {unknown:,} unknown covariate values stand at the mean." if unknown else ""
        return Check("missing", title, True, f"No empty cell in {len(frame):,} rows.{note}", count=0)
    where = ", ".join(f"{n:,} in '{name}'" for name, n in empty.items())
    remedy = "Fill them (0 if nothing happened) or explain why they are unknown; their rows are left out."
    return Check("missing", title, False, f"Empty cells: {where}. {remedy}", count=sum(empty.values()))


def one_arm(frame: pl.DataFrame, key: str, arm: str, noun: str) -> Check:
    """Is every unit (or cluster) in one arm only?"""
    seen = frame.drop_nulls([key, arm]).group_by(key).agg(pl.col(arm).n_unique().alias("arms"))
    shared = seen.filter(pl.col("arms") > 1)
    name, title = f"{noun}s_in_one_arm", f"Every {noun} in one arm only?"
    if shared.is_empty():
        return Check(name, title, True, f"{len(seen):,} {noun}s, each in one arm.", count=0)
    example = shared[key].cast(pl.String).sort()[0]
    sentence = f"{len(shared):,} of {len(seen):,} {noun}s are in two arms or more, for example '{example}'."
    return Check(name, title, False, f"{sentence} Find out how they met both treatments.", count=len(shared))


def repeated(frame: pl.DataFrame, unit: str) -> Check:
    """Are rows of one unit different events, rather than one file loaded twice?

    Units with several rows are expected with `--unit`; only when every one of them repeats itself exactly are
    the rows taken for copies.
    """
    title = "No row counted twice?"
    several = frame.filter(pl.col(unit).is_duplicated())
    copies = len(several) - len(several.unique())
    copied = copies > 0 and several.unique()[unit].is_unique().all()
    if not copied:
        return Check(
            "duplicates", title, True, f"{len(frame):,} rows, no unit that only repeats itself.", count=0
        )
    sentence = f"{copies:,} rows are exact copies of another row of the same {unit}. Remove them."
    return Check("duplicates", title, False, sentence, count=copies)


def balance(samples: Mapping[str, Mapping[str, Sample]], terms: Mapping[str, Term], control: str) -> Check:
    """Were the arms alike before the experiment? Bonferroni over covariates and arms.

    Args:
        samples: covariate -> arm -> statistics.
        terms: covariate -> its mean.
        control: the control arm.
    """
    tests: list[tuple[float, str, str]] = []
    for name, arm_samples in samples.items():
        base = moments(arm_samples[control], terms[name])
        others = {arm: moments(sample, terms[name]) for arm, sample in arm_samples.items() if arm != control}
        effects = {arm: welch.difference(base, other) for arm, other in others.items()}
        tests += [(welch.p_value(effect), name, arm) for arm, effect in effects.items() if effect.se > 0]
    title = "Arms alike before?"
    if not tests:
        return Check("balance", title, True, "No covariate varies, so none can differ.")
    worst, name, arm = min(tests)
    p = min(1.0, worst * len(tests))
    if p >= LIMIT:
        return Check(
            "balance", title, True, f"{', '.join(samples)}: no difference beyond chance ({_p(p)}).", p=p
        )
    sentence = (
        f"'{name}' differs between '{arm}' and '{control}' ({_p(p)}): they were not alike to begin with."
    )
    return Check(
        "balance", title, False, f"{sentence} Look for a fault in the assignment, or a later covariate.", p=p
    )


def variation(constant: Sequence[str], still: Mapping[tuple[str, str], int], leading: Sequence[str]) -> Check:
    """Does every metric vary, and those that decide in every arm small enough for it to matter?

    An arm of n units without one event may have a rate of up to 3 / n (Hanley and Lippman-Hand 1983, "If
    nothing goes wrong, is everything all right?"), yet its sample variance is 0, and an interval would
    claim to know. A metric that does not decide is left out for that arm, and the check says so.

    Args:
        constant: metrics with one value in the whole file.
        still: (metric, arm) with one value in an arm of fewer than `FEW` units, and how many units it has.
        leading: the metrics that decide.
    """
    title = "Something to compare?"
    names = ", ".join(f"'{name}'" for name in constant)
    if constant:
        sentence = f"{names} has the same value for every unit. Check that outcomes were joined to the file."
        return Check("variation", title, False, sentence, count=len(constant))
    small = [(metric, arm, n) for (metric, arm), n in still.items() if metric in leading]
    if small:
        metric, arm, n = small[0]
        sentence = (
            f"'{metric}' is the same for all {n:,} units of arm '{arm}', which are too few to know its "
            f"spread. Wait for more units, or leave the metric out."
        )
        return Check("variation", title, False, sentence, count=len(small))
    if still:
        told = ", ".join(f"'{metric}' in arm '{arm}' ({n:,} units)" for (metric, arm), n in still.items())
        sentence = f"Not tested, as it is the same for all of too few units: {told}."
        return Check("variation", title, True, sentence, count=0)
    return Check("variation", title, True, "Every metric varies.", count=0)


def _p(p: float) -> str:
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"
