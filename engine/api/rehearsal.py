"""A server's first decisions, made and worded before anybody asks, and undone.

Whatever is read, compiled or worked out once is there then, so that those who ask first are not answered by
the last rung of the ladder.
"""

from __future__ import annotations

from contextlib import suppress

import structlog

from engine.api.body import encode
from engine.api.moments import now
from engine.decide import Decided
from engine.domain import Program
from engine.errors import StoreError
from engine.explain import reasons
from engine.reply import reply
from engine.request import Request
from engine.service import Service
from engine.store.savepoint import STORE_FAILURES
from engine.values import FEATURES_AT_MOST

GROUPS = (1, 20)  # customers who ask at once: one alone takes other ways than many do
log = structlog.get_logger()


class _Undone(Exception):
    """What was decided for practice is not to be kept."""


def rehearse(service: Service) -> None:
    """Decide by every program of the store for customers whom nobody knows, and keep nothing of it.

    A store that cannot be written now, or that somebody else is writing, is gone without.
    """
    try:
        connection = service.store.begin()
        if connection is None:
            return
        with suppress(_Undone):
            try:
                for program in service.programs(connection):
                    for group in GROUPS:
                        asked = [_asked(program, f"rehearsal-{group}-{i}") for i in range(group)]
                        for answer in service.answer(connection, asked):
                            _word(answer)
            finally:
                service.store.end(_Undone())
    except (StoreError, *STORE_FAILURES) as error:
        log.warning("the first decisions could not be rehearsed", why=str(error))


def _asked(program: Program, key: str) -> Request:
    """A request that says all the numbers a program knows."""
    numbers = [one.name for one in program.attributes if one.type == "number"]
    return Request(key, program.name, key, now(), dict.fromkeys(numbers[:FEATURES_AT_MOST], 0.0))


def _word(answer: Decided | Exception) -> None:
    if isinstance(answer, Decided) and answer.made is not None:
        made = answer.made
        encode(reply(answer.row, made.live.program, False, reasons(made.live, made.choices, made.index)))
