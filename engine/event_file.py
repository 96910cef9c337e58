"""Files of events: one JSON object a line, in our form or in that of Segment's messages."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import InputError
from engine.segment import Message
from engine.segment import events as told_by
from engine.track import Event, OutcomeEvent, check_event
from engine.unfit import refuse_repeated, unfit


@dataclass(frozen=True, slots=True)
class EventFile:
    """What a file holds: events in its order, and how many messages tell nothing that is kept."""

    events: list[Event]
    skipped: int


class _Who(msgspec.Struct, rename="camel"):
    """Of a line, what tells a message of Segment's from an event of ours."""

    customer: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    user_id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    anonymous_id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_event, _message, _who = (msgspec.json.Decoder(shape) for shape in (Event, Message, _Who))


def read_events(path: str | Path) -> EventFile:
    """The events of a JSON-lines file (gz allowed), every line checked before any is stored.

    Raises:
        InputError: names file, line, field, value and rule.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; check the path.")
    body = path.read_bytes()
    try:
        lines = (gzip.decompress(body) if path.suffix == ".gz" else body).splitlines()
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot be unpacked: {error}; export the file again.") from None
    found = [
        _events(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1) if line.strip()
    ]
    if not found:
        raise InputError(f"{path}: holds no events; give one JSON object a line.")
    return EventFile([event for told in found for event in told], sum(not told for told in found))


def _events(line: bytes, where: str) -> list[Event]:
    decoder: msgspec.json.Decoder[Any] = _who
    try:
        decoder = _message if _is_message(line) else _event
        found = decoder.decode(line)
    except msgspec.ValidationError as error:
        raise InputError(unfit(decoder, line, error, where)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(
            f'{where}: {error}; an event is a JSON object with "type": "outcome", "identify" or "merge".'
        ) from None
    refuse_repeated(line, _keys(found), where)
    if isinstance(found, Message):
        return told_by(found, None, None, where)
    check_event(found, where)
    return [found]


def _keys(found: Event | Message) -> int:
    """How many keys a line has, or fewer."""
    if isinstance(found, OutcomeEvent):
        return 5 + (found.value != 0.0) + (found.decision is not None)
    return 0


def _is_message(line: bytes) -> bool:
    """Whether a line names its customer as Segment does."""
    if b'"userId"' not in line and b'"anonymousId"' not in line:
        return False
    who = _who.decode(line)
    return who.customer is msgspec.UNSET and (who.user_id, who.anonymous_id) != (msgspec.UNSET, msgspec.UNSET)
