"""Options of `nextbest evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Policies = Annotated[
    list[str],
    typer.Option(
        "--policy",
        help="uniform, constant:ACTION, pmf:PREFIX, learnt, learnt:dr, learnt:ips, logging, "
        "program:FILE or a .yaml file; may be repeated.",
    ),
]
File = Annotated[
    Path | None, typer.Argument(help="Logged decisions: Parquet or CSV (gz allowed), or see --format.")
]
ProgramName = Annotated[
    str,
    typer.Option("--program", "-p", help="A program of the store: its own decisions are the log."),
]
Rewarded = Annotated[
    str | None,
    typer.Option("--rewarded", help="Column of the time of the reward, checked to be after --time."),
]
Id = Annotated[
    str | None, typer.Option("--id", help="Column that names the decision, checked to be there once.")
]
Feasible = Annotated[
    str | None,
    typer.Option("--feasible", help="Prefix of 0/1 columns PREFIX<action> that say what could be chosen."),
]
Logging = Annotated[
    str | None,
    typer.Option("--logging", help="Prefix of columns PREFIX<action> with every action's probability."),
]
Estimators = Annotated[
    str,
    typer.Option(
        "--estimator",
        help="auto, all, or names separated by commas: calibrated, dr, ips, snips, dm, ... "
        "[default: calibrated]",
        show_default=False,
    ),
]
IntervalKind = Annotated[
    str,
    typer.Option("--interval", help="gamma, student, bootstrap, bernstein, likelihood or anytime."),
]
Limits = Annotated[
    str,
    typer.Option(
        "--limits", help="LOW,HIGH that every reward keeps; bernstein, likelihood, anytime need it."
    ),
]
Model = Annotated[str, typer.Option("--model", help="Reward model: linear or boosted.")]
Ordered = Annotated[
    bool, typer.Option("--ordered", help="Models and learners see earlier decisions only; needs times.")
]
Level = Annotated[float, typer.Option("--level", help="Level of the intervals.")]
Against = Annotated[str, typer.Option("--against", help="What lifts are against: 'logged' or a policy.")]
Segments = Annotated[
    list[str] | None,
    typer.Option("--segment", help="Column by whose levels lifts are shown; may be repeated."),
]
Detect = Annotated[
    float | None, typer.Option("--detect", help="A difference: tell how many rows would show it.")
]
Contributions = Annotated[
    Path | None,
    typer.Option("--contributions", help="Write what each row adds to --policy (one): .csv or .parquet."),
]
Html = Annotated[
    Path | None, typer.Option("--html", help="Write the result as a page that needs no network.")
]
