"""`nextbest report`: an experiment file in, trust checks, verdict and figures out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.errors import InputError

if TYPE_CHECKING:
    from engine.experiments.report import Report

_SHARE = re.compile(r"\s*(?P<arm>[^=]+?)\s*=\s*(?P<share>[0-9.eE+-]+)\s*(?:,|$)")


def report(
    file: Annotated[Path, typer.Argument(help="CSV (.csv, .csv.gz) or Parquet, one row per unit.")],
    arm: Annotated[str, typer.Option(help="Column that names the arm.")],
    control: Annotated[str, typer.Option(help="The arm to compare with.")],
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
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Report an experiment: trust checks, effects with intervals, a verdict."""
    from engine.experiments.report import analyse

    found = analyse(
        file,
        arm=arm,
        control=control,
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
    )
    if html is not None:
        _write(found, html)
    _show(found, as_json, html)
    if not found.trusted:
        raise typer.Exit(1)


def _ratio(text: str) -> tuple[str, str]:
    """`revenue/orders` -> its two columns."""
    above, slash, below = text.partition("/")
    if not (above and slash and below):
        raise InputError(f"--ratio is '{text}', must be two columns as ABOVE/BELOW, such as revenue/orders.")
    return above, below


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


def _write(report: Report, path: Path) -> None:
    from engine.experiments.page import render
    from engine.tables import write_whole

    try:
        write_whole(path, render(report).encode())
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}. Give a path you may write to."
        ) from error


def _show(report: Report, as_json: bool, html: Path | None) -> None:
    if as_json:
        import json

        typer.echo(json.dumps(report.as_dict(), indent=2, allow_nan=False))
        return
    from engine.experiments.terminal import show

    show(report, html)
