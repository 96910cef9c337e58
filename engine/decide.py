"""The pipeline: requests -> situations -> arm -> choice -> log -> decisions. One request is a batch of one.

Runs inside the one write transaction of the store (`engine.store.writer`), so that the contacts a cap
counts cannot change between the choice and its append, whoever else decides at the same time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec
import numpy as np
from sqlalchemy import Connection
from xxhash import xxh3_128_hexdigest

from engine.assign import assign, unit_hash
from engine.calendar import MICROSECOND, instant, microseconds
from engine.choose import Choices, Live, choose
from engine.contact import longest_window
from engine.domain import ArmName, Program
from engine.errors import InputError, NextbestError
from engine.situation import Contact, Situation, columns, encode, value_names
from engine.store import assignments, customers, decisions, predictions
from engine.store.rows import AssignmentRow, CustomerRow, DecisionRow, PredictionRow
from engine.values import checked

_WEEK = timedelta(days=7)


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question: what is the next best action for this customer? `key` makes a repeat harmless."""

    customer: str
    program: str
    key: str
    at: datetime
    context: dict[str, Any] = {}


class ConflictError(InputError):
    """The key was used before for another request."""


@dataclass(frozen=True, slots=True)
class Made:
    """A choice made just now: the program that made it, the choices of its round, and which of them it is."""

    live: Live
    choices: Choices
    index: int


@dataclass(frozen=True, slots=True)
class Decided:
    """A logged decision, whether it is replayed, and the choice it came from if it was made just now."""

    row: DecisionRow
    replayed: bool
    made: Made | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The answers to a list of requests in order, and what the choice looked like for those decided now."""

    answers: list[Decided | NextbestError]
    rounds: list[tuple[Live, Choices]]


def decide(connection: Connection, requests: Sequence[Request], lives_by_name: dict[str, Live]) -> Batch:
    """Answer every request in the open write transaction; each answer is a decision or the reason it is
    refused.

    Requests of one customer in the same call are decided one after another, so that caps hold among them
    too.
    """
    answers: dict[int, Decided | NextbestError] = {}
    made: list[tuple[Live, Choices]] = []
    for program, numbers in _by_program(requests).items():
        current = lives_by_name[program]
        while fresh := _settle_repeats(connection, program, requests, numbers, answers):
            for turn in _turns(requests, fresh):
                valid = [i for i in turn if _accepts(current.program, requests[i], i, answers)]
                if valid:
                    rows, choices = _decide_turn(connection, current, [requests[i] for i in valid])
                    made.append((current, choices))
                    answers.update(_answers(current, choices, valid, rows))
            numbers = [i for i in numbers if i not in answers]
    return Batch([answers[i] for i in range(len(requests))], made)


def _answers(
    current: Live, choices: Choices, numbers: Sequence[int], rows: Sequence[DecisionRow]
) -> dict[int, Decided]:
    return {
        i: Decided(row, False, Made(current, choices, j))
        for j, (i, row) in enumerate(zip(numbers, rows, strict=True))
    }


def decision_id(program: str, key: str, at: datetime) -> str:
    """32 hex digits, ordered by the millisecond of `at`, the rest a hash of program and key.

    A repeat gets the same.
    """
    named = xxh3_128_hexdigest(f"{program}\x1f{key}".encode())
    return f"{microseconds(at) // 1000:012x}{named[:20]}"


def fingerprint(request: Request) -> bytes:
    """What must be equal for a repeated key to be the same request: customer and request context.

    Not the time: a mail tool that pulls a decision again, or a batch that is resumed, asks at another moment.
    """
    return hashlib.sha256(msgspec.json.encode([request.customer, request.context], order="sorted")).digest()


def _by_program(requests: Sequence[Request]) -> dict[str, list[int]]:
    grouped: dict[str, list[int]] = {}
    for i, request in enumerate(requests):
        grouped.setdefault(request.program, []).append(i)
    return grouped


def _settle_repeats(
    connection: Connection,
    program: str,
    requests: Sequence[Request],
    numbers: Iterable[int],
    answers: dict[int, Decided | NextbestError],
) -> list[int]:
    """Answer requests whose key was decided before; returns the first request of every other key."""
    numbers = list(numbers)
    stored = decisions.decisions_by_key(connection, program, [requests[i].key for i in numbers])
    fresh: dict[str, int] = {}
    for i in numbers:
        row = stored.get(requests[i].key)
        if row is None:
            fresh.setdefault(requests[i].key, i)
        elif row.request_sha == fingerprint(requests[i]):
            answers[i] = Decided(row, True)
        else:
            answers[i] = ConflictError(
                f"key '{requests[i].key}' was used before for another request of program '{program}'; "
                f"use a new key, or repeat the first request unchanged."
            )
    return list(fresh.values())


def _turns(requests: Sequence[Request], numbers: Iterable[int]) -> list[list[int]]:
    """Requests split so that no customer occurs twice in a turn; order within a customer is kept."""
    turns: list[list[int]] = []
    seen: dict[str, int] = {}
    for i in numbers:
        turn = seen.get(requests[i].customer, 0)
        seen[requests[i].customer] = turn + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(i)
    return turns


def _accepts(
    program: Program, request: Request, number: int, answers: dict[int, Decided | NextbestError]
) -> bool:
    try:
        checked(program, request.context, f"request '{request.key}'")
    except InputError as error:
        answers[number] = error
        return False
    return True


def _decide_turn(
    connection: Connection, current: Live, requests: Sequence[Request]
) -> tuple[list[DecisionRow], Choices]:
    arms = _arms(connection, current.program, [r.customer for r in requests], requests[0].at)
    situations = gather(connection, current.program, requests, arms)
    choices = choose(current, columns(current.program, situations))
    rows = log_rows(current, requests, situations, choices)
    decisions.append_decisions(connection, rows)
    return rows, choices


def _arms(connection: Connection, program: Program, ids: Sequence[str], at: datetime) -> list[ArmName]:
    """The stored arm of each customer; whoever is new is assigned now, and for ever."""
    known = cast(dict[str, ArmName], assignments.assignments(connection, program.name, ids))
    new = [customer for customer in dict.fromkeys(ids) if customer not in known]
    if new:
        fresh = dict(zip(new, assign(program, new), strict=True))
        at_us = microseconds(at)
        assignments.put_assignments(
            connection,
            [
                AssignmentRow(
                    program.name, customer, arm, program.salt, _signed(program.salt, customer), at_us
                )
                for customer, arm in fresh.items()
            ],
        )
        known = {**known, **fresh}
    return [known[customer] for customer in ids]


def _signed(salt: str, customer: str) -> int:
    """The hash a customer is assigned by, as the signed 64 bits a database holds."""
    hashed = unit_hash(salt, customer)
    return hashed - (1 << 64) if hashed >> 63 else hashed


def gather(
    connection: Connection, program: Program, requests: Sequence[Request], arms: Sequence[ArmName]
) -> list[Situation]:
    """What the store knows of the customers of these requests, with each request's own context on top."""
    ids = [request.customer for request in requests]
    profiles = customers.customers(connection, ids)
    scores = predictions.predictions(connection, ids) if program.predictions else {}
    at_us = [microseconds(request.at) for request in requests]
    caps = [*program.caps, *(cap for channel in program.channels for cap in channel.caps)]
    latest = timedelta(
        days=1 + max(slot.days for slot in program.slots)
    )  # a contact is sent after its decision
    back = max(longest_window(caps), _WEEK) + latest
    history: dict[str, list[Contact]] = {}
    for row in decisions.contacts(connection, ids, min(at_us) - back // MICROSECOND):
        history.setdefault(row.customer, []).append(Contact(row.at_us, row.offer, row.channel))
    unknown = CustomerRow("", {}, {}, None, 0)
    found = [profiles.get(customer, unknown) for customer in ids]
    names = value_names(program)
    return [
        Situation(
            request.customer,
            request.key,
            at,
            arm,
            _known(names, profile.attributes, scores.get(request.customer, {}), request.context),
            dict(profile.consent),
            history.get(request.customer, []),
            profile.zone,
        )
        for request, at, arm, profile in zip(requests, at_us, arms, found, strict=True)
    ]


def _known(
    names: Sequence[str],
    attributes: Mapping[str, Any],
    scores: Mapping[str, PredictionRow],
    request: Mapping[str, Any],
) -> dict[str, Any]:
    """The values that are known, the request's before the prediction's before the profile's."""
    merged = {**attributes, **{model: row.score for model, row in scores.items()}, **request}
    return {name: merged[name] for name in names if merged.get(name) is not None}


def log_rows(
    current: Live, requests: Sequence[Request], situations: Sequence[Situation], choices: Choices
) -> list[DecisionRow]:
    """The log's rows: everything a replay needs."""
    packed = np.packbits(choices.feasible.mask, axis=1)
    return [
        _log_row(current, request, situations[i], choices, i, packed[i].tobytes())
        for i, request in enumerate(requests)
    ]


def _log_row(
    current: Live, request: Request, situation: Situation, choices: Choices, i: int, feasible: bytes
) -> DecisionRow:
    index, drawn = int(choices.action[i]), int(choices.drawn[i])
    action = current.program.actions[index]
    contacted = bool(action.offer)
    return DecisionRow(
        id=decision_id(request.program, request.key, request.at),
        program=request.program,
        key=request.key,
        program_version=current.program.version,
        snapshot_version=current.snapshot_version,
        customer=request.customer,
        at_us=situation.at_us,
        arm=situation.arm,
        action=index,
        action_name=action.name,
        offer=action.offer,
        channel=action.channel,
        slot=action.slot,
        send_at_us=int(choices.feasible.send_us[i, index]) if contacted else None,
        contact=contacted,
        propensity=float(choices.propensity[i]),
        explored=bool(choices.explored[i]) and situation.arm == "policy",
        fallback=current.fallback or None,
        withheld=current.program.actions[drawn].name if situation.arm == "holdout" else None,
        value=float(choices.value[i, drawn]),
        request_sha=fingerprint(request),
        situation=encode(situation),
        feasible=feasible,
        created_us=situation.at_us,
    )


def stored_at(row: DecisionRow) -> datetime:
    """The instant a logged decision was made for."""
    return instant(row.at_us)
