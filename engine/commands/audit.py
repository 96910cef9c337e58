"""`nextbest audit`: who made which version of a program current, when, and what that changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.shared import JsonOption, StoreOption, opened, show_json

if TYPE_CHECKING:
    from engine.plan.history import Entry


def audit(
    program: Annotated[str | None, typer.Argument(help="The program. [default: all]")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many lines, the newest.")] = 20,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show who applied or took back which program, when, why, and what it changed."""
    from engine.plan.history import entries

    with opened(store, make=False) as its_store, its_store.read() as connection:
        found = entries(connection, program, limit)
    if json:
        show_json(found)
    else:
        print("\n".join(line for one in found for line in _lines(one)) or "Nothing was applied yet.")


def _lines(one: Entry) -> Iterator[str]:
    before = "new" if one.version_before is None else f"version {one.version_before}"
    note = f": {one.note}" if one.note else ""
    yield f"{one.at:%Y-%m-%d %H:%M:%S} UTC  {one.program}  {before} -> version {one.version_after}"
    yield f"    by {one.who} ({one.how}){note}"
    yield from (f"    {line}" for line in one.changes)
