"""`nextbest report PROGRAM --factors` and `--period`: designs that a program's store holds by itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from engine.commands.shared import moment, opened
from engine.errors import InputError
from engine.experiments.design_command import (
    Compared,
    Design,
    Told,
    report_lines,
    show_design,
    told_factors,
)
from engine.experiments.program_command import within


def report_stored_design(
    program: str, design: Design, asked: Compared, at: str | None, store: Path | None, as_json: bool
) -> None:
    """Report what a program's store says by that design; exit with 1 if a trust check failed.

    Raises:
        InputError: two designs are asked for, or an option does not go with a program.
    """
    if design.delivered is not None:
        raise InputError(
            "--delivered is for files; a program's own report tells the effect on those reached, once "
            "outcomes of kind delivered or seen are sent in. Leave it out."
        )
    if design.factors is not None and design.period is not None:
        raise InputError("--factors and --period ask for different designs; give one of them.")
    within("--level", asked.level, 0.5, 1.0)
    read = _factors if design.factors is not None else _period
    with opened(store, make=False) as its_store, its_store.read() as connection:
        told = read(connection, program, design, asked, moment(at))
    show_design(told, as_json)


def _factors(connection: Connection, program: str, design: Design, asked: Compared, at: datetime) -> Told:
    from engine.experiments.factors import factors

    references = [one.strip() for one in (asked.control or "").split(",") if one.strip()]
    return told_factors(factors(connection, program, at, design.factors or (), references, asked.level))


def _period(connection: Connection, program: str, design: Design, asked: Compared, at: datetime) -> Told:
    from engine.experiments.periods import periods
    from engine.program.forms import window

    try:
        length = window(design.period)
    except ValueError as error:
        raise InputError(f"--period is '{design.period}', {error}.") from error
    control = None if asked.control is None else _version(asked.control, "--control")
    split = {
        f"version {_version(one, '--expected-split')}": share
        for one, share in (asked.expected_split or {}).items()
    }
    found = periods(
        connection,
        program,
        at,
        length,
        control,
        design.wash_out,
        asked.level,
        expected_split=split or None,
    )
    return found.as_dict(), report_lines(found), found.trusted


def _version(text: str, option: str) -> int:
    """`2` and `version 2` are version 2."""
    number = text.removeprefix("version").strip()
    if not number.isdecimal():
        raise InputError(f"{option} has '{text}', must be the number of a version, such as 2.")
    return int(number)
