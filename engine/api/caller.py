"""Who asks the desk, and what can be told: a decision, why there is none in time, why it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import structlog

from engine.decide import Decided
from engine.errors import InputError, StoreError
from engine.request import Request

log = structlog.get_logger()
Cause = Literal["deadline", "store", "unexpected"]
Word = Callable[[Decided], None]


@dataclass(frozen=True, slots=True)
class Missed:
    """No decision of the log could be told: why, in a word and in a sentence."""

    cause: Cause
    reason: str


Answer = Decided | Missed | InputError


def missed(error: BaseException, request: Request) -> Missed:
    """What is told where the transaction, or the decision itself, failed; the server's log has more."""
    if isinstance(error, StoreError):
        log.error("the store cannot log a decision", program=request.program, key=request.key, why=str(error))
        return Missed("store", "the store cannot be written; nothing is sent")
    log.error("a decision failed", program=request.program, key=request.key, exc_info=error)
    return Missed("unexpected", "the decision failed; nothing is sent")


class Caller(Protocol):
    """Who asked. Neither method may fail."""

    def word(self, decided: Decided, /) -> None:
        """Prepare what will be told of a decision that is not durable yet: nothing of it may be told."""
        ...

    def tell(self, answer: Answer, /) -> None:
        """The answer, once."""
        ...


class Awaiting:
    """A caller who awaits a future."""

    def __init__(self, future: asyncio.Future[Decided | Missed], word: Word) -> None:
        self._future, self._word = future, word

    def word(self, decided: Decided, /) -> None:
        """Hand it on."""
        self._word(decided)

    def tell(self, answer: Answer, /) -> None:
        """Resolve the future, unless whoever awaited it has gone."""
        if self._future.done():
            return
        if isinstance(answer, InputError):
            self._future.set_exception(answer)
        else:
            self._future.set_result(answer)


class Asked:
    """A request, its caller, and how far it has got."""

    __slots__ = ("answered", "caller", "due_s", "request", "taken")

    def __init__(self, request: Request, caller: Caller, due_s: float) -> None:
        self.request, self.caller, self.due_s = request, caller, due_s
        self.answered = self.taken = False

    @property
    def key(self) -> tuple[str, str]:
        """Its program and its key."""
        return self.request.program, self.request.key

    def answer(self, answer: Answer) -> None:
        """Answer its caller, once."""
        self.answered = True
        try:
            self.caller.tell(answer)
        except Exception as error:  # whatever it is, the next one is told
            log.error("an answer cannot be told", key=self.request.key, exc_info=error)
