"""What goes into the store and comes out of it: plain rows.

Times are whole microseconds UTC in fields that end in `_us`. Numbers are Python's own (`int(x)`, `float(x)`
for numpy's); NaN is refused by the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec


class CustomerRow(msgspec.Struct, frozen=True):
    """What is known of a customer: JSON values by name, and an IANA time zone."""

    id: str
    attributes: Mapping[str, Any]
    consent: Mapping[str, Any]
    zone: str | None
    updated_us: int


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """A dated score of one customer by one model."""

    customer: str
    model: str
    version: str
    score: float
    as_of_us: int
    received_us: int


@dataclass(frozen=True, slots=True)
class ModelVersionRow:
    """A version of a model: when its scores are true, how they spread, and what was said of them.

    Attributes:
        first_as_of_us, last_as_of_us: range of the scores' dates.
        n, mean, squares, least, most, counts: as in `engine.predictions.distribution`; `counts` is b"" where
            scores came in before counts were kept.
        horizon_us: how far ahead the score looks, None if nobody said.
        target: the offer it predicts the response to, "" for none.
        probability: whether the score was declared to be one.
        sha256: of the file or body that came last.
        received_us: when the first of its scores came in.
    """

    model: str
    version: str
    first_as_of_us: int
    last_as_of_us: int
    n: int
    mean: float
    squares: float
    least: float
    most: float
    counts: bytes
    horizon_us: int | None
    target: str
    probability: bool
    sha256: str
    received_us: int


class AssignmentRow(msgspec.Struct, frozen=True):
    """The arm a customer is in, with the salted hash that chose it (signed 64 bit)."""

    program: str
    customer: str
    arm: str
    salt: str
    hash: int
    assigned_us: int


class DecisionRow(msgspec.Struct, frozen=True):
    """One logged choice: everything a replay needs.

    Attributes:
        id: 32 hexadecimal digits that grow with time.
        program, key: the idempotency key; one decision for each, for ever.
        program_version, snapshot_version: what it was decided with; None where nothing learnt was used.
        at_us: the instant decided for.
        action, action_name: index into the program's actions, and its name.
        send_at_us: when it is to go out; None for no_action.
        contact: the customer is contacted because of it; False for no_action, holdout, anything withheld.
        propensity: probability of the action over the final feasible set, in (0, 1].
        fallback: the rung of the ladder that answered, None for the ordinary one. Never learnt from.
        withheld: why the action was not carried out ("holdout"), None if it was.
        value: expected net value of the action, None where none was computed.
        request_sha: hash of the request's body, to tell a retry from another request under the same key.
        situation: JSON of the context as decided on.
        feasible: the feasible set, in the caller's encoding.
        seq: place in the log, given by the store; 0 before it is stored.
        withdrawn: its caller was told, in time, that nothing is sent: it is no contact and is never learnt.
    """

    id: str
    program: str
    key: str
    program_version: int
    snapshot_version: int | None
    customer: str
    at_us: int
    arm: str
    action: int
    action_name: str
    offer: str
    channel: str
    slot: str
    send_at_us: int | None
    contact: bool
    propensity: float
    explored: bool
    fallback: str | None
    withheld: str | None
    value: float | None
    request_sha: bytes
    situation: bytes
    feasible: bytes
    created_us: int
    seq: int = 0
    withdrawn: bool = False


class ContactRow(msgspec.Struct, frozen=True):
    """One contact of a customer, for caps and contact history; `at_us` is when it is sent."""

    customer: str
    at_us: int
    program: str
    offer: str
    channel: str


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """A dated event of a customer. `decision` is the id of its cause, None if the sender does not know.

    `source` is who sent it, "" for what nobody sent: nextbest's own, and what came before sources were kept.
    """

    event: str
    decision: str | None
    customer: str
    kind: str
    value: float
    at_us: int
    received_us: int
    source: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """An immutable, hashed, numbered copy of what a policy has learnt."""

    program: str
    version: int
    sha256: str
    body: bytes
    created_us: int
    reason: str
    copy_of: int | None = None


@dataclass(frozen=True, slots=True)
class ListedRow:
    """A snapshot without its body.

    Attributes:
        copy_of: the earlier snapshot it makes current again, None if it was learnt.
        bytes: length of the body; 0 if it was emptied because somebody in it was erased.
    """

    program: str
    version: int
    sha256: str
    created_us: int
    reason: str
    copy_of: int | None
    bytes: int


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """A decision that was not learnt, or learnt with a smaller reward, and why."""

    id: str
    customer: str
    at_us: int
    reason: str


@dataclass(frozen=True, slots=True)
class DueRow:
    """A decision to be learnt, or learnt again.

    Attributes:
        reward: what it was learnt with before, None if it never was.
        rest: the part of it that early signs did not foretell.
        seen: number of the newest outcome in the store at the moment of reading; hand it back in `LearntRow`.
    """

    seq: int
    id: str
    customer: str
    at_us: int
    program_version: int
    snapshot_version: int | None
    arm: str
    action: int
    contact: bool
    propensity: float
    withheld: str | None
    situation: bytes
    feasible: bytes
    reward: float | None
    rest: float | None
    seen: int


@dataclass(frozen=True, slots=True)
class LearntRow:
    """A decision that was learnt with a reward.

    Attributes:
        decision: `seq` of the decision.
        until_us: end of its attribution window; an outcome dated later cannot change the reward.
        seen: `DueRow.seen` of the reading the reward was computed from.
        rest: the part of the reward that early signs did not foretell.
    """

    decision: int
    reward: float
    learnt_us: int
    until_us: int
    seen: int
    rest: float = 0.0


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One period of one budget of a program, amounts in whole millionths.

    Attributes:
        quota: what there was when it was last drawn on.
        price, seen, wanted, extra, count, since_us, paced_us: its `engine.budget.pace.Pace`, packed.
    """

    program: str
    budget: str
    start_us: int
    quota: int
    used: int
    reserved: int
    price: float
    seen: float
    wanted: bytes
    extra: float
    count: float
    since_us: int | None
    paced_us: int


@dataclass(frozen=True, slots=True)
class DrawRow:
    """What a decision, by its number in the log, draws on a period of a budget.

    `until_us` is when a reservation is released.
    """

    decision: int
    budget: str
    program: str
    start_us: int
    amount: int
    settled_by: str
    state: str
    until_us: int | None
