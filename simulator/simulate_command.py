"""`nextbest simulate`: a season in a world whose truth is known, once for each policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import NotFoundError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.domain import PolicySpec
    from simulator.season import Season
    from simulator.world import World


def simulate(
    world: Annotated[
        str,
        typer.Argument(help="One of those in docs/worlds.md, such as retail."),
    ],
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
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Live through a season with the real engine in a simulated world: estimates beside the truth."""
    from simulator import worlds

    here = worlds.world(world)
    specs = {name: spec(name, here) for name in policy or ["linear"]}
    seasons = [_live(here, customers, days, seed, name, one, json) for name, one in specs.items()]
    _show_json(seasons) if json else _show(here, seasons)
    return 1 if any(one.audit.violations for one in seasons) else 0


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


def _show_json(seasons: Sequence[Season]) -> None:
    import json

    from simulator.season_tables import document

    print(json.dumps([document(one) for one in seasons], allow_nan=False))


def _show(world: World, seasons: Sequence[Season]) -> None:
    from rich.console import Console

    from simulator import clones
    from simulator import season_tables as tables

    console, first = Console(), seasons[0]
    console.print(
        f"Simulated: {world.title}. {first.customers:,} customers, {first.days} days, seed {first.seed}.\n"
    )
    for one in seasons:
        if (about := clones.told(one.policy)) is not None:
            console.print(f"{one.policy}: {about}.\n", soft_wrap=False)
    console.print(tables.earnings(seasons))
    console.print(tables.deeds(seasons))
    for one in seasons:
        console.print(tables.weeks(one))
        console.print(tables.learnt(one))
        console.print(tables.judged(one) if one.off_policy else f"No off-policy table: {one.refusal}\n")
    console.print(
        "truth: expected net reward of what was decided, exact; its lift: against the same customers' season "
        "had nobody contacted them. regret: what the probabilities fell short of the best feasible action."
    )
