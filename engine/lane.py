"""A chunk of a batch decided as columns: for customers of whom the store knows nothing yet.

What the pipeline does row by row (`engine.decide`) is done here a column at a time, with the same functions
for the choice itself and the same rows in the log. Who has a past takes the pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import itemgetter
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine import derived
from engine.arms import EXPLORING, NEVER_CONTACTED
from engine.block import pack
from engine.calendar import microseconds
from engine.choose import Choices, Live, choose
from engine.columns import from_series
from engine.domain import Program
from engine.enrol import enrol
from engine.feasible import Funnel, funnel, merge
from engine.profiles import CONSENT
from engine.request import Request, decision_id, fingerprint
from engine.screen import passed
from engine.situation import Situations, value_names
from engine.store import blocks, decisions
from engine.values import types

TOGETHER = 1024  # customers chosen for at once: their (n, k) arrays stay near the processor


@dataclass(frozen=True, slots=True)
class Settled:
    """Decisions of a chunk: a table in the order asked (`engine.batch.SCHEMA`), and the funnel."""

    table: pl.DataFrame
    funnel: Funnel


def takes(program: Program) -> bool:
    """Whether all that decisions of a program depend on are the values, consents and zones of a file."""
    return not program.budgets and not program.unit


def decide_strangers(
    connection: Connection, current: Live, part: pl.DataFrame, name: str, at: datetime
) -> Settled:
    """Decide and log for the customers of `part` (`engine.profiles.customer_table`), in the open transaction.

    Raises:
        StoreError: one of the keys was used before, for somebody else.
    """
    asked = _asked(connection, current, part, name, at)
    chosen, funnels = [], []
    for start in range(0, part.height, TOGETHER):
        choices = choose(current, asked.between(start, start + TOGETHER))
        chosen.append(_Chosen.of(choices))
        funnels.append(funnel(choices.feasible))
    made = _joined(chosen)
    _log(connection, current, asked, made, part)
    return Settled(_table(current, asked, made), merge(funnels))


@dataclass(frozen=True, slots=True)
class _Asked:
    """n requests in columns: the situations, and the id and fingerprint of each decision."""

    id: list[str]
    fingerprint: list[bytes]
    situations: Situations

    def between(self, start: int, end: int) -> Situations:
        """Some of the situations."""
        s = self.situations
        return Situations(
            s.customer[start:end],
            s.key[start:end],
            s.at_us[start:end],
            s.arm[start:end],
            {name: column[start:end] for name, column in s.values.items()},
            s.consent[start:end],
            s.contacts[start:end],
            s.zone[start:end],
            s.outcomes[start:end],
            s.as_of[start:end],
            s.limits[start:end],
            s.explore[start:end],
            None if s.passed is None else s.passed[start:end],
        )


def _asked(connection: Connection, current: Live, part: pl.DataFrame, name: str, at: datetime) -> _Asked:
    program, ids, n = current.program, part["customer"].to_list(), part.height
    keys = [f"{name}:{one}" for one in ids]
    kinds = types(program)
    values: dict[str, Sequence[Any]] = {
        known: from_series(part[known], kinds[known]) if known in part.columns else [None] * n
        for known in value_names(program)
    }
    zones = part["zone"].to_list() if "zone" in part.columns else [None] * n
    at_us, none = [microseconds(at)] * n, [()] * n
    as_of = _dates(program, part, microseconds(at))
    values |= derived.columns(program, values, at_us, zones, as_of, none)
    held = passed(current.screen, values, n) if current.screen.rules else None
    arms, consents = enrol(connection, program, ids, at).arms, _consents(part)
    situations = Situations(
        ids, keys, at_us, arms, values, consents, none, zones, none, as_of, [{}] * n, [True] * n, held
    )
    requests = [Request(one, program.name, key, at) for one, key in zip(ids, keys, strict=True)]
    return _Asked(
        [decision_id(program.name, key, at) for key in keys],
        [fingerprint(request) for request in requests],
        situations,
    )


def _consents(part: pl.DataFrame) -> list[dict[str, bool]]:
    """(n,) consents by purpose; customers with the same ones share a dictionary."""
    names = [name.removeprefix(CONSENT) for name in _purposes(part)]
    return _alike(
        part.height,
        part.select(_purposes(part)),
        lambda row: {name: given for name, given in zip(names, row, strict=True) if given is not None},
    )


def _dates(program: Program, part: pl.DataFrame, at_us: int) -> list[dict[str, int]]:
    """(n,) when each score was made, if decisions of the program depend on it."""
    models = _dated(program, part)
    return _alike(
        part.height,
        part.select(pl.col(model).is_not_null() for model in models),
        lambda row: {model: at_us for model, known in zip(models, row, strict=True) if known},
    )


def _dated(program: Program, part: pl.DataFrame) -> list[str]:
    ages = bool(program.staleness) or derived.asks_age(program)
    return [model for model in program.predictions if ages and model in part.columns]


def _alike(
    n: int, truths: pl.DataFrame, make: Callable[[tuple[Any, ...]], dict[str, Any]]
) -> list[dict[str, Any]]:
    """(n,) what `make` says of each row of truth values; the same object for rows that are alike."""
    given = [one.cast(pl.Int8).fill_null(-1).to_numpy().astype(np.int64) + 1 for one in truths]
    if not given:
        return [make(())] * n
    code = reduce(lambda code, one: code * 3 + one, given)
    _, first, place = np.unique(code, return_index=True, return_inverse=True)
    made = [make(truths.row(i)) for i in first.tolist()]
    return [made[j] for j in place.tolist()]


def _purposes(part: pl.DataFrame) -> list[str]:
    return [one for one in part.columns if one.startswith(CONSENT)]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What the log keeps of n choices, each (n,); `feasible` is (n, bytes)."""

    action: Any
    drawn: Any
    propensity: Any
    explored: Any
    value: Any
    send_us: Any
    feasible: Any

    @classmethod
    def of(cls, choices: Choices) -> _Chosen:
        row = np.arange(len(choices.action))
        return cls(
            choices.action,
            choices.drawn,
            choices.propensity,
            choices.explored,
            choices.value[row, choices.drawn],
            choices.feasible.send_us[row, choices.action],
            np.packbits(choices.feasible.mask, axis=1),
        )


def _joined(parts: Sequence[_Chosen]) -> _Chosen:
    return _Chosen(*(np.concatenate([getattr(one, name) for one in parts]) for name in _Chosen.__slots__))


def _log(connection: Connection, current: Live, asked: _Asked, made: _Chosen, part: pl.DataFrame) -> None:
    """Append the rows in the order of the customers' ids: what the indexes touch then lies together."""
    program, s, n, width = current.program, asked.situations, part.height, made.feasible.shape[1]
    number = blocks.put_block(connection, _packed(program, s, part))
    columns = zip(
        asked.id,
        s.customer,
        s.key,
        s.at_us,
        s.arm,
        made.action.tolist(),
        made.drawn.tolist(),
        made.send_us.tolist(),
        made.propensity.tolist(),
        made.explored.tolist(),
        made.value.tolist(),
        asked.fingerprint,
        blocks.references(number, n),
        range(0, n * width, width),
        strict=True,
    )
    versions, fallback, feasible = (
        (program.version, current.snapshot_version),
        current.fallback or None,
        made.feasible.tobytes(),
    )
    actions = [(j, one.name, one.offer, one.channel, one.slot) for j, one in enumerate(program.actions)]
    rows = [
        (
            *(id, program.name, key, *versions, customer, at_us, arm, *actions[action]),
            *(send_us if action else None, action > 0, propensity, explored and arm in EXPLORING, fallback),
            *(actions[drawn][1] if arm in NEVER_CONTACTED else None, value, sha),
            *(situation, feasible[start : start + width], at_us),
        )
        for (
            *(id, customer, key, at_us, arm, action, drawn, send_us, propensity, explored, value, sha),
            situation,
            start,
        ) in columns
    ]
    rows.sort(key=itemgetter(5))
    decisions.append_values(connection, rows)


def _packed(program: Program, s: Situations, part: pl.DataFrame) -> bytes:
    values = part.select(name for name in value_names(program) if name in part.columns)
    consent = part.select(pl.col(name).alias(name.removeprefix(CONSENT)) for name in _purposes(part))
    fixed = {"customer": s.customer, "key": s.key, "at_us": s.at_us, "arm": s.arm, "zone": s.zone}
    return pack(fixed, values, consent, dict.fromkeys(_dated(program, part), s.at_us[0]))


def _table(current: Live, asked: _Asked, made: _Chosen) -> pl.DataFrame:
    actions, s = current.program.actions, asked.situations
    names = pl.DataFrame(
        {
            "action": [one.name for one in actions],
            **{
                field: [getattr(one, field) or None for one in actions]
                for field in ("offer", "channel", "slot")
            },
        },
        schema=dict.fromkeys(("action", "offer", "channel", "slot"), pl.String),
    )
    arm = pl.Series(s.arm, dtype=pl.String)
    held, sent = arm.is_in(list(NEVER_CONTACTED)), pl.Series(made.action > 0)
    send_at = pl.Series(made.send_us).cast(pl.Datetime("us", "UTC"))
    empty = pl.Series([None], dtype=pl.String)
    return pl.DataFrame(
        [
            pl.Series("customer", s.customer),
            pl.Series("id", asked.id),
            arm.alias("arm"),
            *(series.gather(made.action) for series in names),
            send_at.zip_with(sent, pl.Series([None], dtype=send_at.dtype)).alias("send_at"),
            pl.Series("propensity", made.propensity),
            (pl.Series(made.explored) & arm.is_in(list(EXPLORING))).alias("explored"),
            names["action"].gather(made.drawn).zip_with(held, empty).alias("withheld"),
            pl.Series("value", made.value),
            pl.repeat(current.fallback or None, len(s), dtype=pl.String, eager=True).alias("fallback"),
        ]
    )
