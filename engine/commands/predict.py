"""`nextbest predict`: the scores that other models give customers; taken in, and looked over."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.shared import AtOption, JsonOption, StoreOption, moment, opened, show_json

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from engine.domain import Program

predict = typer.Typer(add_completion=False, rich_markup_mode=None, help="Take in model scores of customers.")


@predict.callback()
def _verbs() -> None:
    """Take in model scores of customers."""


@predict.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(help="Scores, one a row: .parquet, .csv or .jsonl.")],
    model: Annotated[str, typer.Option(help="The model's name as the program file declares it.")],
    version: Annotated[str, typer.Option(help="The model's version.")],
    customer: Annotated[str, typer.Option(help="The column that holds the customer's id.")] = "customer",
    score: Annotated[str, typer.Option(help="The column that holds the score.")] = "score",
    as_of: Annotated[str | None, typer.Option(help="When the scores were true. [default: now]")] = None,
    as_of_column: Annotated[
        str | None, typer.Option(help="The column that says when each score was true, in place of --as-of.")
    ] = None,
    horizon: Annotated[
        str | None, typer.Option(help='How far ahead the scores look, such as "30 days".')
    ] = None,
    target: Annotated[str, typer.Option(help="The offer whose response they predict.")] = "",
    probability: Annotated[
        bool, typer.Option("--probability", help="They are probabilities: refuse any outside 0 to 1.")
    ] = False,
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Import the scores of one model, all rows or none; the next decision uses them."""
    from engine.calendar import microseconds
    from engine.errors import InputError
    from engine.predictions import intake, terminal
    from engine.predictions.scores import Columns, read_scores, sha256_of
    from engine.predictions.versions import About

    if as_of is not None and as_of_column is not None:
        raise InputError("--as-of and --as-of-column: give one of them.")
    received = microseconds(moment(at))
    dated = microseconds(moment(as_of, "--as-of")) if as_of is not None else received
    rows = read_scores(file, model, version, Columns(customer, score, as_of_column), dated, received)
    about = About(model, version, _horizon(horizon), target, probability, sha256_of(file))
    intake.check_rows(about, rows, lambda i: f"{file}, row {i + 1}")
    with opened(store) as its_store, its_store.write() as connection:
        arrival = intake.take_in(
            connection, about, rows, _programs(connection), str(file), lambda i: f"{file}, row {i + 1}"
        )
    if json:
        show_json(arrival)
    else:
        terminal.show_arrival(arrival)


@predict.command("report")
def look_over(
    model: Annotated[str | None, typer.Argument(help="The model's name. [default: every model]")] = None,
    calibration: Annotated[
        bool, typer.Option("--calibration", help="Compare the scores with what followed.")
    ] = False,
    outcome: Annotated[
        str | None, typer.Option(help="The outcome that is the response. [default: the goal's only one]")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Compare scores of this version alone with what followed.")
    ] = None,
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Show versions, drift and age of scores; with --calibration whether they keep what they promise."""
    from engine.predictions import terminal
    from engine.predictions.report import calibrated, report
    from engine.store import models

    when = moment(at)
    with opened(store, make=False) as its_store, its_store.read() as connection:
        programs = _programs(connection)
        names = models.model_names(connection) if model is None else [model]
        found = [report(connection, name, programs, when) for name in names]
        if calibration:
            told = {name for program in programs for name, offer in program.predictions.items() if offer}
            found = [
                calibrated(connection, one, programs, when, outcome, version)
                if model is not None or one.model in told
                else one
                for one in found
            ]
    if json:
        show_json({"at": when, "models": found})
    else:
        terminal.show(found, when)
    return 1 if any(one.sent is None for model in found for one in model.reliability) else 0


def _horizon(text: str | None) -> timedelta | None:
    from engine.errors import InputError
    from engine.program import forms

    try:
        return None if text is None else forms.window(text)
    except ValueError as error:
        raise InputError(f"--horizon == {text!r}, {error}; correct it.") from None


def _programs(connection: Connection) -> list[Program]:
    """The current programs of the store."""
    from engine.applied import stored_program
    from engine.store.programs import program_names

    return [stored_program(connection, name) for name in program_names(connection)]
