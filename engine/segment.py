"""Messages in the form of Segment's HTTP Tracking API, as events of ours.

`track` is an outcome; its name in our form is lower case with underscores ("Order Completed" is
`order_completed`), its value the property `revenue`, else `value`; its id is `messageId`. `identify` lays
traits over what is known. A device's consent and time zone come with the context of either. The customer is
`userId`, else `anonymousId`: what was done anonymously stays under that id.

A device's clock may be wrong. Segment corrects it by the time on the way, and so do we:

    timestamp = receivedAt - (sentAt - originalTimestamp)

Nothing is dated later than it was received. Page, screen, group and alias messages are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from xxhash import xxh3_128_hexdigest

from engine.calendar import EPOCH, known_zone, microseconds
from engine.domain import Program
from engine.errors import InputError, nearest
from engine.track import Event, IdentifyEvent, MergeEvent, OutcomeEvent, check_event
from engine.values import fits, types

PASSED_OVER = ("page", "screen", "group")
Kind = Literal["track", "identify", "alias"]
_SCALAR = (str, int, float, bool)
_WORD_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD = re.compile(r"[\W_]+")

TIME_PATTERN = (  # of days that every year has: the 29th of February is taken too
    r"^(19[7-9]\d|2[01]\d\d)-"
    r"((0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)T"
    r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-](0\d|1[0-3]):[0-5]\d)?$"
)
Time = Annotated[
    datetime,
    msgspec.Meta(
        description="A time from 1970 to 2199; in UTC where it names no zone.",
        extra_json_schema={"pattern": TIME_PATTERN},
    ),
]


class Message(msgspec.Struct, frozen=True, rename="camel"):
    """One message: who (`userId` or `anonymousId`), what (`event`, `properties` or `traits`), and when.

    Fields that are not named here are passed over, as every receiver of such messages does.
    """

    type: str | None = None
    user_id: str | int | None = None
    anonymous_id: str | int | None = None
    previous_id: str | int | None = None
    event: str | None = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    message_id: str | None = None
    timestamp: Time | None = None
    original_timestamp: Time | None = None
    sent_at: Time | None = None
    received_at: Time | None = None


class Parcel(msgspec.Struct, frozen=True, rename="camel"):
    """Many messages; `sentAt` and `context` hold for those that have none of their own."""

    batch: list[Message]
    sent_at: Time | None = None
    context: dict[str, Any] | None = None

    def messages(self) -> list[Message]:
        """The messages, each complete."""
        return [
            msgspec.structs.replace(
                one,
                sent_at=one.sent_at or self.sent_at,
                context={**(self.context or {}), **(one.context or {})},
            )
            for one in self.batch
        ]


def events(message: Message, kind: str | None, received: datetime | None, where: str) -> list[Event]:
    """The events that a message tells, checked: none of one that is passed over.

    Args:
        kind: what the message is, if its `type` does not say.
        received: when it came in; None for a message out of a file, which says so itself or is taken at its
            word.

    Raises:
        InputError: names the field, its value and what to do.
    """
    kind = kind or message.type
    if kind in PASSED_OVER:
        return []
    if kind not in ("track", "identify", "alias"):
        raise InputError(
            f"{where}: type == {kind!r}, must be track, identify or alias.{nearest(str(kind), _KINDS)}"
        )
    if kind == "alias":
        return [_alias(message, where)]
    customer = _customer(message, where)
    known = _known(message, customer, kind == "identify", where)
    told: list[Event] = [known] if known is not None else []
    if kind == "track":
        told.append(_outcome(message, customer, received, where))
    for event in told:
        check_event(event, where)
    return told


_KINDS = ("track", "identify", "alias", *PASSED_OVER)


def features(program: Program, message: Message) -> dict[str, Any]:
    """The properties of a message that the program knows and can take, as the context of a decision."""
    known, given = types(program), message.properties or {}
    return {name: value for name, value in given.items() if name in known and fits(known[name], value)}


def kind_of(name: str) -> str:
    """An event's name in our form: `"Order Completed"` and `"orderCompleted"` are `"order_completed"`."""
    return _NO_WORD.sub("_", _WORD_ENDS.sub("_", name)).strip("_").lower()


def moment(message: Message, received: datetime) -> datetime:
    """When it happened, by a clock that is right; uncorrected where that would be before 1970."""
    original = _aware(message.original_timestamp or message.timestamp)
    if original is None:
        return received
    sent = _aware(message.sent_at)
    corrected = original if sent is None else received - (sent - original)
    return min(received, original if corrected < EPOCH else corrected)


def _aware(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _customer(message: Message, where: str) -> str:
    for given in (message.user_id, message.anonymous_id):
        if given not in (None, ""):
            return str(given)
    raise InputError(f"{where}: userId and anonymousId are missing; say whose event it is.")


def _alias(message: Message, where: str) -> MergeEvent:
    for field, given in (("previousId", message.previous_id), ("userId", message.user_id)):
        if given in (None, ""):
            raise InputError(f"{where}: {field} is missing; an alias says which id is whose.")
    event = MergeEvent(str(message.previous_id), str(message.user_id))
    check_event(event, where)
    return event


def _outcome(message: Message, customer: str, received: datetime | None, where: str) -> OutcomeEvent:
    if not message.event:
        raise InputError(f"{where}: event == {message.event!r}, must be the event's name; give it.")
    kind = kind_of(message.event)
    if not kind:
        raise InputError(f"{where}: event == {message.event!r}, must hold a letter or a digit; rename it.")
    at = _happened(message, received, where)
    decision = (message.properties or {}).get("decision_id")
    if decision is not None and not isinstance(decision, str):
        raise InputError(f"{where}: properties.decision_id == {decision!r}, must be text; correct it.")
    return OutcomeEvent(_id(message, customer, at), customer, kind, at, _value(message, where), decision)


def _happened(message: Message, received: datetime | None, where: str) -> datetime:
    try:
        if received is not None:
            return moment(message, received)
        arrived = _aware(message.received_at)
        if arrived is not None:
            return moment(message, arrived)
    except OverflowError:
        raise InputError(f"{where}: sentAt == '{message.sent_at}' is no time; correct it.") from None
    at = _aware(message.original_timestamp or message.timestamp)
    if at is None:
        raise InputError(f"{where}: timestamp is missing; a message in a file says when it happened.")
    return at


def _id(message: Message, customer: str, at: datetime) -> str:
    """`messageId`; for a message without one a hash of what it says and when."""
    if message.message_id is not None:
        return message.message_id
    original = _aware(message.original_timestamp or message.timestamp) or at
    said = [customer, message.event, microseconds(original), message.properties]
    return f"segment-{xxh3_128_hexdigest(msgspec.json.encode(said, order='sorted'))}"


def _value(message: Message, where: str) -> float:
    given = message.properties or {}
    name = "revenue" if given.get("revenue") is not None else "value"
    value = given.get(name)
    if value is None:
        return 0.0
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise InputError(f"{where}: properties.{name} == {value!r}, must be a number such as 42.5; correct it.")


def _known(message: Message, customer: str, identify: bool, where: str) -> IdentifyEvent | None:
    """What the message says of the customer; None if nothing."""
    traits, context = (message.traits or {}) if identify else {}, message.context or {}
    consent = _consent(traits, context, where)
    zone = traits.get("timezone")
    if zone is None and known_zone(_text(context.get("timezone"))) is not None:
        zone = context["timezone"]  # the device's own word: one that is no zone is passed over
    if zone is not None and not isinstance(zone, str):
        raise InputError(f"{where}: traits.timezone == {zone!r}, must be text; correct it.")
    if not identify and not consent and zone is None:
        return None
    kept = {name: value for name, value in traits.items() if name not in ("consent", "timezone")}
    return IdentifyEvent(customer, dict(_flat(kept, "")), consent, zone)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _flat(traits: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Traits by name, those of an object as `address.city`; lists have no place in a profile."""
    for name, value in traits.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is None or isinstance(value, _SCALAR):
            yield prefix + name, value


def _consent(traits: Mapping[str, Any], context: Mapping[str, Any], where: str) -> dict[str, bool]:
    """Consent by purpose; where context and traits differ, no consent."""
    found: dict[str, bool] = {}
    preferences = context.get("consent")
    if isinstance(preferences, dict):
        preferences = preferences.get("categoryPreferences")
    named = (("context.consent.categoryPreferences", preferences), ("traits.consent", traits.get("consent")))
    for field, given in named:
        if given is None:
            continue
        if not isinstance(given, dict):
            raise InputError(
                f"{where}: {field} == {given!r}, must be an object of true and false; correct it."
            )
        for purpose, granted in given.items():
            if not isinstance(granted, bool):
                raise InputError(
                    f"{where}: {field}.{purpose} == {granted!r}, must be true or false; correct it."
                )
            found[purpose] = granted and found.get(purpose, True)
    return found
