"""The pipeline: requests -> situations -> arm -> choice -> log -> decisions. One request is a batch of one.

Runs inside the one write transaction of the store (`engine.store.writer`), so that the contacts a cap
counts cannot change between the choice and its append, whoever else decides at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection

from engine.budget.book import Book, Prices
from engine.calendar import microseconds
from engine.choose import Choices, Live, choose, leading
from engine.domain import Program
from engine.enrol import Enrolled, enrol
from engine.errors import InputError, NextbestError
from engine.gather import gather
from engine.logbook import log_rows
from engine.request import Request, fingerprint
from engine.situation import columns
from engine.store import assignments, decisions
from engine.store.rows import AssignmentRow, DecisionRow
from engine.values import checked


class ConflictError(InputError):
    """The key was used before for another request."""


class Made(msgspec.Struct, frozen=True):
    """A choice made just now: the program that made it, the choices of its round, and which of them it is."""

    live: Live
    choices: Choices
    index: int


class Decided(msgspec.Struct, frozen=True):
    """A logged decision, whether it is replayed, and the choice it came from if it was made just now."""

    row: DecisionRow
    replayed: bool
    made: Made | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """The answers to a list of requests in order, and what the choice looked like for those decided now."""

    answers: list[Decided | NextbestError]
    rounds: list[tuple[Live, Choices]]


class Log:
    """Decisions and arms on their way into the store: written before what depends on them is read."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[DecisionRow] = []
        self._arms: list[AssignmentRow] = []

    def assign(self, rows: Sequence[AssignmentRow]) -> None:
        """The arms of who is new to a program."""
        self._arms.extend(rows)

    def add(self, rows: Sequence[DecisionRow]) -> None:
        """More of them."""
        self._rows.extend(rows)

    def write(self) -> None:
        """Append what is not written yet. Raises `StoreError`; nothing is to be committed then."""
        (rows, arms), self._rows, self._arms = (self._rows, self._arms), [], []
        if arms:
            assignments.put_assignments(self._connection, arms)
        if rows:
            decisions.append_decisions(self._connection, rows)

    def drop(self) -> None:
        """Take back what is not written yet."""
        self._rows, self._arms = [], []


def decide(
    connection: Connection,
    requests: Sequence[Request],
    lives_by_name: dict[str, Live],
    prices: Prices | None = None,
    log: Log | None = None,
) -> Batch:
    """Answer every request in the open write transaction; each answer is a decision or the reason it is
    refused.

    Requests of one customer in the same call are decided one after another, so that caps hold among them
    too.

    Args:
        prices: shadow prices of budgets to go by, such as those solved for a whole batch; the ledger's own,
            which move with the demand, if None.
        log: where to leave what was decided last, for the caller to write; it is written here if None.
    """
    behind = Log(connection) if log is None else log
    answers: dict[int, Decided | NextbestError] = {}
    made: list[tuple[Live, Choices]] = []
    for program, numbers in _by_program(requests).items():
        current = lives_by_name[program]
        asked = [requests[i] for i in numbers]
        book = _book(connection, current.program, asked, prices)
        behind.write()
        while numbers and (fresh := _settle_repeats(connection, program, requests, numbers, answers)):
            for turn in _turns(requests, fresh):
                behind.write()
                valid = [i for i in turn if _accepts(current.program, requests[i], i, answers)]
                turned = [requests[i] for i in valid]
                for rows, choices in _decide_turn(connection, current, turned, book, behind) if valid else ():
                    made.append((current, choices))
                    answers.update(_answers(current, choices, valid, rows))
                    valid = valid[len(rows) :]
            if numbers := [i for i in numbers if i not in answers]:
                behind.write()
        if book is not None:
            book.close()
    if log is None:
        behind.write()
    return Batch([answers[i] for i in range(len(requests))], made)


def _book(
    connection: Connection, program: Program, asked: Sequence[Request], prices: Prices | None
) -> Book | None:
    """The budgets of a program, if it has any."""
    if not program.budgets:
        return None
    return Book(connection, program, [microseconds(one.at) for one in asked], prices)


def granted(answer: Decided | NextbestError) -> Decided:
    """The decision; raises the reason where it was refused."""
    if isinstance(answer, NextbestError):
        raise answer
    return answer


def _answers(
    current: Live, choices: Choices, numbers: Sequence[int], rows: Sequence[DecisionRow]
) -> dict[int, Decided]:
    return {
        i: Decided(row, False, Made(current, choices, j))
        for j, (i, row) in enumerate(zip(numbers, rows, strict=False))
    }


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
        else:
            answers[i] = repeated(row, requests[i])
    return list(fresh.values())


def repeated(row: DecisionRow, request: Request) -> Decided | ConflictError:
    """The answer to a request whose key the log has."""
    if row.request_sha == fingerprint(request):
        return Decided(row, True)
    return ConflictError(
        f"key '{request.key}' was used before for another request of program '{request.program}'; "
        f"use a new key, or repeat the first request unchanged."
    )


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
        checked(program, request.context, "context")
    except InputError as error:
        answers[number] = error
        return False
    return True


def _decide_turn(
    connection: Connection, current: Live, requests: Sequence[Request], book: Book | None, log: Log
) -> Iterator[tuple[list[DecisionRow], Choices]]:
    """Decide and log a turn: whole, or until a person comes up again under another id, and on from there."""
    ids, contexts = [r.customer for r in requests], [r.context for r in requests]
    enrolled = enrol(connection, current.program, ids, requests[0].at, contexts, log.assign)
    if enrolled.people is ids:
        yield from _decide_people(connection, current, requests, enrolled, book, log)
        return
    start = 0
    while start < len(requests):
        end = start + _different(enrolled.people[start:])
        some = Enrolled(enrolled.arms[start:end], enrolled.people[start:end])
        log.write()
        yield from _decide_people(connection, current, requests[start:end], some, book, log)
        start = end


def _decide_people(
    connection: Connection,
    current: Live,
    requests: Sequence[Request],
    enrolled: Enrolled,
    book: Book | None,
    log: Log,
) -> Iterator[tuple[list[DecisionRow], Choices]]:
    """Decide and log for people who are all different: at once, or as far as a budget lasts and then on."""
    situations = gather(connection, current.program, requests, enrolled)
    while situations:
        if book is not None:
            situations = book.limited(situations)
        choices = choose(current, columns(current.program, situations))
        if book is not None:
            choices = leading(choices, book.fits(choices))
        n = len(choices.action)
        rows = log_rows(current, requests[:n], situations[:n], choices)
        log.add(rows)
        if book is not None:
            log.write()
            book.take(choices, rows)
        yield rows, choices
        requests, situations = requests[n:], situations[n:]


def _different(people: Sequence[str]) -> int:
    """How many of them come before one who came already."""
    seen = set[str]()
    for i, person in enumerate(people):
        if person in seen:
            return i
        seen.add(person)
    return len(people)
