"""Decisions of the log made into feedback, and a policy taught with it.

Each decision is judged by the goal, the costs and the prior of the program version it was made under, so that
it can be taken back later exactly as it was taught.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from sqlalchemy import Connection

from engine import arbitrate, context, signs, sources
from engine.calendar import MICROSECOND
from engine.choose import Live
from engine.domain import Program
from engine.logged import Logged, followed
from engine.plausible import LARGEST, believed, bounded
from engine.reward import rewards
from engine.store import folds, learning, watched
from policies.base import Floats, Mask, Policy, Watching, feedback

Reasons = Mapping[int, str]
DAY_US = 86_400_000_000  # a policy's times are in days
_NOTHING: signs.Kinds = frozenset()


@dataclass(frozen=True, slots=True)
class Earned:
    """What n decisions have earned.

    Attributes:
        reward: (n,) after costs; NaN where there was no decision to look at.
        cost: (n,) of the action of each.
        taught, sent: (n,) whether an arm that teaches made it, and whether its action is a contact.
        told: kinds of the outcomes that followed, whether the goal prices them or not, by place.
        odd: by decision, why a reward is less than what happened is worth.
        held: outcomes that are not learnt from.
        people: customers of the odd ones that stand in folds.
    """

    reward: Floats
    cost: Floats
    taught: Mask
    sent: Mask
    told: Mapping[int, signs.Kinds]
    odd: Reasons
    held: sources.Held
    people: frozenset[str]

    def rest(self, worth: Mapping[str, float]) -> Floats:
        """(n,) the part of each reward that early signs of that worth do not foretell."""
        told = [self.told.get(i, _NOTHING) for i in range(len(self.reward))] if worth else ()
        return signs.rest(worth, self.reward + self.cost, told)


def seen_of(current: Live, logged: Sequence[Logged]) -> Mapping[str, int]:
    """How many decisions of each offer are learnt, those about to be among them."""
    seen = Counter(current.seen)
    for one in logged:
        actions = one.program.actions
        for j, count in enumerate(np.bincount(one.action[one.taught], minlength=len(actions)).tolist()):
            seen[actions[j].offer] += count
    return {offer: count for offer, count in seen.items() if offer and count}


def teach(current: Live, logged: Sequence[Logged], reward: Floats, rest: Floats, weight: float) -> None:
    """Teach decisions of the arms that teach, each under the program version it was made under.

    Args:
        reward: (n,) by their places; NaN for those that are not learnt.
        rest: (n,) the part of it that early signs do not foretell.
    """
    versions = {one.program.version: one.program for one in logged}
    for version in sorted(versions):
        parts = [_part(current, one, reward, rest) for one in logged if one.program.version == version]
        place, *columns = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(place, kind="stable")
        X, action, earned, propensity, prior, time, other = (column[order] for column in columns)
        if not len(action):
            continue
        weights, actions = np.full(len(action), weight), versions[version].action_set()
        given = (X, actions, action, earned, propensity, prior, weights, time, other)
        current.policy.learn(feedback(*given))


def _part(current: Live, logged: Logged, reward: Floats, rest: Floats) -> tuple[Any, ...]:
    """Of those that are taught: place, context, action, reward, propensity, prior, time and rest."""
    place, reward = logged.place, reward[logged.place]
    some = logged.taught & ~np.isnan(reward)
    prior = arbitrate.prior(logged.program, logged.situations)[np.arange(len(logged)), logged.action]
    X, time = context.encode(current.encoding, logged.situations), logged.at_us / DAY_US
    columns = (place, X, logged.action, reward, logged.propensity, prior, time, rest[place])
    return tuple(column[some] for column in columns)


def with_signs(current: Live, lessons: Sequence[Earned], contacts: int) -> context.Encoding:
    """The encoding with early signs found in decisions of the arms that teach, among so many contacts."""
    gross, told = [np.zeros(0)], list[signs.Kinds]()
    for one in lessons:
        some = np.flatnonzero(one.taught)
        gross.append((one.reward + one.cost)[some])
        told += [one.told.get(i, _NOTHING) for i in some.tolist()]
    worth = signs.find(current.program.goal, np.concatenate(gross), told)
    return msgspec.structs.replace(current.encoding, signs=worth, contacts=contacts)


def earned_by(connection: Connection, current: Program, logged: Sequence[Logged], n: int) -> Earned:
    """Rewards by the goal and the costs each was made under, within today's limits.

    Args:
        n: how many decisions were read together; the reward at a place that none of these has is NaN.
    """
    earned, spent = np.full(n, np.nan), np.zeros(n)
    taught, sent = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    told, odd, people = dict[int, signs.Kinds](), dict[int, str](), set[str]()
    held: sources.Held = frozenset()
    for one in logged:
        found = followed(connection, one)
        held |= (beyond := sources.held(connection, current.goal, found))
        reward, reasons = _rewarded(current, one, found, beyond)
        earned[one.place], spent[one.place] = reward, arbitrate.cost(one.program)[one.action]
        taught[one.place], sent[one.place] = one.taught, _contacts(one.program)[one.action]
        told |= {int(one.place[i]): frozenset(row.kind for row in rows) for i, rows in found.items()}
        odd |= {int(one.seq[i]): reason for i, reason in reasons.items()}
        people |= {one.situations.customer[i] for i in reasons if one.fold}
    return Earned(earned, spent, taught, sent, told, odd, held, frozenset(people))


def _contacts(program: Program) -> Mask:
    """(k,) which actions contact a customer."""
    return np.array([bool(action.offer) for action in program.actions], dtype=np.bool_)


def _rewarded(
    current: Program, logged: Logged, found: sources.Told, beyond: sources.Held
) -> tuple[Floats, Reasons]:
    """(n,) rewards; and by index, why one is less than what happened is worth."""
    goal, cost = logged.program.goal, arbitrate.cost(logged.program)[logged.action]
    reward, reasons = 0.0 - cost, dict[int, str]()  # of those whom nothing happened to
    for i, happened in found.items():
        told = believed(current.goal, goal, happened, beyond)
        reward[i] = rewards(goal, cost[i : i + 1], [told.outcomes])[0] + told.instead
        reasons[i] = told.reason
    for i in np.flatnonzero(np.abs(reward) > LARGEST).tolist():
        reward[i], reason = bounded(float(reward[i]))
        reasons[i] = "; ".join(filter(None, (reasons.get(i), reason)))
    return reward, {i: reason for i, reason in reasons.items() if reason}


def looks_at_rows(connection: Connection, program: Program, before_us: int) -> None:
    """Make rows of the decisions made before then, if it depends on others of the customer what is learnt."""
    if program.goal.per_customer is not None:
        folds.program(connection, program.name, before_us)


def set_aside(connection: Connection, current: Program, decisions: Sequence[int]) -> Reasons:
    """By decision, why those that must not be learnt are not: too many of one customer.

    They are rows: see `looks_at_rows`.
    """
    limit = current.goal.per_customer
    if limit is None or not decisions:
        return {}
    beyond = learning.beyond(connection, current.name, decisions, limit.count, limit.window // MICROSECOND)
    reason = f"not learnt: more decisions of one customer than {limit.count} in the time of per_customer"
    return dict.fromkeys(sorted(beyond), reason)


def watch_on(policy: Policy, spans: Sequence[watched.Span]) -> None:
    """Hand a policy that watches its predictions what was remembered after the last lesson."""
    if isinstance(policy, Watching) and spans:
        sums = np.stack([np.frombuffer(one) for *_, one in spans])
        times = np.array([[first, last] for first, last, _ in spans]) / DAY_US
        policy.watch(np.hstack([times, sums]))


def watched_by(policy: Policy) -> list[watched.Span]:
    """What such a policy would have remembered until the next lesson; none of any other."""
    if not isinstance(policy, Watching):
        return []
    spans = np.rint(policy.watched[:, :2] * DAY_US).astype(np.int64).tolist()
    return [(*times, sums.tobytes()) for times, sums in zip(spans, policy.watched[:, 2:], strict=True)]
