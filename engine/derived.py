"""The columns that follow from a situation: what the lookups of a program's rules and numbers find.

Nothing is stored of them: age, days and clock follow from the instant, the zone, the dates of predictions and
the outcomes in the situation, so that a replay sees the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.calendar import instant, known_zone, microseconds
from engine.columns import NEVER, Column
from engine.domain import AttributeType, Program, RuleText
from engine.kinds import kinds_of
from engine.once import once
from engine.rules.calls import called
from engine.rules.lookups import LOOKUPS, lookup, parts, spelt

if TYPE_CHECKING:
    from engine.situation import Happened

_DAY_US = 86_400_000_000
Values = Sequence[Any]


@once
def types(program: Program) -> Mapping[str, AttributeType]:
    """Type by name of everything the rules of a program may look up."""
    stamps = [one.name for one in program.attributes if one.type == "timestamp"]
    given: list[tuple[str, tuple[str, ...]]] = [
        *(("age", (model,)) for model in program.predictions),
        *(("days_since", (name,)) for name in stamps),
        *(("days_since", pair) for pair in product((one.name for one in program.offers), kinds_of(program))),
        *((name, ()) for name, forms in LOOKUPS.items() if not forms[0].takes),
    ]
    names = [spelt(function, names) for function, names in given]
    return {name: found.gives for name in names if (found := lookup(name))}


@once
def used(program: Program) -> tuple[str, ...]:
    """The names that its rules, weights and arbitration do look up, in order."""
    return tuple(sorted(set[str]().union(*(called(text.text) for text in _texts(program)))))


@once
def pairs(program: Program) -> frozenset[tuple[str, str]]:
    """The (offer, kind of outcome) that the program asks the days since."""
    found = [parts(name) for name in used(program)]
    return frozenset((given[0], given[1]) for _, given in filter(None, found) if len(given) == 2)


def asks_age(program: Program) -> bool:
    """Whether the program asks how old a prediction is."""
    return any(name.startswith("age(") for name in used(program))


def columns(
    program: Program,
    values: Mapping[str, Values],
    at_us: Sequence[int],
    zone: Sequence[str | None],
    as_of: Sequence[Mapping[str, int]],
    outcomes: Sequence[Sequence[Happened]],
) -> dict[str, Values]:
    """The columns of `used(program)`, each of length n.

    Args:
        values: the columns of attributes and predictions.
        at_us, zone, as_of, outcomes: of each of n situations, as in `engine.situation.Situations`.
    """
    made: dict[str, Values] = {}
    local: list[datetime | None] | None = None
    for name in used(program):
        function, given = parts(name) or ("", ())
        if function == "age":
            made[name] = [_days(at, dates.get(given[0])) for at, dates in zip(at_us, as_of, strict=True)]
        elif len(given) == 2:
            made[name] = _days_since(*given, at_us, outcomes)
        elif given:
            made[name] = [
                None if then is None else (at - microseconds(then)) / _DAY_US
                for at, then in zip(at_us, values[given[0]], strict=True)
            ]
        elif function == "now":
            made[name] = [instant(at) for at in at_us]
        else:
            local = _local(at_us, zone) if local is None else local
            made[name] = [None if one is None else _CLOCK[function](one) for one in local]
    return made


def _days_since(
    offer: str, kind: str, at_us: Sequence[int], outcomes: Sequence[Sequence[Happened]]
) -> Values:
    """Days since the last outcome of a kind that followed an offer."""
    from engine.happenings import Happenings

    if not isinstance(outcomes, Happenings):
        return [_days(at, _last(past, offer, kind, at)) for at, past in zip(at_us, outcomes, strict=True)]
    at = np.array(at_us, dtype=np.int64)
    last = outcomes.last(offer, kind, at)
    return Column("number", np.where(last == NEVER, np.nan, (at - last) / _DAY_US))


def _days(at_us: int, since_us: int | None) -> float | None:
    """Days from `since_us` to `at_us`; 0 for what is dated later."""
    return None if since_us is None else max(at_us - since_us, 0) / _DAY_US


def _last(outcomes: Sequence[Happened], offer: str, kind: str, at_us: int) -> int | None:
    found = (one.at_us for one in outcomes if one.kind == kind and one.offer == offer and one.at_us <= at_us)
    return max(found, default=None)


def _local(at_us: Sequence[int], zone: Sequence[str | None]) -> list[datetime | None]:
    """The wall clock of each customer, None where the zone is not known; each zone and instant once."""
    every = {one: _wall(*one) for one in set(zip(at_us, zone, strict=True))}
    return [every[one] for one in zip(at_us, zone, strict=True)]


def _wall(at_us: int, zone_name: str | None) -> datetime | None:
    zone = known_zone(zone_name)
    return None if zone is None else instant(at_us).astimezone(zone)


def _midnight(local: datetime) -> datetime:
    return datetime.combine(local.date(), time(), local.tzinfo).astimezone(UTC)


_CLOCK: Mapping[str, Callable[[datetime], Any]] = {
    "today": _midnight,
    "year": lambda local: local.year,
    "month": lambda local: local.month,
    "day": lambda local: local.day,
    "weekday": datetime.isoweekday,
    "hour": lambda local: local.hour,
}


def _texts(program: Program) -> Iterator[RuleText]:
    owned = (
        program.rules,
        *(one.rules for one in program.groups),
        *(one.rules for one in program.offers),
        *(one.rules for one in program.channels),
    )
    yield from (rule for rules in owned for rule in rules)
    yield from filter(None, (program.arbitration, *(offer.weight for offer in program.offers)))
