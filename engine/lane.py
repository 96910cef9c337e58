"""A chunk of a batch decided as columns.

What the pipeline does row by row (`engine.decide`) is done here a column at a time, with the same functions
for the choice itself. The log keeps the columns, and makes rows of them when somebody asks (`engine.unfold`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from datetime import datetime
from itertools import product
from typing import Any

import msgspec
import numpy as np
import polars as pl
from msgspec.structs import replace
from sqlalchemy import Connection

from engine.answers import answers
from engine.arms import EXPLORING, NEVER_CONTACTED
from engine.asked import Asked, asked, purposes
from engine.block import CONTACTS, OUTCOMES, as_json, left_as_json, pack, table
from engine.budget.book import Book, Prices
from engine.budget.tariff import settling
from engine.calendar import microseconds
from engine.choose import Choices, Live, choose, leading
from engine.coded import coded, nothing_in, same, where
from engine.facts import Facts
from engine.feasible import Feasible, Funnel, Reason, counted, merge, told
from engine.profiles import CONSENT
from engine.situation import Limit, Situations
from engine.store import blocks, folds
from engine.store.directory import hashes
from engine.texts import with_texts
from engine.unfold import CHOICE, Header, masks
from policies.base import Ints

FOLD = 2048  # decisions of one fold: whoever is asked for alone has to be found in no more
TOGETHER = 1024  # customers chosen for at once: their (n, k) arrays stay near the processor


@dataclass(frozen=True, slots=True)
class Settled:
    """Decisions of a chunk: a table in the order asked (`engine.batch.SCHEMA`), and the funnel."""

    table: pl.DataFrame
    funnel: Funnel


def decide(
    connection: Connection,
    current: Live,
    facts: Facts,
    name: str,
    at: datetime,
    seen: Callable[[Situations, Choices], None] = lambda asked, made: None,
    prices: Prices | None = None,
) -> Settled:
    """Decide and log, in the open transaction and in a batch of that name, for customers known by facts.

    Args:
        seen: is shown what some are decided on and what was chosen, some hundred at a time, in order.
        prices: shadow prices to go by, where the program has budgets.
    """
    requests, part = asked(connection, current, facts, name, at), facts.table
    book = Book(connection, current.program, [microseconds(at)], prices) if current.program.budgets else None
    chosen, limits, dropped = [], [], _Dropped()
    for some, choices in _turns(current, requests, book):
        seen(some, choices)
        chosen.append(_Chosen.of(choices))
        limits += [some.limits[0]] * len(choices.action)
        dropped.add(choices.feasible)
    made, s = _joined(chosen), requests.situations
    header, logged = _header(current, made, name, at), pl.DataFrame(_choices(s, made))
    numbers = _log(connection, header, facts, requests, logged, limits)
    if book is not None:
        book.close(numbers)
    who = [part["customer"], requests.id.alias("id"), _spelt("arm", s.arm)]
    table = with_texts(current.program, answers(header.actions, who, logged, header.fallback), part)
    return Settled(table, dropped.told())


def _turns(current: Live, requests: Asked, book: Book | None) -> Iterator[tuple[Situations, Choices]]:
    """The choices in order; those of one turn, as in `engine.decide`, made with what was left before it."""
    n, start, limits = len(requests.situations), 0, None
    at_us = requests.situations.at_us[0]
    while start < n:
        some = requests.between(start, start + TOGETHER)
        if book is not None:
            limits = book.left(at_us) if limits is None else limits
            some = changed(some, limits=same(limits, len(some)))
        choices = choose(current, some)
        if book is not None and (stand := book.fits(choices)) < len(some):
            choices, limits = leading(choices, stand), None
        if book is not None:
            book.take(choices)
        if len(choices.action):
            yield some, choices
        start += len(choices.action)


class _Dropped:
    """What the funnel dropped so far."""

    def __init__(self) -> None:
        self._funnels = list[Funnel]()
        self._reasons, self._pairs = tuple[Reason, ...](), (0, 0)
        self._counts, self._nothing = np.zeros(0, dtype=np.int64), 0

    def add(self, made: Feasible) -> None:
        """Count more of it; the reasons are the same until a budget has something else left."""
        counts, nothing = counted(made)
        if made.reasons != self._reasons:
            self._close()
            self._reasons, self._pairs = made.reasons, (0, made.mask.shape[1])
            self._counts, self._nothing = np.zeros_like(counts), 0
        self._pairs = self._pairs[0] + len(made.mask), self._pairs[1]
        self._counts = self._counts + counts
        self._nothing += nothing

    def told(self) -> Funnel:
        """All of it."""
        self._close()
        return self._funnels[0] if len(self._funnels) == 1 else merge(self._funnels)

    def _close(self) -> None:
        if self._pairs[0]:
            self._funnels.append(told(self._reasons, self._pairs, self._counts, self._nothing))
            self._pairs = (0, 0)


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


def _header(current: Live, made: _Chosen, name: str, at: datetime) -> Header:
    program = current.program
    return Header(
        program.name,
        name,
        microseconds(at),
        program.version,
        current.snapshot_version,
        current.fallback or None,
        program.salt,
        tuple(one.name for one in program.attributes),
        made.feasible.shape[1],
        tuple((one.name, one.offer, one.channel, one.slot) for one in program.actions),
        settling(program),
    )


def _log(
    connection: Connection,
    header: Header,
    facts: Facts,
    requests: Asked,
    choices: pl.DataFrame,
    limits: Sequence[Mapping[str, Limit]],
) -> Ints:
    """Keep the decisions as folds of the log: (n,) their numbers in it."""
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
        *([] if not limits[0] else [left_as_json(limits)]),
        *choices,
    ]
    consent = part.select(pl.col(name).alias(name.removeprefix(CONSENT)) for name in purposes(part))
    values = part.drop("customer", "zone", *purposes(part), strict=False)
    columns, customer = table(fixed, values, consent, facts.dated), hashes(s.customer)
    number = np.zeros(part.height, dtype=np.int64)
    for row, own, merged in _folds(header, facts):
        logged = columns[row] if merged else columns[row].drop("asked", strict=False)
        block, common = blocks.put_block(connection, pack(logged)), msgspec.msgpack.encode(own)
        hashed = customer[row], requests.id_hash[row]
        first = folds.put(connection, block, header.program, header.name, common, *hashed)
        number[row] = np.arange(first, first + logged.height)
        if merged:  # what is found by the key of another id is a row
            folds.ids(connection, requests.id[row].to_list())
    return number


def _folds(header: Header, facts: Facts) -> Iterator[tuple[slice | Ints, Header, bool]]:
    """The rows of each fold, and whether they were asked for by other ids: of those whose profiles are kept
    in it, then of the others.
    """
    n, kept = facts.table.height, facts.keep
    others = np.zeros(n, dtype=np.bool_)
    if facts.asked is not None:
        others = (facts.asked != facts.table["customer"]).to_numpy()
    for keep, merged in product((True, False), (False, True)):
        some = (kept == keep) & (others == merged)
        own = header if keep else replace(header, profiles=None)
        whole, place = bool(some.all()), np.flatnonzero(some)
        for start in range(0, len(place), FOLD):
            end = min(start + FOLD, len(place))
            yield (slice(start, end) if whole else place[start:end]), own, merged


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
