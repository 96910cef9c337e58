"""`nextbest plan`: what program files would change, and for whom."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.shared import AtOption, JsonOption, StoreOption, moment, opened, show_json

FilesArgument = Annotated[list[Path], typer.Argument(help="Program files.")]


def plan(
    files: FilesArgument,
    customers: Annotated[
        int, typer.Option(min=0, help="How many customers to count on, drawn by lot; 0 for all.")
    ] = 10_000,
    decisions: Annotated[
        int, typer.Option(min=0, help="How many of the newest decisions to make anew; 0 for none.")
    ] = 20_000,
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Show what program files would change, whom they reach, and what is wrong; writes nothing."""
    from engine.applied import live_program, read_program
    from engine.errors import ProgramError
    from engine.plan.beside import beside
    from engine.plan.check import check, refused
    from engine.plan.plan import effect
    from engine.plan.plan import plan as compare
    from engine.settings import settings

    wrong = {file: refused(file) for file in files}
    read = [read_program(file)[0] for file, lines in wrong.items() if not lines]
    if any(wrong.values()):
        found = [str(one) for program in read for one in check(program)]
        raise ProgramError("\n".join([*chain(*wrong.values()), *found]))
    when, path = moment(at), store or settings().store
    plans, effects, said = [], [], []
    if path.exists():
        with opened(path) as its_store, its_store.read() as connection:
            for new in read:
                live = live_program(connection, new.name)
                plans.append(compare(live, new))
                effects.append(effect(connection, live, new, when, customers))
                said.append(beside(connection, new, when, decisions) if plans[-1].changes else {})
    else:
        plans, effects = [compare(None, new) for new in read], [None] * len(read)
        said = [{} for _ in read]
    told = list(zip(plans, effects, said, strict=True))
    if json:
        show_json(
            [
                {"plan": one, "effect": reach, **{name: each.figures for name, each in others.items()}}
                for one, reach, others in told
            ]
        )
    else:
        from engine.plan.tell import effect_lines, plan_lines

        for one, reach, others in told:
            print("\n".join(plan_lines(one)))
            if reach is None:
                print(f"{path} holds no customers to count on.")
            else:
                print("\n".join(effect_lines(reach)))
            for each in others.values():
                print("\n".join(each.lines))
            print(f"Apply this and nothing else: --plan-sha {one.sha}")
    return 1 if any(one.findings for one in plans) else 0
