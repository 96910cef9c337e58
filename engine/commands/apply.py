"""`nextbest apply`: program files, or an earlier version, become current."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.shared import JsonOption, StoreOption, moment, opened, show_json, signed
from engine.errors import InputError, RefusedError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from engine.domain import Program
    from engine.plan.plan import Plan

    Read = list[tuple[Program, bytes]]


def apply(
    files: Annotated[list[Path] | None, typer.Argument(help="Program files.")] = None,
    rollback: Annotated[str | None, typer.Option(help="A program to take back instead.")] = None,
    to: Annotated[
        int | None, typer.Option(min=1, help="The version to take it back to. [default: the one before]")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who does this. [default: your user name]")] = None,
    note: Annotated[str, typer.Option(help="Why, for the audit.")] = "",
    plan_sha: Annotated[
        list[str] | None, typer.Option(help="Apply only this plan, by the sha that `plan` shows.")
    ] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Apply in spite of findings.")] = False,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Make program files current, all or none, or take a program back to an earlier version."""
    from engine.applied import apply_text, read_program, version_text

    if bool(files) == (rollback is not None):
        raise InputError("give program files to apply, or --rollback NAME to take one back; not both.")
    if to is not None and rollback is None:
        raise InputError("--to goes with --rollback NAME; leave it out to apply files.")
    hand = signed("apply" if rollback is None else "rollback", by, note)
    read = [read_program(file) for file in files or []]
    _refuse_twice([new for new, _ in read])
    at = moment(None)
    with opened(store, make=rollback is None) as its_store:

        def planned(connection: Connection) -> tuple[Read, list[Plan]]:
            given = read if rollback is None else [version_text(connection, rollback, to)]
            force = anyway or rollback is not None
            return given, [_planned(connection, new, plan_sha, force) for new, _ in given]

        with its_store.read() as connection:
            planned(connection)  # what takes long is read now: live decisions wait for who writes
        with its_store.write() as connection:
            given, plans = planned(connection)
            done = [apply_text(connection, new, text, at, hand) for new, text in given]
    if json:
        show_json([{"plan": one, "version": new.version} for one, new in zip(plans, done, strict=True)])
    else:
        _tell(plans, done)


def _refuse_twice(programs: Sequence[Program]) -> None:
    names = [one.name for one in programs]
    for one in programs:
        if names.count(one.name) > 1:
            raise InputError(f"{one.source}: program '{one.name}' is given twice; give one file of it.")


def _planned(connection: Connection, new: Program, shas: Sequence[str] | None, anyway: bool) -> Plan:
    """The plan of a program, if it may be applied."""
    from engine.applied import live_program
    from engine.plan.plan import plan

    made = plan(live_program(connection, new.name), new)
    if shas and made.sha not in shas:
        raise RefusedError(
            f"{new.source}: this is plan {made.sha}, not {' or '.join(shas)}: the file or what is live has "
            "changed since; look at `nextbest plan` again. Nothing is applied."
        )
    if made.findings and not anyway:
        found = "\n".join(map(str, made.findings))
        raise RefusedError(f"{found}\nNothing is applied; correct this, or give --anyway.")
    return made


def _tell(plans: Sequence[Plan], done: Sequence[Program]) -> None:
    from engine.plan.tell import plan_lines

    for plan, program in zip(plans, done, strict=True):
        print("\n".join(plan_lines(plan)))
        if plan.live == program.version:
            print(f"Version {program.version} of {program.name} is current already.")
        else:
            print(f"Version {program.version} of {program.name} is current now.")
