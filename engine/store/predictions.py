"""Predictions: every dated score is kept, the newest of each model is read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from operator import attrgetter

from sqlalchemy import Connection, and_, func, select, true

from engine.store.rows import PredictionRow
from engine.store.sqlite import ids as as_ids
from engine.store.sqlite import insert_new, upsert, wanted
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
_UPSERT = prepare_insert(_prediction, _COLUMNS, upsert(_prediction))
_MODEL = prepare_insert(_model, ("name",), insert_new(_model))


def put_predictions(c: Connection, rows: Sequence[PredictionRow]) -> None:
    """Store scores. A score of the same customer, model and `as_of_us` replaces the one before."""
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
