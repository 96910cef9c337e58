"""`nextbest import`: a campaign that another system sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.commands.shared import (
    AtOption,
    JsonOption,
    ProgramOption,
    StoreOption,
    at_work,
    moment,
    show_json,
)
from engine.errors import InputError


def take_in(
    file: Annotated[Path, typer.Argument(help="The campaign, one row a customer: .parquet, .csv or .jsonl.")],
    program: ProgramOption,
    action: Annotated[str, typer.Option(help="The column that says what was sent.")],
    propensity: Annotated[
        str, typer.Option(help="The column with the chance it was sent with, or that chance itself.")
    ],
    outcome: Annotated[
        list[str] | None, typer.Option(help="KIND=COLUMN: what followed; may be given several times.")
    ] = None,
    means: Annotated[
        list[str] | None, typer.Option(help="VALUE=ACTION: what a value of that column means here.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the campaign. [default: the file's name]")] = None,
    customer: Annotated[str, typer.Option(help="The column that holds the customer's id.")] = "customer",
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Take in a past campaign that was drawn by lot, to learn from; --at says when it was."""
    from engine.calendar import microseconds
    from engine.campaign import read_campaign
    from engine.values import check_id
    from engine.warm import take_in as store_it

    when = moment(at)
    name = check_id(file.stem if name is None else name, "name", "--name")
    kinds, meant = _pairs(outcome or [], "--outcome"), _pairs(means or [], "--means")
    with at_work(store, program, when) as (its_store, loaded):
        past = read_campaign(loaded, file, microseconds(when), customer, action, propensity, kinds, meant)
        with its_store.write() as connection:
            new = store_it(connection, loaded, name, past, when)
    if json:
        show_json({"rows": len(past), "new": new, "campaign": name})
    else:
        print(f"{new:,} decisions of {name} taken in, {len(past) - new:,} known before.")


def _pairs(given: list[str], option: str) -> dict[str, str]:
    """`["visit=visited"]` -> `{"visit": "visited"}`."""
    pairs = [one.partition("=") for one in given]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise InputError(f"{option} == '{name}', must be two names with = between; see --help.")
    return {name: value for name, _, value in pairs}
