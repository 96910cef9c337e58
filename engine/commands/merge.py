"""`nextbest merge`: two customer ids are one person."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from engine.commands.shared import AtOption, JsonOption, StoreOption, moment, opened, show_json


def merge(
    customer: Annotated[str, typer.Argument(help="The id that turned out to be somebody else's.")],
    into: Annotated[str, typer.Argument(help="The id that stands for both from now on.")],
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Make two customer ids one person: histories, consents and caps are joined, one arm serves."""
    from engine.merge import merge as merge_ids

    when = moment(at)
    with opened(store, make=False) as its_store, its_store.write() as connection:
        done = merge_ids(connection, customer, into, when, "cli")
    if json:
        return show_json(dataclasses.asdict(done))
    if not done.new:
        print(f"{customer} and {into} are one person already: {done.person}.")
        return None
    print(f"{customer} is {done.person} from now on.")
    for program in done.contaminated:
        print(f"They were in different arms of '{program}': its report counts them where it met them first.")
    return None
