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
    """`0.25` and `1/3` are numbers, anything else is a column."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(text)
    except (ValueError, ZeroDivisionError):
        return text


def _show_json(found: Evaluation) -> None:
    import json

    print(json.dumps(found.as_dict(), allow_nan=False))


def _show_table(found: Evaluation, level: float) -> None:
    from rich.console import Console

    console = Console()
    logged, digits = found.logged, _decimals(found)
    span = _range(logged.low, logged.high, "", digits)
    console.print(
        f"{found.n:,} logged decisions earned {_number(logged.value, '', digits)} each "
        f"({100 * level:g} % interval {span})."
    )
    console.print(table(found))
    if any(len(one.estimates) > 1 for one in found.policies):
        console.print(estimates_table(found))
    for one in found.policies:
        if one.reason:
            console.print(f"{one.name}: {one.verdict}. {one.reason}", markup=False)


def table(found: Evaluation) -> Table:
    """One row a policy: value, lift, their intervals, effective sample size, verdict; fits 80 columns."""
    from rich.markup import escape

    made = _columns("policy", "value", "interval", "lift", "interval", "ESS", "verdict")
    made.caption, digits = _lifts_in_words(found), _decimals(found)
    for one in found.policies:
        made.add_row(
            escape(one.name),
            _number(one.value, "", digits),
            _range(one.low, one.high, "", digits),
            _number(one.lift.value, "+", digits),
            _range(one.lift.low, one.lift.high, "+", digits),
            f"{one.ess:,.0f}",
            _coloured(one),
        )
    return made


def _lifts_in_words(found: Evaluation) -> str:
    """What each lift is against; one that covers 0 is no claim."""
    from rich.markup import escape

    against: dict[str, list[str]] = {}
    for one in found.policies:
        against.setdefault(one.lift.against, []).append(one.name)
    most = max(against, key=lambda name: len(against[name]))
    rest = [f"that of {', '.join(names)} against {name}" for name, names in against.items() if name != most]
    lines = [f"Lifts are against {most}{'; ' if rest else ''}{'; '.join(rest)}."]
    even = [one.name for one in found.policies if _covers_zero(one)]
    if even:
        lines.append(f"Not shown to differ (the interval covers 0): {', '.join(even)}.")
    return escape("\n".join(lines))


def _covers_zero(one: PolicyValue) -> bool:
    low, high = one.lift.low, one.lift.high
    return low is not None and high is not None and low <= 0.0 <= high


def _columns(first: str, *others: str) -> Table:
    from rich.table import Table

    made = Table(
        box=None,
        pad_edge=False,
        collapse_padding=True,
        header_style="dim",
        caption_justify="left",
        padding=(0, 1),
    )
    made.add_column(first, overflow="fold", min_width=12)
    for name in others:
        made.add_column(name, no_wrap=True, justify="left" if name == "verdict" else "right")
    return made


def estimates_table(found: Evaluation) -> Table:
    """One row a policy and estimator."""
    from rich.markup import escape

    made, digits = _columns("policy", "estimator", "value", "interval", "standard error"), _decimals(found)
    made.caption = (
        "Intervals say nothing of bias: dm trusts its model, switch_dr, dros and subgaussian in part."
    )
    for one in found.policies:
        for each in one.estimates:
            name = f"{each.estimator} *" if each.estimator == one.chosen else each.estimator
            made.add_row(
                escape(one.name),
                name,
                _number(each.value, "", digits),
                _range(each.low, each.high, "", digits),
                _number(each.se, "", digits + 1),
            )
    return made


def _number(value: float | None, sign: str = "", decimals: int = 4) -> str:
    return "-" if value is None else f"{value:{sign}.{decimals}f}"


def _range(low: float | None, high: float | None, sign: str = "", decimals: int = 4) -> str:
    return "-" if low is None else f"{_number(low, sign, decimals)}, {_number(high, sign, decimals)}"


def _decimals(found: Evaluation) -> int:
    """Decimals that show four digits of what a logged decision earned, between 0 and 8."""
    from math import floor, log10

    size = abs(found.logged.value) or 1.0
    return min(max(3 - floor(log10(size)), 0), 8)


def _coloured(one: PolicyValue) -> str:
    return {"supported": "[green]supported[/]", "weak": "[yellow]weak[/]", "refused": "[red]refused[/]"}[
        one.verdict
    ]
