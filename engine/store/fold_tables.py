"""The tables of what batches keep as columns: see `tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel


class Block(SQLModel, table=True):
    """The situations of many decisions of a batch, as compressed columns."""

    number: int = Field(primary_key=True)
    body: bytes


class Fold(SQLModel, table=True):
    """Decisions of a batch that are columns of the block of that number; see `engine.store.folds`.

    `first` is the number in the log of the first of n; hashes of customers and ids are in the block's order.
    """

    number: int = Field(primary_key=True)
    program: str
    name: str
    first: int
    n: int
    header: bytes
    customers: bytes
    ids: bytes


class Taught(SQLModel, table=True):
    """What the decisions of a fold were learnt with: two doubles each, the reward NaN where none was learnt.

    `rest` is empty where all of it is 0. What else there is of `Learnt` is the same for all of them.
    """

    number: int = Field(primary_key=True)
    learnt_us: int = Field(sa_type=BigInteger)
    until_us: int = Field(sa_type=BigInteger)
    seen: int
    reward: bytes
    rest: bytes
