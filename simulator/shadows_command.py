"""`nextbest shadows`, `nextbest promote`: challengers beside the policy that serves, and one in its place."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.commands.shared import (
    AtOption,
    JsonOption,
    ProgramOption,
    StoreOption,
    at_work,
    moment,
    show_json,
    signed,
)
from engine.errors import InputError, NotFoundError, RefusedError, nearest

if TYPE_CHECKING:
    from datetime import datetime

    from engine.domain import Program, Shadow
    from engine.store import Store
    from simulator.challengers import Bout, Standing
    from simulator.interval.base import Interval

LastOption = Annotated[int, typer.Option(min=1, help="Newest matured decisions that are gone through.")]
LevelOption = Annotated[float, typer.Option(help="Level of the two-sided intervals.")]


def shadows(
    program: ProgramOption,
    last: LastOption = 50_000,
    level: LevelOption = 0.95,
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Tell how the program's shadows would have done beside the policy that serves; changes nothing."""
    from simulator.challengers import bout

    when = moment(at)
    with at_work(store, program, when) as (its_store, loaded):
        if not loaded.shadows:
            raise InputError(
                f"program '{loaded.name}' names no shadows; write `shadows: {{NAME: {{kind: ...}}}}` in "
                "its file."
            )
        with its_store.read() as connection:
            found = bout(connection, loaded.name, loaded.shadows, when, last, level)
    show_json(_document(found)) if json else _show(found)


def promote(
    shadow: Annotated[str, typer.Argument(help="The shadow that is to serve.")],
    program: ProgramOption,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Promote it though nothing shows that it is better.")
    ] = False,
    note: Annotated[str, typer.Option(help="Why, for the audit; --anyway needs it.")] = "",
    by: Annotated[str | None, typer.Option(help="Who, for the audit. [default: your user name]")] = None,
    last: LastOption = 50_000,
    level: LevelOption = 0.95,
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Let a shadow serve, if the lower limit of its lift over the policy that serves is above zero."""
    from simulator.challengers import bout

    if anyway and not note:
        raise InputError("--anyway goes against the figures; say why with --note.")
    when = moment(at)
    with at_work(store, program, when) as (its_store, loaded):
        wanted = _named(loaded, shadow)
        with its_store.read() as connection:
            found = bout(connection, loaded.name, [wanted], when, last, level, len(loaded.shadows))
        (standing,) = found.challengers
        if not standing.ready and not anyway:
            raise RefusedError(
                f"shadow '{shadow}' of program '{loaded.name}' is not promoted: {standing.why} "
                f"(on {found.judged:,} decisions it had not learnt). What serves stays."
            )
        _promote(its_store, wanted, loaded, standing, (when, by, note), json)


def _named(program: Program, name: str) -> Shadow:
    for one in program.shadows:
        if one.name == name:
            return one
    known = [one.name for one in program.shadows]
    raise NotFoundError(f"program '{program.name}' has no shadow '{name}'.{nearest(name, known)}")


def _promote(
    store: Store,
    shadow: Shadow,
    program: Program,
    standing: Standing,
    said: tuple[datetime, str | None, str],
    json: bool,
) -> None:
    from engine import promote as promotion
    from engine.program.edit import policy_line
    from engine.relearn import restudy

    when, by, note = said
    with store.read() as connection:
        done = restudy(connection, program.name, when, policy=shadow.policy)
    told = f"shadow {shadow.name}, {standing.why}{'; ' if note else ''}{note}"
    with store.write() as connection:
        made = promotion.promote(connection, done, shadow.policy, when, signed("promote", by, told))
    if json:
        return show_json({**asdict(made), "shadow": shadow.name, "lift": asdict(standing.found.lift)})
    print(
        f"Shadow {shadow.name} serves: {standing.why}.\n"
        f"Version {made.version} of {program.name} is current, and snapshot {made.snapshot} of "
        f"{made.decisions:,} decisions is published. Write this into your program file:\n"
        f"  {policy_line(shadow.policy)}\n"
        f"To take it back: nextbest learn -p {program.name} --snapshots, then --rollback N; and "
        f"nextbest apply --rollback {program.name}."
    )
    return None


def _document(found: Bout) -> dict[str, Any]:
    rows = (found.serving, *found.challengers)
    return {
        "program": found.program.name,
        "decisions": found.judged,
        "level": found.evaluation.level,
        "notes": list(found.evaluation.notes),
        "policies": [_row(one) for one in rows],
    }


def _row(one: Standing) -> dict[str, Any]:
    value = one.found
    return {
        "name": one.name,
        "policy": {"kind": one.policy.kind, **one.policy.settings},
        "agreement": None if one.agreement is None else _limits(one.agreement),
        "verdict": value.verdict,
        "ess": value.ess,
        "value": {"value": value.value, "low": value.low, "high": value.high},
        "lift": asdict(value.lift),
        "sure": None if one.sure is None else _limits(one.sure),
        "ready": one.ready,
        "why": one.why,
    }


def _limits(one: Interval) -> dict[str, float]:
    return {"value": one.value, "low": one.low, "high": one.high}


def _show(found: Bout) -> None:
    from rich.console import Console

    from simulator.evaluate_terminal import table

    console = Console()
    console.print(
        f"{found.judged:,} decisions of {found.program.name}, each judged by what was learnt before it."
    )
    console.print(table(found.evaluation))
    for one in (found.serving, *found.challengers):
        share = one.agreement
        agreed = (
            "" if share is None else f"; agrees in {share.value:.1%} ({share.low:.1%} to {share.high:.1%})"
        )
        console.print(f"{one.name}: {one.why}{agreed}.", markup=False, highlight=False, soft_wrap=True)
    for note in found.evaluation.notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)
