"""`nextbest evaluate`: what other policies would have earned, from logged decisions."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from engine.commands.shared import AtOption, JsonOption, StoreOption, moment, opened
from engine.errors import InputError
from simulator import evaluate_options as asked
from simulator.log_options import (
    COLUMNS,
    Action,
    Cluster,
    Context,
    Format,
    Propensity,
    Reward,
    Time,
    listed,
    log_in,
)

if TYPE_CHECKING:
    from simulator.evaluation import Evaluation
    from simulator.logs import Log
    from simulator.method import Method
    from simulator.targets import Wanted


def evaluate(
    policy: asked.Policies,
    file: asked.File = None,
    action: Action = "",
    propensity: Propensity = "",
    reward: Reward = "",
    format: Format = COLUMNS,
    program: asked.ProgramName = "",
    context: Context = "",
    cluster: Cluster = None,
    time: Time = None,
    rewarded: asked.Rewarded = None,
    id: asked.Id = None,
    feasible: asked.Feasible = None,
    logging: asked.Logging = None,
    estimator: asked.Estimators = "",
    interval: asked.IntervalKind = "gamma",
    limits: asked.Limits = "",
    model: asked.Model = "linear",
    ordered: asked.Ordered = False,
    level: asked.Level = 0.95,
    against: asked.Against = "logged",
    segment: asked.Segments = None,
    detect: asked.Detect = None,
    contributions: asked.Contributions = None,
    html: asked.Html = None,
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Estimate from a log what policies would have earned, with intervals, or refuse and say why."""
    from simulator.evaluate import evaluate as judge
    from simulator.evaluate_terminal import show
    from simulator.method import Method

    if sum((file is not None, bool(program))) != 1:
        raise InputError("Give either the file of a log, or --program with a program of the store.")
    how = Method(
        tuple(listed(estimator)),
        level,
        interval,
        model,
        ordered,
        _limits(limits),
        segments=tuple(segment or ()),
        detect=detect,
    )
    if file is None:
        log, targets = _stored(program, policy, how.estimators, moment(at), store)
    else:
        known = {"action": action, "reward": reward, "cluster": cluster, "time": time, "rewarded": rewarded}
        offered = {"id": id, "feasible": feasible, "logging": logging}
        log, targets = log_in(file, format, context, propensity, **known, **offered), list(policy)
    found = judge(log, targets, against=against, method=how)
    if contributions is not None:
        _write_contributions(contributions, log, targets, against, how)
    if html is not None:
        found.save(html)
    _show_json(found) if json else show(found)
    return 1 if found.refused else 0


def _stored(
    name: str, policy: list[str], estimators: tuple[str, ...], at: datetime, store: Path | None
) -> tuple[Log, list[Wanted]]:
    """The log of a program in the store, and the policies asked of it."""
    from engine.applied import stored_program
    from simulator.estimators import EMBEDDED
    from simulator.made_known import with_probabilities
    from simulator.readers.own import stored_log
    from simulator.what_if import PREFIX, programs_as_targets

    with opened(store, make=False) as its_store, its_store.read() as connection:
        log = stored_log(connection, stored_program(connection, name), at)
        if set(EMBEDDED) & set(estimators):
            log = with_probabilities(connection, name, log)
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
