"""`nextbest erase`: a person is forgotten, by the store and by the policies."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from engine.commands.shared import AtOption, JsonOption, StoreOption, counted, moment, opened, show_json


def erase(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Erase a customer: profile, scores, decisions, outcomes, and what policies learnt from them."""
    from engine.erase import buried
    from engine.erase import erase as forget

    when = moment(at)
    with opened(store, make=False) as its_store, its_store.write() as connection:
        erased = forget(connection, customer, buried(), when)
    if json:
        return show_json(dataclasses.asdict(erased))
    print(
        f"Erased: {counted(erased.decisions, 'decision')}, {counted(erased.outcomes, 'outcome')}, "
        f"{counted(erased.facts, 'row')} of profile and scores."
    )
    for name, version in erased.snapshots.items():
        print(f"Program '{name}' has learnt nothing from them any more: snapshot {version} is published.")
    for name, count in erased.due.items():
        print(
            f"What the policy of '{name}' learnt cannot be taken back: run nextbest learn -p {name} "
            f"--afresh, which learns {counted(count, 'decision')} again."
        )
    return None
