"""What is known of many customers at the moment they are decided for, by columns.

For customers new to the store it is what the file says. For those it knows it is what `engine.gather` finds
one by one: the file laid over the profile, the newest scores, the contacts; of rows and of folds alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine import derived
from engine.block import VALUE
from engine.coded import same
from engine.domain import AttributeType, Program
from engine.met import Met, meet
from engine.predictions.staleness import dates, means_of, used
from engine.profiles import CONSENT, DTYPES, profiles
from engine.recent import recent
from engine.situation import Contact, Happened, as_instant
from engine.store import assignments, customers, folds, predictions
from engine.values import all_fit, fits, types
from policies.base import Mask

Columns = Mapping[str, pl.Series]  # as of `engine.profiles.customer_table`


@dataclass(frozen=True, slots=True)
class Facts:
    """n customers of a chunk.

    Attributes:
        table: as `engine.profiles.customer_table`, with all that is known by then.
        dated: by model, when the score of each was made, where decisions of the program depend on it.
        arms: (n,) those given before, null for none.
        keep: (n,) whether what the table says becomes the profile of each in the fold itself.
        asked: the ids they were asked for by, where these are not the persons'.
    """

    table: pl.DataFrame
    dated: Columns
    contacts: Sequence[Sequence[Contact]]
    outcomes: Sequence[Sequence[Happened]]
    arms: pl.Series
    keep: Mask
    asked: pl.Series | None = None


def of_strangers(program: Program, part: pl.DataFrame, at_us: int, keep: bool) -> Facts:
    """What the file says of customers of whom the store knows nothing."""
    models = [model for model in _dated(program) if model in part.columns]
    dated = {model: _where(part[model].is_not_null(), at_us) for model in models}
    none = same((), part.height)
    arms = pl.repeat(None, part.height, dtype=pl.String, eager=True)
    return Facts(part, dated, none, none, arms, np.full(part.height, keep))


def of_known(connection: Connection, program: Program, part: pl.DataFrame, at_us: int, met: Met) -> Facts:
    """What is known of customers whom the store knows.

    Where a profile is a row of the store, what the file says of it is stored at once.
    """
    keep = ~met.standing.profile | met.within(lambda header: header.profiles is not None)
    with folds.left(connection):
        if part.width > 1 and not keep.all():
            stored = part.filter(pl.Series(~keep))
            customers.put_customers(connection, profiles(program, stored, at_us))
        ids = part["customer"].to_list()
        scores, dated = _scores(connection, program, part, at_us, met)
        every = {name: part[name] for name in part.columns if name not in program.predictions}
        said = {name for name, column in every.items() if not column.null_count()}
        known = [_of_folds(program, met, len(ids), said), _of_rows(connection, program, ids, met)]
        for older in known:
            for name, column in older.items():
                own = every.get(name, column)
                every[name] = own.zip_with(own.is_not_null(), column)
        contacts, outcomes = recent(connection, program, ids, at_us, met)
        arms = _arms(connection, program, ids, met)
    return Facts(pl.DataFrame({**every, **scores}), dated, contacts, outcomes, arms, keep)


def of_merged(
    connection: Connection, program: Program, part: pl.DataFrame, at_us: int, people: Mapping[str, str]
) -> Facts:
    """As `of_known`, of the persons that merged ids stand for, each of another person."""
    asked = part["customer"]
    persons = part.with_columns(pl.Series("customer", [people[one] for one in asked]))
    ids = persons["customer"].to_list()
    folds.customers(connection, ids)
    return replace(of_known(connection, program, persons, at_us, meet(connection, ids)), asked=asked)


def _of_folds(program: Program, met: Met, n: int, said: Set[str]) -> Columns:
    """What stands of profiles in folds; a fold that holds all attributes ends the search.

    Args:
        said: what need not be looked for, as the file says it of everybody.
    """
    kinds = {one.name: one.type for one in program.attributes}
    left, found = np.ones(n, dtype=np.bool_), list[pl.DataFrame]()
    for piece in reversed(met.pieces):
        kept = piece.header.profiles
        rows = left[piece.row]
        if kept is None or not rows.any():
            continue
        table = piece.read(partial(_is_wanted, kept, said), rows)
        named = [one.alias(one.name.removeprefix(VALUE)) for one in table]
        typed = [_typed(one, kinds[one.name]) if one.name in kinds else one for one in named]
        if typed:
            found.append(pl.DataFrame([pl.Series("row", piece.row[rows]), *typed]))
        if kinds.keys() <= set(kept):
            left[piece.row[rows]] = False
    if not found:
        return {}
    every = pl.concat(found, how="diagonal_relaxed")
    if not every["row"].is_unique().all():
        every = every.group_by("row", maintain_order=True).agg(pl.all().drop_nulls().first())
    all_rows = pl.DataFrame({"row": np.arange(n)}).join(every, on="row", how="left", maintain_order="left")
    return {one.name: one for one in all_rows if one.name != "row"}


def _is_wanted(kept: Sequence[str], said: Set[str], name: str) -> bool:
    own = name.removeprefix(VALUE)
    return own not in said and (name == "zone" or name.startswith(CONSENT) or own in kept)


def _typed(column: pl.Series, kind: AttributeType) -> pl.Series:
    """The column in the program's type; nothing is known where it was kept in another, as of `fits`."""
    whole = kind == "number" and column.dtype.is_integer()
    if column.dtype == DTYPES[kind] or whole:
        return column.cast(DTYPES[kind])
    return pl.repeat(None, len(column), dtype=DTYPES[kind], eager=True).alias(column.name)


def _of_rows(connection: Connection, program: Program, ids: Sequence[str], met: Met) -> Columns:
    """What stands of profiles in rows."""
    asked = [ids[i] for i in np.flatnonzero(met.standing.profile).tolist()]
    rows = customers.customers(connection, asked) if asked else {}
    if not rows:
        return {}
    each = [rows.get(one) for one in ids]
    attributes: list[Mapping[str, Any]] = [{} if row is None else row.attributes for row in each]
    made = {one.name: _stored(one.name, one.type, attributes) for one in program.attributes}
    purposes = sorted({purpose for row in rows.values() for purpose in row.consent})
    made |= {
        f"{CONSENT}{purpose}": pl.Series(
            f"{CONSENT}{purpose}",
            [None if row is None else row.consent.get(purpose) for row in each],
            pl.Boolean,
        )
        for purpose in purposes
    }
    return made | {"zone": pl.Series("zone", [None if row is None else row.zone for row in each], pl.String)}


def _stored(name: str, kind: AttributeType, profiles: Sequence[Mapping[str, Any]]) -> pl.Series:
    """A column of profiles, null where the stored value is of another type."""
    values = [one.get(name) for one in profiles]
    if not all_fit(kind, values):
        values = [_value(kind, value) for value in values]
    return pl.Series(name, values, DTYPES[kind])


def _value(kind: AttributeType, value: Any) -> Any:
    if value is None or not fits(kind, value):
        return None
    return float(value) if kind == "number" else as_instant(value) if kind == "timestamp" else value


def _scores(
    connection: Connection, program: Program, part: pl.DataFrame, at_us: int, met: Met
) -> tuple[Columns, Columns]:
    """The scores that decisions use, and when they were made; those that the file holds are stored by now."""
    models = [model for model in program.predictions if types(program).get(model) == "number"]
    if not models:
        return {}, {}
    said = [part[model].is_not_null() for model in models if model in part.columns]
    some = np.any([met.standing.scores, *(one.to_numpy() for one in said)], axis=0)
    ids = part["customer"].to_list()
    asked = [ids[i] for i in np.flatnonzero(some).tolist()]
    rows, means = predictions.predictions(connection, asked) if asked else {}, means_of(connection, program)
    value = [used(program, rows.get(one, {}), at_us, means) for one in ids]
    scores = {model: pl.Series(model, [one.get(model) for one in value], pl.Float64) for model in models}
    if not (dated := _dated(program)):
        return scores, {}
    at = [dates(program, rows.get(one, {}), {}, at_us) for one in ids]
    return scores, {model: pl.Series([one.get(model) for one in at], dtype=pl.Int64) for model in dated}


def _arms(connection: Connection, program: Program, ids: Sequence[str], met: Met) -> pl.Series:
    found, left = np.full(len(ids), None, dtype=object), np.ones(len(ids), dtype=np.bool_)
    for piece in reversed(met.pieces):
        rows = left[piece.row]
        if piece.header.program == program.name and rows.any():
            found[piece.row[rows]] = piece.read("arm".__eq__, rows)["arm"].to_numpy()
            left[piece.row] = False
    asked = [ids[i] for i in np.flatnonzero(met.standing.decisions).tolist()]
    given = assignments.assignments(connection, program.name, asked) if asked else {}
    return pl.Series(
        [given.get(one, arm) for one, arm in zip(ids, found.tolist(), strict=True)], dtype=pl.String
    )


def _dated(program: Program) -> list[str]:
    """The models whose dates decisions of the program depend on."""
    return list(program.predictions) if program.staleness or derived.asks_age(program) else []


def _where(known: pl.Series, at_us: int) -> pl.Series:
    return pl.select(pl.when(known).then(pl.lit(at_us, dtype=pl.Int64))).to_series()
