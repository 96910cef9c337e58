"""`nextbest report`: a program or an experiment file in, trust checks, verdict and figures out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.shared import AtOption, JsonOption, StoreOption, moment
from engine.errors import InputError
from engine.experiments import options
from engine.experiments.design_command import Compared, Design, report_design
from engine.experiments.program_command import Asked, is_file, report_stored, write

if TYPE_CHECKING:
    from engine.experiments.report import Report

_QUANTILE = re.compile(r"(?P<column>.+):(?P<q>[0-9]*\.?[0-9]+)")
_SHARE = re.compile(r"\s*(?P<arm>[^=]+?)\s*=\s*(?P<share>[0-9.eE+-]+)\s*(?:,|$)")


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
    given = options.given(context)
    if every:
        if what is not None:
            raise InputError(f"--all is every program of the store; leave out '{what}', or --all.")
        options.fitting(options.ALL, given)
        from engine.experiments.together_command import report_all

        report_all(level, days, html, csv, as_json, at, store, margin, tuple(allow_negative or ()))
        return
    if what is None:
        raise InputError("Name a program or a file, or give --all for all programs together.")
    options.fitting(options.FILE if is_file(what) else options.PROGRAM, given)
    design = Design(
        None if factors is None else _names(factors), period, wash_out, delivered, plan, effect, per_day
    )
    compared = Compared(
        arm,
        control,
        tuple(metric or ()),
        cluster,
        tuple(lower_is_better or ()),
        level,
        tuple(allow_negative or ()),
        None if expected_split is None else _split(expected_split),
    )
    if not is_file(what) and (factors or period or delivered):
        from engine.experiments.design_stored import report_stored_design

        report_stored_design(what, design, compared, at, store, as_json)
        return
    if not is_file(what):
        from engine.experiments.program import Also
        from engine.experiments.program_metrics import ACTIVE_AT

        also = Also(
            score,
            half_life,
            upkeep_before,
            upkeep_now,
            tuple(active_at or ACTIVE_AT),
            tuple(allow_negative or ()),
        )
        asked = Asked(level, days, effect, plan, margin, tuple(segment or ()), also, html, csv, as_json)
        report_stored(what, asked, at, store)
        return
    if factors or period or delivered or plan:
        report_design(Path(what), design, compared, as_json)
        return
    from engine.experiments.report import analyse

    found = analyse(
        Path(what),
        arm=_needed(arm, "--arm", "the column that names the arm"),
        control=_needed(control, "--control", "the arm to compare with"),
        metrics=metric or (),
        ratios=[_ratio(one) for one in ratio or ()],
        covariates=covariate or (),
        unit=unit,
        cluster=cluster,
        expected_split=None if expected_split is None else _split(expected_split),
        clamp=clamp,
        cost_column=cost_column,
        level=level,
        primary=primary or (),
        lower_is_better=lower_is_better or (),
        horizon=horizon,
        propensity=propensity,
        quantile=[_quantile(one) for one in quantile or ()],
        score=score,
        assigned_at=assigned_at,
        covariate_at=covariate_at,
        at=moment(at),
        allow_negative=allow_negative or (),
    )
    if html is not None:
        from engine.experiments.page import render

        write(html, render(found))
    if csv is not None:
        from engine.experiments.rows import of_report, table

        write(csv, table(of_report(found)).write_csv())
    _show(found, as_json, [one for one in (html, csv) if one is not None])
    if not found.trusted:
        raise typer.Exit(1)


def _needed(value: str | None, option: str, what: str) -> str:
    if value is None:
        raise InputError(
            f"{option} is missing: a file needs {what}. Give it, or name a program in the store."
        )
    return value


def _names(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


def _ratio(text: str) -> tuple[str, str]:
    """`revenue/orders` -> its two columns."""
    above, slash, below = text.partition("/")
    if not (above and slash and below):
        raise InputError(f"--ratio is '{text}', must be two columns as ABOVE/BELOW, such as revenue/orders.")
    return above, below


def _quantile(text: str) -> tuple[str, float]:
    """`spend:0.9` -> its column and share."""
    found = _QUANTILE.fullmatch(text)
    if found is None:
        raise InputError(
            f"--quantile is '{text}', must be COLUMN:Q with Q between 0 and 1, such as spend:0.9."
        )
    return found["column"], float(found["q"])


def _split(text: str) -> dict[str, float]:
    """`a=0.5,b=0.5` -> shares; arm names may hold anything but `=`."""
    shares: dict[str, float] = {}
    at = 0
    while at < len(text):
        found = _SHARE.match(text, at)
        if found is None:
            raise InputError(
                f"--expected-split is '{text}', must be ARM=SHARE,ARM=SHARE such as a=0.5,b=0.5."
            )
        shares[found["arm"]] = _number(found["share"], text)
        at = found.end()
    return shares


def _number(share: str, text: str) -> float:
    try:
        return float(share)
    except ValueError as error:
        raise InputError(f"--expected-split is '{text}': '{share}' is not a number.") from error


def _show(report: Report, as_json: bool, written: Sequence[Path]) -> None:
    if as_json:
        import json

        typer.echo(json.dumps(report.as_dict(), indent=2, allow_nan=False))
        return
    from engine.experiments.terminal import show

    show(report, written)
