"""What is known of models: versions and drift, the age of scores, and whether they keep what they promise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import numpy as np
from sqlalchemy import Connection

from engine.calendar import MICROSECOND, instant, microseconds
from engine.domain import Program, Staleness
from engine.errors import NotFoundError, RefusedError, nearest
from engine.predictions.calibration import ENOUGH, Calibration, calibration
from engine.predictions.distribution import QUANTILES, quantile
from engine.predictions.drift import Drift
from engine.predictions.responses import Responses, response_kind, responses
from engine.predictions.versions import distribution_of, drifts
from engine.store import models, predictions
from engine.store.rows import ModelVersionRow
from policies.base import Floats

_DAY = timedelta(days=1)


class Version(msgspec.Struct, frozen=True):
    """A version of a model: its dates, how its n scores spread, and how far from those of the one before.

    `quantiles` are by share, good to 0.1 % of their size; they and `drift` are empty for scores that came in
    before distributions were kept.
    """

    version: str
    first_as_of: datetime
    last_as_of: datetime
    received: datetime
    n: int
    mean: float
    sd: float | None
    least: float
    most: float
    quantiles: dict[str, float]
    horizon_days: float | None
    target: str | None
    probability: bool
    sha256: str
    drift: Drift | None
    drift_in_words: str


class Versions(msgspec.Struct, frozen=True):
    """A model, its versions by the date of their first score, and the programs whose decisions use it."""

    model: str
    used_by: list[str]
    versions: list[Version]


class Ages(msgspec.Struct, frozen=True):
    """How many customers' newest score comes from a version, and what its age makes of it."""

    version: str
    customers: int
    fresh: int
    stale: int
    expired: int


class Contract(msgspec.Struct, frozen=True):
    """What a program says of the age of a model's scores, and how old they are; no days: never too old."""

    program: str
    fresh_days: float | None
    expires_days: float | None
    stale: str
    ages: list[Ages]


class Reliability(msgspec.Struct, frozen=True):
    """Whether the response followed as the scores of a program's decisions said; `refused` says why not.

    `sent` is of those the offer was sent to; `everyone` of all for whom it was feasible: the decisions drawn
    by chance, by 1 / propensity.
    `reading` says in words what is wrong with the scores beyond chance.
    """

    program: str
    offer: str
    outcome: str
    window_days: float
    sent: Calibration | None
    everyone: Calibration | None
    reading: list[str]
    refused: list[str]
    notes: list[str]


class ModelReport(msgspec.Struct, frozen=True):
    """All that is known of a model at a moment."""

    model: str
    used_by: list[str]
    versions: list[Version]
    contracts: list[Contract]
    reliability: list[Reliability]


def versions(connection: Connection, model: str, programs: Sequence[Program]) -> Versions:
    """The versions of a model. Raises `NotFoundError` if it never scored anyone."""
    rows = models.model_versions(connection, model)
    if not rows:
        known = models.model_names(connection)
        raise NotFoundError(f"model {model[:40]!r} never scored anyone here.{nearest(model, known)}")
    used_by = [program.name for program in programs if model in program.predictions]
    told = [_told(row, drift) for row, drift in zip(rows, drifts(rows), strict=True)]
    return Versions(model, used_by, told)


def report(connection: Connection, model: str, programs: Sequence[Program], at: datetime) -> ModelReport:
    """What is known of a model, and how old its scores are at a moment. Raises `NotFoundError`."""
    found = versions(connection, model, programs)
    using = [program for program in programs if model in program.predictions]
    contracts = [_contract(connection, model, program, at) for program in using]
    return ModelReport(model, found.used_by, found.versions, contracts, [])


def calibrated(
    connection: Connection,
    found: ModelReport,
    programs: Sequence[Program],
    at: datetime,
    outcome: str | None = None,
    version: str | None = None,
) -> ModelReport:
    """The report with what followed the scores, for each program that predicts an offer's response by them.

    Raises:
        InputError: as `reliability`.
        RefusedError: as `reliability`; or a model was asked for that predicts no offer's response.
    """
    using = [program for program in programs if program.predictions.get(found.model)]
    if not using:
        raise RefusedError(
            f"{found.model} predicts no offer's response in any program: there is nothing to compare it with."
        )
    reliable = [reliability(connection, found.model, one, at, outcome, version) for one in using]
    return msgspec.structs.replace(found, reliability=reliable)


def reliability(
    connection: Connection,
    model: str,
    program: Program,
    at: datetime,
    outcome: str | None = None,
    version: str | None = None,
) -> Reliability:
    """Whether what a model said of an offer came true, for the program's decisions that have matured.

    Args:
        program: one in which the model predicts an offer's response.
        outcome: the response; if None, the only outcome of the goal that is worth something.
        version: only scores of this version.

    Raises:
        InputError: the goal does not name the outcome.
        RefusedError: the outcome is not clear.
    """
    kind = response_kind(program.goal, outcome)
    found = responses(connection, program, model, kind, at, version)
    refused: list[str] = []
    sent = _calibrated(found, np.ones(len(found.score)), refused)
    everyone = None if sent is None else _of_everyone(found, refused)
    notes = _notes(models.model_versions(connection, model), program)
    offer, window = program.predictions[model], _days(program.goal.window)
    reading = [] if sent is None else _reading(everyone or sent)
    return Reliability(program.name, offer, kind, window, sent, everyone, reading, refused, notes)


def _reading(found: Calibration) -> list[str]:
    said = []
    if found.gap.high < 0:
        said.append(f"The scores promise too much, by {-found.gap.value:.3f} on average.")
    if found.gap.low > 0:
        said.append(f"The scores promise too little, by {found.gap.value:.3f} on average.")
    if found.slope is not None and found.slope.high < 1:
        said.append("High scores are too high, or low ones too low: the model is too sure of itself.")
    if found.slope is not None and found.slope.low > 1:
        said.append("High scores are too low, or low ones too high: the model is not sure enough.")
    return said or ["No error beyond chance."]


def _calibrated(found: Responses, weight: Floats, refused: list[str]) -> Calibration | None:
    try:
        return calibration(found.score, found.happened, found.customer, weight)
    except RefusedError as error:
        refused.append(str(error))
        return None


def _of_everyone(found: Responses, refused: list[str]) -> Calibration | None:
    """The decisions drawn by chance, by 1 / propensity; one that was certain stands for nobody else."""
    drawn = found.propensity < 1.0
    if int(drawn.sum()) < ENOUGH:
        refused.append(
            f"For everyone: {int(drawn.sum())} of {len(drawn)} decisions were drawn by chance, at least "
            f"{ENOUGH} are needed; a random arm would tell."
        )
        return None
    some = Responses(
        found.score[drawn], found.happened[drawn], found.customer[drawn], found.propensity[drawn]
    )
    return _calibrated(some, 1 / some.propensity, refused)


def _notes(rows: Sequence[ModelVersionRow], program: Program) -> list[str]:
    window = program.goal.window
    horizons = {row.horizon_us * MICROSECOND for row in rows if row.horizon_us is not None} - {window}
    return [
        f"Scores look {_days(one):g} days ahead, outcomes are counted for {_days(window):g}: a gap may be no "
        f"more than that."
        for one in sorted(horizons)
    ]


def _told(row: ModelVersionRow, drift: Drift | None) -> Version:
    found = distribution_of(row)
    quantiles = {f"{share:g}": quantile(found, share) for share in QUANTILES}
    return Version(
        row.version,
        instant(row.first_as_of_us),
        instant(row.last_as_of_us),
        instant(row.received_us),
        row.n,
        row.mean,
        found.sd,
        row.least,
        row.most,
        {share: value for share, value in quantiles.items() if value is not None},
        None if row.horizon_us is None else _days(row.horizon_us * MICROSECOND),
        row.target or None,
        row.probability,
        row.sha256,
        drift,
        "" if drift is None else drift.sentence,
    )


def _contract(connection: Connection, model: str, program: Program, at: datetime) -> Contract:
    contract = program.staleness.get(model)
    ages = shares(connection, model, contract, at)
    if contract is None:
        return Contract(program.name, None, None, "use", ages)
    expires = None if contract.expires is None else _days(contract.expires)
    return Contract(program.name, _days(contract.fresh), expires, contract.stale, ages)


def shares(connection: Connection, model: str, contract: Staleness | None, at: datetime) -> list[Ages]:
    """How many customers' newest score is fresh, stale and expired at a moment, by version."""
    fresh_us = known_us = 0
    if contract is not None:
        fresh_us = microseconds(at - contract.fresh)
        known_us = 0 if contract.expires is None else microseconds(at - contract.expires)
    found = predictions.ages(connection, model, fresh_us, known_us)
    return [Ages(version, sum(counts), *counts) for version, counts in found.items()]


def _days(length: timedelta) -> float:
    return length / _DAY
