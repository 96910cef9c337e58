"""The tables, as SQLModel declares them. `migrations` builds them; a test proves that both say the same.

What an index costs is the pages it touches at random. A decision touches two (its key, its customer); its
row, its id, its place in the program and in `pending` grow at the right-hand edge.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Index, Table, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from engine.store import candidate_tables as candidate_tables
from engine.store import fold_tables as fold_tables
from engine.store import lot_tables as lot_tables


class Program(SQLModel, table=True):
    """Every version of every program file. `applied_seq` grows with each apply: the greatest is current."""

    __table_args__ = (UniqueConstraint("name", "sha256"),)
    name: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    sha256: str
    text: str
    source: str
    applied_us: int = Field(sa_type=BigInteger)
    applied_seq: int


class Customer(SQLModel, table=True):
    """What is known of a customer; attributes and consent are JSON."""

    id: str = Field(primary_key=True)
    attributes: bytes
    consent: bytes
    zone: str | None = None
    updated_us: int = Field(sa_type=BigInteger)


class Model(SQLModel, table=True):
    """The models that ever scored anyone: what makes the newest score of each one look-up away."""

    name: str = Field(primary_key=True)


class Prediction(SQLModel, table=True):
    """Every dated score of every customer."""

    customer: str = Field(primary_key=True)
    model: str = Field(primary_key=True)
    version: str
    score: float
    as_of_us: int = Field(primary_key=True, sa_type=BigInteger)
    received_us: int = Field(sa_type=BigInteger)


class ModelVersion(SQLModel, table=True):
    """What is known of each version of a model: the dates and the distribution of its scores.

    They are kept as sums, so that a version may arrive in pieces.
    """

    model: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    first_as_of_us: int = Field(sa_type=BigInteger)
    last_as_of_us: int = Field(sa_type=BigInteger)
    n: int
    mean: float
    squares: float
    least: float
    most: float
    counts: bytes
    horizon_us: int | None = Field(sa_type=BigInteger)
    target: str
    probability: bool
    sha256: str
    received_us: int = Field(sa_type=BigInteger)


class Assignment(SQLModel, table=True):
    """The arm of a customer in a program, once and for ever."""

    program: str = Field(primary_key=True)
    customer: str = Field(primary_key=True)
    arm: str
    salt: str
    hash: int = Field(sa_type=BigInteger)
    assigned_us: int = Field(sa_type=BigInteger)


class Decision(SQLModel, table=True):
    """The decision log: appended to, never changed."""

    __table_args__ = (
        UniqueConstraint("id"),
        UniqueConstraint("program", "key"),
        CheckConstraint("propensity > 0 AND propensity <= 1"),
        Index(
            "decision_customer", "customer", "at_us", "contact", "send_at_us", "program", "offer", "channel"
        ),
        Index("decision_program", "program", "seq"),
    )
    seq: int = Field(primary_key=True)
    id: str
    program: str
    key: str
    program_version: int
    snapshot_version: int | None
    customer: str
    at_us: int = Field(sa_type=BigInteger)
    arm: str
    action: int
    action_name: str
    offer: str
    channel: str
    slot: str
    send_at_us: int | None = Field(sa_type=BigInteger)
    contact: bool
    propensity: float
    explored: bool
    fallback: str | None
    withheld: str | None
    value: float | None
    request_sha: bytes
    situation: bytes
    feasible: bytes
    created_us: int = Field(sa_type=BigInteger)


class Outcome(SQLModel, table=True):
    """Events in the order they arrived; `event` makes a repeat harmless."""

    __table_args__ = (
        UniqueConstraint("event"),
        Index("outcome_customer", "customer", "at_us"),
        Index("outcome_kind", "customer", "kind", "at_us"),
        Index("outcome_source", "source", "received_us"),
    )
    seq: int = Field(primary_key=True)
    event: str
    decision: str | None
    customer: str
    kind: str
    value: float
    at_us: int = Field(sa_type=BigInteger)
    received_us: int = Field(sa_type=BigInteger)
    source: str


class Snapshot(SQLModel, table=True):
    """Everything a policy ever published."""

    program: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    sha256: str
    body: bytes
    created_us: int = Field(sa_type=BigInteger)
    reason: str
    copy_of: int | None


class Pending(SQLModel, table=True):
    """Decisions not yet learnt, by program and time: written with the decision, gone once it is learnt."""

    program: str = Field(primary_key=True)
    at_us: int = Field(primary_key=True, sa_type=BigInteger)
    decision: int = Field(primary_key=True)


class Learnt(SQLModel, table=True):
    """The reward each decision was last learnt with, and the newest outcome it took into account."""

    decision: int = Field(primary_key=True)
    reward: float
    learnt_us: int = Field(sa_type=BigInteger)
    until_us: int = Field(sa_type=BigInteger)
    seen: int
    rest: float = Field(default=0.0, sa_column_kwargs={"server_default": "0"})


class Withdrawn(SQLModel, table=True):
    """Decisions whose callers were told, before they were durable, that nothing is sent."""

    decision: int = Field(primary_key=True)


class Late(SQLModel, table=True):
    """Learnt decisions that an outcome has reached since: to be learnt again."""

    program: str = Field(primary_key=True)
    decision: int = Field(primary_key=True)


class Ledger(SQLModel, table=True):
    """What of each period of each budget is used and reserved, and its shadow price."""

    program: str = Field(primary_key=True)
    budget: str = Field(primary_key=True)
    start_us: int = Field(primary_key=True, sa_type=BigInteger)
    quota: int = Field(sa_type=BigInteger)
    used: int = Field(sa_type=BigInteger)
    reserved: int = Field(sa_type=BigInteger)
    price: float
    seen: float
    wanted: bytes
    extra: float
    count: float
    since_us: int | None = Field(sa_type=BigInteger)
    paced_us: int = Field(sa_type=BigInteger)


class Draw(SQLModel, table=True):
    """What each decision draws on each budget; a reservation has an `until_us`."""

    __table_args__ = (Index("draw_until", "program", "until_us", sqlite_where=text("until_us IS NOT NULL")),)
    decision: int = Field(primary_key=True)
    budget: str = Field(primary_key=True)
    program: str
    start_us: int = Field(sa_type=BigInteger)
    amount: int = Field(sa_type=BigInteger)
    settled_by: str
    state: str
    until_us: int | None = Field(sa_type=BigInteger)


class Quarantine(SQLModel, table=True):
    """Decisions that were not learnt, or learnt with a smaller reward, and why."""

    program: str = Field(primary_key=True)
    decision: int = Field(primary_key=True)
    reason: str
    at_us: int = Field(sa_type=BigInteger)


class Erasure(SQLModel, table=True):
    """That a person was erased from a program, not who: `settled_us` is when no snapshot had them any more.

    `first_us` is their first decision: no snapshot before it can have them.
    """

    __table_args__ = (Index("erasure_program", "program", "seq"),)
    seq: int = Field(primary_key=True)
    program: str
    at_us: int = Field(sa_type=BigInteger)
    first_us: int = Field(sa_type=BigInteger)
    decisions: int
    settled_us: int | None = Field(sa_type=BigInteger)


class Watched(SQLModel, table=True):
    """What the watch on a program's predictions remembers: sums over decisions made from first to last."""

    program: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    first_us: int = Field(sa_type=BigInteger)
    last_us: int = Field(sa_type=BigInteger)
    sums: bytes


class Audit(SQLModel, table=True):
    """Who made which version of a program current, when, and what that changed; triggers refuse all else."""

    __table_args__ = (Index("audit_program", "program", "seq"),)
    seq: int = Field(primary_key=True)
    at_us: int = Field(sa_type=BigInteger)
    who: str
    how: str
    program: str
    version_before: int | None
    version_after: int
    sha256_before: str | None
    sha256_after: str
    changes: str
    note: str


def table(name: str) -> Table:
    """The table of that name."""
    return SQLModel.metadata.tables[name]
