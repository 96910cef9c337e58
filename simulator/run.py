"""A season in a world: the real engine decides, learns and stores, on a simulated clock.

Every morning what has happened by then arrives in the store, consent that was withdrawn is withdrawn there,
decisions that have matured are learnt, and everyone is decided for; then the world goes on. Nothing that the
engine could not have known at that moment is in the store. Outcomes name the decision they follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from engine.applied import apply_text
from engine.calendar import instant, microseconds
from engine.choose import Live
from engine.domain import ArmName, PolicySpec, Program
from engine.errors import InputError
from engine.learn import learn
from engine.live import Lives
from engine.predictions.intake import take_in
from engine.predictions.versions import About
from engine.program import loads
from engine.store import Store, open_store
from engine.store.customers import put_customers
from engine.store.rows import CustomerRow, PredictionRow
from engine.track import Event, IdentifyEvent, OutcomeEvent, track
from engine.uncollected import uncollected
from simulator.ask import Morning, ask
from simulator.clones import is_clone
from simulator.clones.base import TAUGHT
from simulator.clones.serve import Served
from simulator.happen import Outcomes, after, outcomes, reported
from simulator.hindsight import LOGGED, off_policy
from simulator.ladder import experiment, ladder, left_alone
from simulator.predict import predict
from simulator.record import Record
from simulator.season import Decisions, Judged, Season, label
from simulator.truth import response
from simulator.uses import uses
from simulator.world import Customers, World

START = datetime(2026, 1, 5, 7, 30, tzinfo=UTC)  # a Monday, ten hours before 18:30 in most of the zones
DAY = timedelta(days=1)
_DAY_US = 86_400_000_000
CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a season is played: the world, its customers, the program and the store that serves it."""

    world: World
    customers: Customers
    names: list[str]
    program: Program
    store: Store
    chunk: int


@uncollected()
def run(
    world: World,
    n: int,
    days: int,
    seed: int,
    policy: PolicySpec | None = None,
    arms: Mapping[ArmName, float] | None = None,
    *,
    every: int = 1,
    chunk: int = CHUNK,
    path: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Season:
    """Live through one season.

    Deterministic: the same arguments give the same season, bit for bit, whatever the chunk. Two policies with
    one seed meet the same customers in the same arms with the same luck.

    Args:
        n: customers.
        days: of decisions, one each morning for everyone; the goal's window after the last is waited for.
        seed: of the world, of the assignment to arms and of the draws.
        policy: what serves the arm `policy`; the world's own program says if None. A kind such as
            ``clone:pega`` is a documented-behaviour clone (`simulator.clones`).
        arms: share of each arm; the program's if None.
        every: days from one run of learning to the next.
        chunk: most customers decided for in one transaction.
        path: where the store is to be kept; it is thrown away if None.
        progress: called with the number of days done.

    Raises:
        InputError: n, days, every or chunk below 1, a policy or arms the program cannot have, or something
            lies at `path` already.
    """
    for name, number in (("customers", n), ("days", days), ("every", every), ("chunk", chunk)):
        if number < 1:
            raise InputError(f"{name} == {number}, must be 1 or more.")
    name = "" if policy is None else policy.kind
    text = program_text(world, seed, PolicySpec("uniform") if is_clone(name) else policy, arms)
    with _opened(path) as store:
        customers = world.customers(n, seed)
        program = loads(text, f"{world.name}.yaml")
        stage = Stage(world, customers, customers.names, program, store, chunk)
        _prepare(stage, text)
        record = Record(program, customers, world.ends)
        served = Served(name, world, program, customers, seed) if is_clone(name) else None
        last = _live_through(stage, record, days, seed, every, served, progress)
        return _told(stage, record, last, days, seed)


def _told(stage: Stage, record: Record, last: Live, days: int, seed: int) -> Season:
    program = stage.program
    totals = record.totals(left_alone(stage.world, program, stage.customers, days))
    report = experiment(totals, program)
    judged, refusal = _judged(record)
    return Season(
        stage.world.name,
        len(stage.customers),
        days,
        seed,
        label(last.program.policy),
        last.program,
        last.snapshot_version,
        tuple(record.tallies),
        ladder(totals, report),
        report,
        record.audit(),
        uses(program, record.early, record.pages),
        judged,
        refusal,
    )


def _judged(record: Record) -> tuple[tuple[Judged, ...], str]:
    try:
        return off_policy(record.trials), ""
    except InputError as error:
        return (), str(error)


def program_text(
    world: World, seed: int, policy: PolicySpec | None, arms: Mapping[ArmName, float] | None
) -> bytes:
    """The world's program file with a salt of the seed's own, and with the policy and arms that are given."""
    import yaml

    content = yaml.safe_load(world.program())
    content["salt"] = f"{world.name}-{seed}"
    if policy is not None:
        content["policy"] = {"kind": policy.kind, **policy.settings}
    if arms is not None:
        content["arms"] = dict(arms)
    text: str = yaml.safe_dump(content, sort_keys=False)
    return text.encode()


@contextmanager
def _opened(path: Path | None) -> Iterator[Store]:
    if path is not None and path.exists():
        raise InputError(f"{path}: is there already; name a file that is not, a season starts from nothing.")
    with TemporaryDirectory(prefix="nextbest-") as folder:
        store = open_store(path or Path(folder) / "season.db")
        try:
            yield store
        finally:
            store.close()


def _prepare(stage: Stage, text: bytes) -> None:
    """The program applied; profiles, consent and predictions stored, all as of the first morning."""
    at_us, people = microseconds(START), stage.customers
    scores = predict(stage.world, stage.program, people, START, "1")
    columns = {name: column.tolist() for name, column in people.attributes.items()}
    consent = {purpose: granted.tolist() for purpose, granted in people.consent.items()}
    zone = people.zone.tolist()
    profiles = [
        CustomerRow(
            name,
            {attribute: column[i] for attribute, column in columns.items()},
            {purpose: granted[i] for purpose, granted in consent.items()},
            zone[i],
            at_us,
        )
        for i, name in enumerate(stage.names)
    ]
    with stage.store.write() as connection:
        apply_text(connection, stage.program, text, START)
        put_customers(connection, profiles, replace=True)
        for one in scores:
            rows = [
                PredictionRow(name, one.model, one.version, score, at_us, at_us)
                for name, score in zip(stage.names, one.score.tolist(), strict=True)
            ]
            take_in(connection, About(one.model, one.version), rows, (), "world", lambda i: "world")


def _live_through(
    stage: Stage,
    record: Record,
    days: int,
    seed: int,
    every: int,
    served: Served | None,
    progress: Callable[[int], None],
) -> Live:
    """Day after day; returns what decided on the last."""
    world, people, lives = stage.world, stage.customers, served or Lives()
    state, post = world.fresh(len(people)), dict[int, list[Event]]()
    for day in range(days):
        _arrive(stage, post.pop(day, []), day)
        if day % every == 0:
            with stage.store.write() as connection:
                learn(connection, stage.program.name, START + day * DAY)
        if served is not None:
            served.morning(day)
        live, made = ask(stage.store, lives, _morning(stage, day, seed, served), stage.names, stage.chunk)
        expected = response(world, stage.program, people, state, day)
        found = outcomes(world, people, state, day, stage.program.actions, made.action)
        told = reported(world, found)
        record.take(made, expected, told, live)
        _post(stage, post, made, told)
        if served is not None:
            served.evening(made, told)
        state = after(world, state, stage.program.actions, made.action, found)
        progress(day + 1)
    for day in sorted(post):
        _arrive(stage, post[day], day)
    return live


def _arrive(stage: Stage, events: list[Event], day: int) -> None:
    """What has happened since yesterday morning comes in."""
    if events:
        with stage.store.write() as connection:
            track(connection, events, microseconds(START + day * DAY))


def _post(stage: Stage, post: dict[int, list[Event]], made: Decisions, found: Outcomes) -> None:
    """Outcomes and withdrawals of consent on their way, by the morning on which they will have arrived."""
    withdrawn = {channel.consent: False for channel in stage.program.channels if channel.consent}
    happened_us = made.at_us + np.rint(found.days * _DAY_US).astype(np.int64)
    morning = -((microseconds(START) - happened_us) // _DAY_US)
    columns = zip(
        found.row.tolist(),
        found.law.tolist(),
        found.kind.tolist(),
        happened_us.tolist(),
        found.value.tolist(),
        morning.tolist(),
        strict=True,
    )
    for row, law, kind, at_us, value, day in columns:
        name, arrived = stage.names[row], post.setdefault(day, [])
        arrived.append(
            OutcomeEvent(f"{name}:{made.day}:{law}", name, kind, instant(at_us), value, made.ids[row])
        )
        if kind == stage.world.ends:
            arrived.append(IdentifyEvent(name, consent=withdrawn))


def _morning(stage: Stage, day: int, seed: int, served: Served | None) -> Morning:
    looked: set[ArmName] = {LOGGED} if served is None else {LOGGED, *TAUGHT}
    moment = stage.world.moment(day)
    return Morning(stage.program.name, f"{seed}:{day}", day, START + day * DAY, moment, looked)
