"""Erasing a person: every row that is about them, and a note that somebody was erased, not who."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection, bindparam, delete, func, insert, select, tuple_, update

from engine.store import blocks, folds, lots, merges, taught, unfolding, watched
from engine.store.learning import due_columns, due_rows
from engine.store.programs import program_names
from engine.store.rows import DueRow
from engine.store.sqlite import among, ids
from engine.store.statement import execute, prepare, run
from engine.store.tables import table

_decision, _outcome, _learnt = table("decision"), table("outcome"), table("learnt")
_customer, _prediction, _assignment = table("customer"), table("prediction"), table("assignment")
_pending, _late, _withdrawn = table("pending"), table("late"), table("withdrawn")
_erasure, _quarantine = table("erasure"), table("quarantine")
_merge, _member, _contaminated = table("merge"), table("member"), table("contaminated")
_DAY_US = 86_400_000_000
_his = _decision.c.customer == bindparam("person")
_PROGRAMS = prepare(
    select(_decision.c.program, func.count(), func.min(_decision.c.at_us))
    .where(_his)
    .group_by(_decision.c.program)
)
_LEARNT_OF = prepare(
    select(*due_columns(learnt=True))
    .select_from(_decision.join(_learnt, _learnt.c.decision == _decision.c.seq))
    .where(_his, _decision.c.program == bindparam("program"))
    .order_by(_decision.c.seq)
)
_SITUATIONS = prepare(select(_decision.c.seq, _decision.c.situation).where(_his))
_QUEUES = [
    prepare(
        delete(_pending).where(
            tuple_(_pending.c.program, _pending.c.at_us, _pending.c.decision).in_(
                select(_decision.c.program, _decision.c.at_us, _decision.c.seq).where(_his)
            )
        )
    ),
    prepare(
        delete(_late).where(
            tuple_(_late.c.program, _late.c.decision).in_(
                select(_decision.c.program, _decision.c.seq).where(_his)
            )
        )
    ),
]
_NOTED = prepare(
    delete(_quarantine).where(
        tuple_(_quarantine.c.program, _quarantine.c.decision).in_(
            select(_decision.c.program, _decision.c.seq).where(_his)
        )
    )
)
_MARKS = [prepare(delete(one).where(among(one.c.decision))) for one in (_learnt, _withdrawn)]
_DECISIONS = prepare(delete(_decision).where(_his))
_OUTCOMES = prepare(delete(_outcome).where(_outcome.c.customer == bindparam("person")))
_SCORES = prepare(delete(_prediction).where(_prediction.c.customer == bindparam("person")))
_IDS = prepare(delete(_merge).where(_merge.c.person == bindparam("person")))
_HOUSEHOLDS = prepare(
    delete(_member).where(_member.c.customer == bindparam("person"), among(_member.c.program))
)
_MIXED = prepare(
    update(_contaminated)
    .where(_contaminated.c.customer == bindparam("person"), among(_contaminated.c.program))
    .values(customer=bindparam("tombstone"))
)
_PROFILE = prepare(delete(_customer).where(_customer.c.id == bindparam("person")))
_BURY = prepare(
    update(_assignment)
    .where(
        _assignment.c.customer == bindparam("person"),
        among(_assignment.c.program),
    )
    .values(
        customer=bindparam("tombstone"),
        hash=bindparam("none"),
        assigned_us=_assignment.c.assigned_us - _assignment.c.assigned_us % bindparam("day_us"),
    )
)
_NOTE = prepare(
    insert(_erasure).values(
        {name: bindparam(name) for name in ("program", "at_us", "first_us", "decisions", "settled_us")}
    )
)
_UNSETTLED = prepare(
    select(func.coalesce(func.sum(_erasure.c.decisions), 0), func.min(_erasure.c.first_us)).where(
        _erasure.c.program == bindparam("program"), _erasure.c.settled_us.is_(None)
    )
)
_NEWEST = prepare(
    select(func.coalesce(func.max(_erasure.c.seq), 0)).where(_erasure.c.program == bindparam("program"))
)
_COUNT = prepare(
    select(func.count())
    .select_from(_decision.join(_learnt, _learnt.c.decision == _decision.c.seq))
    .where(_decision.c.program == bindparam("program"))
)
_SETTLE = prepare(
    update(_erasure)
    .where(_erasure.c.program == bindparam("program"), _erasure.c.settled_us.is_(None))
    .values(settled_us=bindparam("now_us"))
)


def programs_of(c: Connection, customer: str) -> dict[str, tuple[int, int]]:
    """How many decisions each program made for a customer, and the time of the first."""
    folds.customers(c, [customer])
    return {program: (count, first_us) for program, count, first_us in run(c, _PROGRAMS, person=customer)}


def learnt_of(c: Connection, program: str, customer: str) -> list[DueRow]:
    """The learnt decisions of a customer; `reward` is what each was learnt with."""
    folds.customers(c, [customer])
    return due_rows(c, run(c, _LEARNT_OF, person=customer, program=program))


def erase(c: Connection, customer: str, tombstone: str) -> tuple[int, int, int]:
    """Delete every row about a customer, and overwrite its place in the file with zeros.

    The arms alone are kept, under `tombstone`: without the hash, and with the day in place of the moment.
    Every id of a person goes with them.

    Returns:
        How many decisions, outcomes, and rows of profile and scores there were.
    """
    c.exec_driver_sql("PRAGMA secure_delete = ON")
    folds.customers(c, [customer])
    for one in (customer, *merges.ids_of(c, customer)):
        folds.forget(c, one)
    rows = run(c, _SITUATIONS, person=customer)
    blocks.blank(c, [situation for _, situation in rows])
    for statement in _QUEUES:
        execute(c, statement, person=customer)
    execute(c, _NOTED, person=customer)
    watched.forget(c, customer)
    for statement in _MARKS:
        execute(c, statement, wanted=ids(seq for seq, _ in rows))
    gone = [execute(c, one, person=customer) for one in (_DECISIONS, _OUTCOMES, _SCORES, _PROFILE)]
    wanted = ids(program_names(c))
    lots.forget(c, customer)
    execute(c, _IDS, person=customer)
    execute(c, _HOUSEHOLDS, person=customer, wanted=wanted)
    execute(c, _MIXED, person=customer, tombstone=tombstone, wanted=wanted)
    execute(c, _BURY, person=customer, tombstone=tombstone, none=0, day_us=_DAY_US, wanted=wanted)
    c.exec_driver_sql("PRAGMA secure_delete = OFF")
    return gone[0], gone[1], gone[2] + gone[3]


def note(
    c: Connection, program: str, at_us: int, first_us: int, decisions: int, settled_us: int | None
) -> None:
    """Note that somebody was erased from a program."""
    execute(
        c,
        _NOTE,
        program=program,
        at_us=at_us,
        first_us=first_us,
        decisions=decisions,
        settled_us=settled_us,
    )


def unsettled(c: Connection, program: str) -> tuple[int, int | None]:
    """How many erased decisions are still in what a program has learnt, and when the first was made."""
    count, first_us = run(c, _UNSETTLED, program=program)[0]
    return int(count), first_us


def settle(c: Connection, program: str, now_us: int) -> None:
    """Nothing that a program serves has an erased person in it any more."""
    execute(c, _SETTLE, program=program, now_us=now_us)


def newest(c: Connection, program: str) -> int:
    """Number of the newest erasure from a program, 0 for none."""
    return int(run(c, _NEWEST, program=program)[0][0])


def learnt_count(c: Connection, program: str) -> int:
    """How many decisions of a program are learnt: what learning afresh costs."""
    return int(run(c, _COUNT, program=program)[0][0]) + sum(
        _folded(c, one) for one in taught.lessons(c, program)
    )


def _folded(c: Connection, lesson: taught.Lesson) -> int:
    """How many decisions of a settled fold are learnt and no rows."""
    fold = unfolding.fold(c, lesson.number)
    return 0 if fold is None else int(np.isfinite(lesson.rewards[unfolding.left(c, fold)]).sum())
