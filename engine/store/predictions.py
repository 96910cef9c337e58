"""Predictions: every dated score is kept, the newest of each model is read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from operator import attrgetter

from sqlalchemy import Connection, and_, bindparam, case, func, literal_column, select, true

from engine.store import merges
from engine.store.rows import PredictionRow
from engine.store.sqlite import among, insert_new, upsert, wanted
from engine.store.sqlite import ids as as_ids
from engine.store.statement import prepare, prepare_insert, run, run_many
from engine.store.tables import table

_prediction = table("prediction")
_model = table("model")
_COLUMNS = [one.name for one in fields(PredictionRow)]
_values = attrgetter(*_COLUMNS)
_wanted = wanted()
_other = _prediction.alias("other")
_newest = (
    select(func.max(_other.c.as_of_us))
    .where(_other.c.customer == _wanted.c.value, _other.c.model == _model.c.name)
    .correlate(_wanted, _model)
    .scalar_subquery()
)
_is_newest = and_(
    _prediction.c.customer == _wanted.c.value,
    _prediction.c.model == _model.c.name,
    _prediction.c.as_of_us == _newest,
)
# The outer join keeps the order of look-ups: two a customer and model, however long the history is.
_SELECT = prepare(
    select(*(_prediction.c[name] for name in _COLUMNS)).select_from(
        _wanted.join(_model, true()).outerjoin(_prediction, _is_newest)
    )
)
_BETWEEN = prepare(
    select(*(_prediction.c[name] for name in _COLUMNS)).where(
        among(_prediction.c.customer),
        _prediction.c.model == bindparam("model"),
        _prediction.c.as_of_us.between(bindparam("first_us"), bindparam("last_us")),
    )
)
_dated = _prediction.alias("dated")
_newest_of_all = (
    select(func.max(_dated.c.as_of_us))
    .where(_dated.c.customer == _prediction.c.customer, _dated.c.model == _prediction.c.model)
    .correlate(_prediction)
    .scalar_subquery()
)
_is_fresh = _prediction.c.as_of_us >= bindparam("fresh_us")
_is_known = _prediction.c.as_of_us >= bindparam("known_us")
_AGES = prepare(
    select(
        _prediction.c.version,
        func.sum(case((and_(_is_known, _is_fresh), literal_column("1")), else_=literal_column("0"))),
        func.sum(case((and_(_is_known, ~_is_fresh), literal_column("1")), else_=literal_column("0"))),
        func.sum(case((_is_known, literal_column("0")), else_=literal_column("1"))),
    )
    .where(_prediction.c.model == bindparam("model"), _prediction.c.as_of_us == _newest_of_all)
    .group_by(_prediction.c.version)
    .order_by(_prediction.c.version)
)
_UPSERT = prepare_insert(_prediction, _COLUMNS, upsert(_prediction))
_MODEL = prepare_insert(_model, ("name",), insert_new(_model))


def put_predictions(c: Connection, rows: Sequence[PredictionRow]) -> None:
    """Store scores. A score of the same customer, model and `as_of_us` replaces the one before."""
    people = merges.people(c, [row.customer for row in rows])
    rows = [replace(row, customer=people.get(row.customer, row.customer)) for row in rows] if people else rows
    run_many(c, _MODEL, [(name,) for name in sorted({row.model for row in rows})])
    run_many(c, _UPSERT, [_values(row) for row in rows])


def predictions(c: Connection, ids: Collection[str]) -> dict[str, dict[str, PredictionRow]]:
    """The newest score (by `as_of_us`) of every model, by customer and model; who has none is missing."""
    found: dict[str, dict[str, PredictionRow]] = {}
    for values in run(c, _SELECT, wanted=as_ids(list(dict.fromkeys(ids)))):
        if values[0] is not None:
            row = PredictionRow(*values)
            found.setdefault(row.customer, {})[row.model] = row
    return found


def predictions_between(
    c: Connection, model: str, customers: Collection[str], first_us: int, last_us: int
) -> dict[tuple[str, int], PredictionRow]:
    """Scores of those customers by a model that are dated within a range, by customer and `as_of_us`."""
    found = run(c, _BETWEEN, wanted=as_ids(customers), model=model, first_us=first_us, last_us=last_us)
    rows = (PredictionRow(*values) for values in found)
    return {(row.customer, row.as_of_us): row for row in rows}


def ages(c: Connection, model: str, fresh_us: int, known_us: int) -> dict[str, tuple[int, int, int]]:
    """How many customers' newest score of a model is fresh, stale and expired, by the version that gave it.

    Reads every score of the model.

    Args:
        fresh_us: scores dated then or later are fresh.
        known_us: scores dated before then have expired, fresh or not.
    """
    found = run(c, _AGES, model=model, fresh_us=fresh_us, known_us=known_us)
    return {version: (int(fresh), int(stale), int(expired)) for version, fresh, stale, expired in found}
