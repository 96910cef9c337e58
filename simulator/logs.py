"""Logged decisions of any origin, read once into checked arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.errors import InputError, nearest
from policies.base import Actions, Floats, Ints, Mask, feedback
from simulator.contexts import encode
from simulator.frames import check_after, check_once, read_frame, read_times, table_of

ESTIMATE = "estimate"
SUMS = 1e-3  # how far logged probabilities may be from summing to 1: systems round them


@dataclass(frozen=True, slots=True)
class Log:
    """n logged decisions among k actions.

    Attributes:
        X: (n, d) encoded contexts.
        names: d names of the columns of X.
        frame: the raw columns, n rows, for targets that read their own.
        actions: the k actions.
        action: (n,) index of the logged action.
        propensity: (n,) probability with which it was chosen, in (0, 1].
        reward: (n,) finite rewards.
        mask: (n, k) actions that were feasible.
        cluster: (n,) dense codes of what was randomised or sampled as one (a customer, a household), or None.
        at: (n,) time of the decision in microseconds, or None where the file's order is all there is.
        estimated: True where the propensities were not logged but taken from the shares of the actions.
        source: where it was read from, for messages.
        logging: (n, k) the logging policy's whole pmf, where it is known.
        embedding: (k, g) 1 where an action belongs to a group, such as its offer; one group an action.
        notes: what was left out on the way from its source, in sentences.
        fallback: share of the decisions that a fallback made, in [0, 1]; they are left out.
    """

    X: Floats
    names: tuple[str, ...]
    frame: pl.DataFrame
    actions: Actions
    action: Ints
    propensity: Floats
    reward: Floats
    mask: Mask
    cluster: Ints | None = None
    at: Ints | None = None
    estimated: bool = False
    source: str = "log"
    logging: Floats | None = None
    embedding: Floats | None = None
    notes: tuple[str, ...] = ()
    fallback: float = 0.0

    def __len__(self) -> int:
        return len(self.action)

    def rows(self, kept: Mask | Ints) -> Log:
        """The log of some rows: where a mask holds, or of those numbers."""
        i = np.arange(len(self))[kept]
        return replace(
            self,
            X=self.X[i],
            frame=self.frame[i],
            action=self.action[i],
            propensity=self.propensity[i],
            reward=self.reward[i],
            mask=self.mask[i],
            cluster=None if self.cluster is None else np.unique(self.cluster[i], return_inverse=True)[1],
            at=None if self.at is None else self.at[i],
            logging=None if self.logging is None else self.logging[i],
        )


def read_log(
    path: str | Path,
    *,
    context: Sequence[str] = (),
    action: str,
    propensity: str | float,
    reward: str,
    cluster: str | None = None,
    time: str | None = None,
    feasible: str | None = None,
    logging: str | None = None,
    id: str | None = None,
    rewarded: str | None = None,
) -> Log:
    """A Parquet or CSV file (gz allowed) of one row per decision.

    Args:
        path: the file.
        context: columns known before the choice.
        action: column of the chosen action.
        propensity: column of the probability with which it was chosen; or that probability as a number,
            for a log randomised alike in every row; or ``"estimate"`` to take the share of each action,
            which is marked.
        reward: column of what it earned.
        cluster: column of the unit whose rows are not independent.
        time: column of the time of decision, for drift.
        feasible: prefix of one 0/1 column per action, ``PREFIX<action>``, 1 where it could be chosen.
        logging: prefix of one column per action, ``PREFIX<action>``, with its logged probability.
        id: column that names the decision; no two rows may share one.
        rewarded: column of the time of the reward, which must not be before `time`.

    Raises:
        InputError: the file cannot be read, a column is missing, or a value is out of its range.
    """
    frame = read_frame(Path(path))
    return make_log(
        frame,
        context=context,
        action=action,
        propensity=propensity,
        reward=reward,
        cluster=cluster,
        time=time,
        feasible=feasible,
        logging=logging,
        id=id,
        rewarded=rewarded,
        source=str(path),
    )


def make_log(
    frame: object,
    *,
    context: Sequence[str] = (),
    action: str,
    propensity: str | float,
    reward: str,
    cluster: str | None = None,
    time: str | None = None,
    feasible: str | None = None,
    logging: str | None = None,
    id: str | None = None,
    rewarded: str | None = None,
    source: str = "log",
) -> Log:
    """A log from a polars, pandas or Arrow table; other arguments and errors as in `read_log`."""
    table = table_of(frame, source)
    named = [*context, action, reward, *(c for c in (cluster, time, id, rewarded) if c is not None)]
    given = isinstance(propensity, str) and propensity != ESTIMATE
    for name in [*named, str(propensity)] if given else named:
        _column(table, name, source)
    if not len(table):
        raise InputError(f"{source}: has no rows. An evaluation needs logged decisions.")
    index, actions = _actions(table[action], source, _offered(table, feasible, action))
    chance = _propensity(table, propensity, index, source)
    at = None if time is None else read_times(table[time], source)
    if id is not None:
        check_once(table[id], source)
    if rewarded is not None:
        check_after(table[rewarded], at, source)
    X, names = encode(table, context)
    return Log(
        X=X,
        names=names,
        frame=table,
        actions=actions,
        action=index,
        propensity=chance,
        reward=_numbers(table[reward], source, "must be a finite number; drop the row or mend the join"),
        mask=_mask(table, feasible, actions, index, source),
        cluster=None if cluster is None else _codes(table[cluster], source),
        at=at,
        estimated=propensity == ESTIMATE,
        source=source,
        logging=None if logging is None else _logging(table, logging, actions, index, chance, source),
    )


def log_of(
    X: Floats, actions: Actions, action: Ints, propensity: Floats, reward: Floats, mask: Mask | None = None
) -> Log:
    """A log from arrays as `Log` has them; every action is feasible where no mask is given.

    Raises:
        FeedbackError: a shape or a value is out of its range.
    """
    checked = feedback(X, actions, action, reward, propensity)
    full = np.ones((len(action), len(actions)), dtype=np.bool_) if mask is None else mask
    names = tuple(f"x{j}" for j in range(checked.X.shape[1]))
    frame = pl.DataFrame({"action": action, "propensity": propensity, "reward": reward})
    return Log(checked.X, names, frame, actions, checked.action, checked.propensity, checked.reward, full)


def _column(frame: pl.DataFrame, name: str, source: str) -> pl.Series:
    if name not in frame.columns:
        raise InputError(f"{source}: has no column '{name}'.{nearest(name, frame.columns)}")
    return frame[name]


def _refuse(bad: NDArray[np.bool_], column: pl.Series, source: str, rule: str) -> None:
    """Raise for the first bad row, counted from 1 below the header."""
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(f"{source}, row {row + 1}: {column.name} is {column[row]}, {rule}.")


def _numbers(column: pl.Series, source: str, rule: str) -> Floats:
    value = column.cast(pl.Float64, strict=False).to_numpy().astype(np.float64)
    _refuse(~np.isfinite(value), column, source, rule)
    return value


def _actions(column: pl.Series, source: str, offered: Sequence[str]) -> tuple[Ints, Actions]:
    """(n,) indices into the distinct actions, in numeric order if they are whole numbers, else by name.

    Actions that were offered and never chosen come last.
    """
    _refuse(column.is_null().to_numpy(), column, source, "must name the action that was taken")
    distinct = [str(one) for one in column.unique().sort().to_list()]
    if len(distinct) == 1:
        raise InputError(
            f"{source}: column '{column.name}' holds one action only, '{distinct[0]}'. What was never tried "
            "cannot be compared; log a share of other actions, chosen at random."
        )
    distinct += [name for name in offered if name not in distinct]
    code = {name: j for j, name in enumerate(distinct)}
    text = column.cast(pl.String)
    index = text.replace_strict(list(code), list(code.values()), return_dtype=pl.Int64).to_numpy()
    return index.astype(np.int64), Actions.plain(tuple(distinct))


def _offered(frame: pl.DataFrame, prefix: str | None, action: str) -> list[str]:
    """Actions that have a column of their own, sorted."""
    if prefix is None:
        return []
    columns = [name for name in frame.columns if name.startswith(prefix) and name != action]
    return sorted(name.removeprefix(prefix) for name in columns)


def _logging(
    frame: pl.DataFrame, prefix: str, actions: Actions, action: Ints, chance: Floats, source: str
) -> Floats:
    """(n, k) the whole logged pmf, which must agree with the propensity of what was chosen."""
    columns = [_column(frame, f"{prefix}{name}", source) for name in actions.names]
    pmf = np.column_stack([_numbers(c, source, "must be a probability in [0, 1]") for c in columns])
    total, own = pmf.sum(axis=1), pmf[np.arange(len(pmf)), action]
    for bad, rule in (
        ((pmf < 0).any(axis=1), "has a negative probability under {prefix}, must be in [0, 1]"),
        (np.abs(total - 1) > SUMS, "has probabilities under {prefix} that sum to {total:.6g}, must be 1"),
        (np.abs(own - chance) > SUMS, "has another probability of what was chosen than {prefix}: {own:.6g}"),
    ):
        if bad.any():
            row = int(np.argmax(bad))
            told = rule.format(prefix=f"{prefix}*", total=total[row], own=own[row])
            raise InputError(f"{source}, row {row + 1}: {told}; log the probabilities over the final set.")
    whole: Floats = pmf / total[:, None]
    return whole


def _propensity(frame: pl.DataFrame, propensity: str | float, action: Ints, source: str) -> Floats:
    if propensity == ESTIMATE:
        return (np.bincount(action) / len(action))[action]
    if isinstance(propensity, str):
        column = frame[propensity]
        rule = "must be in (0, 1]: the probability with which the logged action was chosen"
        value = _numbers(column, source, rule)
        _refuse((value <= 0) | (value > 1), column, source, rule)
        return value
    if not 0 < propensity <= 1:
        raise InputError(f"propensity is {propensity}, must be in (0, 1], or the name of a column.")
    return np.full(len(action), float(propensity))


def _mask(frame: pl.DataFrame, prefix: str | None, actions: Actions, action: Ints, source: str) -> Mask:
    if prefix is None:
        return np.ones((len(action), len(actions)), dtype=np.bool_)
    columns = [_column(frame, f"{prefix}{name}", source) for name in actions.names]
    mask = np.column_stack([c.cast(pl.Float64, strict=False).fill_null(0.0).to_numpy() > 0 for c in columns])
    own = mask[np.arange(len(action)), action]
    if not own.all():
        row = int(np.argmin(own))
        name = actions.names[action[row]]
        raise InputError(
            f"{source}, row {row + 1}: the logged action '{name}' has {prefix}{name} 0, must be 1."
        )
    return mask


def _codes(column: pl.Series, source: str) -> Ints:
    """(n,) dense codes in the order of the values, so they do not depend on the order of the rows."""
    _refuse(column.is_null().to_numpy(), column, source, "must name the unit of the row")
    if column.n_unique() == 1:
        raise InputError(
            f"{source}: column '{column.name}' holds one unit only, {column[0]!r}. Spread is measured "
            "between units; name the column of the customer, or leave it out."
        )
    return (column.rank("dense").to_numpy() - 1).astype(np.int64)
