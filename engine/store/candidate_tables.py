"""The table of candidates: see `tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel


class Candidate(SQLModel, table=True):
    """A snapshot that was learnt elsewhere: judged beside the one that serves, from when it was taken in.

    `origin` is the program it was learnt for, where that is of this store, else ""; `served_us` when it was
    promoted, None before that and once the policy has learnt afresh without it. `lessons` are the decisions
    that it has learnt, None if nobody knows; see `engine.lessons`.
    """

    program: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    origin: str
    source: str
    sha256: str
    body: bytes
    taken_us: int = Field(sa_type=BigInteger)
    until_us: int | None = Field(sa_type=BigInteger)
    served_us: int | None = Field(sa_type=BigInteger)
    lessons: bytes | None
