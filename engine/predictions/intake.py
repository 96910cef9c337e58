"""Scores come in: every one checked before any is stored, whichever way they came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import msgspec
from sqlalchemy import Connection

from engine.calendar import MICROSECOND, instant
from engine.domain import Program
from engine.errors import ContradictionError, nearest
from engine.predictions.drift import Drift
from engine.predictions.versions import About, agreed, drifts, with_scores
from engine.store import models, predictions
from engine.store.rows import ModelVersionRow, PredictionRow

SKEW = timedelta(minutes=5)  # by how much another clock may be ahead of ours
_CHUNK = 10_000
Place = Callable[[int], str]  # where row i stands, for messages


class Arrival(msgspec.Struct, frozen=True):
    """What came in, and the programs whose decisions go by this model.

    `customers` were received, `new` of them not stored yet; `mean` and `drift` (against the version before)
    are of the whole version as it stands now. `warnings` say what somebody should look at.
    """

    model: str
    version: str
    customers: int
    new: int
    mean: float | None
    drift: Drift | None
    used_by: list[str]
    warnings: list[str]


def check_rows(about: About, rows: Sequence[PredictionRow], place: Place) -> None:
    """Raise `InputError` for the first score that nothing could be done with, whatever the store holds.

    A score outside 0 to 1 in a model declared a probability; one dated in the future; one that contradicts
    another of the same customer and moment.

    Args:
        rows: their ids sound, their scores finite; all received at once.
        place: where row i stands in the file or body.
    """
    _check_probabilities(about, rows, place)
    skew_us = SKEW // MICROSECOND
    seen: dict[tuple[str, int], float] = {}
    for i, row in enumerate(rows):
        if row.as_of_us > row.received_us + skew_us:
            raise ContradictionError(
                f"{place(i)}: as_of == '{instant(row.as_of_us)}', must not lie after its import "
                f"({instant(row.received_us)}); correct it."
            )
        before = seen.setdefault((row.customer, row.as_of_us), row.score)
        if before != row.score:
            raise _contradiction(row, before, place(i))


def take_in(
    connection: Connection,
    about: About,
    rows: Sequence[PredictionRow],
    programs: Sequence[Program],
    source: str,
    place: Place,
) -> Arrival:
    """Store the scores of one version of a model in the open transaction; scores stored before are harmless.

    Args:
        rows: checked by `check_rows`.
        programs: those whose word on the model's target counts.
        source: the file or body they came in, for messages.
        place: where row i stands in it.

    Raises:
        InputError: the target is not the program's, something else was said of this version before, or a
            score contradicts the stored one of the same customer and moment. Nothing is stored.
    """
    used_by = [program for program in programs if about.model in program.predictions]
    known = models.model_version(connection, about.model, about.version)
    about = agreed(about, known, source)
    _check_target(about, used_by, source)
    _check_probabilities(about, rows, place)
    new = _new(connection, about.model, rows, place)
    predictions.put_predictions(connection, new)
    if new or known is not None:
        known = with_scores(about, known, new)
        models.put_versions(connection, [known])
    drift = _drift(connection, known)
    return Arrival(
        about.model,
        about.version,
        len(rows),
        len(new),
        None if known is None else known.mean,
        drift,
        [program.name for program in used_by],
        _warnings(about.model, programs, drift),
    )


def _warnings(model: str, programs: Sequence[Program], drift: Drift | None) -> list[str]:
    said = []
    known = {name for program in programs for name in program.predictions}
    if model not in known:
        said.append(f"No program of the store names '{model}' under predictions.{nearest(model, known)}")
    if drift is not None and drift.reading in ("moderate", "large"):
        said.append(f"{model} has changed: {drift.sentence}.")
    return said


def _drift(connection: Connection, known: ModelVersionRow | None) -> Drift | None:
    """The drift of a version against the one before it."""
    before = None if known is None else models.version_before(connection, known)
    return drifts([before, known])[-1] if before is not None and known is not None else None


def _check_target(about: About, used_by: Sequence[Program], source: str) -> None:
    for program in used_by:
        ours = program.predictions[about.model]
        if about.target and ours != about.target:
            said = f"the response to '{ours}'" if ours else "no offer's response"
            offers = [offer.name for offer in program.offers]
            known = "" if about.target in offers else nearest(about.target, offers)
            raise ContradictionError(
                f"{source}: target == {about.target!r}, program '{program.name}' says {about.model} predicts "
                f"{said}.{known} Correct one of them."
            )


def _check_probabilities(about: About, rows: Sequence[PredictionRow], place: Place) -> None:
    for i, row in enumerate(rows):
        if about.probability and not 0.0 <= row.score <= 1.0:
            raise ContradictionError(
                f"{place(i)}: score == {row.score!r}, must be within [0, 1] in a model declared a "
                f"probability; correct it, or declare none."
            )


def _new(
    connection: Connection, model: str, rows: Sequence[PredictionRow], place: Place
) -> list[PredictionRow]:
    """The scores that are not in the store yet, each once. Raises `InputError` at a contradiction."""
    last_us = models.last_as_of(connection, model)
    seen: dict[tuple[str, int], float] = {}
    new: list[PredictionRow] = []
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        older = [row.customer for row in chunk if row.as_of_us <= last_us]
        if older:
            stored = predictions.predictions_between(connection, model, older, *_range(chunk))
            seen |= {key: row.score for key, row in stored.items()}
        for i, row in enumerate(chunk, start):
            before = seen.get((row.customer, row.as_of_us))
            if before is None:
                seen[row.customer, row.as_of_us] = row.score
                new.append(row)
            elif before != row.score:
                raise _contradiction(row, before, place(i))
    return new


def _range(rows: Sequence[PredictionRow]) -> tuple[int, int]:
    dates = [row.as_of_us for row in rows]
    return min(dates), max(dates)


def _contradiction(row: PredictionRow, before: float, where: str) -> ContradictionError:
    return ContradictionError(
        f"{where}: score == {row.score!r}, customer {row.customer!r} has {before!r} of {row.model} as of "
        f"{instant(row.as_of_us)} already; correct it, or give the moment at which the new score was true."
    )
