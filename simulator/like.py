"""What a log says of a world of its own: who is in it, what can be sent, and what follows.

People are the log's own rows. The chance that a decision earns something is the reward model that `evaluate`
uses, each row predicted from other rows; every action's is then shifted, on the scale of log odds, until its
mean is what doubly robust evaluation says of always taking that action. So what is true in the world is what
the log supports, on average exactly and for each customer as far as the model sees.

Source: Cox (1958), "Two Further Applications of a Model for Binary Regression" (calibration in the large).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import chi2

from engine.errors import InputError, nearest
from policies.base import NO_ACTION, Floats, Ints, Mask
from simulator.diagnose import diagnose
from simulator.estimators.base import evidence, value
from simulator.estimators.dr import dr
from simulator.evaluate import rows_of
from simulator.folds import SEED, folds, train_on
from simulator.logs import Log
from simulator.marginal import Marginal
from simulator.models import predictions
from simulator.targets import Target

PEOPLE = 20_000  # rows of the log that become kinds of customers
LEAST = 1e-6  # chance below which nobody's is put
SHRINK = 10.0  # rewards' worth of trust in the mean of all actions, for the size of one action's
WEEKS = 2  # that the log must span before days of the week are compared
DOUBT = 0.001  # level of the test for days of the week
_DAY_US = 86_400_000_000
_MONDAY = 4  # days from the epoch to the first Monday


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is fitted to a log.

    Attributes:
        source: where the log came from.
        rows: of the log.
        people: (m,) rows of what is known before a decision.
        actions: j names in the log of what can be sent.
        share: (1 + j,) how often the log did nothing, and sent each.
        chance: (m, 1 + j) that a decision earns something, nothing first.
        organic: that chance without contact as it was given; None where the log shows it.
        size: (1 + j,) mean of what is then earned.
        shape: of what is earned around its mean; None where every reward is 0 or 1.
        weekday: (7,) by which the chances are multiplied, Monday first.
        days: what the log shows of days of the week, in a sentence.
        left: actions that are left out, with the reason.
    """

    source: str
    rows: int
    people: pl.DataFrame
    actions: tuple[str, ...]
    share: Floats
    chance: Floats
    organic: float | None
    size: Floats
    shape: Marginal | None
    weekday: Floats
    days: str
    left: tuple[tuple[str, str], ...]


def likeness(log: Log, nothing: str = "", organic: float | None = None) -> Likeness:
    """Fit a world to a log.

    Args:
        log: n logged decisions.
        nothing: the action that sends nothing; ``no_action`` if the log has it.
        organic: chance that a decision without contact earns something, for a log without such decisions.

    Raises:
        InputError: the log cannot carry a world: rewards below 0 or all alike, nothing known of sending
            nothing, or too little known of every action.
    """
    _check(log)
    silent = _silent(log, nothing, organic)
    paid = replace(log, reward=(log.reward > 0).astype(np.float64))
    fold = folds(paid)
    q = predictions(paid, fold, train_on(fold, ordered=False))
    known, told = _known(paid, q)
    if silent is not None and silent not in known:
        raise InputError(f"{log.source}: sending nothing ('{log.actions.names[silent]}') {told[silent]}")
    sent = [a for a in known if a != silent]
    if not sent:
        raise InputError(f"{log.source}: no action of it can be fitted. {next(iter(told.values()))}")
    rows, columns = _sampled(len(log)), [-1 if silent is None else silent, *sent]
    chance = [
        np.full(len(rows), organic) if a < 0 else _shifted(q[:, a], known[a], log.mask[:, a])[rows]
        for a in columns
    ]
    counts = np.bincount(log.action, minlength=len(log.actions))
    size, shape = _sizes(log, columns)
    weekday, days = _weekday(paid, q)
    return Likeness(
        log.source,
        len(log),
        _people(log, rows),
        tuple(log.actions.names[a] for a in sent),
        np.array([0 if a < 0 else counts[a] for a in columns]) / len(log),
        np.column_stack(chance),
        organic,
        size,
        shape,
        weekday,
        days,
        tuple((log.actions.names[a], why) for a, why in told.items()),
    )


def _check(log: Log) -> None:
    if (below := log.reward < 0).any():
        row = int(np.argmax(below))
        raise InputError(
            f"{log.source}, row {row + 1}: the reward is {log.reward[row]:g}, must be 0 or more for a world; "
            "leave costs out of the rewards."
        )
    if np.ptp(log.reward) == 0:
        raise InputError(
            f"{log.source}: every reward is {log.reward[0]:g}; a world needs a log in which some differ."
        )


def _silent(log: Log, nothing: str, organic: float | None) -> int | None:
    """Which action sends nothing; None where its chance is given instead."""
    names = log.actions.names
    if nothing and nothing not in names:
        raise InputError(f"{log.source}: has no action '{nothing}'.{nearest(nothing, names)}")
    if organic is not None and not 0 <= organic < 1:
        raise InputError(f"organic is {organic}, must be in [0, 1).")
    wanted = nothing or NO_ACTION
    if wanted in names:
        if organic is not None:
            raise InputError(f"{log.source}: shows what '{wanted}' earns; leave --organic out.")
        return names.index(wanted)
    if organic is None:
        raise InputError(
            f"{log.source}: does not show what happens when nothing is sent; name that action with "
            "--nothing, or give the chance that a decision without contact earns something, such as "
            "--organic 0.01."
        )
    return None


def _known(paid: Log, q: Floats) -> tuple[dict[int, float], dict[int, str]]:
    """What always taking an action comes to where the log can say it, and why not where it cannot."""
    known, told = dict[int, float](), dict[int, str]()
    for a, name in enumerate(paid.actions.names):
        open_to = paid.mask[:, a]
        if not (paid.action == a).any():
            told[a] = "was never chosen."
            continue
        part = paid.rows(open_to)
        pmf = np.tile(np.arange(len(paid.actions)) == a, (len(part), 1)).astype(np.float64)
        rows = rows_of(part, Target(name, pmf), q[open_to])
        terms = dr(rows)
        found = diagnose(part, pmf, rows.weight, evidence(terms, rows.reward - rows.q, part.cluster))
        if found.verdict == "refused":
            told[a] = f"cannot be fitted. {found.reason}"
        else:
            known[a] = value(terms)
    return known, told


def _shifted(q: Floats, mean: float, open_to: Mask) -> Floats:
    """(n,) chances moved alike in log odds until those of the rows `open_to` the action have this mean."""
    odds = logit(np.clip(q, LEAST, 1 - LEAST))
    wanted = float(np.clip(mean, LEAST, 1 - LEAST))
    shift = brentq(lambda s: float(expit(odds[open_to] + s).mean()) - wanted, -60.0, 60.0)
    made: Floats = expit(odds + shift)
    return made


def _sampled(n: int) -> Ints:
    """Numbers of the rows that become customers, in order."""
    rng = np.random.Generator(np.random.PCG64(SEED))
    return np.arange(n) if n <= PEOPLE else np.sort(rng.choice(n, PEOPLE, replace=False))


def _sizes(log: Log, columns: list[int]) -> tuple[Floats, Marginal | None]:
    """(c,) mean of the rewards above 0 of each action, drawn towards that of all, and their spread."""
    paid, weight = log.reward > 0, 1.0 / log.propensity
    if np.isin(log.reward, (0.0, 1.0)).all():
        return np.ones(len(columns)), None
    overall = float(weight[paid] @ log.reward[paid] / weight[paid].sum())
    size = []
    for a in columns:
        own = paid & (log.action == a)
        trust = SHRINK * float(weight[own].mean()) if own.any() else 1.0
        size.append(
            (float(weight[own] @ log.reward[own]) + trust * overall) / (float(weight[own].sum()) + trust)
        )
    at = np.linspace(0.0, 1.0, 201)
    spread = np.quantile(log.reward[paid] / overall, at)
    return np.array(size), Marginal(tuple(at.tolist()), tuple(spread.tolist()))


def _weekday(paid: Log, q: Floats) -> tuple[Floats, str]:
    """(7,) factors where the log shows that days of the week differ, with what is to be said of it."""
    same = np.ones(7)
    if paid.at is None:
        return same, "Days of the week are alike: the log has no times."
    if np.ptp(paid.at) < WEEKS * 7 * _DAY_US:
        return same, "Days of the week are alike: the log spans less than two weeks."
    day = (paid.at // _DAY_US - _MONDAY) % 7
    own = q[np.arange(len(paid)), paid.action]
    miss = paid.reward - own
    expected, more, noise = (np.bincount(day, x, 7) for x in (own, miss, miss * miss))
    seen = noise > 0
    if chi2.sf(float((more[seen] ** 2 / noise[seen]).sum()), int(seen.sum()) - 1) > DOUBT:
        return same, "Days of the week are alike: the log shows no difference."
    factor = np.divide(expected + more, expected, out=same.copy(), where=expected > 0)
    factor = np.maximum(factor / np.average(factor, weights=np.maximum(expected, 1e-12)), 0.0)
    names = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
    shown = ", ".join(f"{name} {one:.2f}" for name, one in zip(names, factor.tolist(), strict=True))
    return factor, f"Days of the week multiply the chances: {shown}."


def _people(log: Log, rows: Ints) -> pl.DataFrame:
    """What is known of some rows: their own columns where contexts come from them, else the encoded."""
    made: dict[str, pl.Series] = {}
    for j, name in enumerate(log.names):
        raw = name.partition("=")[0].removesuffix("?")
        if raw in log.frame.columns and not log.frame[raw].dtype.is_temporal():
            made.setdefault(raw, log.frame[raw])
        else:
            made[name] = pl.Series(name, log.X[:, j])
    return pl.DataFrame(made)[rows] if made else pl.DataFrame()
