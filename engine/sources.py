"""What one source of outcomes can move: `per_source` of a program's goal.

Outcomes of a source that are worth anything are counted in the order in which they arrived here, anew in each
of the limit's times. Those beyond the limit are kept, and not learnt from. Which these are depends on the log
alone: an outcome that arrives later moves none that was there. If somebody is erased, those that followed
theirs move up, and what was learnt without them waits to be learnt again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from engine.calendar import MICROSECOND
from engine.domain import Cap, Goal, Program
from engine.program.goal import OTHERS
from engine.store import sources
from engine.store.rows import OutcomeRow

Told = Mapping[int, Sequence[OutcomeRow]]
Held = frozenset[tuple[str, str]]  # (source, event) of outcomes that are not learnt from


def limit_of(goal: Goal, source: str) -> Cap | None:
    """The limit of a source; None for what nobody sent, and where none is set."""
    return goal.per_source.get(source, goal.per_source.get(OTHERS)) if source else None


def held(connection: Connection, goal: Goal, told: Told) -> Held:
    """Those among the outcomes of decisions that are more than their source may teach."""
    times: dict[str, list[int]] = {}
    for one in (one for outcomes in told.values() for one in outcomes) if goal.per_source else ():
        times.setdefault(one.source, []).append(one.received_us)
    beyond = {
        (source, event) for source in times for _, event in _beyond(connection, goal, source, times[source])
    }
    found = {(one.source, one.event) for outcomes in told.values() for one in outcomes} if beyond else set()
    return frozenset(beyond & found)


def reason(goal: Goal, source: str, count: int) -> str:
    """Why so many outcomes of a decision are not learnt."""
    many = "1 outcome" if count == 1 else f"{count} outcomes"
    limit = limit_of(goal, source)
    assert limit is not None, "only a source with a limit is held"
    return f"{many} of source {source} not learnt: it sent more than {limit.count} in the time of per_source"


def moved(connection: Connection, programs: Sequence[Program], customer: str) -> list[int]:
    """The outcomes, by number, that may be within a limit once those of a customer are gone."""
    times = sources.sent_for(connection, customer) if any(one.goal.per_source for one in programs) else {}
    return sorted(
        {
            number
            for program in programs
            for source, received_us in times.items()
            for number, _ in _beyond(connection, program.goal, source, received_us)
        }
    )


def _beyond(
    connection: Connection, goal: Goal, source: str, received_us: Sequence[int]
) -> list[tuple[int, str]]:
    limit = limit_of(goal, source)
    if limit is None:
        return []
    kinds = [kind for kind, one in goal.outcomes.items() if one.amount or one.share]
    return sources.beyond(connection, source, kinds, limit.count, limit.window // MICROSECOND, received_us)
