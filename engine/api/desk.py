"""Where callers wait for decisions: decided in groups, durable in one commit, and answered in time.

The event loop computes and a scribe waits for the disk. Two threads that both compute hand Python's lock to
and fro every few milliseconds, and each answer sent waits for it. While the disk is waited for, the loop
words the answers.

The deadline runs from the moment of asking. When it passes

* and the request's group has not been taken up, the caller is told that nothing is sent;
* and its commit is under way, the caller waits up to once more the deadline: almost always the decision is
  on disk a moment later, and then it is the truth. If the disk stalls for longer the caller is told that
  nothing is sent.

A store that fails (disk full, locked) is answered the same way; a repeat is told what the log has. Sending
nothing honours consent, quiet hours, caps and the holdout without looking anything up. It is owed to the log,
and written before anything else is decided, as soon as the store takes it (see `engine.unsent`); what cannot
be written in three goes, or when the process ends first, is not on record.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from queue import SimpleQueue

from sqlalchemy import Connection

from engine.api.caller import Asked, Awaiting, Caller, Missed, Word, missed
from engine.api.metrics import Metrics
from engine.api.owed import Owed
from engine.api.repeats import repeats
from engine.decide import ConflictError, Decided, Log
from engine.errors import InputError, StoreError
from engine.request import Request
from engine.service import Service
from engine.store.rows import DecisionRow
from engine.store.scribe import Scribe

FEW = 4  # callers for whom a group does not wait
PATIENCE_S = 0.004
PAUSE_S = 1.0  # after a failure, before what is owed to the log is tried again by itself


class Desk:
    """Decides for the callers of one event loop, many at a time."""

    def __init__(self, service: Service, group: int, deadline_ms: int, metrics: Metrics) -> None:
        self._service = service
        self._group = group
        self._deadline_s = deadline_ms / 1000
        self._late = Missed("deadline", f"deadline of {deadline_ms} ms passed; nothing is sent")
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Asked] = deque()
        self._taken: list[Asked] = []
        self._results: list[Decided | Exception] = []
        self._owed = Owed()
        self._log: Log | None = None  # decided and not written yet
        self._clock: deque[Asked] = deque()
        self._ticking = self._writing = self._began = self._pausing = self._closed = False
        self._idle = asyncio.Event()
        self._asked_s = 0.0
        self._enough = 0  # requests that the next group waits for, while it waits
        metrics.waiting.set_function(lambda: len(self._waiting))
        self._scribe = Scribe(self._ended)

    async def decide(self, request: Request, word: Word = lambda _: None) -> Decided | Missed:
        """The logged decision, or why there is none in time.

        Args:
            word: given the decision before it is durable, to prepare what will be told of it. It must not
                fail, and nothing of it may be told before this returns.

        Raises:
            InputError: the request is refused.
        """
        future: asyncio.Future[Decided | Missed] = self._loop.create_future()
        self.ask(request, Awaiting(future, word))
        return await future

    def ask(self, request: Request, caller: Caller) -> None:
        """As `decide`, for a caller who is told without a task of its own."""
        if self._closed:
            caller.tell(Missed("store", "the server is stopping; nothing is sent"))
            return
        asked = Asked(request, caller, self._loop.time() + self._deadline_s)
        self._waiting.append(asked)
        self._clock.append(asked)
        if not self._ticking:
            self._ticking = True
            self._loop.call_at(asked.due_s, self._tick)
        self._go_on()

    def withdraw(self, decided: Decided) -> None:
        """Its caller is told that nothing is sent, although it is in the log."""
        if not decided.replayed:
            self._owe(decided.row)

    async def close(self) -> None:
        """Answer what waits, then stop."""
        self._closed = True
        self._gathered()
        while self._writing:
            self._idle.clear()
            await self._idle.wait()
        await self._loop.run_in_executor(None, self._scribe.close)

    def _owe(self, what: Request | DecisionRow) -> None:
        self._owed.add(what)
        self._go_on()

    def _go_on(self) -> None:
        owing = self._owed and not self._pausing
        ready = self._waiting and len(self._waiting) >= self._enough
        if (ready or owing) and not self._writing:
            self._writing = True
            self._asked_s = self._loop.time()
            self._loop.call_soon(self._start)

    def _gather(self, asking: int) -> None:
        """So many asked a moment ago: let the next group wait for as many, half as long as this one took.

        A group costs nearly the same for few as for many, and who was answered often asks again at once.
        """
        self._enough = min(asking, self._group) if asking > FEW else 0
        if self._enough:
            patience_s = min(PATIENCE_S, (self._loop.time() - self._asked_s) / 2)
            self._loop.call_later(patience_s, self._gathered)

    def _gathered(self) -> None:
        self._enough = 0
        self._go_on()

    def _start(self) -> None:
        """Begin, decide, and have the scribe commit; whoever else is writing is waited for by the scribe."""
        store = self._service.store
        try:
            connection = store.begin()
        except StoreError as error:
            self._tell(error)
        else:
            if connection is None:
                self._scribe.ask(self._after_others)
            else:
                failed = self._decide(connection)
                self._scribe.ask(partial(self._end, failed, self._log))
                if failed is None:
                    self._word()

    def _end(self, error: BaseException | None, log: Log | None) -> None:
        """In the scribe's thread: write what was decided, and commit."""
        try:
            if log is not None and error is None:
                log.write()
        except BaseException as failed:  # whatever it is, the transaction has to be ended
            error = failed
        self._service.store.end(error)

    def _after_others(self) -> None:
        """In the scribe's thread: wait to begin, have the loop's thread decide, commit."""
        done: SimpleQueue[BaseException | None] = SimpleQueue()
        with self._service.store.write() as connection:
            self._loop.call_soon_threadsafe(lambda: done.put(self._decide(connection)))
            error = done.get()
            if error is not None:
                raise error
            if self._log is not None:
                self._log.write()

    def _decide(self, connection: Connection) -> BaseException | None:
        """Decide for all that wait, or write what is owed; what went wrong, if anything."""
        self._began, self._log = True, None
        try:
            if self._owed:
                self._owed.write(connection, self._service)
            else:
                self._taken, self._log = self._take(), Log(connection)
                asked = [one.request for one in self._taken]
                self._results = self._service.answer(connection, asked, self._log)
        except BaseException as error:  # whatever it is, the transaction has to be ended
            return error
        return None

    def _word(self) -> None:
        """Have the answers put into words, while the scribe waits for the disk."""
        for asked, result in zip(self._taken, self._results, strict=True):
            if isinstance(result, Decided) and not asked.answered:
                asked.caller.word(result)

    def _take(self) -> list[Asked]:
        taken: list[Asked] = []
        while self._waiting and len(taken) < self._group:
            one = self._waiting.popleft()
            if not one.answered:
                one.taken = True
                taken.append(one)
        self._metrics.group.observe(len(taken))
        return taken

    def _ended(self, error: BaseException | None) -> None:
        """In the scribe's thread: the transaction is durable, or undone."""
        self._loop.call_soon_threadsafe(self._tell, error)

    def _tell(self, error: BaseException | None) -> None:
        self._metrics.commit.observe(self._loop.time() - self._asked_s)
        if error is not None:
            self._pause()
            if not self._began:
                self._taken = self._take()
        taken, results = self._taken, self._results
        self._taken, self._results, self._writing, self._began = [], [], False, False
        for i, asked in enumerate(taken):
            self._settle(asked, results[i] if error is None else error)
        self._owed.end(error is None)
        self._gather(len(taken) + len(self._waiting))
        self._go_on()
        if not self._writing:
            self._idle.set()

    def _pause(self) -> None:
        if not self._pausing:
            self._pausing = True
            self._loop.call_later(PAUSE_S, self._resume)

    def _resume(self) -> None:
        self._pausing = False
        self._go_on()

    def _settle(self, asked: Asked, result: Decided | BaseException) -> None:
        """A refused request is raised to its caller; anything else that failed is our fault."""
        if isinstance(result, Decided):
            self._hand_over(asked, result)
        elif isinstance(result, InputError):
            if not asked.answered:
                asked.answer(result)
        elif asked.answered:
            self._owe(asked.request)
        else:
            self._go_without([asked], missed(result, asked.request))

    def _hand_over(self, asked: Asked, result: Decided) -> None:
        if asked.answered:
            self._metrics.late.inc()
            self.withdraw(result)
        else:
            asked.answer(result)

    def _tick(self) -> None:
        """Answer whoever has waited too long, and look again when the next one will have."""
        now, late = self._loop.time(), []
        while self._clock and (self._clock[0].answered or self._clock[0].due_s <= now):
            asked = self._clock.popleft()
            if asked.answered:
                continue
            if asked.taken:
                self._loop.call_at(asked.due_s + self._deadline_s, self._give_up, asked)
            else:
                late.append(asked)
        self._go_without(late, self._late)
        self._ticking = bool(self._clock)
        if self._ticking:
            self._loop.call_at(self._clock[0].due_s, self._tick)

    def _go_without(self, late: Sequence[Asked], instead: Missed) -> None:
        """Answer those whom no transaction serves: a repeat as the log has it, others with nothing."""
        known = self._logged(late)
        for asked in late:
            if id(asked.request) not in known:
                self._owe(asked.request)
            asked.answer(known.get(id(asked.request), instead))

    def _give_up(self, asked: Asked) -> None:
        if not asked.answered:
            asked.answer(self._logged([asked]).get(id(asked.request), self._late))

    def _logged(self, late: Sequence[Asked]) -> dict[int, Decided | ConflictError]:
        """The answers to those whose keys were decided before the group that is being written."""
        group = zip(self._taken, self._results, strict=False)
        new = {one.key for one, made in group if not (isinstance(made, Decided) and made.replayed)}
        return repeats(self._service.store, [one.request for one in late], new | self._owed.keys())
