"""All that a decision depends on, as columns.

The same for one request and for a million, and what replay reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import astuple

from engine import derived
from engine.columns import Rows
from engine.domain import ArmName, Program
from engine.once import once
from policies.base import Mask


class Contact(msgspec.Struct, frozen=True, array_like=True):
    """A contact already made or reserved: when it is sent (microseconds UTC), and by what."""

    at_us: int
    offer: str
    channel: str


class Happened(msgspec.Struct, frozen=True, array_like=True):
    """An outcome of a customer: when (microseconds UTC), of which kind, and after which offer and channel.

    One that may follow from several contacts stands once for each (decision record 005); one that follows
    from none has offer and channel "". See `engine.happened`.
    `seq` is the outcome's place in the store, which tells two of one moment apart; 0 for what the engine
    knows by itself.
    """

    at_us: int
    kind: str
    offer: str
    channel: str
    seq: int = 0


class Limit(msgspec.Struct, frozen=True, array_like=True):
    """A budget at the moment of decision: whole millionths left and shadow price (money a unit), by period.

    Attributes:
        start_us: start of the period of the decision; later ones are numbered from it, which is 0.
        left, price: of every period that is not in `drawn`.
        drawn: number, left and price of periods that were drawn on before.
    """

    start_us: int
    left: int
    price: float
    drawn: list[tuple[int, int, float]] = []


class Situation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One customer at the moment of decision, as it stands in the decision log.

    `outcomes` are recent ones, for cool-downs and rules; `as_of` is when each prediction was made
    (microseconds UTC); `limits` is what each budget of the program has left, and its shadow price;
    `explore` is False where the caller asked for no exploration.
    """

    customer: str
    key: str
    at_us: int
    arm: ArmName
    values: dict[str, Any] = {}
    consent: dict[str, bool] = {}
    contacts: list[Contact] = []
    zone: str | None = None
    outcomes: list[Happened] = []
    as_of: dict[str, int] = {}
    limits: dict[str, Limit] = {}
    explore: bool = True


@dataclass(frozen=True, slots=True)
class Situations:
    """n situations as columns of length n.

    `values` has one column per attribute and prediction of the program, and per name that its rules look up
    (`engine.derived`), None where unknown; `consent` maps a purpose to granted or not; `contacts` are recent
    ones of any program, those of the holdout never among them. `outcomes`, `as_of`, `limits` and `explore`
    are as in `Situation`. `passed` (n, r) says which of the program's rules each passes, where that was
    worked out before for more situations at once.
    """

    customer: Sequence[str]
    key: Sequence[str]
    at_us: Sequence[int]
    arm: Sequence[ArmName]
    values: Mapping[str, Sequence[Any]]
    consent: Sequence[Mapping[str, bool]]
    contacts: Sequence[Sequence[Contact]]
    zone: Sequence[str | None]
    outcomes: Sequence[Sequence[Happened]]
    as_of: Sequence[Mapping[str, int]]
    limits: Sequence[Mapping[str, Limit]]
    explore: Sequence[bool]
    passed: Mask | None = None

    def __len__(self) -> int:
        return len(self.customer)


def columns(program: Program, rows: Sequence[Situation]) -> Situations:
    """Situations of one program in columns."""
    fields: Iterable[Sequence[Any]] = (
        zip(*map(astuple, rows), strict=True) if rows else ((),) * len(Situation.__struct_fields__)
    )
    customer, key, at_us, arm, known, consent, contacts, zone, outcomes, as_of, limits, explore = fields
    values = Rows(value_names(program), known)
    values.put({name: [as_instant(value) for value in values[name]] for name in _timestamps(program)})
    values.put(derived.columns(program, values, at_us, zone, as_of, outcomes))
    return Situations(
        customer, key, at_us, arm, values, consent, contacts, zone, outcomes, as_of, limits, explore
    )


@once
def _timestamps(program: Program) -> tuple[str, ...]:
    return tuple(attribute.name for attribute in program.attributes if attribute.type == "timestamp")


@once
def value_names(program: Program) -> tuple[str, ...]:
    """The names whose values a decision of the program depends on: attributes, then predictions."""
    return (*(attribute.name for attribute in program.attributes), *program.predictions)


def as_instant(value: object) -> object:
    """A time that is written as text, as a time; in UTC where it names no zone."""
    if not isinstance(value, str):
        return value
    at = datetime.fromisoformat(value)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Situation)


def encode(situation: Situation) -> bytes:
    """The situation as the log keeps it: JSON; numbers come back bit for bit."""
    return _encoder.encode(situation)


def decode(body: bytes) -> Situation:
    """The situation a log row was decided from."""
    return _decoder.decode(body)
