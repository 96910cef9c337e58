"""Decisions as they were drawn, and what belongs to each: for experiments whose unit is the decision."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, func, literal_column, select

from engine.store import folded_draws, folds
from engine.store.blocks import resolved
from engine.store.flows import Rows
from engine.store.folded_draws import Stretch as Stretch
from engine.store.late import belongs
from engine.store.sqlite import among, ids
from engine.store.statement import prepare, run
from engine.store.tables import table
from engine.store.withdrawn import is_withdrawn

_decision, _outcome = table("decision"), table("outcome")
_drawn = and_(
    _decision.c.program == bindparam("program"),
    _decision.c.at_us < bindparam("before_us"),
    among(_decision.c.arm),
    _decision.c.fallback.is_(None),
    ~is_withdrawn(),
)
CHOSEN = {
    "decision": int,
    "customer": str,
    "at_us": int,
    "version": int,
    "arm": str,
    "action": int,
    "propensity": float,
    "feasible": bytes,
}
_CHOSEN = prepare(
    select(
        _decision.c.seq,
        _decision.c.customer,
        _decision.c.at_us,
        _decision.c.program_version,
        _decision.c.arm,
        _decision.c.action,
        _decision.c.propensity,
        _decision.c.feasible,
    )
    .where(_drawn)
    .order_by(_decision.c.seq)
)
FOLLOWED = {"decision": int, "kind": str, "count": int, "value": float}
_FOLLOWED = prepare(
    select(_decision.c.seq, _outcome.c.kind, func.count(), func.sum(_outcome.c.value))
    .select_from(_decision.join(_outcome, belongs(_decision.c.at_us + bindparam("window_us"))))
    .where(_drawn)
    .group_by(_decision.c.seq, _outcome.c.kind)
    .order_by(_decision.c.seq, _outcome.c.kind)
)

_made = and_(
    _decision.c.program == bindparam("program"),
    _decision.c.at_us <= bindparam("at_us"),
    _decision.c.snapshot_version.is_not(None),
    _decision.c.fallback.is_(None),
    _decision.c.withheld.is_(None),
)
_STRETCHES = prepare(
    select(
        _decision.c.program_version,
        _decision.c.snapshot_version,
        func.count(),
        func.min(_decision.c.seq),
        func.max(_decision.c.seq),
    )
    .where(_made)
    .group_by(_decision.c.program_version, _decision.c.snapshot_version)
    .order_by(func.min(_decision.c.seq))
)
_SAMPLE = prepare(
    select(_decision.c.seq, _decision.c.id, _decision.c.action, _decision.c.propensity, _decision.c.situation)
    .where(
        _made,
        _decision.c.program_version == bindparam("version"),
        _decision.c.snapshot_version == bindparam("snapshot"),
        _decision.c.seq.between(bindparam("first"), bindparam("last")),
        _decision.c.seq % bindparam("every") == literal_column("0"),
    )
    .order_by(_decision.c.seq)
)


@dataclass(frozen=True, slots=True)
class DrawnRow:
    """A decision as it was logged, and the situation it was made in."""

    id: str
    action: int
    propensity: float
    situation: bytes


def stretches(c: Connection, program: str, at_us: int) -> list[Stretch]:
    """The versions and snapshots that decided, in order of time.

    Of the decisions that were made here, drawn and carried out: none of the holdout, none by a fallback.
    """
    rows = run(c, _STRETCHES, program=program, at_us=at_us)
    return [Stretch(*values) for values in folded_draws.stretches(c, program, at_us, rows)]


def sample(c: Connection, program: str, at_us: int, of: Stretch, every: int) -> list[DrawnRow]:
    """Every so manieth of the decisions of a stretch, by their place in the log."""
    asked = {"version": of.version, "snapshot": of.snapshot, "first": of.first, "last": of.last}
    found = run(c, _SAMPLE, program=program, at_us=at_us, every=every, **asked)
    situations = resolved(c, [row[-1] for row in found])
    rows = [(*row[:-1], situation) for row, situation in zip(found, situations, strict=True)]
    rows += folded_draws.sample(c, program, at_us, of, every)
    return [DrawnRow(*values) for _, *values in sorted(rows)]


def chosen(c: Connection, program: str, arms: Collection[str], before_us: int) -> Rows:
    """The decisions of some arms made before then, in the log's order: `CHOSEN`.

    None that a fallback answered, none that was withdrawn.
    """
    folds.program(c, program)
    return run(c, _CHOSEN, program=program, wanted=ids(arms), before_us=before_us)


def followed(c: Connection, program: str, arms: Collection[str], before_us: int, window_us: int) -> Rows:
    """How many outcomes of a kind belong to each of them, and their values together: `FOLLOWED`.

    An outcome that names a decision belongs to it alone, any other to each in whose window it falls.
    """
    folds.program(c, program)
    return run(c, _FOLLOWED, program=program, wanted=ids(arms), before_us=before_us, window_us=window_us)
