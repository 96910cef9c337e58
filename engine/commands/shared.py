"""What the verbs share.

Their common options, the store they open, the program they mean, the form they print in.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.errors import BusyError, InputError, StoreError

if TYPE_CHECKING:
    from engine.applied import Signature
    from engine.domain import Program
    from engine.store import Store

    Meant = str | tuple[Program, bytes]

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
def opened(store: Path | None, make: bool = True) -> Iterator[Store]:
    """The store of the option, the environment or the folder; made if it is not there.

    Raises:
        InputError: it is no store, or is not there and `make` is False.
        BusyError: another process is writing.
    """
    from engine.settings import settings
    from engine.store import open_store

    _log_to_stderr()
    path = store or settings().store
    if not make and not path.exists():
        raise InputError(f"{path}: there is no store; name another with --store.")
    try:
        found = open_store(path)
    except BusyError:
        raise
    except StoreError as error:
        raise InputError(str(error)) from error
    try:
        yield found
    finally:
        found.close()


def _log_to_stderr() -> None:
    """Stdout is for the answer alone."""
    import structlog

    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))


def moment(at: str | None, option: str = "--at") -> datetime:
    """The moment given with `option`, else now; a time without a zone is UTC."""
    from engine.api.moments import check_moment

    if at is None:
        return datetime.now(UTC)
    try:
        given = datetime.fromisoformat(at)
    except ValueError:
        raise InputError(
            f"{option} == {at!r}, must be a time such as 2026-11-24T08:00:00Z; correct it."
        ) from None
    return check_moment(given if given.tzinfo else given.replace(tzinfo=UTC), option)


@contextmanager
def at_work(store: Path | None, program: str, at: datetime) -> Iterator[tuple[Store, Program]]:
    """The store, and the program meant by `--program` in it; a file is read before a store is made for it."""
    found = meant(program)
    with opened(store, make=not isinstance(found, str)) as its_store:
        yield its_store, applied(its_store, found, at)


def meant(program: str) -> Meant:
    """What `--program` means: a program file, which is read, or a name. Raises `ProgramError`."""
    from engine.applied import read_program

    if Path(program).suffix in (".yaml", ".yml") or Path(program).is_file():
        return read_program(program)
    return program


def applied(store: Store, found: Meant, at: datetime) -> Program:
    """The program as the store has it: one from a file is its newest version, and stored if it is new.

    Raises:
        NotFoundError: there is no program of that name.
    """
    from engine.applied import apply_text, stored_program

    if isinstance(found, str):
        with store.read() as connection:
            return stored_program(connection, found)
    with store.write() as connection:
        return apply_text(connection, *found, at, signed("-p"))


def signed(how: str, by: str | None = None, note: str = "") -> Signature:
    """Who runs this command, for the audit: as `by` says, else the user of the operating system."""
    from getpass import getuser

    from engine.applied import Signature

    try:
        who = by or getuser()
    except (OSError, KeyError, ImportError):  # a container may have no name for its user
        who = "nobody named"
    return Signature(who, how, note, datetime.now(UTC))


def show_json(shown: Any) -> None:
    """Print anything of ours as indented JSON."""
    import msgspec

    print(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode(), flush=True)


def counted(n: int, noun: str) -> str:
    """`"1 customer"`, `"2,000 customers"`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
