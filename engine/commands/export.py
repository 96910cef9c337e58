"""`nextbest export`: decisions, outcomes or arms of a program as a file for analysis."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.commands.shared import AtOption, JsonOption, StoreOption, moment, opened, show_json
from engine.errors import NotFoundError, nearest


def export(
    part: Annotated[str, typer.Argument(help="decisions, outcomes or assignments.")],
    program: Annotated[str, typer.Option("--program", "-p", help="The name of a program in the store.")],
    out: Annotated[Path, typer.Option(help="Where to: .parquet or .csv.")],
    since: Annotated[str, typer.Option(help="Only what is dated from then on.")] = "1970-01-01",
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Write decisions with their rewards, outcomes or arms of a program to a file, part by part."""
    from engine.applied import stored_program
    from engine.export import EXPORTS
    from engine.outbox import outbox

    if part not in EXPORTS:
        raise NotFoundError(f"there is no '{part}' to export.{nearest(part, EXPORTS)}")
    start, end, rows = moment(since, "--since"), moment(at), 0
    with opened(store, make=False) as its_store, its_store.read() as connection:
        loaded = stored_program(connection, program)
        with outbox(out) as take:
            for table in EXPORTS[part](connection, loaded, start, end):
                take(table)
                rows += table.height
    if json:
        show_json({"out": str(out), "rows": rows})
    else:
        print(f"{rows:,} {part} of {loaded.name} written to {out}.")
