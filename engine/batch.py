"""Decisions for a whole file of customers, in chunks, each in one transaction.

Customers are decided for a column at a time (`engine.lane`), whether the store knows them or not; where that
cannot be (`engine.met.sort`) by the pipeline. Both give the same decisions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import msgspec
import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine import answers, creative, lane
from engine.asked import asked
from engine.budget.book import Prices
from engine.budget.solve import prices, sample_size, solved
from engine.calendar import microseconds
from engine.choose import Live
from engine.decide import decide, granted
from engine.domain import Program
from engine.errors import InputError
from engine.facts import Facts, of_known, of_merged, of_strangers
from engine.feasible import funnel, merge
from engine.joined import joined
from engine.lane import Settled
from engine.live import Lives
from engine.met import Met, Sorted, meet, sort
from engine.outbox import Take
from engine.predictions.intake import take_in
from engine.predictions.versions import About
from engine.profiles import profiles
from engine.request import Request
from engine.roster import Roster
from engine.store import Store, customers, decisions, parts
from engine.store.rows import DecisionRow, PredictionRow
from engine.tally import BatchSummary, tally
from engine.texts import why_none
from engine.uncollected import keep_freed_memory, uncollected
from engine.xxh3 import Texts
from policies.base import Mask

SAMPLE = 256  # ids of a piece that are looked up before it is put in order
CHUNK = 16_384  # customers of one transaction; API decisions go on between two


@dataclass(frozen=True, slots=True)
class Batch:
    """What is asked of every customer.

    Attributes:
        name: the key of each decision is "NAME:CUSTOMER", so a batch that was killed goes on where it
            stopped, and no customer is decided for twice.
        keep: whether customers who are new to the store get a profile in it. Without, what the file says
            of them stands in their decisions only.
    """

    program: Program
    name: str
    at: datetime
    keep: bool = True


@uncollected()
def run(
    store: Store,
    batch: Batch,
    roster: Roster,
    take: Take = lambda table: None,
    resume: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> BatchSummary:
    """Decide for each customer of the roster.

    Args:
        take: is given the decisions, as one table for each of the roster's, in its order.
        resume: go on with a batch of this name.

    Raises:
        InputError: the name was used before and `resume` is False.
    """
    keep_freed_memory()
    lives, counted = Lives(), tally(batch.program)
    if not resume:
        _refuse_used_name(store, batch, roster)
    going = _prices(store, lives, batch, roster) if batch.program.budgets else None
    for table in roster.tables():
        order, told = _order(store, batch.program, table), []
        for part in (table if order is None else table[order]).iter_slices(CHUNK):
            with store.write() as connection:
                current = lives.get(connection, batch.program.name)
                settled, replayed = _settle(connection, current, batch, part, going)
                told.append(settled.table)
            counted.add(settled, replayed)
            progress(counted.customers)
        decided = pl.concat(told)
        take(decided if order is None else decided[order.arg_sort()])
    return counted.summary(current.snapshot_version)


def _order(store: Store, program: Program, table: pl.DataFrame) -> pl.Series | None:
    """The order in which the rows are decided; None for that in which they stand.

    Where some are known, those who stand in the same folds together, since a fold is read whole, and by id,
    since what a transaction touches of the store's indexes then lies together. As they stand where nobody
    seems to be known, and where who comes first gets what is scarce.
    """
    sample = table["customer"].gather_every(-(-table.height // SAMPLE)).to_list()
    with store.read() as connection:
        if program.budgets or not customers.seen(connection, sample):
            return None
        fold = parts.newest(connection, Texts.of(table["customer"]))
    beside = fold // max(CHUNK // lane.FOLD, 1)  # folds of one chunk
    order = pl.DataFrame({"beside": beside, "customer": table["customer"]})
    return order.select(pl.arg_sort_by("beside", "customer")).to_series()


def _settle(
    connection: Connection, current: Live, batch: Batch, part: pl.DataFrame, going: Prices | None
) -> tuple[Settled, int]:
    """Decide for a chunk: by columns as far as may be, the others by the pipeline."""
    program, name = current.program, batch.name
    ids = Texts.of(part["customer"])
    met = meet(connection, ids)
    who = sort(connection, program, name, ids, met)
    if program.budgets and (who.by_row & ~who.used).any():  # who comes first gets what is scarce
        _keep(connection, batch, part, part)
        return _by_row(connection, current, batch, part, going)
    told = ~who.strangers & ~who.repeated & ~who.used
    _keep(
        connection, batch, _of(part, who.by_row & ~who.used), _of(part, told | (who.strangers & batch.keep))
    )
    settled, replayed = list[tuple[Mask, Settled]](), int(who.repeated.sum())
    if who.by_row.any():
        rows, again = _by_row(connection, current, batch, _of(part, who.by_row), going)
        settled, replayed = [(who.by_row, rows)], replayed + again
    if who.repeated.any():
        again_ids = _of(part, who.repeated)["customer"].to_list()
        table = answers.repeated(program, name, again_ids, met.only(who.repeated))
        settled.append((who.repeated, Settled(table, merge([]))))
    known = _facts(connection, program, batch, part, met, who)
    known = [joined(known)] if program.budgets and known else known
    decided = partial(lane.decide, connection, current, name=name, at=batch.at, prices=going)
    settled += [(some, decided(facts)) for some, facts in known]
    return _put_together(settled), replayed


def _facts(
    connection: Connection, program: Program, batch: Batch, part: pl.DataFrame, met: Met, who: Sorted
) -> list[tuple[Mask, Facts]]:
    """What is known of those that are decided for by columns."""
    at_us, found = microseconds(batch.at), list[tuple[Mask, Facts]]()
    if who.known.any():
        own = _of(part, who.known)
        found.append((who.known, of_known(connection, program, own, at_us, met.only(who.known))))
    if who.strangers.any():
        found.append((who.strangers, of_strangers(program, _of(part, who.strangers), at_us, batch.keep)))
    if who.merged.any():
        own = _of(part, who.merged)
        found.append((who.merged, of_merged(connection, program, own, at_us, who.people)))
    return found


def _of(part: pl.DataFrame, some: Mask) -> pl.DataFrame:
    return part if some.all() else part.filter(pl.Series(some))


def _put_together(settled: Sequence[tuple[Mask, Settled]]) -> Settled:
    """The decisions of parts of a chunk, each given with whom it is of, in the order of the chunk."""
    if len(settled) == 1:
        return settled[0][1]
    order = np.argsort(np.concatenate([np.flatnonzero(some) for some, _ in settled]))
    return Settled(
        pl.concat([one.table for _, one in settled])[order], merge(one.funnel for _, one in settled)
    )


def _keep(connection: Connection, batch: Batch, known: pl.DataFrame, part: pl.DataFrame) -> None:
    """Store what the file says of customers: of those known their profiles, of the part their scores.

    The profiles of the others are kept with their decisions, or by whoever decides for them.
    """
    at_us = microseconds(batch.at)
    customers.put_customers(connection, profiles(batch.program, known, at_us))
    where = f"batch '{batch.name}'"
    for model in batch.program.predictions:
        if model in part.columns:
            scores = _scores(part, model, at_us, batch.name)
            take_in(connection, About(model, batch.name), scores, (), where, lambda i: where)


def _by_row(
    connection: Connection, current: Live, batch: Batch, part: pl.DataFrame, going: Prices | None
) -> tuple[Settled, int]:
    made = decide(connection, _requests(batch, part), {batch.program.name: current}, going)
    answers = [granted(answer) for answer in made.answers]
    funnels = [funnel(choices.feasible) for _, choices in made.rounds]
    table = as_table([one.row for one in answers], current.program)
    return Settled(table, merge(funnels)), sum(one.replayed for one in answers)


def _requests(batch: Batch, part: pl.DataFrame) -> list[Request]:
    name = batch.program.name
    return [Request(one, name, f"{batch.name}:{one}", batch.at) for one in part["customer"]]


def _prices(store: Store, lives: Lives, batch: Batch, roster: Roster) -> Prices:
    """What the budgets' scarce things are worth to the batch, found on an even sample of it."""
    with store.write() as connection:
        current = lives.get(connection, batch.program.name)
        step = -(-roster.height // sample_size(current))
        sample = pl.concat([table.gather_every(step) for table in roster.tables()])
        times, ids = roster.height / sample.height, Texts.of(sample["customer"])
        met = meet(connection, ids)
        who = sort(connection, current.program, batch.name, ids, met)
        if not (who.known | who.strangers).any():
            fresh = _of(sample, ~who.repeated & ~who.used)
            _keep(connection, batch, fresh, fresh)
            return prices(connection, current, _requests(batch, fresh), times)
        _keep(connection, batch, sample.clear(), _of(sample, who.known))
        who = replace(who, merged=np.zeros_like(who.merged))  # few
        _, facts = joined(_facts(connection, current.program, batch, sample, met, who))
        requests = asked(connection, current, facts, batch.name, batch.at)
        return solved(connection, current, requests.situations, times)


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
            "offer": pl.Series([r.offer or None for r in rows], dtype=pl.String),
            "channel": pl.Series([r.channel or None for r in rows], dtype=pl.String),
            "slot": pl.Series([r.slot or None for r in rows], dtype=pl.String),
            "send_at": pl.Series([r.send_at_us for r in rows], dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
            "propensity": [r.propensity for r in rows],
            "explored": [r.explored for r in rows],
            "withheld": pl.Series([r.withheld for r in rows], dtype=pl.String),
            "value": pl.Series([r.value for r in rows], dtype=pl.Float64),
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
            left_out[i] = why_none(row.program_version)
    return [
        pl.Series("creative", fields, dtype=pl.String),
        pl.Series("creative_left_out", left_out, dtype=pl.String),
    ]


def _refuse_used_name(store: Store, batch: Batch, roster: Roster) -> None:
    ids = next(roster.tables())["customer"]
    parts = ids.head(CHUNK), ids.sort().head(CHUNK)
    first = dict.fromkeys(one for part in parts for one in part.to_list())  # those of the first transaction
    keys = [f"{batch.name}:{one}" for one in first]
    with store.read() as connection:
        used = decisions.decisions_by_key(connection, batch.program.name, keys)
    if used:
        raise InputError(
            f"batch '{batch.name}' of program '{batch.program.name}' was decided before ({len(used)} of its "
            f"first {len(keys)} customers); give --resume to go on with it, or another --name."
        )


def _scores(part: pl.DataFrame, model: str, at_us: int, version: str) -> list[PredictionRow]:
    return [
        PredictionRow(customer, model, version, score, at_us, at_us)
        for customer, score in zip(part["customer"], part[model], strict=True)
        if score is not None
    ]
