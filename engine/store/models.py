"""Versions of models: when their scores are true, how they spread, and what was said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, tuple_

from engine.store.rows import ModelVersionRow
from engine.store.sqlite import among, upsert
from engine.store.sqlite import ids as as_ids
from engine.store.statement import prepare, prepare_insert, run, run_many
from engine.store.tables import table

_version, _model = table("modelversion"), table("model")
_FIELDS = [one.name for one in fields(ModelVersionRow)]
_values = attrgetter(*_FIELDS)
_PROBABILITY = _FIELDS.index("probability")

_UPSERT = prepare_insert(_version, _FIELDS, upsert(_version))
_of_model = select(*(_version.c[name] for name in _FIELDS)).where(_version.c.model == bindparam("model"))
_VERSIONS = prepare(_of_model.order_by(_version.c.first_as_of_us, _version.c.received_us, _version.c.version))
_ONE = prepare(_of_model.where(_version.c.version == bindparam("version")))
_order = (_version.c.first_as_of_us, _version.c.received_us, _version.c.version)
_BEFORE = prepare(
    _of_model.where(
        tuple_(*_order) < tuple_(bindparam("first_us"), bindparam("received_us"), bindparam("version"))
    )
    .order_by(*(column.desc() for column in _order))
    .limit(1)
)
_LAST = prepare(
    select(func.coalesce(func.max(_version.c.last_as_of_us), -1)).where(
        _version.c.model == bindparam("model")
    )
)
_NAMES = prepare(select(_model.c.name).order_by(_model.c.name))
_MEANS = prepare(select(_version.c.model, _version.c.version, _version.c.mean).where(among(_version.c.model)))


def put_versions(c: Connection, rows: Sequence[ModelVersionRow]) -> None:
    """Store what is now known of versions of models, in place of what was known of them before."""
    run_many(c, _UPSERT, [_values(row) for row in rows])


def model_version(c: Connection, model: str, version: str) -> ModelVersionRow | None:
    """What is known of a version of a model, None if it never scored anyone."""
    found = run(c, _ONE, model=model, version=version)
    return _row(found[0]) if found else None


def model_versions(c: Connection, model: str) -> list[ModelVersionRow]:
    """All versions of a model, by the date of their first score, then as they came in."""
    return [_row(values) for values in run(c, _VERSIONS, model=model)]


def version_before(c: Connection, row: ModelVersionRow) -> ModelVersionRow | None:
    """The version of a model before another, in the order of `model_versions`; None of the first."""
    found = run(
        c,
        _BEFORE,
        model=row.model,
        first_us=row.first_as_of_us,
        received_us=row.received_us,
        version=row.version,
    )
    return _row(found[0]) if found else None


def last_as_of(c: Connection, model: str) -> int:
    """The date of the newest score of a model (`as_of_us`), -1 if it never scored anyone."""
    return int(run(c, _LAST, model=model)[0][0])


def model_names(c: Connection) -> list[str]:
    """The models that ever scored anyone, in order."""
    return [name for (name,) in run(c, _NAMES)]


def means(c: Connection, models: Sequence[str]) -> dict[tuple[str, str], float]:
    """The mean score of every version of those models, by model and version."""
    return {(model, version): mean for model, version, mean in run(c, _MEANS, wanted=as_ids(models))}


def _row(values: Sequence[Any]) -> ModelVersionRow:
    made = list(values)
    made[_PROBABILITY] = bool(made[_PROBABILITY])
    return ModelVersionRow(*made)
