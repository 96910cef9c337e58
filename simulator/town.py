"""A town: customers decided for by every road there is, an inspector beside each of them.

One by one and in groups as the server does, in batches from a file, again with the same key and with another
body; while consent is given and taken, outcomes arrive, programs change, policies learn, snapshots are found
damaged, callers are told nothing in time, and the process ends and starts again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
from sqlalchemy import Connection

from engine import context
from engine.applied import apply_text
from engine.batch import Batch, run
from engine.calendar import microseconds
from engine.decide import ConflictError, Decided
from engine.domain import Program
from engine.learn import learn
from engine.live import built, freeze
from engine.profiles import customer_table
from engine.program import loads
from engine.replay import replay
from engine.request import Request
from engine.roster import Table
from engine.service import Service
from engine.store import Store, decisions, lots, open_store, snapshots
from engine.store.lots import EverywhereRow
from engine.store.rows import DecisionRow
from engine.track import Event, IdentifyEvent, MergeEvent, OutcomeEvent, track
from simulator.charter import ADULT
from simulator.inspector import Inspector

START = datetime(
    2026, 10, 20, 6, 0, tzinfo=UTC
)  # clocks go back in Europe on the 25th, in America on 1 November
_READ = 50_000


class Town:
    """A store at `path` and all that is asked of it. Close it at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.at = START
        self.inspector = Inspector()
        self.texts: dict[str, str] = {}
        self.asked: list[Request] = []
        self.ids: list[str] = []
        self._last: dict[str, DecisionRow] = {}
        self._sound: dict[str, bytes] = {}  # of each program whose newest snapshot is damaged
        self._seen: dict[str, int] = {}
        self._number = 0
        self._open()

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def restart(self) -> None:
        """The process ends and another one starts."""
        self.store.close()
        self._open()

    def _open(self) -> None:
        self.store: Store = open_store(self.path)
        self.service = Service(self.store)

    def apply(self, text: str) -> None:
        """A new program, or a new version of one."""
        program = loads(text.encode(), "town.yaml")
        with self.store.write() as connection:
            stored = apply_text(connection, program, text.encode(), self.at)
        self.inspector.programs[stored.name, stored.version] = stored
        self.texts[stored.name] = text

    def wait(self, hours: float) -> None:
        """Time passes."""
        self.at += timedelta(hours=hours)

    def tell(
        self,
        customer: str,
        consent: dict[str, bool],
        age: int | None = None,
        zone: str | None = None,
        home: str | None = None,
    ) -> None:
        """What is known of a customer changes; what is not given stays as it was."""
        facts: dict[str, Any] = {"age": age, "home": home}
        known = {name: value for name, value in facts.items() if value is not None}
        event = IdentifyEvent(customer, known, consent, zone)
        with self.store.write() as connection:
            track(connection, [event], microseconds(self.at))
        person = self.inspector.person(customer)
        person.consent.update(consent)
        person.zone = zone or person.zone
        person.home = home or person.home
        if age is not None:
            person.barred = self._barred(age)

    def hold(self, share: float) -> None:
        """So many of those who are new from now on are held back from every program."""
        with self.store.write() as connection:
            lots.set_everywhere(connection, EverywhereRow(share, "", microseconds(self.at), "town"))

    def merge(self, gone: str, into: str) -> None:
        """Two ids turn out to be one person."""
        event = MergeEvent(gone, into)
        with self.store.write() as connection:
            track(connection, [event], microseconds(self.at))
        before = self._last.pop(self.inspector.who(gone), None)
        self.inspector.merged(gone, into)
        if before is not None:
            self._last.setdefault(self.inspector.who(into), before)

    def happen(self, customer: str, kind: str) -> None:
        """A customer does something after the last contact, if there was any."""
        row = self._last.get(self.inspector.who(customer))
        if row is not None:
            self._number += 1
            self.at += timedelta(microseconds=1)
            event: Event = OutcomeEvent(f"e{self._number}", customer, kind, self.at, 10.0, row.id)
            with self.store.write() as connection:
                track(connection, [event], microseconds(self.at))
            past = self.inspector.person(customer).outcomes
            past.append((microseconds(self.at), kind, row.offer, row.channel))

    def group(self, program: str, customers: Sequence[str], explore: bool = True) -> None:
        """Requests of one commit, as the server decides them; a customer may be among them several times."""
        self._number += 1
        requests = [
            Request(name, program, f"{self._number}:{i}", self.at, {}, explore)
            for i, name in enumerate(customers)
        ]
        self._answer(requests)
        self.asked += requests

    def again(self, numbers: Sequence[int]) -> None:
        """Requests of before, later and several at once."""
        if self.asked:
            chosen = [self.asked[number % len(self.asked)] for number in numbers]
            self._answer([Request(o.customer, o.program, o.key, self.at, {}, o.explore) for o in chosen])

    def otherwise(self, number: int) -> None:
        """A key of before with another body is refused, and nothing is logged."""
        if self.asked:
            one = self.asked[number % len(self.asked)]
            with self.store.write() as connection:
                (answer,) = self.service.answer(
                    connection, [Request(one.customer, one.program, one.key, self.at, {"spend": 1.0})]
                )
            self.inspector.broken["repeat answered otherwise"] += not isinstance(answer, ConflictError)
            self._look()

    def _answer(self, requests: Sequence[Request]) -> None:
        with self.store.write() as connection:
            answers = self.service.answer(connection, requests)
        self._look()
        for answer in answers:
            if not isinstance(answer, Decided):
                raise answer
            if answer.replayed:
                self.inspector.repeated(answer.row)

    def batch(self, program: str, customers: Sequence[str]) -> None:
        """A file of customers of whom the store knows."""
        self._number += 1
        self._batch(program, pl.DataFrame({"customer": sorted(set(customers))}), keep=True)

    def strangers(self, program: str, count: int, keep: bool, lot: Random) -> None:
        """A file of customers of whom the store knows nothing, with their consent in it."""
        self._number += 1
        names = [f"s{self._number}:{i}" for i in range(count)]
        marketing, age = [lot.random() < 0.7 for _ in names], [lot.randrange(12, 60) for _ in names]
        for name, granted, years in zip(names, marketing, age, strict=True):
            person = self.inspector.person(name)
            person.consent, person.barred, person.zone = (
                {"marketing": granted},
                self._barred(years),
                "Asia/Tokyo",
            )
        columns = {
            "customer": names,
            "age": age,
            "consent.marketing": marketing,
            "zone": ["Asia/Tokyo"] * count,
        }
        self._batch(program, pl.DataFrame(columns), keep)

    def _batch(self, program: str, frame: pl.DataFrame, keep: bool) -> None:
        current = self._current(program)
        table = customer_table(current, frame, "town")
        run(self.store, Batch(current, f"b{self._number}", self.at, keep), Table(table))
        self._look()

    def unsent(self, program: str, customers: Sequence[str]) -> None:
        """Callers who were told nothing in time; a repeat gets nothing, for ever."""
        self._number += 1
        requests = [
            Request(name, program, f"{self._number}:{i}", self.at) for i, name in enumerate(customers)
        ]
        with self.store.write() as connection:
            self.service.record(connection, requests)
        self._look()
        self.asked += requests

    def learn(self, program: str) -> None:
        """What has matured is learnt; where the newest snapshot is damaged a sound one is published first."""
        with self.store.write() as connection:
            if (body := self._sound.pop(program, None)) is not None:
                self._publish(connection, program, body)
            learn(connection, program, self.at)

    def damage(self, program: str) -> None:
        """The newest snapshot is found damaged: the rung below it serves."""
        with self.store.write() as connection:
            newest = snapshots.snapshot(connection, program)
            if program not in self._sound:
                self._sound[program] = self._fresh(program) if newest is None else newest.body
            self._publish(connection, program, b"damaged")

    def _fresh(self, program: str) -> bytes:
        """A snapshot in which nothing is learnt yet."""
        current = self._current(program)
        return freeze(context.fit(current, {}), built(current.policy, current), {})

    def _publish(self, connection: Connection, program: str, body: bytes) -> None:
        digest, at_us = hashlib.sha256(body).hexdigest(), microseconds(self.at)
        snapshots.put_snapshot(connection, program, body, digest, at_us, "by hand")

    def _current(self, program: str) -> Program:
        version = max(number for name, number in self.inspector.programs if name == program)
        return self.inspector.programs[program, version]

    def _look(self) -> None:
        """The inspector reads what is new in the log."""
        with self.store.read() as connection:
            for program in self.texts:
                after = self._seen.get(program, 0)
                for row in decisions.decisions_iter(connection, program, after, _READ):
                    self._seen[program] = row.seq
                    self.inspector.answered(row)
                    self.ids.append(row.id)
                    if row.contact:
                        self._last[row.customer] = row

    def differences(self, ids: Sequence[str]) -> list[str]:
        """Those of the decisions that do not come out of a replay bit for bit."""
        with self.store.read() as connection:
            return [id for id in ids if replay(connection, id).differences]

    def _barred(self, age: int) -> frozenset[str]:
        offers = {offer.name for one in self.inspector.programs.values() for offer in one.offers}
        return frozenset(one for one in offers if one.startswith(ADULT) and age < 18)
