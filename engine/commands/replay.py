"""`nextbest replay`: make a logged decision again and compare every bit."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from engine.commands.shared import JsonOption, StoreOption, opened, show_json


def replay(
    decision: Annotated[str, typer.Argument(help="The decision's id.")],
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Make a logged decision again from its context, versions and key; exit 1 on any difference."""
    from engine.replay import replay as again

    with opened(store, make=False) as its_store, its_store.read() as connection:
        result = again(connection, decision)
    if json:
        show_json({**dataclasses.asdict(result), "same": not result.differences})
    elif not result.differences:
        print(f"The same, bit for bit: {result.action} with propensity {result.propensity!r}.")
    else:
        print(f"Decision {decision} does not come out again:")
        for one in result.differences:
            print(f"  {one.field}: logged {one.logged!r}, replayed {one.replayed!r}")
    return 1 if result.differences else 0
