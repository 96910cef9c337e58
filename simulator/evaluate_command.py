"""`nextbest evaluate`: what other policies would have earned, from logged decisions."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.shared import AtOption, StoreOption, moment, opened
from engine.errors import InputError
from simulator.log_options import listed, number_or_name, read

if TYPE_CHECKING:
    from simulator.evaluation import Evaluation
    from simulator.logs import Log
    from simulator.method import Method
    from simulator.targets import Wanted


def evaluate(
    policy: Annotated[
        list[str],
        typer.Option(
            help="uniform, constant:ACTION, pmf:PREFIX, learnt, learnt:dr, learnt:ips, logging, "
            "program:FILE or a .yaml file; may be repeated."
        ),
    ],
    file: Annotated[
        Path | None, typer.Argument(help="Logged decisions: Parquet or CSV (gz allowed), or see --format.")
    ] = None,
    action: Annotated[str, typer.Option(help="Column of the chosen action.")] = "",
    propensity: Annotated[
        str,
        typer.Option(
            help="Column of its probability, or that number, or 'estimate' to take the shares of the actions."
        ),
    ] = "",
    reward: Annotated[str, typer.Option(help="Column of what it earned.")] = "",
    format: Annotated[
        str,
        typer.Option(help="columns, nextbest (an export), open-bandit, dsjson, vw or personalizer."),
    ] = "columns",
    program: Annotated[
        str, typer.Option("--program", "-p", help="A program of the store: its own decisions are the log.")
    ] = "",
    context: Annotated[str, typer.Option(help="Columns known before the choice, separated by commas.")] = "",
    cluster: Annotated[
        str | None, typer.Option(help="Column of the unit whose rows belong together.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="Column of the time of decision; drift is then checked.")
    ] = None,
    rewarded: Annotated[
        str | None, typer.Option(help="Column of the time of the reward, checked to be after --time.")
    ] = None,
    id: Annotated[
        str | None, typer.Option(help="Column that names the decision, checked to be there once.")
    ] = None,
    feasible: Annotated[
        str | None, typer.Option(help="Prefix of 0/1 columns PREFIX<action> that say what could be chosen.")
    ] = None,
    logging: Annotated[
        str | None, typer.Option(help="Prefix of columns PREFIX<action> with every action's probability.")
    ] = None,
    estimator: Annotated[
        str,
        typer.Option(
            help="auto, all, or names separated by commas: dr, ips, snips, dm, ... [default: dr]",
            show_default=False,
        ),
    ] = "",
    interval: Annotated[
        str, typer.Option(help="gamma, student, bootstrap, bernstein, likelihood or anytime.")
    ] = "gamma",
    limits: Annotated[
        str, typer.Option(help="LOW,HIGH that every reward keeps; bernstein, likelihood, anytime need it.")
    ] = "",
    model: Annotated[str, typer.Option(help="Reward model: linear or boosted.")] = "linear",
    ordered: Annotated[
        bool, typer.Option("--ordered", help="Models and learners see earlier decisions only; needs times.")
    ] = False,
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    against: Annotated[str, typer.Option(help="What lifts are against: 'logged' or a policy.")] = "logged",
    segment: Annotated[
        list[str] | None, typer.Option(help="Column by whose levels lifts are shown; may be repeated.")
    ] = None,
    detect: Annotated[
        float | None, typer.Option(help="A difference: tell how many rows would show it.")
    ] = None,
    contributions: Annotated[
        Path | None, typer.Option(help="Write what each row adds to --policy (one): .csv or .parquet.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the result as a page that needs no network.")
    ] = None,
    at: AtOption = None,
    store: StoreOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Estimate from a log what policies would have earned, with intervals, or refuse and say why."""
    from simulator.evaluate import evaluate as judge
    from simulator.evaluate_terminal import show
    from simulator.method import Method

    if sum((file is not None, bool(program))) != 1:
        raise InputError("Give either the file of a log, or --program with a program of the store.")
    how = Method(
        estimators=tuple(listed(estimator)),
        level=level,
        interval=interval,
        model=model,
        ordered=ordered,
        limits=_limits(limits),
        segments=tuple(segment or ()),
        detect=detect,
    )
    if program:
        log, targets = _stored(program, policy, moment(at), store)
    else:
        assert file is not None
        columns = {
            "context": listed(context),
            "action": action,
            "propensity": number_or_name(propensity),
            "reward": reward,
            "cluster": cluster,
            "time": time,
            "rewarded": rewarded,
            "id": id,
            "feasible": feasible,
            "logging": logging,
        }
        log = read(file, format, columns)
        targets = list(policy)
    found = judge(log, targets, against=against, method=how)
    if contributions is not None:
        _write_contributions(contributions, log, targets, against, how)
    if html is not None:
        found.save(html)
    _show_json(found) if json else show(found)
    return 1 if found.refused else 0


def _stored(name: str, policy: list[str], at: datetime, store: Path | None) -> tuple[Log, list[Wanted]]:
    """The log of a program in the store, and the policies asked of it."""
    from engine.applied import stored_program
    from simulator.readers.own import stored_log
    from simulator.what_if import PREFIX, programs_as_targets

    with opened(store, make=False) as its_store, its_store.read() as connection:
        log = stored_log(connection, stored_program(connection, name), at)
        files = [one for one in policy if one.startswith(PREFIX)]
        log, made = programs_as_targets(connection, name, log, [one.removeprefix(PREFIX) for one in files])
    by_name = dict(zip(files, made, strict=True))
    return log, [by_name.get(one, one) for one in policy]


def _write_contributions(path: Path, log: Log, targets: list[Wanted], against: str, how: Method) -> None:
    from engine.outbox import outbox
    from simulator.evaluate import contribution_table

    if len(targets) != 1:
        raise InputError("--contributions is of one policy; give --policy once.")
    with outbox(path) as take:
        take(contribution_table(log, targets[0], against, how))


def _limits(text: str) -> tuple[float, float] | None:
    """`0,1` is the least and the largest reward."""
    if not text:
        return None
    try:
        low, high = (float(one) for one in text.split(","))
    except ValueError as error:
        raise InputError(f"--limits is '{text}', must be LOW,HIGH such as 0,1.") from error
    if not low < high:
        raise InputError(f"--limits is '{text}', the first must be below the second.")
    return low, high


def _show_json(found: Evaluation) -> None:
    import json

    print(json.dumps(found.as_dict(), allow_nan=False))
