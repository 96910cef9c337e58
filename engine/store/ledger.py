"""The ledger of budgets: what of each period is used and reserved, and which decision drew what.

Amounts are whole millionths. A draw is `reserved` until the outcome it waits for arrives (then `used`), until
its hold is over (then `expired`), or until what it was for did not happen (then `released`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, func, literal_column, null, or_, select, update

from engine.store import settling
from engine.store.rows import DrawRow, LedgerRow
from engine.store.sqlite import among, ids, upsert
from engine.store.statement import execute, prepare, prepare_insert, run, run_many
from engine.store.tables import table

RELEASES = ("unsent", "bounced")  # outcomes after which a decision has used nothing up
_ledger, _draw = table("ledger"), table("draw")
_outcome, _decision = table("outcome"), table("decision")
_FIELDS = [one.name for one in fields(LedgerRow)]
_columns = [_ledger.c[name] for name in _FIELDS]
_values = attrgetter(*_FIELDS)

_of_program = _ledger.c.program == bindparam("program")
_PAGES = prepare(
    select(*_columns).where(
        _of_program,
        or_(
            _ledger.c.start_us == bindparam("life_us"),
            _ledger.c.start_us.between(bindparam("from_us"), bindparam("to_us")),
        ),
    )
)
_BEFORE = prepare(
    select(*_columns)
    .where(_of_program, _ledger.c.budget == bindparam("budget"), _ledger.c.start_us < bindparam("start_us"))
    .order_by(_ledger.c.start_us.desc())
    .limit(1)
)
_ALL = prepare(select(*_columns).where(_of_program).order_by(_ledger.c.budget, _ledger.c.start_us))
_UPSERT = prepare_insert(_ledger, _FIELDS, upsert(_ledger))
_page = (
    _ledger.c.program == bindparam("its_program"),
    _ledger.c.budget == bindparam("its_budget"),
    _ledger.c.start_us == bindparam("its_start"),
)
_MOVE = prepare(
    update(_ledger)
    .where(*_page)
    .values(
        used=_ledger.c.used + bindparam("more_used"), reserved=_ledger.c.reserved + bindparam("more_reserved")
    )
)
_LEFT = prepare(select(_ledger.c.quota - _ledger.c.used - _ledger.c.reserved).where(*_page))

_DRAWN = [one.name for one in fields(DrawRow)]
_DRAW = prepare_insert(_draw, _DRAWN)
_drawn = attrgetter(*_DRAWN)
_NUMBERS = prepare(select(_decision.c.id, _decision.c.seq).where(among(_decision.c.id)))
_due = (_draw.c.program == bindparam("its_program"), _draw.c.until_us <= bindparam("now_us"))
_DUE = prepare(
    select(_draw.c.budget, _draw.c.start_us, func.sum(_draw.c.amount))
    .where(*_due)
    .group_by(_draw.c.budget, _draw.c.start_us)
)
_EXPIRE = prepare(update(_draw).where(*_due).values(state="expired", until_us=null()))
_ANY = prepare(select(literal_column("1")).select_from(_draw).limit(1))
_new = _outcome.c.seq > bindparam("before")
_CAME = prepare(select(_outcome.c.customer, _outcome.c.kind).where(_new))
_told = [_outcome.c.seq, _outcome.c.kind, *(_draw.c[name] for name in ("decision", "budget"))]
_joined = select(*_told).where(
    _draw.c.decision == _decision.c.seq, _outcome.c.customer == _decision.c.customer
)
_NAMED = prepare(
    _joined.where(
        _new,
        _outcome.c.decision == _decision.c.id,
        or_(_outcome.c.kind == _draw.c.settled_by, *(_outcome.c.kind == kind for kind in RELEASES)),
    )
)
_UNNAMED = prepare(
    _joined.where(
        _new,
        _outcome.c.decision.is_(None),
        _outcome.c.at_us >= _decision.c.at_us,
        _outcome.c.kind == _draw.c.settled_by,
    )
)
_OF = prepare(
    select(_draw.c.decision, _draw.c.budget).where(
        _draw.c.decision.in_(select(_decision.c.seq).where(among(_decision.c.id)))
    )
)
_one = (_draw.c.decision == bindparam("its_decision"), _draw.c.budget == bindparam("its_budget"))
_STANDS = prepare(
    select(_draw.c.program, _draw.c.start_us, _draw.c.amount, _draw.c.settled_by, _draw.c.state).where(*_one)
)
_BECOMES = prepare(update(_draw).where(*_one).values(state=bindparam("now"), until_us=null()))


def pages(c: Connection, program: str, life_us: int, from_us: int, to_us: int) -> list[LedgerRow]:
    """The periods of a program's budgets that start within an interval, or at `life_us`."""
    found = run(c, _PAGES, program=program, life_us=life_us, from_us=from_us, to_us=to_us)
    return [LedgerRow(*values) for values in found]


def page_before(c: Connection, program: str, budget: str, start_us: int) -> LedgerRow | None:
    """The newest period of a budget that starts before an instant."""
    found = run(c, _BEFORE, program=program, budget=budget, start_us=start_us)
    return LedgerRow(*found[0]) if found else None


def all_pages(c: Connection, program: str) -> list[LedgerRow]:
    """Every period of every budget of a program that was ever drawn on or looked at."""
    return [LedgerRow(*values) for values in run(c, _ALL, program=program)]


def put_pages(c: Connection, rows: Sequence[LedgerRow]) -> None:
    """Write periods as they now stand."""
    run_many(c, _UPSERT, [_values(row) for row in rows])


def put_draws(c: Connection, rows: Sequence[DrawRow]) -> None:
    """Write what decisions of the log drew. The periods are written apart."""
    run_many(c, _DRAW, [_drawn(row) for row in rows])


def numbers(c: Connection, decisions: Sequence[str]) -> NDArray[np.int64]:
    """(n,) the numbers in the log of decisions that have rows, by their ids."""
    found = dict(run(c, _NUMBERS, wanted=ids(decisions)))
    return np.array([found[one] for one in decisions], dtype=np.int64)


def overdue(c: Connection, program: str, now_us: int) -> list[tuple[str, int, int]]:
    """What was reserved until `now_us` at the latest and not settled: budget, start of period, amount."""
    return [tuple(values) for values in run(c, _DUE, its_program=program, now_us=now_us)]


def expire(c: Connection, program: str, now_us: int) -> None:
    """Release what was reserved and not settled before `now_us`."""
    due = overdue(c, program, now_us)
    for budget, start_us, amount in due:
        _move(c, (program, budget, start_us), 0, -amount)
    if due:
        execute(c, _EXPIRE, its_program=program, now_us=now_us)


def settle(c: Connection, before: int) -> None:
    """Let the outcomes after number `before` settle or release what decisions drew.

    One that names a decision settles that one, one that names none all of its customer before it. What has
    expired is used after all if there is enough left. What was released stays so.
    """
    if not run(c, _ANY):
        return
    settling.have_rows(c, run(c, _CAME, before=before))
    reached = run(c, _NAMED, before=before) + run(c, _UNNAMED, before=before)
    for _, kind, decision, budget in sorted(reached):
        _settle_one(c, kind, decision, budget)


def release(c: Connection, decisions: Sequence[str]) -> None:
    """Give back what decisions drew, by their ids, and did not settle."""
    if run(c, _ANY):
        for decision, budget in run(c, _OF, wanted=ids(decisions)):
            _settle_one(c, RELEASES[0], decision, budget)


def _settle_one(c: Connection, kind: str, decision: int, budget: str) -> None:
    program, start_us, amount, settled_by, state = run(c, _STANDS, its_decision=decision, its_budget=budget)[
        0
    ]
    page = (program, budget, start_us)
    if kind == settled_by and (state == "reserved" or (state == "expired" and _left(c, page) >= amount)):
        _move(c, page, amount, -amount if state == "reserved" else 0)
        execute(c, _BECOMES, its_decision=decision, its_budget=budget, now="used")
    elif kind != settled_by and (state == "reserved" or (state == "used" and not settled_by)):
        _move(c, page, *((0, -amount) if state == "reserved" else (-amount, 0)))
        execute(c, _BECOMES, its_decision=decision, its_budget=budget, now="released")


def _left(c: Connection, page: tuple[str, str, int]) -> int:
    return int(run(c, _LEFT, **_named(page))[0][0])


def _move(c: Connection, page: tuple[str, str, int], used: int, reserved: int) -> None:
    execute(c, _MOVE, **_named(page), more_used=used, more_reserved=reserved)


def _named(page: tuple[str, str, int]) -> dict[str, Any]:
    return dict(zip(("its_program", "its_budget", "its_start"), page, strict=True))
