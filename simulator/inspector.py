"""Everything a program promises, checked decision by decision from outside.

An inspector is told what the world told the engine and what the engine answered, in that order, and counts
broken promises by kind. It is written from what the words of a program file mean and shares nothing with the
code that decides: an error there must not hide itself here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from engine.domain import Budget, Cap, Channel, Cooldown, Group, Offer, Program
from engine.period import Period
from engine.store.rows import DecisionRow
from simulator.audit import is_quiet

KINDS = (
    *("cap", "cool-down", "consent", "quiet hours", "holiday", "holdout", "arm moved", "season", "rule"),
    *("budget", "options", "propensity", "duplicate", "repeat answered otherwise"),
    *("global holdout", "layer", "household", "merged id"),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FARTHEST = (timedelta(hours=-12), timedelta(hours=14))  # of any zone from UTC


@dataclass(frozen=True, slots=True)
class Sent:
    """A contact: when it was sent, and by what."""

    at_us: int
    offer: str
    channel: str


_SILENT = ("holdout", "global_holdout", "excluded")  # the arms in which nobody is contacted


@dataclass(slots=True)
class Person:
    """What the engine has been told of a customer by now; of all ids of a person together.

    `barred` are the offers that rules forbid to send; `outcomes` are (when, kind, offer, channel).
    """

    zone: str | None = None
    consent: dict[str, bool] = field(default_factory=dict)
    barred: frozenset[str] = frozenset()
    outcomes: list[tuple[int, str, str, str]] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    home: str | None = None
    several: bool = False  # ids


@dataclass(slots=True)
class Inspector:
    """Counts broken promises; `programs` are the versions that have served."""

    programs: dict[tuple[str, int], Program] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    broken: Counter[str] = field(default_factory=Counter)
    decisions: int = 0
    contacts: int = 0
    fallbacks: int = 0
    retries: int = 0
    _arms: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)  # those that may serve
    _held: set[tuple[str, str]] = field(default_factory=set)  # (program, person), "" for every program
    _homes: dict[tuple[str, str], str] = field(default_factory=dict)
    _claims: dict[tuple[str, str], set[str]] = field(default_factory=dict)  # by layer and person
    _names: dict[str, str] = field(default_factory=dict)
    _keys: dict[tuple[str, str], tuple[str, str, int | None]] = field(default_factory=dict)
    _used: Counter[tuple[str, str, object]] = field(default_factory=Counter)

    def person(self, name: str) -> Person:
        """What is known of a customer, to be changed as the engine is told."""
        return self.people.setdefault(self.who(name), Person())

    def who(self, name: str) -> str:
        """The id that stands for a person."""
        while name in self._names:
            name = self._names[name]
        return name

    def merged(self, gone: str, into: str) -> None:
        """The engine was told that two ids are one person."""
        gone, into = self.who(gone), self.who(into)
        if gone == into:
            return
        other, own = self.person(gone), self.person(into)
        for purpose, granted in other.consent.items():
            own.consent[purpose] = granted and own.consent.get(purpose, granted)
        own.zone, own.home, own.several = own.zone or other.zone, own.home or other.home, True
        own.outcomes += other.outcomes
        own.sent += other.sent
        for program in ("", *(name for name, _ in self.programs)):
            arms = self._arms.pop((program, gone), frozenset()) | self._arms.get((program, into), frozenset())
            if arms:
                self._arms[program, into] = arms | {"global_holdout", "excluded"}
            if (program, gone) in self._held:
                self._held.add((program, into))
        for (layer, name), owners in list(self._claims.items()):
            if name == gone:
                self._claims.setdefault((layer, into), set()).update(owners)
        self._names[gone] = into
        del self.people[gone]

    def answered(self, row: DecisionRow) -> None:
        """The engine has answered a request with a new decision."""
        self.decisions += 1
        self.fallbacks += row.fallback is not None
        program, person = self.programs[row.program, row.program_version], self.person(row.customer)
        named = (row.program, row.key)
        self._count("duplicate", named in self._keys)
        self._keys[named] = (row.id, row.action_name, row.send_at_us)
        self._count("merged id", self.who(row.customer) != row.customer)
        self._placed(program, person, row)
        self._count("propensity", not 0.0 < row.propensity <= 1.0)
        left = sum(bits.bit_count() for bits in row.feasible) - 1
        self._count("options", program.options is not None and left > program.options)
        if row.contact:
            self._contacted(program, person, row)

    def _placed(self, program: Program, person: Person, row: DecisionRow) -> None:
        """Whether the arm is the one of before, and one that fits what the program shares with others."""
        where = (row.program, row.customer)
        self._count("arm moved", row.arm not in self._arms.get(where, (row.arm,)))
        self._arms[where] = frozenset((row.arm,))
        if row.arm in ("holdout", "global_holdout"):
            self._held.add(where if row.arm == "holdout" else ("", row.customer))
        everywhere = ("", row.customer) in self._held
        self._count("global holdout", everywhere and row.arm != "global_holdout")
        if row.arm in ("global_holdout", "excluded"):
            return
        if program.unit and person.home and not person.several:
            arm = self._homes.setdefault((row.program, person.home), row.arm)
            self._count("household", arm != row.arm)

    def repeated(self, row: DecisionRow) -> None:
        """The engine has answered a request whose key it had answered before."""
        self.retries += 1
        told = self._keys.get((row.program, row.key))
        self._count("repeat answered otherwise", told != (row.id, row.action_name, row.send_at_us))

    def _count(self, kind: str, broken: bool) -> None:
        self.broken[kind] += broken

    def _contacted(self, program: Program, person: Person, row: DecisionRow) -> None:
        assert row.send_at_us is not None
        self.contacts += 1
        offer = next(one for one in program.offers if one.name == row.offer)
        channel = next(one for one in program.channels if one.name == row.channel)
        new = Sent(row.send_at_us, row.offer, row.channel)
        held = {(row.program, row.customer), ("", row.customer)} & self._held
        self._count("holdout", row.arm in _SILENT or bool(held))
        if program.layer is not None:
            owners = self._claims.setdefault((program.layer.name, row.customer), set())
            owners.add(row.program)
            self._count("layer", len(owners) > 1 and not person.several)
        self._count("rule", row.offer in person.barred)
        self._count("season", not _in_season(offer, row.at_us))
        self._count(
            "consent", channel.consent is not None and person.consent.get(channel.consent) is not True
        )
        self._count("quiet hours", _disturbs(channel, person.zone, new.at_us))
        self._count("holiday", _on_holiday(program, person.zone, new.at_us))
        for counted, caps, pauses in _limits(program, offer, channel):
            near = [one.at_us for one in person.sent if counted(one.offer, one.channel)]
            past = [(at, kind) for at, kind, of, on in person.outcomes if counted(of, on)]
            self.broken["cap"] += sum(_over(cap, near, new.at_us) for cap in caps)
            self.broken["cool-down"] += sum(_paused(one, past, new.at_us) for one in pauses)
        person.sent.append(new)
        self._draw(program, offer, channel, new)

    def _draw(self, program: Program, offer: Offer, channel: Channel, new: Sent) -> None:
        """Add a contact to every budget it draws on; count it if that makes too much."""
        for budget in program.budgets:
            if _draws(budget, new):
                each = round((offer.cost + channel.cost) * 1e6) if budget.unit == "money" else 1_000_000
                period = _turn(budget.quota.period, program.zone, _moment(new.at_us))
                place = (program.name, budget.name, (budget.quota.period, period))
                self._used[place] += each
                self._count("budget", self._used[place] > round(budget.quota.amount * 1e6))


def _turn(period: Period | None, zone: str, at: datetime) -> object:
    """What names the period that a contact falls into: the same for all of one period."""
    local = at.astimezone(ZoneInfo(zone)).date()
    match period:
        case None:
            return None
        case Period(count, "month"):
            return (12 * local.year + local.month - 1) // count
        case Period(1, "week"):
            return local.isocalendar()[:2]
        case Period(count, "week"):
            return (local.toordinal() - date(1970, 1, 5).toordinal()) // (7 * count)
        case Period(count, "day"):
            return (local.toordinal() - date(1970, 1, 1).toordinal()) // count
        case Period(count, unit):
            return (at - _EPOCH) // timedelta(**{f"{unit}s": count})


class _Counted:
    """Whose contacts and outcomes a limit counts: those of some offers, of a channel, or all."""

    def __init__(self, offers: Iterable[str] | None = None, channel: str | None = None) -> None:
        self.offers = None if offers is None else frozenset(offers)
        self.channel = channel

    def __call__(self, offer: str, channel: str) -> bool:
        if self.offers is not None:
            return offer in self.offers
        return self.channel is None or channel == self.channel


Limited = tuple[_Counted, Sequence[Cap], Sequence[Cooldown]]


def _limits(program: Program, offer: Offer, channel: Channel) -> list[Limited]:
    """Every limit that a contact is under, with whose contacts it counts."""
    groups = {group.name: group for group in program.groups}
    above = _above(groups, offer.group)
    within = {one.name: [group.name for group in _above(groups, one.group)] for one in program.offers}
    return [
        (_Counted(), program.caps, program.cooldowns),
        (_Counted(channel=channel.name), channel.caps, channel.cooldowns),
        (_Counted([offer.name]), offer.caps, offer.cooldowns),
        *(
            (
                _Counted(name for name, owners in within.items() if group.name in owners),
                group.caps,
                group.cooldowns,
            )
            for group in above
        ),
    ]


def _above(groups: Mapping[str, Group], name: str) -> list[Group]:
    found = []
    while name:
        found.append(groups[name])
        name = groups[name].within
    return found


def _over(cap: Cap, others: Sequence[int], new: int) -> bool:
    """Whether some stretch of the cap's length that holds the new contact holds more than its count."""
    length = cap.window // _MICROSECOND
    near = [one for one in others if abs(one - new) < length]
    if len(near) < cap.count:
        return False
    starts = [one for one in (*near, new) if one <= new]
    return any(1 + sum(start <= one < start + length for one in near) > cap.count for start in starts)


def _paused(cooldown: Cooldown, past: Sequence[tuple[int, str]], new: int) -> bool:
    """Whether a contact falls into the pause after the last of enough outcomes of the kind."""
    length, pause = cooldown.window // _MICROSECOND, cooldown.pause // _MICROSECOND
    times = [at for at, kind in past if kind == cooldown.kind]
    return any(
        last <= new < last + pause and sum(last - length < at <= last for at in times) >= cooldown.count
        for last in times
    )


def _in_season(offer: Offer, at_us: int) -> bool:
    at = _moment(at_us)
    return (offer.starts is None or offer.starts <= at) and (offer.ends is None or at < offer.ends)


def _disturbs(channel: Channel, zone: str | None, send_us: int) -> bool:
    if channel.quiet is None:
        return False
    return zone is None or is_quiet(channel.quiet, zone, send_us)


def _on_holiday(program: Program, zone: str | None, send_us: int) -> bool:
    at = _moment(send_us)
    if zone is not None:
        return at.astimezone(ZoneInfo(zone)).date() in program.holidays
    first, last = ((at + off).date() for off in _FARTHEST)
    return any(first <= day <= last for day in program.holidays)


def _draws(budget: Budget, new: Sent) -> bool:
    of, on = (
        not budget.offers or new.offer in budget.offers,
        not budget.channels or new.channel in budget.channels,
    )
    return of and on


def _moment(at_us: int) -> datetime:
    return _EPOCH + at_us * _MICROSECOND
