"""A chunk of a batch decided as columns.

What the pipeline does row by row (`engine.decide`) is done here a column at a time, with the same functions
for the choice itself. The log keeps the columns, and makes rows of them when somebody asks (`engine.unfold`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine.answers import answers
from engine.arms import EXPLORING, NEVER_CONTACTED
from engine.asked import Asked, asked, purposes
from engine.block import CONTACTS, OUTCOMES, as_json, pack, table
from engine.calendar import microseconds
from engine.choose import Choices, Live, choose
from engine.coded import coded, nothing_in, where
from engine.domain import Program
from engine.facts import Facts
from engine.feasible import Funnel, Reason, counted, told
from engine.profiles import CONSENT
from engine.situation import Situations
from engine.store import blocks, folds
from engine.store.directory import hashes
from engine.texts import with_texts
from engine.unfold import CHOICE, Header, masks

FOLD = 2048  # decisions of one fold: whoever is asked for alone has to be found in no more
TOGETHER = 1024  # customers chosen for at once: their (n, k) arrays stay near the processor


@dataclass(frozen=True, slots=True)
class Settled:
    """Decisions of a chunk: a table in the order asked (`engine.batch.SCHEMA`), and the funnel."""

    table: pl.DataFrame
    funnel: Funnel


def takes(program: Program) -> bool:
    """Whether all that its decisions depend on can be had by columns: not what is left of budgets."""
    return not program.budgets


def decide(
    connection: Connection,
    current: Live,
    facts: Facts,
    name: str,
    at: datetime,
    seen: Callable[[Situations, Choices], None] = lambda asked, made: None,
) -> Settled:
    """Decide and log, in the open transaction and in a batch of that name, for customers known by facts.

    Args:
        seen: is shown what some are decided on and what was chosen, some hundred at a time, in order.
    """
    requests, part = asked(connection, current, facts, name, at), facts.table
    chosen, dropped, reasons = [], [], tuple[Reason, ...]()
    for start in range(0, part.height, TOGETHER):
        some = requests.between(start, start + TOGETHER)
        choices = choose(current, some)
        seen(some, choices)
        chosen.append(_Chosen.of(choices))
        dropped.append(counted(choices.feasible))
        reasons = choices.feasible.reasons  # those of the program, the same every time
    made, s = _joined(chosen), requests.situations
    header, logged = _header(current, facts, made, name, at), pl.DataFrame(_choices(s, made))
    _log(connection, header, facts, requests, logged)
    counts, nothing = (sum(each) for each in zip(*dropped, strict=True))
    who = [part["customer"], requests.id.alias("id"), _spelt("arm", s.arm)]
    table = with_texts(current.program, answers(header.actions, who, logged, header.fallback), part)
    return Settled(table, told(reasons, (part.height, len(header.actions)), counts, nothing))


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What the log keeps of n choices, each (n,); `feasible` is (n, bytes)."""

    action: Any
    drawn: Any
    propensity: Any
    explored: Any
    value: Any
    send_us: Any
    feasible: Any

    @classmethod
    def of(cls, choices: Choices) -> _Chosen:
        row = np.arange(len(choices.action))
        return cls(
            choices.action,
            choices.drawn,
            choices.propensity,
            choices.explored,
            choices.value[row, choices.drawn],
            choices.feasible.send_us[row, choices.action],
            np.packbits(choices.feasible.mask, axis=1),
        )


def _joined(parts: Sequence[_Chosen]) -> _Chosen:
    return _Chosen(*(np.concatenate([getattr(one, name) for one in parts]) for name in _Chosen.__slots__))


def _header(current: Live, facts: Facts, made: _Chosen, name: str, at: datetime) -> Header:
    program = current.program
    return Header(
        program.name,
        name,
        microseconds(at),
        program.version,
        current.snapshot_version,
        current.fallback or None,
        program.salt,
        tuple(one.name for one in program.attributes) if facts.keep else None,
        made.feasible.shape[1],
        tuple((one.name, one.offer, one.channel, one.slot) for one in program.actions),
    )


def _log(
    connection: Connection, header: Header, facts: Facts, requests: Asked, choices: pl.DataFrame
) -> None:
    """Keep the decisions as folds of the log."""
    part, s = facts.table, requests.situations
    fixed = [
        part["customer"],
        pl.repeat(header.name, part.height, eager=True).alias("batch"),
        pl.repeat(header.at_us, part.height, eager=True).alias("at_us"),
        _spelt("arm", s.arm),
        _spelt("zone", s.zone),
        *([] if nothing_in(s.contacts) else [as_json(CONTACTS, s.contacts)]),
        *([] if nothing_in(s.outcomes) else [as_json(OUTCOMES, s.outcomes)]),
        *([] if facts.asked is None else [facts.asked.alias("asked")]),
        *choices,
    ]
    consent = part.select(pl.col(name).alias(name.removeprefix(CONSENT)) for name in purposes(part))
    values = part.drop("customer", "zone", *purposes(part), strict=False)
    columns, common = table(fixed, values, consent, facts.dated), msgspec.msgpack.encode(header)
    customer = hashes(s.customer)
    for start in range(0, part.height, FOLD):
        rows = slice(start, start + FOLD)
        number = blocks.put_block(connection, pack(columns[rows]))
        own = (customer[rows], requests.id_hash[rows])
        folds.put(connection, number, header.program, header.name, common, *own)
    if facts.asked is not None:  # what is found by the key of another id is a row
        folds.ids(connection, requests.id.to_list())


def _choices(s: Situations, made: _Chosen) -> list[pl.Series]:
    columns = {
        "action": made.action.astype(np.int16),
        "withheld": np.where(where(s.arm, NEVER_CONTACTED), made.drawn, -1).astype(np.int16),
        "send_us": made.send_us,
        "propensity": made.propensity,
        "explored": made.explored & where(s.arm, EXPLORING),
        "value": made.value,
    }
    return [pl.Series(f"{CHOICE}{name}", column) for name, column in columns.items()] + masks(made.feasible)


def _spelt(name: str, values: Sequence[str | None]) -> pl.Series:
    found = coded(values)
    return pl.Series(name, found.levels, dtype=pl.String).gather(found.place)
