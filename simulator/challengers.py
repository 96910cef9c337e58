"""Challengers of the policy that serves, judged by the decisions it made: shadows, or any other policy.

The log is gone through once, in its order and in stretches. On each stretch a challenger is asked what it
would have done with every customer, having learnt just what had matured by the stretch's beginning, so never
from what it is judged by. The policy that serves goes through the same, since what it learnt by now it did
not know then. Serving pays nothing: everything a challenger needs to know stands in the log.

Source: Dawid (1984), "Present position and potential developments: the prequential approach", for judging a
    learner by what it has not seen yet; Thomas, Theocharous and Ghavamzadeh (2015), "High confidence policy
    improvement", for taking another policy only when the lower bound of its value says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from engine.assign import uniforms
from engine.calendar import MICROSECOND, instant, microseconds
from engine.candidates import policy_of
from engine.choose import Live
from engine.context import Encoding
from engine.domain import PolicySpec, Program, Shadow
from engine.errors import RefusedError
from engine.learn import refuse_rolled_back
from engine.live import built, live, thaw
from engine.logged import PIECE, of_rows
from engine.relearn import Names, newest_encoding
from engine.screen import screen
from engine.situation import decode
from engine.store import learning
from engine.store.candidates import CandidateRow
from engine.store.rows import DueRow
from engine.teach import earned_by, seen_of, set_aside, teach
from engine.uncollected import uncollected
from policies.base import Floats, Ints, Mask, draw
from simulator.evaluate import fit, judge, paired, table
from simulator.evaluation import Evaluation, PolicyValue
from simulator.interval.base import Evidence, Interval, within
from simulator.interval.gamma import gamma
from simulator.interval.kinds import difference
from simulator.logs import Log
from simulator.method import Method
from simulator.promotable import sure
from simulator.readers.own import stored_log
from simulator.remake import PART, mixed, widened
from simulator.targets import Target

SERVING = "serving"
LAST = 50_000  # newest matured decisions of the log that are gone through
STRETCHES = 8  # of the last two thirds of them; the first third only teaches


@dataclass(frozen=True, slots=True)
class Standing:
    """How a challenger stands.

    Attributes:
        found: its value and its lift over the policy that serves, as evaluations tell them.
        agreement: share of the decisions of the arm `policy` in which it would have drawn the same action by
            the same key; None if there is none.
        sure: its lift with limits that hold at every look and for all shadows together; None where it cannot
            be judged. See `simulator.promotable`.
        ready: whether the lower one of these is above 0.
        why: the same in words.
    """

    name: str
    policy: PolicySpec
    found: PolicyValue
    agreement: Interval | None
    sure: Interval | None
    ready: bool
    why: str


@dataclass(frozen=True, slots=True)
class Bout:
    """The policy that serves and its challengers, in the order asked, on `judged` decisions of `log`."""

    program: Program
    judged: int
    evaluation: Evaluation
    serving: Standing
    challengers: tuple[Standing, ...]


@uncollected()
def bout(
    connection: Connection,
    name: str,
    challengers: Sequence[Shadow],
    at: datetime,
    last: int = LAST,
    level: float = 0.95,
    among: int = 1,
    candidate: CandidateRow | None = None,
) -> Bout:
    """Judge challengers against the policy that serves a program, by the decisions matured at `at`.

    Args:
        candidate: judged beside them as it is, by decisions made after it was taken in alone, as all are.
        last: newest decisions that are gone through.
        level: of the two-sided intervals.
        among: how many challengers are looked at, if more than are asked for here; they share the error.

    Raises:
        RefusedError: an earlier snapshot was made current, or the log is shorter than the goal's window.
        InputError: no decision of the log can be used.
    """
    refuse_rolled_back(connection, name)
    current = live(connection, name)
    program, window_us = current.program, current.program.goal.window // MICROSECOND
    before_us = microseconds(at) - window_us
    rows = sorted(learning.newest(connection, name, before_us, last), key=lambda row: (row.at_us, row.seq))
    since_us = candidate.taken_us if candidate else 0
    edges = _edges(program, np.array([row.at_us for row in rows], dtype=np.int64), window_us, since_us)
    serving = Shadow(SERVING, PolicySpec(current.policy.kind, dict(current.policy.settings)))
    wanted, encoding = [serving, *challengers], newest_encoding(connection, current, before_us)
    log = widened(stored_log(connection, program, at, instant(edges[0])), [program])
    log = log.rows(_among(log, rows))
    lives, still = [_ready(program, encoding, one.policy) for one in wanted], list[Live]()
    if candidate:
        wanted.append(Shadow(candidate.name, policy_of(candidate)))
        still.append(_as_it_is(program, candidate))
    pmf = [np.zeros(log.mask.shape) for _ in wanted]
    for asked, own in _stretches(connection, lives, still, rows, edges, log, window_us):
        for made, one in zip(pmf, own, strict=True):
            made[asked] = one
    return _judged(program, wanted, log, pmf, (level, max(among, len(wanted) - 1)))


def _edges(program: Program, at_us: Ints, window_us: int, since_us: int) -> list[int]:
    """Times at which stretches begin, none before `since_us`; some decision had matured before each."""
    start = max(at_us[len(at_us) // 3], at_us[0] + window_us + 1, since_us) if len(at_us) else 0
    first = int(np.searchsorted(at_us, start))
    if first == len(at_us):
        days = window_us / 86_400_000_000
        raise RefusedError(
            f"program '{program.name}': nothing can be judged yet. Its goal waits {days:g} days for "
            "outcomes, and no decision that has matured was made after another had, and after a candidate "
            "was taken in; come back later."
        )
    places = first + (len(at_us) - first) * np.arange(STRETCHES) // STRETCHES
    return list(dict.fromkeys(at_us[places].tolist()))


def _among(log: Log, rows: Sequence[DueRow]) -> Mask:
    known = {row.id for row in rows}
    return np.array([id in known for id in log.frame["id"].to_list()], dtype=np.bool_)


def _ready(program: Program, encoding: Encoding, policy: PolicySpec) -> Live:
    """A program whose every customer is in the arm `policy`, with a policy that has learnt nothing yet."""
    alone = replace(program, arms=(("policy", 1.0),))
    own, bau = built(policy, program), built(program.bau, program)
    return Live(alone, alone.action_set(), screen(alone), encoding, own, bau, 1)


def _as_it_is(program: Program, candidate: CandidateRow) -> Live:
    """A program whose every customer is in the arm `policy`, with a candidate that learns nothing."""
    encoding, policy, seen = thaw(candidate.body)
    return replace(_ready(program, encoding, program.policy), policy=policy, seen=seen)


def _stretches(
    connection: Connection,
    lives: list[Live],
    still: Sequence[Live],
    rows: Sequence[DueRow],
    edges: Sequence[int],
    log: Log,
    window_us: int,
) -> Iterator[tuple[Ints, list[Floats]]]:
    """Rows of the log, and (m, k) what each would have done in them, by what it knew at that time.

    `lives` learn from stretch to stretch; those that are `still` do not.
    """
    at_us = np.array([row.at_us for row in rows], dtype=np.int64)
    situation = {row.id: row.situation for row in rows}
    place = {name: j for j, name in enumerate(log.actions.names)}
    order = np.array([place[name] for name in lives[0].actions.names])
    ids, taught = log.frame["id"].to_list(), 0
    assert log.at is not None
    for edge, end in zip(edges, [*edges[1:], int(at_us[-1]) + 1], strict=True):
        matured = int(np.searchsorted(at_us, edge - window_us))
        lives[:] = _taught(connection, lives, rows[taught:matured])
        taught = matured
        asked = np.flatnonzero((log.at >= edge) & (log.at < end))
        for start in range(0, len(asked), PART):
            part = asked[start : start + PART]
            logged = [decode(situation[ids[i]]) for i in part.tolist()]
            yield part, [_placed(mixed(one, logged), order, len(place)) for one in (*lives, *still)]


def _placed(pmf: Floats, order: Ints, k: int) -> Floats:
    """The columns of a program's actions where the log has them."""
    made = np.zeros((len(pmf), k))
    made[:, order] = pmf
    return made


def _taught(connection: Connection, lives: Sequence[Live], rows: Sequence[DueRow]) -> list[Live]:
    """All of them taught the same rows, as learning afresh would teach them."""
    program, names, made = lives[0].program, Names(connection, lives[0].program), list(lives)
    for start in range(0, len(rows), PIECE):
        piece = rows[start : start + PIECE]
        aside = set_aside(connection, program, [row.seq for row in piece])
        chosen = [row for row in piece if row.seq not in aside and names.known(row)]
        logged = of_rows(connection, program, chosen)
        earned = earned_by(connection, program, logged, len(chosen))
        rest = earned.rest(made[0].encoding.signs)
        for one in made:
            teach(one, logged, earned.reward, rest, 1.0)
        seen = seen_of(made[0], logged)
        made = [replace(one, seen=seen) for one in made]
    return made


def _judged(
    program: Program, wanted: Sequence[Shadow], log: Log, pmf: Sequence[Floats], error: tuple[float, int]
) -> Bout:
    level, among = error
    how = Method(level=level)
    fitted = fit(log, how)
    judged = [judge(Target(one.name, own), fitted, how) for one, own in zip(wanted, pmf, strict=True)]
    found = table(judged, fitted, how, SERVING)
    agreed = _agreement(program, log, pmf, level)
    pairs = [None, *(paired(one, fitted, judged[0]) for one in judged[1:])]
    limits = [None if pair is None else sure(difference(*pair).evidence, level, among) for pair in pairs]
    first, *others = (_standing(*one) for one in zip(wanted, found.policies, agreed, limits, strict=True))
    return Bout(program, len(log), found, first, tuple(others))


def _standing(
    one: Shadow, found: PolicyValue, agreement: Interval | None, limits: Interval | None
) -> Standing:
    ready = found.verdict != "refused" and limits is not None and limits.low > 0
    return Standing(one.name, one.policy, found, agreement, limits, ready, _why(one, found, limits))


def _why(one: Shadow, found: PolicyValue, limits: Interval | None) -> str:
    if one.name == SERVING:
        return "serves"
    if found.verdict == "refused":
        return f"cannot be judged: {found.reason.rstrip('.')}"
    if limits is None:
        return "cannot be compared: what serves cannot be judged from this log"
    told = f"{limits.value:+.4g} a decision ({limits.low:+.4g} to {limits.high:+.4g} at every look)"
    if limits.low > 0:
        return f"better beyond chance: {told}"
    return f"worse beyond chance: {told}" if limits.high < 0 else f"not shown to be better: {told}"


def _agreement(program: Program, log: Log, pmf: Sequence[Floats], level: float) -> Iterator[Interval | None]:
    """How often each would have drawn what was drawn, by the same keys, where the policy decided."""
    own = np.flatnonzero((log.frame["arm"] == "policy").to_numpy())
    if not len(own):
        yield from (None for _ in pmf)
        return
    place: Mapping[str, int] = {name: j for j, name in enumerate(log.actions.names)}
    order = np.array([place[name] for name in program.action_set().names])
    u = uniforms(program.name, log.frame["key"].gather(own).to_list())
    cluster = None if log.cluster is None else np.unique(log.cluster[own], return_inverse=True)[1]
    for one in pmf:
        same = (order[draw(one[np.ix_(own, order)], u)[0]] == log.action[own]).astype(np.float64)
        evidence = Evidence(same, np.ones(len(same)), same - same.mean(), cluster)
        yield within(gamma(evidence, level), 0.0, 1.0)
