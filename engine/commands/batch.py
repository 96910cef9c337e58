"""`nextbest batch`: decisions for a file of customers."""

from __future__ import annotations

import dataclasses
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
from engine.uncollected import uncollected


@uncollected()  # the imports alone make a hundred thousand objects that stay
def batch(
    customers: Annotated[Path, typer.Argument(help="Customers, one a row: .parquet, .csv or .jsonl.")],
    program: ProgramOption,
    out: Annotated[Path, typer.Option(help="Where the decisions go: .parquet or .csv.")],
    customer: Annotated[str, typer.Option(help="The column that holds the customer's id.")] = "customer",
    name: Annotated[
        str | None, typer.Option(help="Name of the batch, part of every key. [default: the file's name]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a batch of this name.")] = False,
    profiles: Annotated[
        bool, typer.Option(help="Keep profiles of customers who are new to the store.")
    ] = True,
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Decide for every customer of a file, log the decisions and write them to a file."""
    from engine.batch import Batch, run
    from engine.commands.progress import bar
    from engine.outbox import check_out, outbox
    from engine.roster import open_file, open_rows
    from engine.values import check_id

    when, out = moment(at), check_out(out)
    name = check_id(customers.stem if name is None else name, "name", "--name")
    rows = open_rows(customers)
    with at_work(store, program, when) as (its_store, loaded):
        asked = Batch(loaded, name, when, profiles)
        roster = open_file(loaded, customers, rows, customer)
        with bar("deciding", roster.height, quiet=json) as advance, outbox(out) as take:
            summary = run(its_store, asked, roster, take, resume, advance)
    if json:
        show_json({**dataclasses.asdict(summary), "out": str(out), "ignored_columns": roster.ignored})
    else:
        from engine.commands.funnel import funnel_lines

        print("\n".join(funnel_lines(summary)))
        if roster.ignored:
            print(f"Columns the program does not know were left aside: {', '.join(roster.ignored)}.")
        print(f"Decisions written to {out}.")
