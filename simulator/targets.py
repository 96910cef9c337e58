"""The policies to be evaluated, as probabilities on the logged rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine.errors import InputError, nearest
from policies.base import Floats, Ints, Mask, Policy, feedback
from policies.explore import uniform
from policies.make import make
from policies.settings import PolicyError
from simulator import offline
from simulator.folds import train_on
from simulator.logs import Log

# what a log teaches best: act on what was learnt, and keep a little of every action
LEARNT: dict[str, Any] = {"explore": "greedy", "floor": 0.02, "waves": 0}
TOLERANCE = 1e-6  # how far a row of probabilities may be from 1


@dataclass(frozen=True, slots=True)
class Target:
    """A policy on the n rows of one log.

    Attributes:
        name: as it was asked for.
        pmf: (n, k) probabilities, or None for the logging policy itself, of which only the logged choice
            is known. What lies on an action that was not feasible in its row is told as not covered.
    """

    name: str
    pmf: Floats | None


Wanted = str | Target | tuple[str, Policy] | tuple[str, Callable[[], Policy]]


def name_of(wanted: Wanted) -> str:
    """What a target is called in a table."""
    if isinstance(wanted, Target):
        return wanted.name
    return wanted if isinstance(wanted, str) else wanted[0]


def target(wanted: Wanted, log: Log, fold: Ints, train: Mask | None = None) -> Target:
    """The target named or handed in.

    Args:
        wanted: ``uniform``, ``constant:ACTION``, ``logging``, ``pmf:PREFIX`` (columns ``PREFIX<action>``),
            ``learnt`` or ``linear``, ``learnt:dr``, ``learnt:ips``, the path of a YAML file with ``kind`` and
            ``settings``; or (name, policy) to take a policy as it is; or (name, constructor) for one that
            learns from this log, always from other folds than it is judged on; or a ready `Target`.
        log: n rows.
        fold: (n,) folds, as `folds` deals them.
        train: (F, F) which folds a policy that is judged on a fold learns from, all others if not given.

    Raises:
        InputError: there is no such policy, or it fails on a row.
    """
    if isinstance(wanted, Target):
        return wanted
    seen = train_on(fold, ordered=False) if train is None else train
    if isinstance(wanted, tuple):
        name, policy = wanted
        if isinstance(policy, Policy) and not isinstance(policy, type):
            return Target(name, _ask(name, policy, log, np.arange(len(log))))
        return Target(name, _learn(name, policy, log, fold, seen))
    return Target(wanted, None if wanted == "logging" else _named(wanted, log, fold, seen))


def _named(name: str, log: Log, fold: Ints, seen: Mask) -> Floats:
    kind, _, rest = name.partition(":")
    if name == "uniform":
        return uniform(log.mask)
    if kind == "constant":
        return _constant(name, rest, log)
    if kind == "pmf":
        return _columns(name, rest, log)
    if name in ("learnt", "linear"):
        return _learn(name, lambda: make("linear", LEARNT), log, fold, seen)
    if name in offline.NAMES:
        return offline.trained(log, fold, seen, offline.NAMES[name])
    if name.endswith((".yaml", ".yml")):
        return _learn(name, _from_file(Path(name)), log, fold, seen)
    known = ["uniform", "constant:ACTION", "logging", "pmf:PREFIX", "learnt", *offline.NAMES, "a .yaml file"]
    raise InputError(f"There is no policy '{name}'.{nearest(name, known)}")


def _constant(name: str, action: str, log: Log) -> Floats:
    if action not in log.actions.names:
        raise InputError(
            f"policy {name}: the log has no action '{action}', and what was never tried cannot be judged."
            f"{nearest(action, log.actions.names)}"
        )
    return _ask(name, make("constant", {"action": action}), log, np.arange(len(log)))


def _columns(name: str, prefix: str, log: Log) -> Floats:
    columns = [f"{prefix}{action}" for action in log.actions.names]
    for column in columns:
        if column not in log.frame.columns:
            raise InputError(
                f"{log.source}, policy {name}: has no column '{column}'.{nearest(column, log.frame.columns)}"
            )
    pmf = np.column_stack([log.frame[c].cast(pl.Float64, strict=False).to_numpy() for c in columns])
    return _check(name, pmf, log.mask, np.arange(len(log)))


def _from_file(path: Path) -> Callable[[], Policy]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is not YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(content, dict) or "kind" not in content:
        raise InputError(
            f"{path}: must have `kind: linear` or another kind of policy, and may have `settings:`."
        )
    if unknown := sorted(set(content) - {"kind", "settings"}):
        raise InputError(
            f"{path}: has an unknown key '{unknown[0]}'.{nearest(unknown[0], ['kind', 'settings'])}"
        )

    def build() -> Policy:
        try:
            return make(content["kind"], content.get("settings"))
        except PolicyError as error:
            raise InputError(f"{path}: {error}") from error

    build()
    return build


def _learn(name: str, build: Callable[[], Policy], log: Log, fold: Ints, seen: Mask) -> Floats:
    """(n, k) pmf in which every row comes from a policy that learnt from other folds alone."""
    pmf = np.empty(log.mask.shape)
    for f in range(len(seen)):
        policy, held, rest = build(), np.flatnonzero(fold == f), np.flatnonzero(seen[f][fold])
        policy.learn(
            feedback(log.X[rest], log.actions, log.action[rest], log.reward[rest], log.propensity[rest])
        )
        pmf[held] = _ask(name, policy, log, held)
    return pmf


def _ask(name: str, policy: Policy, log: Log, rows: Ints) -> Floats:
    """(m, k) checked pmf of a policy on some rows; a failure names the first row it happens on."""
    X, mask = log.X[rows], log.mask[rows]
    try:
        pmf = policy.pmf(X, log.actions, mask, np.zeros(mask.shape))
    except Exception as error:
        bad, cause = _first_failure(policy, log, X, mask, error)
        what = f"{type(cause).__name__}: {cause}"
        raise InputError(
            f"{log.source}, row {rows[bad] + 1}: policy {name} failed ({what}). Mend the policy."
        ) from cause
    return _check(name, np.asarray(pmf, dtype=np.float64), mask, rows)


def _first_failure(
    policy: Policy, log: Log, X: Floats, mask: Mask, error: Exception
) -> tuple[int, Exception]:
    """The first row that fails when asked alone, or row 0 and the first error if none does."""
    for i in range(len(X)):
        try:
            policy.pmf(X[i : i + 1], log.actions, mask[i : i + 1], np.zeros((1, len(log.actions))))
        except Exception as alone:
            return i, alone
    return 0, error


def _check(name: str, pmf: Floats, mask: Mask, rows: Ints) -> Floats:
    if pmf.shape != mask.shape:
        raise InputError(f"policy {name}: gave probabilities of shape {pmf.shape}, must be {mask.shape}.")
    total = pmf.sum(axis=1)
    rules = [
        (
            ~np.isfinite(pmf).all(axis=1) | (pmf < 0).any(axis=1),
            "has a probability that is negative or not a number",
        ),
        (np.abs(total - 1) > TOLERANCE, "has probabilities that sum to {total:.6g}, must be 1"),
        (
            (pmf > 0).sum(axis=1) > ((pmf > 0) & mask).sum(axis=1),
            "gives a probability to an action that was not feasible",
        ),
    ]
    for bad, rule in rules:
        if bad.any():
            i = int(np.argmax(bad))
            raise InputError(
                f"policy {name}, row {rows[i] + 1}: {rule.format(total=total[i])}; "
                "mend the policy, or the columns that hold its probabilities."
            )
    return pmf
