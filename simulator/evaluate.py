"""The value of policies from another policy's log: the parts joined, as a straight line.

log -> target pmf on each logged feasible set -> cross-fitted reward model -> estimator terms -> interval
-> diagnosis
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from engine.errors import InputError, nearest
from policies.base import Floats, Ints
from simulator.diagnose import Diagnosis, Verdict, diagnose
from simulator.estimators import NAMES, PLAIN, TUNED
from simulator.estimators.base import Rows, Terms, evidence, value
from simulator.estimators.dr import dr
from simulator.estimators.mips import marginal_weight
from simulator.estimators.mrdr import row_weight
from simulator.estimators.slope import slope
from simulator.folds import folds
from simulator.interval.base import Evidence, Interval, within
from simulator.interval.gamma import gamma
from simulator.logs import Log
from simulator.reward_model import cross_fit
from simulator.targets import Target, Wanted, target

LOGGED = "logged"
DEFAULT = "dr"


@dataclass(frozen=True, slots=True)
class Estimate:
    """One estimator's answer; its numbers are None where the log supports none."""

    estimator: str
    value: float | None
    low: float | None
    high: float | None
    se: float | None


@dataclass(frozen=True, slots=True)
class Lift:
    """A paired difference on the same rows: this policy less `against`."""

    value: float | None
    low: float | None
    high: float | None
    against: str


@dataclass(frozen=True, slots=True)
class Logged:
    """What the logging policy earned per decision."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """One policy: verdict, estimates, the chosen one, and its lift."""

    name: str
    verdict: Verdict
    reason: str
    ess: float
    max_weight: float
    coverage: float
    estimates: tuple[Estimate, ...]
    chosen: str
    value: float | None
    low: float | None
    high: float | None
    lift: Lift


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The table: n logged decisions, what they earned, and what each policy would have."""

    n: int
    logged: Logged
    policies: tuple[PolicyValue, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain lists, dicts, strings and numbers; None where there is no answer, never NaN."""
        return {**asdict(self), "policies": [_plain(asdict(one)) for one in self.policies]}

    @property
    def refused(self) -> bool:
        """True if any policy was refused."""
        return any(one.verdict == "refused" for one in self.policies)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A target with all that its row of the table is made from."""

    name: str
    names: Sequence[str]
    terms: Mapping[str, Terms]
    evidence: Mapping[str, Evidence]
    chosen: str
    diagnosis: Diagnosis


def evaluate(
    log: Log,
    targets: Sequence[Wanted],
    estimators: Sequence[str] = (DEFAULT,),
    level: float = 0.95,
    against: str = LOGGED,
    count: int = 5,
) -> Evaluation:
    """What each target would have earned per decision on these rows.

    Args:
        log: n logged decisions.
        targets: policies, as `targets.target` takes them.
        estimators: names from `estimators.NAMES`, or ``("all",)``; the value shown is the one of DR where
            it is among them, else of the first.
        level: of the two-sided intervals.
        against: what lifts are taken against: ``logged``, or a target's name; one that is not among
            `targets` is added.
        count: folds of the cross-fitting.

    Raises:
        InputError: an unknown estimator, level or policy, or a policy that fails on a row.
    """
    if not 0.5 <= level < 1:
        raise InputError(f"level is {level}, must be in [0.5, 1), for example 0.95.")
    names = _names(estimators, log)
    fold = folds(log, count)
    q = cross_fit(log.X, log.action, log.reward, fold, len(log.actions))
    wanted = [*targets, *([against] if against != LOGGED and against not in map(_name, targets) else [])]
    judged = [_judge(target(one, log, fold), log, q, fold, names) for one in wanted]
    reference = next((one for one in judged if one.name == against), None)
    mean = _limits(_mean(log), log, level)
    logged = Logged(mean.value, mean.low, mean.high)
    return Evaluation(len(log), logged, tuple(_row(one, log, reference, level) for one in judged))


def rows_of(log: Log, policy: Target, q: Floats) -> Rows:
    """What the estimators read of one target, given predictions q (n, k)."""
    i = np.arange(len(log))
    own = q[i, log.action]
    if policy.pmf is None:
        return Rows(log.reward, np.ones(len(log)), log.propensity, own, own)
    match = policy.pmf[i, log.action]
    return Rows(
        log.reward,
        match / log.propensity,
        match,
        own,
        (policy.pmf * q).sum(axis=1),
        _marginal(log, policy.pmf),
    )


def _marginal(log: Log, pmf: Floats) -> Floats | None:
    if log.logging is None or log.embedding is None:
        return None
    ratio = marginal_weight(pmf, log.logging, log.embedding)
    own: Floats = ratio[np.arange(len(log)), np.argmax(log.embedding[log.action], axis=1)]
    return own


def _name(wanted: Wanted) -> str:
    if isinstance(wanted, Target):
        return wanted.name
    return wanted if isinstance(wanted, str) else wanted[0]


def _names(estimators: Sequence[str], log: Log) -> list[str]:
    """Checked names, each once; MIPS is among all of them only where the log knows embeddings."""
    known = [
        name for name in NAMES if name != "mips" or (log.logging is not None and log.embedding is not None)
    ]
    wanted = known if list(estimators) == ["all"] else list(dict.fromkeys(estimators))
    for name in wanted:
        if name == "mips" and name not in known:
            raise InputError("estimator mips needs a log with the logging pmf and embeddings of the actions.")
        if name not in known:
            raise InputError(f"There is no estimator '{name}'.{nearest(name, [*known, 'all'])}")
    if not wanted:
        raise InputError("No estimator was given; dr is the usual one.")
    return wanted


def _judge(policy: Target, log: Log, q: Floats, fold: Ints, names: Sequence[str]) -> _Judged:
    rows = rows_of(log, policy, q)
    chosen = DEFAULT if DEFAULT in names else names[0]
    surprise = log.reward - rows.q
    shown = evidence(dr(rows), surprise, log.cluster)
    found = diagnose(log, policy.pmf, rows.weight, shown)
    if found.verdict == "refused":
        return _Judged(policy.name, names, {}, {}, chosen, found)
    terms = {name: _terms(name, rows, policy, log, fold) for name in names}
    proof = {name: evidence(one, surprise, log.cluster) for name, one in terms.items()}
    return _Judged(policy.name, names, terms, proof, chosen, found)


def _terms(name: str, rows: Rows, policy: Target, log: Log, fold: Ints) -> Terms:
    if name in PLAIN:
        return PLAIN[name](rows)
    if name in TUNED:
        return _tuned(name, rows, log)
    weight = row_weight(rows.match, log.propensity)
    return dr(rows_of(log, policy, cross_fit(log.X, log.action, log.reward, fold, len(log.actions), weight)))


def _tuned(name: str, rows: Rows, log: Log) -> Terms:
    """The estimator at the value that `slope` picks."""
    estimator, grid = TUNED[name]
    candidates = [estimator(rows, one) for one in grid]
    limits = [gamma(evidence(one, rows.reward - rows.q, log.cluster)) for one in candidates]
    return candidates[slope([one.value for one in limits], [one.se for one in limits])]


def _mean(log: Log) -> Evidence:
    return Evidence(log.reward, np.ones(len(log)), log.reward - log.reward.mean(), log.cluster)


def _row(one: _Judged, log: Log, reference: _Judged | None, level: float) -> PolicyValue:
    estimates = tuple(_estimate(name, one, log, level) for name in one.names)
    shown = next(e for e in estimates if e.estimator == one.chosen)
    found = one.diagnosis
    return PolicyValue(
        one.name,
        found.verdict,
        found.reason,
        found.ess,
        found.max_weight,
        found.coverage,
        estimates,
        one.chosen,
        shown.value,
        shown.low,
        shown.high,
        _lift(one, log, None if reference is one else reference, level),
    )


def _estimate(name: str, one: _Judged, log: Log, level: float) -> Estimate:
    if name not in one.evidence:
        return Estimate(name, None, None, None, None)
    found = _limits(one.evidence[name], log, level)
    return Estimate(name, value(one.terms[name]), found.low, found.high, found.se)


def _limits(proof: Evidence, log: Log, level: float) -> Interval:
    """The interval of a value, no wider than the rewards seen."""
    return within(gamma(proof, level), float(log.reward.min()), float(log.reward.max()))


def _lift(one: _Judged, log: Log, reference: _Judged | None, level: float) -> Lift:
    """The paired difference to the reference, or to what was logged."""
    against = LOGGED if reference is None else reference.name
    if not one.evidence or (reference is not None and not reference.evidence):
        return Lift(None, None, None, against)
    other = _mean(log) if reference is None else reference.evidence[one.chosen]
    found = gamma(_difference(one.evidence[one.chosen], other), level)
    return Lift(found.value, found.low, found.high, against)


def _difference(one: Evidence, other: Evidence) -> Evidence:
    return Evidence(one.term - other.term, one.gain - other.gain, one.surprise, one.cluster)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "estimates": list(row["estimates"])}
