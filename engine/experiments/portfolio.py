"""Every program's own headline, corrected for how many programs there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from engine.errors import InputError, RefusedError
from engine.experiments import multiplicity
from engine.experiments.compare import Setting, always
from engine.experiments.guardrails import MARGIN
from engine.experiments.money import scaled
from engine.experiments.planning import DEFAULT, Wanted
from engine.experiments.program import NOTHING, Also, ProgramReport, report_program
from engine.experiments.welch import Interval


@dataclass(frozen=True, slots=True)
class Line:
    """One program's own headline among all of them.

    Attributes:
        sentence: its headline, or why there is none.
        per: what the effect counts for.
        effect: read any day, for this program alone; None if there is nothing to compare or trust failed.
        corrected: the same at the level at which all programs together are wrong as seldom.
        proven: stays proven after Holm's correction over the programs.
    """

    program: str
    sentence: str
    per: str = ""
    effect: Interval | None = None
    corrected: Interval | None = None
    proven: bool = False


def portfolio(
    connection: Connection,
    names: Sequence[str],
    at: datetime,
    level: float,
    wanted: Wanted = DEFAULT,
    margin: float = MARGIN,
    also: Also = NOTHING,
) -> tuple[Line, ...]:
    """Every program's own headline, corrected for how many there are; those whose trust failed have none."""
    read: dict[str, ProgramReport] = {}
    said: dict[str, str] = {}
    for name in names:
        try:
            found = report_program(connection, name, at, level, wanted, margin, also=also)
        except (InputError, RefusedError) as error:
            said[name] = str(error)
            continue
        said[name] = found.verdict.sentence
        if found.trusted and found.reading is not None:
            read[name] = found
    proven = multiplicity.stepwise(
        list(read.values()), 1 - level, lambda one, alpha: _beyond_chance(_at(one, 1 - alpha))
    )
    strict = 1 - (1 - level) / max(len(read), 1)
    return tuple(
        Line(name, said[name])
        if name not in read
        else Line(
            name,
            said[name],
            read[name].pace.per,
            _at(read[name], level),
            _at(read[name], strict),
            proven[list(read).index(name)],
        )
        for name in names
    )


def _at(found: ProgramReport, level: float) -> Interval:
    """The headline's effect, to be read any day, at another level."""
    assert found.reading is not None
    effect, elapsed = found.reading.effect, found.figures.experiment.elapsed
    return scaled(always(effect, sum(found.reading.n), Setting(level, elapsed=elapsed)), found.pace.factor)


def _beyond_chance(one: Interval) -> bool:
    return one.low > 0 or one.high < 0
