"""Nextbest's own decisions, from the store or from a file that `nextbest export decisions` wrote."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine.domain import Program
from engine.errors import InputError
from engine.export import decision_tables
from engine.outgoing import CONTEXT
from policies.base import Actions, Floats, Mask
from simulator.contexts import encode
from simulator.frames import read_frame
from simulator.logs import Log

COLUMNS = ("id", "customer", "at", "arm", "action", "propensity", "explore", "fallback", "withheld", "reward")
LOGGING = ("policy", "random")  # arms that give every feasible action a chance
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def read_own(path: Path) -> Log:
    """The log in a file of exported decisions.

    Raises:
        InputError: it is no such file, or no decision in it can be used.
    """
    return own_log(read_frame(path), str(path))


def stored_log(connection: Connection, program: Program, at: datetime, since: datetime = _EPOCH) -> Log:
    """The log of a program in the store, with the rewards that had matured by `at`.

    Raises:
        InputError: no decision of it can be used.
    """
    tables = pl.concat(decision_tables(connection, program, since, at))
    return own_log(tables, f"program '{program.name}'")


def own_log(frame: pl.DataFrame, source: str) -> Log:
    """A log of the decisions that were drawn by lot and have a reward; what is left out is noted.

    Raises:
        InputError: a column is missing, or no decision can be used.
    """
    if missing := [name for name in (*COLUMNS, "feasible") if name not in frame.columns]:
        raise InputError(
            f"{source}: has no column '{missing[0]}', so nextbest did not export it; name the columns with "
            "--action, --propensity and --reward."
        )
    kept, notes = frame, list[str]()
    drawn = frame.filter(pl.col("arm").is_in(LOGGING))
    fallback = _share(drawn["fallback"].is_not_null())
    for rule, why in _RULES:
        rows = kept.filter(rule)
        if lost := kept.height - rows.height:
            notes.append(f"{lost:,} decisions are left out: {why}.")
        kept = rows
    if not kept.height:
        raise InputError(f"{source}: has no decision that can be used. {' '.join(notes)}".rstrip())
    if repeated := kept.height - kept["id"].n_unique():
        raise InputError(f"{source}: {repeated:,} decisions stand in it twice; keep each once.")
    return _log(kept, source, tuple(notes), fallback)


# what a decision must be to say something of another policy, and what is said of the others
_RULES: tuple[tuple[pl.Expr, str], ...] = (
    (
        pl.col("arm").is_in(LOGGING),
        "their arm, such as the holdout or today's rules, leaves nothing to chance",
    ),
    (pl.col("fallback").is_null(), "a fallback answered"),
    (pl.col("withheld").is_null(), "what was chosen was not carried out"),
    (pl.col("explore"), "the caller wanted no exploration"),
    (pl.col("reward").is_not_null(), "their reward may still come"),
)


def _share(column: pl.Series) -> float:
    return float(column.sum()) / len(column) if len(column) else 0.0


def _log(frame: pl.DataFrame, source: str, notes: tuple[str, ...], fallback: float) -> Log:
    options = [text.split() for text in frame["feasible"].to_list()]
    names = sorted({name for one in options for name in one} | set(frame["action"].to_list()))
    if frame["action"].n_unique() == 1:
        raise InputError(
            f"{source}: all decisions that can be used chose '{frame['action'][0]}'. What was never tried "
            "cannot be compared; give the arm `random` a share."
        )
    place = {name: j for j, name in enumerate(names)}
    mask = np.zeros((frame.height, len(names)), dtype=np.bool_)
    for i, one in enumerate(options):
        mask[i, [place[name] for name in one]] = True
    action = np.array([place[name] for name in frame["action"].to_list()], dtype=np.int64)
    _check(frame, mask[np.arange(frame.height), action], source)
    X, columns = encode(frame, [name for name in frame.columns if name.startswith(CONTEXT)])
    actions, embedding = made_of(names)
    return Log(
        X=X,
        names=columns,
        frame=frame,
        actions=actions,
        action=action,
        propensity=frame["propensity"].to_numpy().astype(np.float64),
        reward=frame["reward"].to_numpy().astype(np.float64),
        mask=mask,
        cluster=(frame["customer"].rank("dense").to_numpy() - 1).astype(np.int64),
        at=frame["at"].cast(pl.Datetime("us")).dt.timestamp("us").to_numpy().astype(np.int64),
        source=source,
        embedding=embedding,
        notes=notes,
        fallback=fallback,
    )


def _check(frame: pl.DataFrame, own: Mask, source: str) -> None:
    bad = frame.filter(~((pl.col("propensity") > 0) & (pl.col("propensity") <= 1)).fill_null(False))
    if bad.height:
        raise InputError(
            f"{source}: decision '{bad['id'][0]}' has propensity {bad['propensity'][0]}, must be in (0, 1]; "
            "export the log again."
        )
    if not own.all():
        row = int(np.argmin(own))
        raise InputError(
            f"{source}: decision '{frame['id'][row]}' chose '{frame['action'][row]}', which is not among its "
            "feasible actions; export the log again."
        )


def made_of(names: list[str]) -> tuple[Actions, Floats]:
    """Actions made of offer, channel and slot, and (k, g) which offer each belongs to."""
    parts = [dict(_factors(name)) for name in names]
    factors = list(dict.fromkeys(f"{key}={value}" for one in parts for key, value in one.items()))
    loads = np.array(
        [
            [1.0 if one.get(f.split("=", 1)[0]) == f.split("=", 1)[1] else 0.0 for f in factors]
            for one in parts
        ]
    )
    offers = list(dict.fromkeys(one["offer"] for one in parts))
    embedding = np.array([[1.0 if one["offer"] == offer else 0.0 for offer in offers] for one in parts])
    return Actions(tuple(names), tuple(factors), loads), embedding


def _factors(name: str) -> Iterator[tuple[str, str]]:
    return zip(("offer", "channel", "slot"), name.split("/"), strict=False)
