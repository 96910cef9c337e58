"""Versions of models as the store keeps them: their distributions, and the drift from each to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce

import msgspec

from engine.calendar import MICROSECOND
from engine.errors import ContradictionError
from engine.predictions.distribution import Distribution, distribution, merged
from engine.predictions.drift import Drift, drift
from engine.store.rows import ModelVersionRow, PredictionRow

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[int, int]).decode


@dataclass(frozen=True, slots=True)
class About:
    """What the sender says of scores.

    Attributes:
        horizon: how far ahead they look, None if left unsaid.
        target: the offer whose response they predict, "" if left unsaid.
        probability: they are probabilities.
        sha256: of the file or body they came in.
    """

    model: str
    version: str
    horizon: timedelta | None = None
    target: str = ""
    probability: bool = False
    sha256: str = ""


def distribution_of(row: ModelVersionRow) -> Distribution:
    """How the scores of a version spread."""
    counts = _decode(row.counts) if row.counts else {}
    return Distribution(row.n, row.mean, row.squares, row.least, row.most, counts)


def agreed(about: About, known: ModelVersionRow | None, where: str) -> About:
    """What is said of a version now, with what was said before where it is left out.

    Raises:
        ContradictionError: horizon or target is not what it was.
    """
    if known is None:
        return about
    before = None if known.horizon_us is None else known.horizon_us * MICROSECOND
    version = f"version '{about.version}' of {about.model}"
    if None not in (before, about.horizon) and before != about.horizon:
        raise ContradictionError(
            f"{where}: horizon == {about.horizon}, {version} came in with {before}; {_REMEDY}"
        )
    if known.target and about.target and known.target != about.target:
        raise ContradictionError(
            f"{where}: target == {about.target!r}, {version} came in with {known.target!r}; {_REMEDY}"
        )
    return About(
        about.model,
        about.version,
        about.horizon or before,
        about.target or known.target,
        about.probability or known.probability,
        about.sha256 or known.sha256,
    )


_REMEDY = "correct it, or import it as another version."


def with_scores(
    about: About, known: ModelVersionRow | None, rows: Sequence[PredictionRow]
) -> ModelVersionRow:
    """What is known of a version once `rows`, none of them stored before, have come in.

    Args:
        known: what was known before; None only where there are rows.
    """
    pieces = [] if known is None else [distribution_of(known)]
    if rows:
        pieces.append(distribution([row.score for row in rows]))
    found = reduce(merged, pieces)
    dates = [row.as_of_us for row in rows]
    dates += [] if known is None else [known.first_as_of_us, known.last_as_of_us]
    return ModelVersionRow(
        about.model,
        about.version,
        min(dates),
        max(dates),
        found.n,
        found.mean,
        found.squares,
        found.least,
        found.most,
        _encode(found.counts),
        None if about.horizon is None else about.horizon // MICROSECOND,
        about.target,
        about.probability,
        about.sha256,
        rows[0].received_us if known is None else known.received_us,
    )


def drifts(rows: Sequence[ModelVersionRow]) -> list[Drift | None]:
    """The drift of each version against the one before it; None for the first."""
    found = [distribution_of(row) for row in rows]
    pairs = zip(rows, found, found[1:], strict=False)
    return [None, *(drift(before, now, row.version) for row, before, now in pairs)]
