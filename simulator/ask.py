"""The engine asked for everyone at once: as a batch where it can decide by columns, else one by one.

Both ways decide alike and log what they decided, so a season is the same whichever it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine import arbitrate, context, lane
from engine.budget.solve import prices_of_all
from engine.calendar import microseconds
from engine.choose import Choices, Live
from engine.decide import decide, granted
from engine.domain import ArmName
from engine.facts import Facts, of_known
from engine.live import Lives
from engine.met import meet, sort
from engine.request import Request
from engine.situation import Situations, columns, decode
from engine.store import Store
from engine.store.rows import DecisionRow
from simulator.season import Decisions, Met


@dataclass(frozen=True, slots=True)
class Morning:
    """What is asked for every customer.

    Attributes:
        name: the key of each decision is "NAME:CUSTOMER".
        moment: what every request says of it, as its own context.
        looked: the arms of whose decisions is told what they were decided on.
    """

    program: str
    name: str
    day: int
    at: datetime
    moment: Mapping[str, Any]
    looked: Set[ArmName]


@dataclass(frozen=True, slots=True)
class _Part:
    """Decisions of customers who follow one another."""

    live: Live
    ids: list[str]
    arm: Sequence[str]
    choices: Sequence[Choices]
    met: Sequence[Met]


def ask(
    store: Store, lives: Lives, morning: Morning, names: Sequence[str], chunk: int
) -> tuple[Live, Decisions]:
    """The logged decisions of everyone, in that order, at most `chunk` in a transaction; and who decided."""
    with store.write() as connection:
        current = lives.get(connection, morning.program)
        requests = [] if _by_columns(current, morning) else _requests(morning, names)
        solved = prices_of_all(connection, current, requests) if requests else None
    parts = []
    for start in range(0, len(names), chunk):
        with store.write() as connection:
            current, some = lives.get(connection, morning.program), names[start : start + chunk]
            facts = None if requests else _facts(connection, current, morning, some)
            if facts is not None:
                parts.append(_decided_by_columns(connection, current, morning, facts))
            else:
                asked = requests[start : start + chunk] or _requests(morning, some)
                made = decide(connection, asked, {morning.program: current}, solved)
                rows = [granted(answer).row for answer in made.answers]
                parts.append(_part(current, morning, rows, [choices for _, choices in made.rounds]))
    return parts[-1].live, _joined(morning, parts)


def _by_columns(current: Live, morning: Morning) -> bool:
    """Whether it may be asked as a batch; what is said of a moment would be kept as everybody's profile."""
    return not current.program.budgets and not morning.moment


def _requests(morning: Morning, names: Sequence[str]) -> list[Request]:
    key, at, moment = morning.name, morning.at, dict(morning.moment)
    return [Request(one, morning.program, f"{key}:{one}", at, moment) for one in names]


def _facts(connection: Connection, current: Live, morning: Morning, names: Sequence[str]) -> Facts | None:
    """What is known of some customers, by columns; None if some have to be asked for one by one."""
    met = meet(connection, names)
    if not sort(connection, current.program, morning.name, names, met).known.all():
        return None
    part = pl.DataFrame({"customer": names})
    return of_known(connection, current.program, part, microseconds(morning.at), met)


def _decided_by_columns(connection: Connection, current: Live, morning: Morning, facts: Facts) -> _Part:
    arms, chosen, met = list[str](), list[Choices](), list[Met]()

    def seen(s: Situations, choices: Choices) -> None:
        arm = np.array(s.arm)
        row = np.flatnonzero(np.isin(arm, sorted(morning.looked)))
        X, prior = context.encode(current.encoding, s)[row], arbitrate.prior(current.program, s)[row]
        met.append(Met(len(arms) + row, X, prior))
        arms.extend(s.arm)
        chosen.append(choices)

    settled = lane.decide(connection, current, facts, morning.name, morning.at, seen)
    return _Part(current, settled.table["id"].to_list(), arms, chosen, met)


def _part(current: Live, morning: Morning, rows: Sequence[DecisionRow], choices: Sequence[Choices]) -> _Part:
    looked = [i for i, row in enumerate(rows) if row.arm in morning.looked]
    s = columns(current.program, [decode(rows[i].situation) for i in looked])
    X, prior = context.encode(current.encoding, s), arbitrate.prior(current.program, s)
    met = Met(np.array(looked, dtype=np.int64), X, prior)
    return _Part(current, [row.id for row in rows], [row.arm for row in rows], choices, [met])


def _joined(morning: Morning, parts: Sequence[_Part]) -> Decisions:
    choices = [one for part in parts for one in part.choices]
    arm = np.concatenate([np.array(part.arm) for part in parts])
    pmf = np.concatenate([one.pmf for one in choices])
    pmf[arm == "holdout"] = np.arange(pmf.shape[1]) == 0
    return Decisions(
        morning.day,
        microseconds(morning.at),
        arm,
        np.concatenate([one.action for one in choices]),
        np.concatenate([one.propensity for one in choices]),
        pmf,
        np.concatenate([one.feasible.mask for one in choices]),
        np.concatenate([one.feasible.send_us[np.arange(len(one.action)), one.action] for one in choices]),
        [id for part in parts for id in part.ids],
        _met(parts),
    )


def _met(parts: Sequence[_Part]) -> Met:
    first = np.cumsum([0, *(len(part.ids) for part in parts[:-1])])
    every = [(one, start) for part, start in zip(parts, first.tolist(), strict=True) for one in part.met]
    row = np.concatenate([one.row + start for one, start in every])
    return Met(row, *(np.concatenate([getattr(one, name) for one, _ in every]) for name in ("X", "prior")))
