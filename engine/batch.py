"""Decisions for a whole file of customers.

Profiles stored, decided in chunks by the pipeline, written as Parquet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile

import msgspec
import polars as pl

from engine import creative
from engine.calendar import microseconds
from engine.decide import Decided, decide
from engine.domain import Program
from engine.errors import InputError, NextbestError
from engine.feasible import Funnel, funnel, merge
from engine.live import Lives
from engine.profiles import profiles
from engine.request import Request
from engine.store import Store, customers, decisions, predictions
from engine.store.rows import DecisionRow, PredictionRow
from engine.tables import write_whole
from engine.uncollected import uncollected

CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """What a batch did: who was in which arm, what was chosen, what the funnel dropped."""

    customers: int
    replayed: int
    arms: dict[str, int]
    actions: dict[str, int]
    withheld: int
    explored: int
    mean_propensity: float
    funnel: Funnel
    snapshot: int | None


@uncollected()
def run(
    store: Store,
    program: Program,
    table: pl.DataFrame,
    name: str,
    at: datetime,
    resume: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[list[DecisionRow], BatchSummary]:
    """Store the profiles of `table` (`engine.profiles.customer_table`) and decide for each customer.

    A batch has a name; the key of each decision is "NAME:CUSTOMER", so a batch killed half-way goes on with
    `resume` where it stopped, and no customer is decided for twice.

    Raises:
        InputError: the name was used before and `resume` is False.
    """
    rows: list[DecisionRow] = []
    funnels: list[Funnel] = []
    replayed, lives = 0, Lives()
    if not resume:
        _refuse_used_name(store, program, table, name)
    for start in range(0, table.height, CHUNK):
        part = table.slice(start, CHUNK)
        requests = [
            Request(customer, program.name, f"{name}:{customer}", at) for customer in part["customer"]
        ]
        with store.write() as connection:
            customers.put_customers(connection, profiles(program, part, microseconds(at)))
            predictions.put_predictions(connection, _predictions(program, part, microseconds(at), name))
            made = decide(connection, requests, {program.name: lives.get(connection, program.name)})
        for answer in made.answers:
            row, again = _settled(answer)
            rows.append(row)
            replayed += again
        funnels += [funnel(choices.feasible) for _, choices in made.rounds]
        progress(len(rows))
    return rows, _summary(rows, replayed, merge(funnels))


def as_table(rows: Sequence[DecisionRow], program: Program | None = None) -> pl.DataFrame:
    """Decisions as a table for the sending system, one row a customer in the order asked.

    Given a program that has creative, with the texts of each as a JSON object, and what was left out of them.
    """
    table = pl.DataFrame(
        {
            "customer": [r.customer for r in rows],
            "id": [r.id for r in rows],
            "arm": [r.arm for r in rows],
            "action": [r.action_name for r in rows],
            "offer": [r.offer or None for r in rows],
            "channel": [r.channel or None for r in rows],
            "slot": [r.slot or None for r in rows],
            "send_at": pl.Series([r.send_at_us for r in rows], dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
            "propensity": [r.propensity for r in rows],
            "explored": [r.explored for r in rows],
            "withheld": pl.Series([r.withheld for r in rows], dtype=pl.String),
            "value": [r.value for r in rows],
            "fallback": pl.Series([r.fallback for r in rows], dtype=pl.String),
        }
    )
    return table.with_columns(_texts(rows, program)) if program and creative.any_in(program) else table


def _texts(rows: Sequence[DecisionRow], program: Program) -> list[pl.Series]:
    """Two columns of text, null where nothing is sent or nothing left out."""
    sent = [creative.filled(program, row) if row.program_version == program.version else None for row in rows]
    encode = msgspec.json.Encoder(order="deterministic").encode
    fields = [encode(one.fields).decode() if one and one.fields else None for one in sent]
    left_out = [", ".join(one.left_out) or None if one else None for one in sent]
    for i, row in enumerate(rows):
        if row.send_at_us is not None and row.program_version != program.version:
            left_out[i] = f"decided under version {row.program_version}: ask for its texts by its id"
    return [
        pl.Series("creative", fields, dtype=pl.String),
        pl.Series("creative_left_out", left_out, dtype=pl.String),
    ]


def write_table(rows: Sequence[DecisionRow], path: str | Path, program: Program | None = None) -> None:
    """The decisions as one Parquet (or, by the name's ending, CSV) file, whole or not at all."""
    path, table, body = check_out(path), as_table(rows, program), BytesIO()
    (table.write_parquet if path.suffix == ".parquet" else table.write_csv)(body)
    try:
        write_whole(path, body.getvalue())
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); name another file.") from error


def check_out(path: str | Path) -> Path:
    """The path, if decisions can be written there; asked before a batch is decided.

    Raises:
        InputError: the name's ending is no form that is written, or the place cannot be written to.
    """
    path = Path(path)
    if path.suffix not in (".parquet", ".csv"):
        raise InputError(f"{path}: decisions are written as .parquet or .csv; name the file so.")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file.")
    folder = next(one for one in path.absolute().parents if one.exists())
    try:
        with TemporaryFile(dir=folder):
            return path
    except OSError as error:
        raise InputError(
            f"{path}: nothing can be written in {folder} ({error.strerror}); name another file."
        ) from error


def _refuse_used_name(store: Store, program: Program, table: pl.DataFrame, name: str) -> None:
    keys = [f"{name}:{customer}" for customer in table["customer"].head(CHUNK)]
    with store.read() as connection:
        used = decisions.decisions_by_key(connection, program.name, keys)
    if used:
        raise InputError(
            f"batch '{name}' of program '{program.name}' was decided before ({len(used)} of its first "
            f"{len(keys)} customers); give --resume to go on with it, or another --name."
        )


def _predictions(program: Program, part: pl.DataFrame, at_us: int, version: str) -> list[PredictionRow]:
    return [
        PredictionRow(customer, model, version, score, at_us, at_us)
        for model in program.predictions
        if model in part.columns
        for customer, score in zip(part["customer"], part[model], strict=True)
        if score is not None
    ]


def _settled(answer: Decided | NextbestError) -> tuple[DecisionRow, bool]:
    if isinstance(answer, NextbestError):
        raise answer
    return answer.row, answer.replayed


def _summary(rows: Sequence[DecisionRow], replayed: int, total: Funnel) -> BatchSummary:
    arms = pl.Series([r.arm for r in rows]).value_counts(sort=True)
    actions = pl.Series([r.action_name for r in rows]).value_counts(sort=True)
    return BatchSummary(
        len(rows),
        replayed,
        dict(arms.iter_rows()),
        dict(actions.iter_rows()),
        sum(r.withheld is not None for r in rows),
        sum(r.explored for r in rows),
        sum(r.propensity for r in rows) / len(rows),
        total,
        rows[-1].snapshot_version,
    )
