"""The value of policies from another policy's log: the parts joined, as a straight line.

log -> target pmf on each logged feasible set -> cross-fitted reward model -> estimator terms -> interval
-> diagnosis
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from engine.errors import InputError, RefusedError
from policies.base import Floats, Ints, Mask
from simulator.choice import AUTO, FIRST, choice
from simulator.comparison import Support, contributions, support
from simulator.diagnose import Diagnosis, diagnose
from simulator.estimators import PLAIN, TUNED
from simulator.estimators.base import Rows, Terms, evidence, value
from simulator.estimators.dr import dr
from simulator.estimators.mips import marginal_weight
from simulator.estimators.mrdr import row_weight
from simulator.estimators.slope import slope
from simulator.evaluation import Estimate, Evaluation, Lift, Logged, PolicyValue
from simulator.folds import folds, time_folds, train_on
from simulator.interval.base import Evidence, Interval, within
from simulator.interval.gamma import gamma
from simulator.interval.kinds import KINDS, Proof, apart, bounds, check_kind, difference
from simulator.logs import Log
from simulator.method import Method, checked_names, names_of
from simulator.models import predictions
from simulator.targets import Target, Wanted, name_of, target

LOGGED = "logged"
UNMODELLED = ("ips", "snips", "replay", "mips", "clipped_ips")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A log with its folds and what the reward model predicts; `low` and `high` limit its rewards."""

    log: Log
    fold: Ints
    train: Mask
    q: Floats
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Judged:
    """A target with all that its row of the table is made from; no terms and proofs if it is refused."""

    policy: Target
    rows: Rows
    terms: Mapping[str, Terms]
    proofs: Mapping[str, Proof]
    chosen: str
    why: str
    diagnosis: Diagnosis

    @property
    def proof(self) -> Proof | None:
        """Of the estimate shown."""
        return self.proofs.get(self.chosen)


def evaluate(
    log: Log,
    targets: Sequence[Wanted],
    estimators: Sequence[str] | None = None,
    level: float = 0.95,
    against: str = LOGGED,
    method: Method | None = None,
) -> Evaluation:
    """What each target would have earned per decision on these rows.

    Args:
        log: n logged decisions.
        targets: policies, as `targets.target` takes them.
        estimators, level: as `Method` has them; they go before the method's own where given.
        against: what lifts are taken against: ``logged``, or a target's name; one that is not among
            `targets` is added.
        method: all the rest.

    Raises:
        InputError: an unknown estimator, interval, model, level or policy, or a policy that fails on a row.
    """
    how = method or Method(level=level)
    how = how if estimators is None else replace(how, estimators=checked_names(estimators, log))
    fitted = fit(log, how)
    wanted = [*targets, *([against] if against != LOGGED and against not in map(name_of, targets) else [])]
    judged = [judge(target(one, log, fitted.fold, fitted.train), fitted, how) for one in wanted]
    return table(judged, fitted, how, against)


def table(judged: Sequence[Judged], fitted: Fitted, how: Method, against: str = LOGGED) -> Evaluation:
    """The table of judged policies, with lifts over what was logged or over one of them."""
    log = fitted.log
    reference = next((one for one in judged if one.policy.name == against), None)
    return Evaluation(
        len(log),
        _logged(fitted, how),
        tuple(_row(one, fitted, reference, how) for one in judged),
        how.level,
        how.interval,
        how.model,
        log.source,
        log.notes,
        how.detect,
    )


def _logged(fitted: Fitted, how: Method) -> Logged:
    mean = _cut(KINDS[how.interval](mean_proof(fitted), how.level), fitted.log)
    flat = np.ptp(fitted.log.reward) == 0
    return Logged(mean.value, *((None, None) if flat else (mean.low, mean.high)))


def fit(log: Log, how: Method) -> Fitted:
    """The log cut into folds, with predictions for every action in every row."""
    if not 0.5 <= how.level < 1:
        raise InputError(f"level is {how.level}, must be in [0.5, 1), for example 0.95.")
    check_kind(how.interval, names_of(how, log), log.cluster is not None)
    low, high = bounds(how.interval, log.reward, how.limits)
    fold = time_folds(log, how.count) if how.ordered else folds(log, how.count)
    train = train_on(fold, how.ordered)
    return Fitted(log, fold, train, predictions(log, fold, train, how.model), low, high)


def rows_of(log: Log, policy: Target, q: Floats) -> Rows:
    """What the estimators read of one target, given predictions q (n, k)."""
    i = np.arange(len(log))
    own = q[i, log.action]
    if policy.pmf is None:
        return Rows(log.reward, np.ones(len(log)), log.propensity, own, own, np.ones(len(log)))
    match = policy.pmf[i, log.action]
    expected = np.einsum("ij,ij->i", policy.pmf, q)
    return Rows(log.reward, match / log.propensity, match, own, expected, _marginal(log, policy.pmf))


def _marginal(log: Log, pmf: Floats) -> Floats | None:
    if log.logging is None or log.embedding is None:
        return None
    ratio = marginal_weight(pmf, log.logging, log.embedding)
    own: Floats = ratio[np.arange(len(log)), np.argmax(log.embedding[log.action], axis=1)]
    return own


def judge(policy: Target, fitted: Fitted, how: Method) -> Judged:
    """The estimates of one target, or the refusal to make any."""
    log, names = fitted.log, names_of(how, fitted.log)
    rows = rows_of(log, policy, fitted.q)
    surprise = log.reward - rows.q
    found = diagnose(log, policy.pmf, rows.weight, evidence(dr(rows), surprise, log.cluster))
    wanted = AUTO if AUTO in how.estimators else next((one for one in FIRST if one in names), names[0])
    if found.verdict == "refused":
        chosen = names[0] if wanted == AUTO else wanted
        return Judged(policy, rows, {}, {}, chosen, "nothing is shown", found)
    terms = {name: _terms(name, rows, policy, fitted, how) for name in names}
    proofs = {
        name: _proof(name, evidence(one, surprise, log.cluster), rows, policy, fitted)
        for name, one in terms.items()
    }
    errors = {name: gamma(one.evidence).se for name, one in proofs.items()} if wanted == AUTO else {}
    return Judged(policy, rows, terms, proofs, *choice(wanted, errors), found)


def _terms(name: str, rows: Rows, policy: Target, fitted: Fitted, how: Method) -> Terms:
    log = fitted.log
    if name in PLAIN:
        return PLAIN[name](rows)
    if name in TUNED:
        return _tuned(name, rows, log)
    weight = row_weight(rows.match, log.propensity)
    return dr(rows_of(log, policy, predictions(log, fitted.fold, fitted.train, how.model, weight)))


def _tuned(name: str, rows: Rows, log: Log) -> Terms:
    """The estimator at the value that `slope` picks."""
    estimator, grid = TUNED[name]
    candidates = [estimator(rows, one) for one in grid]
    limits = [gamma(evidence(one, rows.reward - rows.q, log.cluster)) for one in candidates]
    return candidates[slope([one.value for one in limits], [one.se for one in limits])]


def _proof(name: str, shown: Evidence, rows: Rows, policy: Target, fitted: Fitted) -> Proof:
    order = slice(None) if fitted.log.at is None else np.argsort(fitted.log.at, kind="stable")
    return Proof(
        shown,
        rows.weight[order],
        rows.reward[order],
        _largest(policy, fitted.log, rows.weight),
        fitted.low,
        fitted.high,
        name not in UNMODELLED,
    )


def _largest(policy: Target, log: Log, weight: Floats) -> float:
    """A weight that the target cannot exceed on such a log: its surest action on the least propensity."""
    if policy.pmf is None:
        return 1.0
    if log.logging is not None:
        ratio = np.divide(policy.pmf, log.logging, out=np.zeros_like(policy.pmf), where=log.logging > 0)
        return max(float(ratio.max()), float(weight.max()))
    return float(policy.pmf.max()) / float(log.propensity.min())


def mean_proof(fitted: Fitted) -> Proof:
    """What was logged, as an estimate."""
    log, one = fitted.log, np.ones(len(fitted.log))
    shown = Evidence(log.reward, one, log.reward - log.reward.mean(), log.cluster)
    return Proof(shown, one, log.reward, 1.0, fitted.low, fitted.high, False)


def _row(one: Judged, fitted: Fitted, reference: Judged | None, how: Method) -> PolicyValue:
    estimates = tuple(_estimate(name, one, fitted.log, how) for name in names_of(how, fitted.log))
    shown = next(e for e in estimates if e.estimator == one.chosen)
    found = one.diagnosis
    return PolicyValue(
        one.policy.name,
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
        _lift(one, fitted, None if reference is one else reference, how),
        one.why,
        _support(one, fitted, None if reference is one else reference, how),
        found.bearing,
    )


def _support(one: Judged, fitted: Fitted, reference: Judged | None, how: Method) -> Support | None:
    pair = paired(one, fitted, reference)
    if pair is None:
        return None
    lift, shown = difference(*pair).evidence, pair[0].evidence
    return support(fitted.log, shown, lift, one.rows.weight, how.segments, how.detect, how.level)


def paired(one: Judged, fitted: Fitted, reference: Judged | None) -> tuple[Proof, Proof] | None:
    """The estimate shown and the one its lift is against; None where either was refused."""
    mine = one.proof
    other = mean_proof(fitted) if reference is None else reference.proofs.get(one.chosen)
    return None if mine is None or other is None else (mine, other)


def contribution_table(log: Log, wanted: Wanted, against: str, how: Method) -> pl.DataFrame:
    """What each row adds to the value of a policy and to its lift.

    Raises:
        RefusedError: the log cannot say what one of the two is worth.
    """
    fitted = fit(log, how)
    mine, other = (
        None if one == LOGGED else judge(target(one, log, fitted.fold, fitted.train), fitted, how)
        for one in (wanted, against)
    )
    pair = None if mine is None else paired(mine, fitted, other)
    if mine is None or pair is None:
        reason = next(
            (one.diagnosis.reason for one in (mine, other) if one is not None and not one.proofs), ""
        )
        raise RefusedError(f"There are no contributions to a value that is refused. {reason}".rstrip())
    return contributions(log, pair[0].evidence, difference(*pair).evidence, mine.rows.weight)


def _estimate(name: str, one: Judged, log: Log, how: Method) -> Estimate:
    if name not in one.proofs:
        return Estimate(name, None, None, None, None)
    found = _cut(KINDS[how.interval](one.proofs[name], how.level), log)
    return Estimate(name, value(one.terms[name]), found.low, found.high, found.se)


def _cut(found: Interval, log: Log) -> Interval:
    """The interval of a value, no wider than the rewards seen."""
    return within(found, float(log.reward.min()), float(log.reward.max()))


def _lift(one: Judged, fitted: Fitted, reference: Judged | None, how: Method) -> Lift:
    """The paired difference to the reference, or to what was logged."""
    against = LOGGED if reference is None else reference.policy.name
    pair = paired(one, fitted, reference)
    if pair is None:
        return Lift(None, None, None, against)
    found = apart(how.interval, *pair, how.level)
    return Lift(found.value, found.low, found.high, against)
