"""The record of a season while it is lived: totals, tallies of each day, contacts, the last days in full."""

from __future__ import annotations

from collections import deque

import numpy as np

from engine.choose import Live
from engine.domain import ARMS, Program
from policies.base import Floats, Ints
from simulator.audit import NEVER, Audit, Contacts, audit
from simulator.happen import Outcomes, earned
from simulator.hindsight import Trial, trial
from simulator.ladder import Totals
from simulator.season import LAST, Decisions, Page, Tally
from simulator.truth import regret
from simulator.world import Customers

_DAY_US = 86_400_000_000
_TRIED = 28  # days of the arm `random` by which policies are judged


class Record:
    """What has been written down so far about n customers.

    Attributes:
        tallies: one a day and arm.
        pages: the last seven days of the policy's arm.
        trials: the last 28 days of the arm `random`.
        early: (k,) how often the policy's arm was given each action in the first seven days.
    """

    def __init__(self, program: Program, customers: Customers, ends: str = "unsubscribe") -> None:
        n = len(customers)
        self.tallies: list[Tally] = []
        self.pages: deque[Page] = deque(maxlen=LAST)
        self.trials: deque[Trial] = deque(maxlen=_TRIED)
        self.early: Ints = np.zeros(len(program.actions), dtype=np.int64)
        self._program, self._customers, self._ends = program, customers, ends
        self._channel = _channels(program)
        self._arm = np.full(n, "", dtype="U8")
        self._moved = np.zeros(n, dtype=np.bool_)
        self._sums = np.zeros((3, n))
        self._number = np.zeros(n, dtype=np.int64)
        self._withdrawn: Ints = np.full(n, NEVER, dtype=np.int64)
        self._contacts: list[Contacts] = []

    def take(self, made: Decisions, expected: Floats, found: Outcomes, live: Live) -> None:
        """Write a day down.

        Args:
            expected: (n, k) expected net reward of every action that morning.
            found: what follows and is told, whenever it comes.
            live: what decided.
        """
        reward = earned(self._program, made.action, found)
        value = expected[np.arange(len(made)), made.action]
        short = regret(expected, made.mask, made.pmf)
        self._sums += np.stack([reward, value, short])
        self._note_arms(made)
        self._note_contacts(made)
        self._note_withdrawals(made, found)
        self.tallies += _tallies(made, reward, value, short)
        self._note_uses(made, expected)
        tried = trial(made, live, reward, expected)
        if tried is not None:
            self.trials.append(tried)

    def totals(self, alone: Floats) -> Totals:
        """What each customer brought; `alone` is what they would have brought by themselves."""
        reward, value, short = self._sums
        return Totals(self._arm, reward, value, alone, short, self._number)

    def audit(self) -> Audit:
        """Violations so far."""
        parts = [(one.customer, one.channel, one.decided_us, one.send_us) for one in self._contacts]
        contacts = Contacts(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
        held, moved = self._arm == "holdout", int(self._moved.sum())
        return audit(self._program, self._customers, contacts, held, moved, self._withdrawn)

    def _note_arms(self, made: Decisions) -> None:
        self._moved |= (self._arm != "") & (self._arm != made.arm)
        self._arm = np.where(self._arm == "", made.arm, self._arm)

    def _note_contacts(self, made: Decisions) -> None:
        channel = self._channel[made.action]
        sent = np.flatnonzero(channel >= 0)
        self._number[sent] += 1
        at_us = np.full(len(sent), made.at_us, dtype=np.int64)
        self._contacts.append(Contacts(sent, channel[sent], at_us, made.send_us[sent]))

    def _note_uses(self, made: Decisions, expected: Floats) -> None:
        own = made.arm == "policy"
        page = Page(made.action[own], made.mask[own], expected[own])
        self.pages.append(page)
        if made.day < LAST:
            self.early += np.bincount(page.action, minlength=len(self.early))

    def _note_withdrawals(self, made: Decisions, found: Outcomes) -> None:
        gone = found.kind == self._ends
        at_us = made.at_us + np.rint(found.days[gone] * _DAY_US).astype(np.int64)
        np.minimum.at(self._withdrawn, found.row[gone], at_us)


def _channels(program: Program) -> Ints:
    """(k,) position of each action's channel, -1 for no_action."""
    position = {channel.name: j for j, channel in enumerate(program.channels)}
    return np.array([position.get(action.channel, -1) for action in program.actions], dtype=np.int64)


def _tallies(made: Decisions, reward: Floats, value: Floats, short: Floats) -> list[Tally]:
    tallies = []
    for arm in ARMS:
        own = made.arm == arm
        if own.any():
            held = arm == "holdout"
            floor = None if held else float(made.pmf[own][made.mask[own]].min())
            contacts = int((made.action[own] > 0).sum())
            realised, expected, lost = (float(column[own].mean()) for column in (reward, value, short))
            tallies.append(Tally(made.day, arm, int(own.sum()), contacts, realised, expected, lost, floor))
    return tallies
