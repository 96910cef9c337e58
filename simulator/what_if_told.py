"""What an edited program would have changed, in words beside its plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection

from engine.applied import live_program
from engine.calendar import instant, microseconds
from engine.domain import Program
from engine.errors import InputError
from engine.plan.beside import Said
from engine.store import learning
from simulator.diagnose import LEAST_COVERAGE
from simulator.interval.base import Interval
from simulator.readers.own import stored_log
from simulator.what_if import Beside, WhatIf, what_if

_EVER = 2**62
AS_IT_STOOD = "  Every decision as it stood: what a contact more or less changes later is not in it."
FORWARD = (
    "  Caps or pauses differ: taken forward over each customer's decisions, with contacts from before the "
    "first of them as they were, and decisions asked for at the same moments."
)


def beside_plan(connection: Connection, edited: Program, at: datetime, decisions: int) -> Said | None:
    """The effect of the edited program, from the newest decisions of the log; None without any."""
    current = live_program(connection, edited.name)
    if current is None or not decisions:
        return None
    newest = learning.newest(connection, edited.name, min(_EVER, microseconds(at)), decisions)
    if not newest:
        return None
    try:
        log = stored_log(connection, current, at, instant(min(row.at_us for row in newest)))
        found = what_if(connection, edited, log)
    except InputError as error:
        return Said(
            (f"From the log: unsupported. {error}",), {"verdict": "unsupported", "reason": str(error)}
        )
    return Said(tuple(lines(found)), figures(found))


def lines(found: WhatIf) -> Iterator[str]:
    """What it says, for people."""
    yield f"From the log, on {found.decisions:,} decisions made anew by both programs (95 % intervals):"
    yield f"  {'':<22} {'before':>9} {'after':>9}   difference"
    yield _line("reward per decision", found.reward)
    yield _line("share contacted", found.contacts)
    yield _line("customers reached", found.reach)
    if found.reason:
        yield f"  {'unsupported' if found.reward is None else found.verdict}: {found.reason}"
    if LEAST_COVERAGE <= found.covered < 0.9995:
        yield f"  {1 - found.covered:.1%} of what it would do otherwise was not possible in the log."
    for note in found.notes:
        yield f"  {note}"
    yield FORWARD if found.forward else AS_IT_STOOD


def _line(name: str, one: Beside | None) -> str:
    if one is None:
        return f"  {name:<22} unsupported"
    apart = one.difference
    if apart.low == apart.high == 0.0:
        return f"  {name:<22} {one.before:>9.4g} {one.after:>9.4g}   none"
    return f"  {name:<22} {one.before:>9.4g} {one.after:>9.4g}   {_span(apart)}"


def _span(one: Interval) -> str:
    return f"{one.value:+.4g} ({one.low:+.4g} to {one.high:+.4g})"


def figures(found: WhatIf) -> dict[str, object]:
    """The same for JSON; `unsupported` has no reward."""
    shown = asdict(found)
    shown["verdict"] = "unsupported" if found.reward is None else found.verdict
    shown["notes"] = list(found.notes)
    return shown
