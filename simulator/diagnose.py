"""Whether a log can say what a policy is worth, and if not, why and what would cure it.

A refusal is not a wide interval: below these limits the interval itself cannot be trusted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from policies.base import Floats, Ints
from simulator.carried import rows_left
from simulator.gaps import Gap, Search, search
from simulator.interval.base import Evidence
from simulator.interval.gamma import gamma, quantile
from simulator.logs import Log
from simulator.propensity import followed

Verdict = Literal["supported", "weak", "refused"]
LEAST_SIZE = 50.0  # effective sample size below which there is no value
FIRM_SIZE = 200.0  # ... and above which it is not called weak
LEAST_COVERAGE = 0.95  # of the target's probability, on actions the log has tried
LARGEST_SHARE = 0.05  # of all weight, on one unit
LEAST_BEARING = 10.0  # effective number of rewards of unlike sizes
LEAST_AMOUNTS = 10.0  # effective number of rewards, where few large ones make up for many others
STRICT = 0.999  # level of the tests: one false alarm in a thousand healthy logs
SURE = 0.98  # two-sided level at which a mean weight below the least coverage is believed
SUMMED = 0.01  # how far a pmf may be from 1 in a row; of programs taken forward it is farther
MISFIT = 0.05  # how far a mean weight may surely be from 1


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the log knows about a target.

    Attributes:
        ess: effective sample size, (sum w)^2 / sum w^2 over independent units.
        max_weight: the largest weight of a row.
        coverage: share of the target's probability that lies where the log has tried it, in [0, 1].
        verdict: supported, weak or refused.
        reason: "" if supported, else what is wrong and what data would cure it.
        bearing: effective number of rewarded units that the result rests on.
    """

    ess: float
    max_weight: float
    coverage: float
    verdict: Verdict
    reason: str
    bearing: float


def diagnose(log: Log, pmf: Floats | None, weight: Floats, evidence: Evidence) -> Diagnosis:
    """The verdict on one target.

    Args:
        log: n rows.
        pmf: (n, k) of the target, or None for the logging policy.
        weight: (n,) the target's weights.
        evidence: terms of the estimate that would be shown.

    Source: Kish (1965), "Survey Sampling" (effective sample size); E[w] = 1 is the balance check of Li,
        Chen, Kleban and Gupta (2015), "Counterfactual Estimation and Optimization of Click Metrics in
        Search Engines".
    """
    size = _size(_by_unit(weight, log.cluster))
    once = Evidence(weight, weight, np.ones(len(log)), log.cluster)
    balance = gamma(once, STRICT)
    tried = None if pmf is None else _tried(log, pmf)
    covered = 1.0 if pmf is None or tried is None else _covered(log, pmf, tried)
    found = Search(None, 0.0) if tried is None else search(log, tried, weight, 1.0 - covered)
    if found.gap is not None:
        covered = max(covered - found.gap.share, 0.0)
    short = balance.value if gamma(once, SURE).high < LEAST_COVERAGE else 1.0
    if log.logging is None:
        covered = min(covered, short)
    refusals = list(_refusals(log, size, covered, short, balance.low, found.gap))
    heaviest, bearing = float(weight.max()), bearing_units(log, weight)
    if refusals:
        return Diagnosis(size, heaviest, covered, "refused", refusals[0], bearing)
    doubts = list(_doubts(log, pmf, weight, size, evidence, found.unseen))
    return Diagnosis(size, heaviest, covered, "weak" if doubts else "supported", " ".join(doubts), bearing)


def _tried(log: Log, pmf: Floats) -> Floats:
    """The target's probability on actions that could be chosen in their row and some row tried; else 0."""
    tried = np.bincount(log.action, minlength=len(log.actions)) > 0
    possible = log.mask if log.logging is None else log.mask & (log.logging > 0)
    return pmf if possible.all() and tried.all() else pmf * (possible & tried)


def _covered(log: Log, pmf: Floats, tried: Floats) -> float:
    """Share of the target that lies where the log has tried it, in [0, 1].

    The rows of a program taken forward do not sum to 1 each. Where the log's probabilities are known, that is
    chance, but for what the program does beyond them: that is missing from the customer's later rows too.
    """
    if log.logging is None or np.allclose(pmf.sum(axis=1), 1.0, atol=SUMMED):
        return min(1.0, float(tried.sum()) / len(log))
    return max(0.0, 1.0 - float((pmf - tried).sum(axis=1) @ rows_left(log)) / len(log))


def _refusals(
    log: Log, size: float, covered: float, short: float, least_mean: float, gap: Gap | None
) -> Iterator[str]:
    if np.ptp(log.reward) == 0:
        yield (
            f"Every reward in the log is {log.reward[0]:g}, so nothing tells how much rewards vary; "
            "log until some differ, or check the reward column."
        )
    if log.estimated and (column := followed(log)) is not None:
        yield (
            f"The propensities are the shares of the actions, but the actions follow {column}; log the "
            "probability with which each was drawn."
        )
    if gap is not None and gap.where is not None:
        others = f" and {len(gap.actions) - 3} more" if len(gap.actions) > 3 else ""
        yield (
            f"The log never or hardly took {', '.join(gap.actions[:3])}{others} {gap.where}; at least "
            f"{gap.share:.0%} of what this policy would do is untried, more than chance explains. Give these "
            "actions a random share there, or leave them out of the policy."
        )
    if covered < LEAST_COVERAGE:
        yield (
            f"The log has tried only {covered:.0%} of what this policy would do "
            f"({LEAST_COVERAGE:.0%} needed), or its propensities are too large; give the missing actions a "
            "random share where this policy would choose them."
        )
    if size < LEAST_SIZE:
        yield (
            f"The log agrees with this policy on an effective sample of only {size:.0f} "
            f"({LEAST_SIZE:.0f} needed); about {LEAST_SIZE / max(size, 1.0):.1f} times the log, "
            "or more exploration of its actions, would do."
        )
    if covered >= LEAST_COVERAGE > short:
        yield (
            "By chance the log took less of what this policy would do than its probabilities promise: the "
            f"weights average {short:.2f} and not 1; log more, or explore the policy's actions more."
        )
    if least_mean > 1 + MISFIT:
        yield (
            f"The weights average above {least_mean:.2f} and must average 1, so the logged propensities are "
            "too small; log the probability over the final feasible set with which each action was drawn."
        )


def _doubts(
    log: Log, pmf: Floats | None, weight: Floats, size: float, evidence: Evidence, unseen: float
) -> Iterator[str]:
    if log.estimated:
        yield (
            "The propensities are the shares of the actions, not logged: right only if every row had the "
            "same chances; log the propensity with each decision."
        )
    if log.fallback > LARGEST_SHARE:
        yield (
            f"A fallback made {log.fallback:.0%} of the decisions, which are left out; if it answers in some "
            "situations rather than others, the rest is not like the whole."
        )
    if size < FIRM_SIZE:
        yield f"The effective sample is only {size:.0f}; {FIRM_SIZE:.0f} would be firm."
    unit = _by_unit(weight, log.cluster)
    if (share := float(unit.max() / unit.sum())) > LARGEST_SHARE:
        yield f"One unit carries {share:.0%} of all weight; log more, or explore its action more."
    if unseen > 1 - LEAST_COVERAGE:
        yield (
            f"So few rows of each action could hide that {min(unseen, 1.0):.0%} of what this policy would do "
            "was never tried in some contexts; log more."
        )
    if not weight @ (log.reward - log.reward.min()) > 0:
        yield "No row that agrees with this policy met a reward above the least; log more of them."
    if len(np.unique(log.reward)) > 2 and (bearing := bearing_units(log, weight)) < LEAST_BEARING:
        yield (
            f"The result rests on {bearing:.0f} or so rewards of unlike sizes ({LEAST_BEARING:.0f} would be "
            "firm); log more of them."
        )
    if few_amounts(log):
        yield "A few large rewards outweigh all others; log more, or cap rewards where the goal allows it."
    if not log.reward.min() <= evidence.term.mean() <= log.reward.max():
        yield "The estimate lies outside the rewards that were seen; log more."
    if pmf is not None and (names := miscalibrated(log, pmf)):
        yield (
            f"The logged propensities do not fit how often {', '.join(names[:3])} was chosen; "
            "check that they are the probabilities over the final feasible set."
        )
    if (drift := _drift(log, evidence)) is not None:
        before, after = drift
        yield (
            f"The estimate drifts: {before:.4g} in the earlier half, {after:.4g} in the later; "
            "take a recent log."
        )


def bearing_units(log: Log, weight: Floats) -> float:
    """Effective number of rewarded units that the result rests on, had the rewards fallen on any units.

    Units whose reward is above the least (the buyers among the many who do not buy), or below the largest if
    those are fewer, as far as the weights use them. Where rewards are of two sizes this is told and is no
    part of the verdict: the interval knows it, and a verdict that asked for many would call the very logs
    supported in which more rewards fell than usual, and whose estimates are too high.
    """
    above, below = log.reward > log.reward.min(), log.reward < log.reward.max()
    units = [int((_by_unit(side.astype(np.float64), log.cluster) > 0).sum()) for side in (above, below)]
    w = _by_unit(weight, log.cluster)
    return min(units) * _size(w) / len(w)


def few_amounts(log: Log) -> bool:
    """Whether rewards are of such unlike sizes that a few of the largest are most of all."""
    above = _by_unit(log.reward - log.reward.min(), log.cluster)
    size = _size(above)
    return size < LEAST_AMOUNTS and size < int((above > 0).sum()) / 2


def _by_unit(x: Floats, cluster: Ints | None) -> Floats:
    """Sums over the rows of each unit."""
    return x if cluster is None else np.bincount(cluster, weights=x).astype(np.float64)


def _size(x: Floats) -> float:
    """Kish's effective number of the parts that a sum is made of: (sum x)^2 / sum x^2; 0 of nothing."""
    square = float(x @ x)
    return float(x.sum()) ** 2 / square if square > 0 else 0.0


def miscalibrated(log: Log, pmf: Floats) -> list[str]:
    """Actions of some importance to the target whose rows, over their propensity, do not add up to the
    rows they were feasible in.

    An action's mean weight under "always this action" is 1 if its propensities are right. The test is a
    gamma interval at a level that allows one false alarm in a thousand logs, and a misfit of 5 % is let pass.
    Rows of an action whose propensities were too small for one to be drawn may weigh as much as the heaviest
    row of any action: so much is allowed for them as none of -log(level) expected ones would have been drawn.
    """
    n, k = log.mask.shape
    feasible = log.mask.sum(axis=0)
    once, square, cube = (np.bincount(log.action, log.propensity**-p, k) for p in (1.0, 2.0, 3.0))
    effect = 1.0 if log.cluster is None else float((np.bincount(log.cluster) ** 2.0).sum() / n)
    tail = (1 - STRICT) / 2 / k
    undrawn = -math.log(tail) * float((1.0 / log.propensity).max()) / n
    names = []
    for a in np.flatnonzero((pmf.mean(axis=0) > MISFIT / k) & (once > 0)):
        mean, share = once[a] / n, feasible[a] / n
        variance = (square[a] / n - mean**2) / n * effect
        third = (cube[a] / n - 3 * mean * square[a] / n + 2 * mean**3) / n**2 * effect**2
        event = square[a] / once[a] / n * effect
        high = max(quantile(mean + event, variance + event**2, 2 * third, 1 - tail), mean + undrawn) / share
        low = quantile(mean, variance, 2 * third, tail) / share
        if low > 1 + MISFIT or high < 1 - MISFIT:
            names.append(log.actions.names[a])
    return names


def _drift(log: Log, evidence: Evidence) -> tuple[float, float] | None:
    """The estimate in the two halves of time, if they differ more than chance allows; None without times."""
    if log.at is None:
        return None
    later = log.at > np.median(log.at)
    if not later.any():
        return None
    limits = []
    for half in (~later, later):
        cluster = (
            None if evidence.cluster is None else np.unique(evidence.cluster[half], return_inverse=True)[1]
        )
        part = Evidence(evidence.term[half], evidence.gain[half], evidence.surprise[half], cluster)
        limits.append(gamma(part, STRICT))
    before, after = limits
    apart = abs(before.value - after.value) > math.hypot(before.high - before.low, after.high - after.low) / 2
    return (before.value, after.value) if apart else None
