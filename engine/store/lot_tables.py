"""The tables of who is who, and of lots that are drawn above a program: see `tables`."""

from __future__ import annotations

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel


class Everywhere(SQLModel, table=True):
    """The share of customers whom no program may contact, as it was set and when; the newest counts."""

    seq: int = Field(primary_key=True)
    share: float
    salt: str
    at_us: int = Field(sa_type=BigInteger)
    who: str


class Lot(SQLModel, table=True):
    """What was drawn for a unit, once and for ever: in the global holdout, in a layer, as a household."""

    unit: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    drawn: str
    hash: int = Field(sa_type=BigInteger)
    drawn_us: int = Field(sa_type=BigInteger)


class Member(SQLModel, table=True):
    """The household or account that a customer was given an arm with."""

    program: str = Field(primary_key=True)
    customer: str = Field(primary_key=True)
    unit: str


class Stake(SQLModel, table=True):
    """A range of a layer's hashes that is a program's, both ends included, shifted by 2**63 to be signed."""

    layer: str = Field(primary_key=True)
    low: int = Field(primary_key=True, sa_type=BigInteger)
    last: int = Field(sa_type=BigInteger)
    program: str


class Merge(SQLModel, table=True):
    """An id that is another's by now: the same person."""

    customer: str = Field(primary_key=True)
    person: str = Field(index=True)
    at_us: int = Field(sa_type=BigInteger)
    how: str


class Contaminated(SQLModel, table=True):
    """A person merged out of customers in different arms of a program.

    `arm` is the one given first, which the report counts them in; `arms` all that decisions may stand under.
    """

    program: str = Field(primary_key=True)
    customer: str = Field(primary_key=True)
    arm: str
    arms: str
    at_us: int = Field(sa_type=BigInteger)
