"""`nextbest predict`: model scores of customers come in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.commands.shared import AtOption, JsonOption, StoreOption, moment, opened, show_json

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
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Import the scores of one model; the next decision uses them."""
    from engine.calendar import microseconds
    from engine.predictions.scores import asking, read_scores
    from engine.store import predictions

    received = microseconds(moment(at))
    dated = microseconds(moment(as_of, "--as-of")) if as_of is not None else received
    rows = read_scores(file, model, version, customer, score, dated, received)
    with opened(store) as its_store, its_store.write() as connection:
        predictions.put_predictions(connection, rows)
        used_by = asking(connection, model)
    if json:
        show_json({"model": model, "version": version, "customers": len(rows), "used_by": used_by})
    else:
        print(f"{len(rows):,} scores of {model} (version {version}) imported.")
        if not used_by:
            print(f"No program of the store names '{model}' under predictions; is it spelt as there?")
