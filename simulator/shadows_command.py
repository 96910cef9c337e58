"""`nextbest shadows`, `nextbest promote`: challengers beside the policy that serves, and one in its place."""

from __future__ import annotations

from collections.abc import Collection
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

    from engine.domain import PolicySpec, Program, Shadow
    from engine.promote import Promotion
    from engine.store import Store
    from engine.store.candidates import CandidateRow
    from simulator.challengers import Bout, Standing
    from simulator.interval.base import Interval

_ON_TOP = "is published; what the program has decided is learnt on top of it by the next `nextbest learn`"
LastOption = Annotated[int, typer.Option(min=1, help="Newest matured decisions that are gone through.")]
LevelOption = Annotated[float, typer.Option(help="Level of the two-sided intervals.")]


def shadows(
    program: ProgramOption,
    take: Annotated[
        str | None, typer.Option(metavar="NAME", help="Take a snapshot in as a candidate of that name.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", help="Where it is: a file, or another program of the store, PROGRAM@N."),
    ] = None,
    learnt_until: Annotated[
        str | None, typer.Option(help="Decisions of this program made before then are in it. [default: none]")
    ] = None,
    drop: Annotated[str | None, typer.Option(metavar="NAME", help="Drop a candidate.")] = None,
    last: LastOption = 50_000,
    level: LevelOption = 0.95,
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Tell how the program's shadows and candidates would have done beside the policy that serves."""
    when = moment(at)
    if (take is None) != (source is None) or (take and drop) or (learnt_until and not take):
        raise InputError(
            "--take NAME and --from SOURCE go together, with --learnt-until; --drop stands alone."
        )
    with at_work(store, program, when) as (its_store, loaded):
        if take and source:
            told = _take(its_store, loaded, (take, source), when, learnt_until)
        elif drop:
            told = _drop(its_store, loaded, drop)
        else:
            return _judge(its_store, loaded, when, (last, level), json)
    show_json({"candidate": take or drop, "done": told}) if json else print(told)
    return None


def _take(
    store: Store, program: Program, named: tuple[str, str], when: datetime, learnt_until: str | None
) -> str:
    from engine.candidates import read, take_in
    from engine.values import check_id

    name, source = check_id(named[0], "name", "--take"), named[1]
    until = None if learnt_until is None else moment(learnt_until)
    with store.write() as connection:
        row = take_in(connection, program, name, read(connection, program, source), when, until)
    return (
        f"Candidate {name} of {program.name} is taken in from {row.source}, {len(row.body):,} bytes. It is "
        "judged by decisions made from now on."
    )


def _drop(store: Store, program: Program, name: str) -> str:
    from engine.store import candidates

    with store.write() as connection:
        known = [one.name for one in candidates.listed(connection, program.name)]
        if not candidates.drop(connection, program.name, name):
            raise NotFoundError(f"program '{program.name}' has no candidate '{name}'.{nearest(name, known)}")
    return f"Candidate {name} of {program.name} is dropped."


def _judge(store: Store, program: Program, when: datetime, how: tuple[int, float], json: bool) -> None:
    """The shadows together, then each candidate, by decisions made since it was taken in."""
    from engine.store import candidates
    from simulator.challengers import bout

    with store.read() as connection:
        waiting = [one for one in candidates.listed(connection, program.name) if one.served_us is None]
        if not program.shadows and not waiting:
            raise InputError(
                f"program '{program.name}' names no shadows; write `shadows: {{NAME: {{kind: ...}}}}` in "
                "its file, or take a candidate in with --take."
            )
        among, early = len(program.shadows) + len(waiting), list[str]()
        found: list[Bout] = []
        if program.shadows:
            found.append(bout(connection, program.name, program.shadows, when, *how, among))
        for one in waiting:
            try:
                found.append(bout(connection, program.name, (), when, *how, among, one))
            except RefusedError as error:
                early.append(f"candidate {one.name}: {error}")
    if json:
        first = _document(found[0]) if program.shadows else {"program": program.name, "policies": []}
        others = [_document(one) for one in found[bool(program.shadows) :]]
        return show_json({**first, "candidates": others, "waiting": early})
    for judged in found:
        _show(judged)
    print(*early, sep="\n" if early else "", end="\n" if early else "")
    return None


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
    """Let a shadow or a candidate serve, if the lower limit of its lift over what serves is above zero."""
    from engine.store import candidates
    from simulator.challengers import bout

    if anyway and not note:
        raise InputError("--anyway goes against the figures; say why with --note.")
    when = moment(at)
    with at_work(store, program, when) as (its_store, loaded):
        with its_store.read() as connection:
            waiting = {
                one.name: one for one in candidates.listed(connection, loaded.name) if one.served_us is None
            }
            among, candidate = len(loaded.shadows) + len(waiting), waiting.get(shadow)
            wanted = [] if candidate else [_named(loaded, shadow, waiting)]
            try:
                found = bout(connection, loaded.name, wanted, when, last, level, among, candidate)
            except RefusedError as error:
                if not (anyway and candidate):
                    raise
                return _unjudged(its_store, loaded, candidate, str(error), (when, by, note), json)
        (standing,) = found.challengers
        if not standing.ready and not anyway:
            raise RefusedError(
                f"shadow '{shadow}' of program '{loaded.name}' is not promoted: {standing.why} "
                f"(on {found.judged:,} decisions it had not learnt). What serves stays."
            )
        _promote(its_store, standing, loaded, candidate, (when, by, note), json)
    return None


def _unjudged(
    store: Store,
    program: Program,
    row: CandidateRow,
    why: str,
    said: tuple[datetime, str | None, str],
    json: bool,
) -> None:
    """Let a candidate serve of which nothing can be said yet."""
    from engine import candidates

    when, by, note = said
    policy = candidates.policy_of(row)
    with store.write() as connection:
        by_whom = signed("promote", by, f"candidate {row.name}, not judged: {note}")
        made = candidates.promote(connection, row, when, by_whom)
    if json:
        return show_json({**asdict(made), "shadow": row.name, "lift": None})
    print(f"Candidate {row.name} serves though {why[0].lower()}{why[1:]}")
    return _tell_promoted(program, made, policy, _ON_TOP)


def _named(program: Program, name: str, candidates: Collection[str]) -> Shadow:
    for one in program.shadows:
        if one.name == name:
            return one
    known = [*(one.name for one in program.shadows), *candidates]
    raise NotFoundError(f"program '{program.name}' has no shadow '{name}'.{nearest(name, known)}")


def _promote(
    store: Store,
    standing: Standing,
    program: Program,
    candidate: CandidateRow | None,
    said: tuple[datetime, str | None, str],
    json: bool,
) -> None:
    from engine import candidates
    from engine import promote as promotion
    from engine.relearn import restudy

    when, by, note = said
    name, what = standing.name, "Candidate" if candidate else "Shadow"
    by_whom = signed("promote", by, f"{what.lower()} {name}, {standing.why}{'; ' if note else ''}{note}")
    if candidate:
        with store.write() as connection:
            made = candidates.promote(connection, candidate, when, by_whom)
        learnt = _ON_TOP
    else:
        with store.read() as connection:
            done = restudy(connection, program.name, when, policy=standing.policy)
        with store.write() as connection:
            made = promotion.promote(connection, done, standing.policy, when, by_whom)
        learnt = f"of {made.decisions:,} decisions is published"
    if json:
        return show_json({**asdict(made), "shadow": name, "lift": asdict(standing.found.lift)})
    print(f"{what} {name} serves: {standing.why}.")
    return _tell_promoted(program, made, standing.policy, learnt)


def _tell_promoted(program: Program, made: Promotion, policy: PolicySpec, learnt: str) -> None:
    from engine.program.edit import policy_line

    print(
        f"Version {made.version} of {program.name} is current, and snapshot {made.snapshot} "
        f"{learnt}. Write this into your program file:\n"
        f"  {policy_line(policy)}\n"
        f"To take it back: nextbest learn -p {program.name} --snapshots, then --rollback N; and "
        f"nextbest apply --rollback {program.name}."
    )


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
