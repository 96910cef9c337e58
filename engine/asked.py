"""Requests of a batch in columns: everything a decision depends on, for a chunk of customers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine import derived
from engine.assign import arms
from engine.calendar import microseconds
from engine.choose import Live
from engine.coded import Coded, coded, same
from engine.columns import Between, Matrices, from_series
from engine.domain import ArmName, Program
from engine.enrol import by_hash_alone, enrol
from engine.facts import Facts
from engine.profiles import CONSENT
from engine.request import decision_ids
from engine.situation import Situations, value_names
from engine.store.directory import Hashes
from engine.values import types
from engine.xxh3 import Texts


@dataclass(frozen=True, slots=True)
class Asked:
    """n requests in columns: the situations, and the id of each decision with its hash.

    `matrices` are kept for `between`.
    """

    id: pl.Series
    id_hash: Hashes
    situations: Situations
    matrices: Matrices = field(default_factory=dict)

    def between(self, start: int, end: int) -> Situations:
        """Some of the situations."""
        s = self.situations
        return Situations(
            s.customer[start:end],
            s.key[start:end],
            s.at_us[start:end],
            s.arm[start:end],
            Between(s.values, len(s), self.matrices, start, end),
            s.consent[start:end],
            s.contacts[start:end],
            s.zone[start:end],
            s.outcomes[start:end],
            s.as_of[start:end],
            s.limits[start:end],
            s.explore[start:end],
            None if s.passed is None else s.passed[start:end],
        )


def asked(connection: Connection, current: Live, facts: Facts, name: str, at: datetime) -> Asked:
    program, part = current.program, facts.table
    ids, n = Texts.of(part["customer"]), part.height
    keys = (ids if facts.asked is None else Texts.of(facts.asked)).after(f"{name}:")
    kinds = types(program)
    values: dict[str, Sequence[Any]] = {
        known: from_series(part[known], kinds[known]) if known in part.columns else [None] * n
        for known in value_names(program)
    }
    zones = _texts(part["zone"]) if "zone" in part.columns else same(None, n)
    at_us = same(microseconds(at), n)
    as_of = _dates(facts, n)
    values |= derived.columns(program, values, at_us, zones, as_of, facts.outcomes)
    held = current.screen.passes(values, n) if current.screen.rules else None
    situations = Situations(
        ids,
        keys,
        at_us,
        _arms(connection, program, facts, at),
        values,
        _consents(part),
        facts.contacts,
        zones,
        facts.outcomes,
        as_of,
        same({}, n),
        same(True, n),
        held,
    )
    return Asked(*decision_ids(program.name, keys, at), situations)


def _arms(connection: Connection, program: Program, facts: Facts, at: datetime) -> Coded[ArmName]:
    """The arm of each: the one given before, for ever; else one that is given now."""
    new, given = facts.arms.is_null(), facts.arms.to_list()
    if not new.any():
        return coded(given)
    asked = facts.table.filter(new)
    ids = Texts.of(asked["customer"])
    if by_hash_alone(connection, program):
        drawn = arms(program, ids)
        if len(ids) == len(given):
            return drawn
    else:
        said = asked[program.unit].to_list() if program.unit and program.unit in asked.columns else []
        contexts = [{program.unit: one} for one in said] if said else None
        drawn = coded(enrol(connection, program, ids.said, at, contexts).arms)
    each = iter(drawn)
    return coded([next(each) if one is None else one for one in given])


def _texts(series: pl.Series) -> Coded[str | None]:
    levels = series.drop_nulls().unique().sort().to_list()
    place = series.cast(pl.Enum(levels)).to_physical().cast(pl.Int64).fill_null(len(levels))
    return Coded(place.to_numpy(), [*levels, None])


def _consents(part: pl.DataFrame) -> Coded[dict[str, bool]]:
    """(n,) consents by purpose."""
    names = [name.removeprefix(CONSENT) for name in purposes(part)]
    return _alike(
        part.height,
        part.select(purposes(part)),
        lambda row: {name: given for name, given in zip(names, row, strict=True) if given is not None},
    )


def _dates(facts: Facts, n: int) -> Coded[dict[str, int]]:
    """(n,) when each score was made, if decisions of the program depend on it."""
    models = list(facts.dated)
    rows = pl.DataFrame([series.alias(model) for model, series in facts.dated.items()])
    if not models:
        return same({}, n)
    alike = rows.with_row_index("row").group_by(models).agg("row")
    place = np.zeros(n, dtype=np.int64)
    for j, own in enumerate(alike["row"]):
        place[own.to_numpy()] = j
    levels = [
        {model: at for model, at in zip(models, row, strict=True) if at is not None}
        for row in alike.select(models).iter_rows()
    ]
    return Coded(place, levels)


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


def purposes(part: pl.DataFrame) -> list[str]:
    return [one for one in part.columns if one.startswith(CONSENT)]
