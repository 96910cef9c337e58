"""The canary: no snapshot is published that cannot decide for those who were decided for lately."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection

from engine import arbitrate, context
from engine.choose import Scorer
from engine.domain import Program
from engine.errors import RefusedError
from engine.live import thaw
from engine.situation import columns, decode
from engine.store import entries
from policies.base import Floats, Mask
from policies.settings import PolicyError
from policies.snapshot import SnapshotError

ASKED = 64  # newest decisions of the log that a snapshot is tried on
_NEAR, _EVER = 1e-6, 2**62


def check_canary(connection: Connection, program: Program, body: bytes) -> None:
    """Try the body of a snapshot on the newest situations of the log, every action feasible.

    Raises:
        RefusedError: it cannot be read, a score is not finite, or its probabilities are none.
    """
    logged = entries.situations(connection, entries.newest(connection, program.name, _EVER, ASKED))
    if logged and (wrong := _wrong(program, body, logged)):
        raise RefusedError(
            f"program '{program.name}': the new snapshot is not published, the last good one serves on: "
            f"{wrong} Look for odd rewards (`nextbest learn --quarantine`), then learn with --afresh."
        )


def _wrong(program: Program, body: bytes, logged: list[bytes]) -> str:
    """What is wrong with the answers of a snapshot, "" if nothing is."""
    situations, actions = columns(program, [decode(one) for one in logged]), program.action_set()
    try:
        encoding, policy, _ = thaw(body)
        X, prior = context.encode(encoding, situations), arbitrate.prior(program, situations)
        mask = np.ones(prior.shape, dtype=np.bool_)
        scores = policy.scores(X, actions, prior) if isinstance(policy, Scorer) else prior
        pmf = policy.pmf(X, actions, mask, prior)
    except (SnapshotError, PolicyError, ArithmeticError) as error:
        return f"{error}"
    if not np.isfinite(scores).all():
        return "it gives scores that are not finite."
    return _no_pmf(pmf, mask)


def _no_pmf(pmf: Floats, mask: Mask) -> str:
    sound = pmf.shape == mask.shape and np.isfinite(pmf).all() and (pmf >= 0.0).all()
    if not sound or (np.abs(pmf.sum(axis=1) - 1.0) > _NEAR).any():
        return "its probabilities are negative, not finite, or do not sum to 1."
    return ""
