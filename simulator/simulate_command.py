"""`nextbest simulate`: a season in a world whose truth is known, once for each policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import InputError, NotFoundError, nearest
from simulator.log_options import (
    COLUMNS,
    Action,
    Cluster,
    Context,
    Format,
    Propensity,
    Reward,
    Time,
    log_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.domain import PolicySpec
    from simulator.like import Likeness
    from simulator.logs import Log
    from simulator.season import Season
    from simulator.world import World


def simulate(
    world: Annotated[
        str, typer.Argument(help="One of those in docs/worlds.md, such as retail.", show_default=False)
    ] = "",
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="linear, vw, formula, priority, uniform, constant:ACTION, or clone:VENDOR (a "
            "documented-behaviour clone: pega, adobe, ...); may be repeated. "
            "[default: linear]"
        ),
    ] = None,
    days: Annotated[int, typer.Option(help="Days of the season.")] = 28,
    customers: Annotated[int, typer.Option(help="Customers in it.")] = 2500,
    seed: Annotated[int, typer.Option(help="Another seed is another season.")] = 1,
    like: Annotated[
        Path | None, typer.Option(help="In place of WORLD: a log, and a world is fitted to it.")
    ] = None,
    format: Format = COLUMNS,
    action: Action = "",
    propensity: Propensity = "",
    reward: Reward = "",
    context: Context = "",
    time: Time = None,
    cluster: Cluster = None,
    nothing: Annotated[
        str, typer.Option(help="The log's action that sends nothing. [default: no_action]")
    ] = "",
    organic: Annotated[
        float | None, typer.Option(help="Chance of a reward without contact, if the log cannot show it.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Live through a season with the real engine in a simulated world: estimates beside the truth."""
    from simulator import worlds

    if bool(world) == (like is not None):
        raise InputError("Give either the name of a world, or --like with a log to fit one to.")
    found = None
    if like is not None:
        columns = {"action": action, "reward": reward, "time": time, "cluster": cluster}
        found = _fitted(log_in(like, format, context, propensity, **columns), nothing, organic)
    here = worlds.world(world) if found is None else _world_like(found)
    specs = {name: spec(name, here) for name in policy or ["linear"]}
    seasons = [_live(here, customers, days, seed, name, one, json) for name, one in specs.items()]
    _show_json(seasons, found) if json else _show(here, seasons, found)
    return 1 if any(one.audit.violations for one in seasons) else 0


def _fitted(log: Log, nothing: str, organic: float | None) -> Likeness:
    from simulator.like import likeness

    return likeness(log, nothing, organic)


def _world_like(found: Likeness) -> World:
    from simulator.worlds.like import world_like

    return world_like(found)


def spec(name: str, world: World) -> PolicySpec:
    """The policy meant by ``kind``, ``constant:ACTION`` or ``clone:VENDOR``.

    Raises:
        NotFoundError: there is no such policy, or no such action in the world's program.
    """
    from engine.domain import PolicySpec
    from engine.program import loads
    from policies.make import KINDS
    from simulator.clones import clone, is_clone

    if is_clone(name):
        clone(name)
        return PolicySpec(name)
    kind, _, action = name.partition(":")
    if kind not in KINDS or bool(action) != (kind == "constant"):
        known = ["constant:ACTION", *(one for one in KINDS if one != "constant")]
        raise NotFoundError(f"There is no policy '{name}'.{nearest(name, known)}")
    if kind != "constant":
        return PolicySpec(kind)
    names = [one.name for one in loads(world.program().encode(), f"{world.name}.yaml").actions]
    if action not in names:
        raise NotFoundError(
            f"policy {name}: world '{world.name}' has no such action.{nearest(action, names)}"
        )
    return PolicySpec(kind, {"action": action})


def _live(
    world: World, customers: int, days: int, seed: int, name: str, policy: PolicySpec, quiet: bool
) -> Season:
    from engine.commands.progress import bar
    from simulator.run import run

    with bar(f"{world.name} with {name}", days, quiet) as progress:
        return run(world, customers, days, seed, policy, progress=progress)


def _show_json(seasons: Sequence[Season], like: Likeness | None) -> None:
    import json

    from simulator.season_tables import document

    told = {} if like is None else {"like": {name.lower(): list(one) for name, one in _told(like)}}
    print(json.dumps([document(one) | told for one in seasons], allow_nan=False))


def _told(like: Likeness) -> Iterator[tuple[str, Iterator[str]]]:
    from simulator.like_told import assumed, fitted

    yield "Fitted", fitted(like)
    yield "Assumed", assumed(like)


def _show(world: World, seasons: Sequence[Season], like: Likeness | None) -> None:
    from rich.console import Console

    from simulator import clones
    from simulator import season_tables as tables

    console, first = Console(), seasons[0]
    console.print(
        f"Simulated: {world.title}. {first.customers:,} customers, {first.days} days, seed {first.seed}.\n"
    )
    for heading, told in () if like is None else _told(like):
        console.print(heading, *(f"- {one}" for one in told), "", sep="\n")
    for one in seasons:
        if (about := clones.told(one.policy)) is not None:
            console.print(f"{one.policy}: {about}.\n", soft_wrap=False)
    console.print(tables.earnings(seasons))
    console.print(tables.deeds(seasons))
    for one in seasons:
        console.print(f"The report on {one.policy}'s season: {tables.verdict(one)}\n")
    for one in seasons:
        console.print(tables.weeks(one))
        console.print(tables.learnt(one))
        console.print(tables.judged(one) if one.off_policy else f"No off-policy table: {one.refusal}\n")
    console.print(
        "truth: expected net reward of what was decided, exact; its lift: against the same customers' season "
        "had nobody contacted them. regret: what the probabilities fell short of the best feasible action "
        "of the day; sending less than the greedy best may cost regret and earn more."
    )
