"""What the verbs share.

Their common options, the store they open, the program they mean, the form they print in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.errors import InputError

if TYPE_CHECKING:
    from engine.domain import Program
    from engine.store import Store

StoreOption = Annotated[
    Path | None, typer.Option(help="The store, one SQLite file. [default: $NEXTBEST_STORE or nextbest.db]")
]
ProgramOption = Annotated[
    str, typer.Option("--program", "-p", help="A program file, or the name of a program in the store.")
]
AtOption = Annotated[
    str | None, typer.Option(help="The moment, such as 2026-11-24T08:00:00Z. [default: now]")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@contextmanager
def opened(store: Path | None) -> Iterator[Store]:
    """The store of the option, the environment or the folder; made if it is not there."""
    from engine.settings import Settings
    from engine.store import open_store

    found = open_store(store or Settings().store)
    try:
        yield found
    finally:
        found.close()


def moment(at: str | None) -> datetime:
    """The moment of `--at`, else now; a time without a zone is UTC."""
    if at is None:
        return datetime.now(UTC)
    try:
        given = datetime.fromisoformat(at)
    except ValueError:
        raise InputError(
            f"--at == {at!r}, must be a time such as 2026-11-24T08:00:00Z; correct it."
        ) from None
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def applied(store: Store, program: str, at: datetime) -> Program:
    """The program meant by `--program`.

    A file, stored as the newest version if it is new, or a stored name.
    """
    from engine.applied import apply, stored_program

    if Path(program).suffix in (".yaml", ".yml") or Path(program).is_file():
        with store.write() as connection:
            return apply(connection, program, at)
    with store.read() as connection:
        return stored_program(connection, program)


def show_json(shown: Any) -> None:
    """Print anything of ours as indented JSON."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode(), flush=True)
