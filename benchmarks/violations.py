"""Whether promises are kept: `python -m benchmarks.violations [--json] [--decisions N] [--million]`.

Towns with programs made by lot (caps at every level, cool-downs, consent, quiet hours, holidays, dates,
budgets, stock, holdouts, ramps, options) are decided for by API and batch, with retries, damaged snapshots,
unanswered callers, new program versions and restarts between, while ids are merged, customers are held back
from all programs, and programs share layers. An inspector who shares no code with the engine
counts what was broken, by kind; a sample of decisions is made again and compared bit for bit.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import structlog

from simulator.charter import ZONES, charter
from simulator.inspector import KINDS
from simulator.town import Town

PROGRAMS = ("spring", "autumn")
CUSTOMERS = 4_000
TOWN = 50_000  # decisions of one town
REPLAYED = 200  # of one town
DECISIONS = 100_000


@dataclass(slots=True)
class Found:
    """What came of all towns."""

    towns: int = 0
    decisions: int = 0
    contacts: int = 0
    fallbacks: int = 0
    retries: int = 0
    replayed: int = 0
    differing: int = 0
    broken: Counter[str] = field(default_factory=Counter)


def measure(decisions: int, seed: int) -> Found:
    """Live in towns until so many decisions are made."""
    found = Found()
    while found.decisions < decisions:
        found.towns += 1
        wanted = min(TOWN, decisions - found.decisions)
        with tempfile.TemporaryDirectory() as folder:
            town = Town(Path(folder) / "store.db")
            _live(town, Random(f"{seed}:{found.towns}"), wanted)
            _add(found, town)
            town.close()
    return found


def _live(town: Town, lot: Random, decisions: int) -> None:
    for name in PROGRAMS:
        town.apply(charter(lot, name))
    names = [f"c{i}" for i in range(CUSTOMERS)]
    town.hold(lot.choice((0.0, 0.02, 0.1)))
    for i, name in enumerate(names):
        granted = {"marketing": lot.random() < 0.8, "sms": lot.random() < 0.6}
        town.tell(name, granted, lot.randrange(12, 70), lot.choice(ZONES), f"home {i // 3}")
    while town.inspector.decisions < decisions:
        for step in (_asked, _asked, _asked, lot.choice(_SOMETHING)):
            step(town, lot, names)
        town.wait(lot.choice((0.1, 5.0, 15.0)))


def _asked(town: Town, lot: Random, names: list[str]) -> None:
    few = lot.sample(names, 200)
    town.group(lot.choice(PROGRAMS), [lot.choice(few) for _ in range(256)], lot.random() < 0.9)


def _batch(town: Town, lot: Random, names: list[str]) -> None:
    town.batch(lot.choice(PROGRAMS), lot.sample(names, 1_500))


def _strangers(town: Town, lot: Random, names: list[str]) -> None:
    town.strangers(lot.choice(PROGRAMS), 1_500, lot.random() < 0.5, lot)


def _again(town: Town, lot: Random, names: list[str]) -> None:
    town.again([lot.randrange(10**9) for _ in range(200)])
    town.otherwise(lot.randrange(10**9))


def _change(town: Town, lot: Random, names: list[str]) -> None:
    for name in lot.sample(names, 40):
        town.tell(name, {lot.choice(("marketing", "sms")): lot.random() < 0.5})
    for name in lot.sample(names, 200):
        town.happen(name, lot.choice(("purchase", "visit", "unsubscribe")))


def _merge(town: Town, lot: Random, names: list[str]) -> None:
    for _ in range(20):
        town.merge(*lot.sample(names, 2))
    if lot.random() < 0.2:
        town.hold(lot.choice((0.02, 0.05, 0.2)))


def _learn(town: Town, lot: Random, names: list[str]) -> None:
    town.learn(lot.choice(PROGRAMS))


def _break(town: Town, lot: Random, names: list[str]) -> None:
    program = lot.choice(PROGRAMS)
    if lot.random() < 0.2:
        town.damage(program)
    else:
        town.unsent(program, lot.sample(names, 50))


def _move_on(town: Town, lot: Random, names: list[str]) -> None:
    program = lot.choice(PROGRAMS)
    if lot.random() < 0.4:
        town.apply(charter(lot, program, town.texts[program]))
    else:
        town.restart()


_SOMETHING: list[Callable[[Town, Random, list[str]], None]] = [
    *(_batch, _batch, _strangers, _again, _change, _change, _learn, _learn, _learn, _break, _move_on),
    *(_merge, _merge),
]


def _add(found: Found, town: Town) -> None:
    sample = town.ids[:: max(1, len(town.ids) // REPLAYED)]
    found.differing += len(town.differences(sample))
    found.replayed += len(sample)
    found.decisions += town.inspector.decisions
    found.contacts += town.inspector.contacts
    found.fallbacks += town.inspector.fallbacks
    found.retries += town.inspector.retries
    found.broken += town.inspector.broken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--decisions", type=int, default=DECISIONS, help=f"{DECISIONS:,} if not said")
    parser.add_argument(
        "--million", dest="decisions", action="store_const", const=1_000_000, help="a million of them"
    )
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    started, clock = time.process_time(), time.perf_counter()
    found = measure(given.decisions, given.seed)
    told = {
        "benchmark": "violations",
        "seed": given.seed,
        "towns": found.towns,
        "decisions": found.decisions,
        "contacts": found.contacts,
        "fallbacks": found.fallbacks,
        "retries": found.retries,
        "violations": {kind: found.broken[kind] for kind in KINDS},
        "replayed": found.replayed,
        "replays_that_differ": found.differing,
        "cpu_s": round(time.process_time() - started, 1),
        "wall_s": round(time.perf_counter() - clock, 1),
    }
    print(json.dumps(told) if given.json else _as_text(told))
    raise SystemExit(1 if +found.broken or found.differing else 0)


def _as_text(told: dict[str, object]) -> str:
    violations = told.pop("violations")
    assert isinstance(violations, dict)
    return "\n".join(f"{name:<28} {value}" for name, value in {**told, **violations}.items())


if __name__ == "__main__":
    main()
