"""Decisions by the hash that their ids hold, whether they are rows or stand in folds.

The hash is of program and key, so the same decision has the same one in every store.
"""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection, bindparam, select

from engine.store import folds, unfolding
from engine.store.directory import Hashes, id_hashes
from engine.store.entries import Entries
from engine.store.sqlite import among, ids
from engine.store.statement import prepare, run
from engine.store.tables import table

_decision = table("decision")
_IDS = prepare(select(_decision.c.seq, _decision.c.id).where(among(_decision.c.seq)))
_OF = prepare(
    select(_decision.c.id).where(
        _decision.c.customer == bindparam("person"), _decision.c.program == bindparam("program")
    )
)


def hashes(c: Connection, listed: Entries) -> Hashes:
    """(n,) of some decisions."""
    found = np.zeros(len(listed), dtype=np.uint64)
    for number, own in listed.by_fold():
        seqs = listed.seq[own]
        if number and (fold := unfolding.fold(c, number)) is not None:
            found[own] = np.frombuffer(fold.ids, dtype=np.uint64)[seqs - fold.first]
        else:
            named = dict(run(c, _IDS, wanted=ids(seqs.tolist())))
            found[own] = id_hashes(named[seq] for seq in seqs.tolist())
    return found


def hashes_of(c: Connection, program: str, customer: str) -> Hashes:
    """(n,) of the decisions that a program made for a customer."""
    folds.customers(c, [customer])
    return id_hashes(id for (id,) in run(c, _OF, program=program, person=customer))
