"""Learning: how fast, and how safe: `python -m benchmarks.learning [--json]`.

- `events_per_core_s`: rows that the default policy learns per processor second in batches of 20,000, the
  quickest of them, with `columns` + 1 features in all (no waves) and 10 actions.
- `of_sums`: that, as a share of the rows whose sums of squares alone BLAS adds up in the same run (dsyrk),
  which is what cannot be left out.
- `publish_s`: processor seconds from the last row learnt until the packed snapshot is there.
- `damaged`: so often a store has a good snapshot and a newer one that was cut, had one bit flipped, two
  stretches swapped, or holds the body of another snapshot. `detected` is how often it was refused and the
  good one served, with its flag.
- `poisoned`: odd rows and events, mixed into good ones; `refused` is how many were refused with a reason, and
  `recovered` whether the policy is then, to the bit, what it is without them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from scipy.linalg.blas import dsyrk
from sqlalchemy import Connection

from engine import context
from engine.applied import apply
from engine.errors import InputError
from engine.live import LAST_GOOD, freeze, live
from engine.store import open_store, snapshots
from engine.track import OutcomeEvent, check_event
from policies.base import Actions, Feedback, FeedbackError, feedback
from policies.linear import Linear
from policies.snapshot import pack

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
ACTIONS = Actions.plain(tuple(f"action {i}" for i in range(10)))
BATCH = 20_000
PROGRAM = """
program: small
offers: {sale: {value: 40}, news: {value: 1}}
channels: {email: {consent: marketing}}
slots: {now: {}}
goal: {outcomes: {purchase: {share: 0.5}}, window: 7 days}
arms: {policy: 0.9, holdout: 0.1}
"""
ROWS = (
    ("propensity", 0.0),
    ("propensity", np.nan),
    ("propensity", 1.5),
    ("reward", np.inf),
    ("reward", 1e308),
)
EVENTS: tuple[dict[str, Any], ...] = (
    {"value": np.inf},
    {"value": 1e38},
    {"value": np.nan},
    {"kind": "purchase\nshared |c 0:1"},
    {"customer": "c1\n"},
)


def rows(n: int, d: int, seed: int) -> Feedback:
    """n decisions by chance among 10 actions."""
    rng = np.random.Generator(np.random.PCG64(seed))
    X, action = rng.standard_normal((n, d)), rng.integers(0, len(ACTIONS), n)
    reward = X[np.arange(n), action % d] + rng.standard_normal(n)
    return feedback(X, ACTIONS, action, reward, np.full(n, 1.0 / len(ACTIONS)))


def speed(columns: int, batches: int) -> dict[str, float]:
    """Rows a processor second, and processor seconds to publish."""
    policy, taught = Linear(waves=0), rows(BATCH, columns, 1)
    times, sums = [], []
    for _ in range(batches):
        start = time.process_time()
        policy.learn(taught)
        times.append(time.process_time() - start)
        sums.append(summed(taught))
    learnt = time.process_time()
    size = len(pack(policy))
    return {
        "columns": columns,
        "events_per_core_s": BATCH / min(times),
        "of_sums": min(sums) / min(times),
        "publish_s": time.process_time() - learnt,
        "snapshot_mb": size / 1e6,
    }


def summed(taught: Feedback) -> float:
    """Processor seconds in which BLAS adds up the squares of the same rows, action by action."""
    of_action = [taught.X[taught.action == a] for a in range(len(ACTIONS))]
    start = time.process_time()
    for X in of_action:
        dsyrk(1.0, X.T)
    return time.process_time() - start


def damaged(body: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """A body that is cut, has a bit flipped or two stretches swapped, or is another one."""
    kind, at = int(rng.integers(4)), int(rng.integers(len(body)))
    if kind == 0:
        return body[:at]
    if kind == 1:
        return body[:at] + bytes([body[at] ^ (1 << int(rng.integers(8)))]) + body[at + 1 :]
    if kind == 2:
        return body[at:] + body[:at] if at else other
    return other


def ladder(connection: Connection, times: int) -> dict[str, int]:
    """How often a damaged newest snapshot was seen, and the good one below it served."""
    rng = np.random.Generator(np.random.PCG64(1))
    program, policy = live(connection, "small").program, Linear(waves=20)
    bodies = []
    for seed in (1, 2):
        policy.learn(rows(300, 6, seed))
        bodies.append(freeze(context.fit(program, {}), policy, {}))
    good, newest = bodies
    snapshots.put_snapshot(connection, "small", good, hashlib.sha256(good).hexdigest(), 0, "good")
    snapshots.put_snapshot(connection, "small", newest, hashlib.sha256(newest).hexdigest(), 0, "newest")
    detected = 0
    for _ in range(times):
        body = damaged(newest, good, rng)
        connection.exec_driver_sql("UPDATE snapshot SET body = ? WHERE version = 2", (body,))
        served = live(connection, "small")
        sound = freeze(served.encoding, served.policy, served.seen) == good
        detected += (served.snapshot_version, served.fallback, sound) == (1, LAST_GOOD, True)
    return {"damaged": times, "detected": detected}


def poisoned() -> dict[str, Any]:
    """Odd rows to a learner that goes on afterwards, and odd events."""
    policy, clean, refused = Linear(waves=20), Linear(waves=20), 0
    for i, (name, value) in enumerate(ROWS):
        good = rows(200, 6, i)
        column = getattr(good, name).copy()
        column[7] = value
        try:
            policy.learn(replace(good, **{name: column}))
        except FeedbackError:
            refused += 1
        policy.learn(good)
        clean.learn(good)
    for odd in EVENTS:
        given = {"event": "e", "customer": "c1", "kind": "purchase", "at": AT, **odd}
        try:
            check_event(OutcomeEvent(**given), "line 1")
        except InputError:
            refused += 1
    same = np.array_equal(policy.weights(ACTIONS), clean.weights(ACTIONS))
    return {"poisoned": len(ROWS) + len(EVENTS), "refused": refused, "recovered": same}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--columns", type=int, default=999)
    parser.add_argument("--batches", type=int, default=5)
    parser.add_argument("--snapshots", type=int, default=1000)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    found: dict[str, Any] = {**speed(given.columns, given.batches), **poisoned()}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "small.yaml").write_text(PROGRAM)
        store = open_store(Path(folder) / "store.db")
        with store.write() as connection:
            apply(connection, Path(folder) / "small.yaml", AT)
            found |= ladder(connection, given.snapshots)
        store.close()
    print(json.dumps(found) if given.json else "\n".join(f"{name}: {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
