"""`nextbest report`: a program or an experiment file in, trust checks, verdict and figures out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.commands.shared import AtOption, JsonOption, StoreOption
from engine.experiments import options
from engine.experiments.given import Given, answer


def report(
    context: typer.Context,
    what: Annotated[
        str | None, typer.Argument(help="A program in the store; or a CSV (.csv, .csv.gz) or Parquet file.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All programs together, against the global holdout.")
    ] = False,
    arm: Annotated[str | None, typer.Option(help="File: column that names the arm.")] = None,
    control: Annotated[str | None, typer.Option(help="File: the arm to compare with.")] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Column whose mean is compared.")] = None,
    ratio: Annotated[list[str] | None, typer.Option(help="ABOVE/BELOW: a ratio of two columns.")] = None,
    covariate: Annotated[list[str] | None, typer.Option(help="Column known before the experiment.")] = None,
    unit: Annotated[str | None, typer.Option(help="Column of the unit, if it has several rows.")] = None,
    cluster: Annotated[str | None, typer.Option(help="Column of groups randomised together.")] = None,
    expected_split: Annotated[str | None, typer.Option(help="Promised shares: a=0.5,b=0.5.")] = None,
    clamp: Annotated[float | None, typer.Option(help="Cut means at this quantile, such as 0.999.")] = None,
    cost_column: Annotated[str | None, typer.Option(help="Column with the cost of each unit.")] = None,
    level: Annotated[float, typer.Option(help="Confidence level.")] = 0.95,
    primary: Annotated[list[str] | None, typer.Option(help="Metric that decides. [default: first]")] = None,
    lower_is_better: Annotated[list[str] | None, typer.Option(help="Metric that should go down.")] = None,
    horizon: Annotated[float | None, typer.Option(help="Units of two arms planned, to read daily.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the page here: one offline HTML file.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write every figure here, one a row.")] = None,
    days: Annotated[float, typer.Option(help="Program: days planned, to read daily.")] = 90.0,
    margin: Annotated[
        float, typer.Option(help="Program: more unsubscribes a customer you can live with.")
    ] = 0.005,
    segment: Annotated[
        list[str] | None, typer.Option(help="Program: attribute whose levels are read apart.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="When it will be decided, and the cheapest holdout.")
    ] = False,
    effect: Annotated[
        float | None,
        typer.Option(help="Effect to plan for, a customer (program: and month). [default: measured]"),
    ] = None,
    propensity: Annotated[
        str | None,
        typer.Option(help="File: column with the probability of the unit's arm, if shares changed."),
    ] = None,
    quantile: Annotated[
        list[str] | None, typer.Option(help="File: COLUMN:Q, such as spend:0.9, a quantile to compare.")
    ] = None,
    assigned_at: Annotated[
        str | None, typer.Option(help="File: column with the date of the assignment.")
    ] = None,
    covariate_at: Annotated[
        str | None, typer.Option(help="File: column with the date of the covariates.")
    ] = None,
    factors: Annotated[
        str | None, typer.Option(help="Multivariate experiment: columns (program: of offer, channel, slot).")
    ] = None,
    period: Annotated[
        str | None, typer.Option(help="Switchback: column of the period (program: its length, such as day).")
    ] = None,
    wash_out: Annotated[int, typer.Option(min=0, help="Periods to leave out after a switch.")] = 0,
    delivered: Annotated[
        str | None, typer.Option(help="File: column of 0 and 1, whether the arm was delivered.")
    ] = None,
    per_day: Annotated[
        float | None, typer.Option(help="File: units that come a day, to plan how long it takes.")
    ] = None,
    score: Annotated[
        str | None, typer.Option(help="Model (file: column) judged as a ranking: uplift and Qini curve.")
    ] = None,
    half_life: Annotated[
        float, typer.Option(help="Program: days in which an effect that fades loses half of itself.")
    ] = 90.0,
    upkeep_before: Annotated[
        float | None, typer.Option(help="Program: money a month that the upkeep of rules took before.")
    ] = None,
    upkeep_now: Annotated[float, typer.Option(help="Program: money a month that it takes now.")] = 0.0,
    active_at: Annotated[
        list[int] | None, typer.Option(help="Program: active in the week from this day. [default: 30, 90]")
    ] = None,
    allow_negative: Annotated[
        list[str] | None,
        typer.Option(help="Metric (program: kind of outcome) that may go below 0: refunds are expected."),
    ] = None,
    at: AtOption = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Report a program or a file: trust checks, effects with intervals, a verdict."""
    given = {name: value for name, value in locals().items() if name != "context"}
    answer(Given(**given), options.given(context))
