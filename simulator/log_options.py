"""Logs as they are named on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.errors import InputError, nearest

if TYPE_CHECKING:
    from simulator.logs import Log

COLUMNS = "columns"

Action = Annotated[str, typer.Option("--action", help="Column of the chosen action.")]
Propensity = Annotated[
    str,
    typer.Option(
        "--propensity",
        help="Column of its probability, or that number, or 'estimate' to take the shares of the actions.",
    ),
]
Reward = Annotated[str, typer.Option("--reward", help="Column of what it earned.")]
Format = Annotated[
    str,
    typer.Option("--format", help="columns, nextbest (an export), open-bandit, dsjson, vw or personalizer."),
]
Context = Annotated[
    str, typer.Option("--context", help="Columns known before the choice, separated by commas.")
]
Cluster = Annotated[
    str | None, typer.Option("--cluster", help="Column of the unit whose rows belong together.")
]
Time = Annotated[str | None, typer.Option("--time", help="Column of the time of decision.")]


def log_in(file: Path, format: str, context: str, propensity: str, **columns: str | None) -> Log:
    """The log in a file, by options as they were given; see `read`."""
    named = {"context": listed(context), "propensity": number_or_name(propensity), **columns}
    return read(file, format, named)


def read(file: Path, format: str, columns: dict[str, Any]) -> Log:
    """The log in a file: by its columns, or as its format has it.

    Raises:
        InputError: an option is missing or too many, or the file is no such log.
    """
    from simulator.logs import read_log
    from simulator.readers import FORMATS

    if format == COLUMNS:
        for name in ("action", "propensity", "reward"):
            if columns[name] == "":
                raise InputError(f"--{name} is missing; name its column, or the --format of the file.")
        return read_log(file, **columns)
    if format not in FORMATS:
        raise InputError(f"There is no format '{format}'.{nearest(format, [COLUMNS, *FORMATS])}")
    if given := [name for name, value in columns.items() if value]:
        raise InputError(f"--{given[0]} is for --format columns; {format} says by itself where things are.")
    return FORMATS[format](file)


def listed(text: str) -> list[str]:
    """`a, b` is a list of two names."""
    return [name.strip() for name in text.split(",") if name.strip()]


def number_or_name(text: str) -> str | float:
    """`0.25` and `1/3` are numbers, anything else is a column."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(text)
    except (ValueError, ZeroDivisionError):
        return text
