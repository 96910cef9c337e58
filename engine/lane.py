"""A chunk of a batch decided as columns: for customers of whom the store knows nothing yet.

What the pipeline does row by row (`engine.decide`) is done here a column at a time, with the same functions
for the choice itself. The log keeps the columns, and makes rows of them when somebody asks (`engine.unfold`).
Who has a past takes the pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

import msgspec
import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine import derived
from engine.arms import EXPLORING, NEVER_CONTACTED
from engine.assign import arms
from engine.block import pack, table
from engine.calendar import microseconds
from engine.choose import Choices, Live, choose
from engine.coded import Coded, coded, same, where
from engine.columns import from_series
from engine.domain import Program
from engine.enrol import by_hash_alone, enrol
from engine.feasible import Funnel, Reason, counted, told
from engine.profiles import CONSENT
from engine.request import decision_ids
from engine.situation import Situations, value_names
from engine.store import blocks, folds
from engine.store.directory import Hashes, hashes
from engine.unfold import CHOICE, Header, masks
from engine.values import types

FOLD = 2048  # decisions of one fold: whoever is asked for alone has to be found in no more
TOGETHER = 512  # customers chosen for at once: their (n, k) arrays stay near the processor


@dataclass(frozen=True, slots=True)
class Settled:
    """Decisions of a chunk: a table in the order asked (`engine.batch.SCHEMA`), and the funnel."""

    table: pl.DataFrame
    funnel: Funnel


def takes(program: Program) -> bool:
    """Whether all that decisions of a program depend on are the values, consents and zones of a file."""
    return not program.budgets and not program.unit


def decide_strangers(
    connection: Connection, current: Live, part: pl.DataFrame, name: str, at: datetime, keep: bool
) -> Settled:
    """Decide and log for the customers of `part` (`engine.profiles.customer_table`), in the open transaction.

    Args:
        name: of the batch.
        keep: whether what the file says of them becomes their profile.
    """
    asked = _asked(connection, current, part, name, at)
    chosen, dropped, reasons = [], [], tuple[Reason, ...]()
    for start in range(0, part.height, TOGETHER):
        choices = choose(current, asked.between(start, start + TOGETHER))
        chosen.append(_Chosen.of(choices))
        dropped.append(counted(choices.feasible))
        reasons = choices.feasible.reasons  # those of the program, the same every time
    made = _joined(chosen)
    _log(connection, current, asked, made, part, _Batch(name, microseconds(at), keep))
    counts, nothing = (sum(each) for each in zip(*dropped, strict=True))
    shape = (part.height, len(current.program.actions))
    return Settled(_table(current, asked, made), told(reasons, shape, counts, nothing))


@dataclass(frozen=True, slots=True)
class _Asked:
    """n requests in columns: the situations, and the id of each decision with its hash."""

    id: pl.Series
    id_hash: Hashes
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
    keys = (f"{name}:" + part["customer"]).to_list()
    kinds = types(program)
    values: dict[str, Sequence[Any]] = {
        known: from_series(part[known], kinds[known]) if known in part.columns else [None] * n
        for known in value_names(program)
    }
    zones = _texts(part["zone"]) if "zone" in part.columns else same(None, n)
    at_us, none = same(microseconds(at), n), same((), n)
    as_of = _dates(program, part, microseconds(at))
    values |= derived.columns(program, values, at_us, zones, as_of, none)
    held = current.screen.passes(values, n) if current.screen.rules else None
    alone = by_hash_alone(connection, program)
    given = arms(program, ids) if alone else coded(enrol(connection, program, ids, at).arms)
    consents = _consents(part)
    situations = Situations(
        ids, keys, at_us, given, values, consents, none, zones, none, as_of, same({}, n), same(True, n), held
    )
    return _Asked(*decision_ids(program.name, keys, at), situations)


def _texts(series: pl.Series) -> Coded[str | None]:
    levels = series.drop_nulls().unique().sort().to_list()
    place = series.cast(pl.Enum(levels)).to_physical().cast(pl.Int64).fill_null(len(levels))
    return Coded(place.to_numpy(), [*levels, None])


def _consents(part: pl.DataFrame) -> Coded[dict[str, bool]]:
    """(n,) consents by purpose."""
    names = [name.removeprefix(CONSENT) for name in _purposes(part)]
    return _alike(
        part.height,
        part.select(_purposes(part)),
        lambda row: {name: given for name, given in zip(names, row, strict=True) if given is not None},
    )


def _dates(program: Program, part: pl.DataFrame, at_us: int) -> Coded[dict[str, int]]:
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
) -> Coded[dict[str, Any]]:
    """(n,) what `make` says of each row of truth values, said once for rows that are alike."""
    given = [one.cast(pl.Int8).fill_null(-1).to_numpy().astype(np.int64) + 1 for one in truths]
    if not given:
        return same(make(()), n)
    code = reduce(lambda code, one: code * 3 + one, given)
    _, first, place = np.unique(code, return_index=True, return_inverse=True)
    return Coded(place, [make(truths.row(i)) for i in first.tolist()])


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


@dataclass(frozen=True, slots=True)
class _Batch:
    """What the decisions of a batch have in common."""

    name: str
    at_us: int
    keep: bool


def _log(
    connection: Connection, current: Live, asked: _Asked, made: _Chosen, part: pl.DataFrame, batch: _Batch
) -> None:
    """Keep the decisions as folds of the log."""
    program, s = current.program, asked.situations
    values = [name for name in value_names(program) if name in part.columns]
    header = Header(
        program.name,
        batch.name,
        batch.at_us,
        program.version,
        current.snapshot_version,
        current.fallback or None,
        program.salt,
        tuple(one.name for one in program.attributes if one.name in values) if batch.keep else None,
        made.feasible.shape[1],
        tuple((one.name, one.offer, one.channel, one.slot) for one in program.actions),
    )
    fixed = [
        part["customer"],
        pl.repeat(batch.name, part.height, eager=True).alias("batch"),
        pl.repeat(batch.at_us, part.height, eager=True).alias("at_us"),
        _spelt("arm", s.arm),
        _spelt("zone", s.zone),
        *_choices(s, made),
    ]
    consent = part.select(pl.col(name).alias(name.removeprefix(CONSENT)) for name in _purposes(part))
    dated = dict.fromkeys(_dated(program, part), batch.at_us)
    columns, common = table(fixed, part.select(values), consent, dated), msgspec.msgpack.encode(header)
    customer = hashes(s.customer)
    for start in range(0, part.height, FOLD):
        rows = slice(start, start + FOLD)
        number = blocks.put_block(connection, pack(columns[rows]))
        own = (customer[rows], asked.id_hash[rows])
        folds.put(connection, number, program.name, batch.name, common, *own)


def _choices(s: Situations, made: _Chosen) -> list[pl.Series]:
    columns = {
        "action": made.action.astype(np.int16),
        "withheld": np.where(where(s.arm, NEVER_CONTACTED), made.drawn, -1).astype(np.int16),
        "send_us": made.send_us,
        "propensity": made.propensity,
        "explored": made.explored & where(s.arm, EXPLORING),
        "value": made.value,
    }
    return [pl.Series(f"{CHOICE}{name}", column) for name, column in columns.items()] + masks(made.feasible)


def _spelt(name: str, values: Sequence[str | None]) -> pl.Series:
    found = coded(values)
    return pl.Series(name, found.levels, dtype=pl.String).gather(found.place)


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
    held, sent = pl.Series(where(s.arm, NEVER_CONTACTED)), pl.Series(made.action > 0)
    send_at = pl.Series(made.send_us).cast(pl.Datetime("us", "UTC"))
    empty = pl.Series([None], dtype=pl.String)
    return pl.DataFrame(
        [
            pl.Series("customer", s.customer),
            asked.id.alias("id"),
            _spelt("arm", s.arm),
            *(series.gather(made.action) for series in names),
            send_at.zip_with(sent, pl.Series([None], dtype=send_at.dtype)).alias("send_at"),
            pl.Series("propensity", made.propensity),
            pl.Series("explored", made.explored & where(s.arm, EXPLORING)),
            names["action"].gather(made.drawn).zip_with(held, empty).alias("withheld"),
            pl.Series("value", made.value),
            pl.repeat(current.fallback or None, len(s), dtype=pl.String, eager=True).alias("fallback"),
        ]
    )
