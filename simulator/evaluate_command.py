"""`nextbest evaluate`: what other policies would have earned, from a file of logged decisions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from simulator.evaluate import Evaluation, PolicyValue


def evaluate(
    file: Annotated[
        Path, typer.Argument(help="Logged decisions: Parquet or CSV (gz allowed), one row each.")
    ],
    action: Annotated[str, typer.Option(help="Column of the chosen action.")],
    propensity: Annotated[
        str,
        typer.Option(
            help="Column of its probability, or that number, or 'estimate' to take the shares of the actions."
        ),
    ],
    reward: Annotated[str, typer.Option(help="Column of what it earned.")],
    policy: Annotated[
        list[str],
        typer.Option(
            help="uniform, constant:ACTION, pmf:PREFIX, learnt, logging or a .yaml file; may be repeated."
        ),
    ],
    context: Annotated[str, typer.Option(help="Columns known before the choice, separated by commas.")] = "",
    cluster: Annotated[
        str | None, typer.Option(help="Column of the unit whose rows belong together.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Column of the time of decision; drift is then checked.")
    ] = None,
    feasible: Annotated[
        str | None, typer.Option(help="Prefix of 0/1 columns PREFIX<action> that say what could be chosen.")
    ] = None,
    estimator: Annotated[
        str, typer.Option(help="all, or names separated by commas: dr, ips, snips, dm, ...")
    ] = "dr",
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    against: Annotated[str, typer.Option(help="What lifts are against: 'logged' or a policy.")] = "logged",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Estimate from a log what policies would have earned, with intervals, or refuse and say why."""
    from simulator.evaluate import evaluate as judge
    from simulator.logs import read_log

    log = read_log(
        file,
        context=_listed(context),
        action=action,
        propensity=_number_or_name(propensity),
        reward=reward,
        cluster=cluster,
        time=time,
        feasible=feasible,
    )
    found = judge(log, policy, _listed(estimator), level, against)
    _show_json(found) if json else _show_table(found, level)
    return 1 if found.refused else 0


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _number_or_name(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _show_json(found: Evaluation) -> None:
    import json

    print(json.dumps(found.as_dict(), allow_nan=False))


def _show_table(found: Evaluation, level: float) -> None:
    from rich.console import Console

    console = Console()
    logged = found.logged
    console.print(
        f"{found.n:,} logged decisions earned {logged.value:.4g} each "
        f"({level:.3g} interval {_range(logged.low, logged.high)})"
    )
    console.print(table(found))
    if any(len(one.estimates) > 1 for one in found.policies):
        console.print(estimates_table(found))
    for one in found.policies:
        if one.reason:
            console.print(f"{one.name}: {one.verdict}. {one.reason}", markup=False)


def table(found: Evaluation) -> Table:
    """One row a policy: value, interval, lift with its interval, effective sample size, verdict."""
    from rich.markup import escape
    from rich.table import Table

    made = Table("policy", "value", "interval", "lift", "interval", "against", "ESS", "verdict")
    for one in found.policies:
        made.add_row(
            escape(one.name),
            _number(one.value),
            _range(one.low, one.high),
            _number(one.lift.value, "+"),
            _range(one.lift.low, one.lift.high, "+"),
            escape(one.lift.against),
            f"{one.ess:,.0f}",
            _coloured(one),
        )
    return made


def estimates_table(found: Evaluation) -> Table:
    """One row a policy and estimator."""
    from rich.markup import escape
    from rich.table import Table

    made = Table("policy", "estimator", "value", "interval", "standard error")
    for one in found.policies:
        for each in one.estimates:
            name = f"{each.estimator} *" if each.estimator == one.chosen else each.estimator
            made.add_row(
                escape(one.name), name, _number(each.value), _range(each.low, each.high), _number(each.se)
            )
    return made


def _number(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.4g}"


def _range(low: float | None, high: float | None, sign: str = "") -> str:
    return "-" if low is None else f"{_number(low, sign)} to {_number(high, sign)}"


def _coloured(one: PolicyValue) -> str:
    return {"supported": "[green]supported[/]", "weak": "[yellow]weak[/]", "refused": "[red]refused[/]"}[
        one.verdict
    ]
