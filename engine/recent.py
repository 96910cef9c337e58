"""The contacts of many customers lately, of rows of the log and of folds: what `engine.gather` gathers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine.calendar import MICROSECOND
from engine.coded import same
from engine.domain import Program
from engine.followed import followed
from engine.gather import back, contacts_back
from engine.happened import wanted
from engine.met import Met, Piece
from engine.pasts import Names, pasts
from engine.situation import Contact, Happened
from engine.store import decisions
from engine.unfold import CHOICE
from policies.base import Ints

_LATEST_US = timedelta(days=62) // MICROSECOND  # no slot is farther ahead of its decision
_ACTION, _SEND = f"{CHOICE}action", f"{CHOICE}send_us"
_Found = tuple[Ints, Ints, Ints, Ints]  # (m,) whose, when sent, offer, channel


def recent(
    connection: Connection, program: Program, ids: Sequence[str], at_us: int, met: Met
) -> tuple[Sequence[Sequence[Contact]], Sequence[Sequence[Happened]]]:
    """The contacts that a program looks at, and what else it sees of n customers, at a moment."""
    names, since_us, look = Names(), at_us - contacts_back(program), wanted(program)
    found = [_of_rows(connection, ids, met, since_us, names)]
    pieces = sorted(met.pieces, key=lambda one: one.header.at_us)
    found += [_of_fold(one, since_us, names) for one in pieces if one.header.at_us + _LATEST_US >= since_us]
    row, sent_us, offer, channel = (np.concatenate(column) for column in zip(*found, strict=True))
    late = sent_us >= at_us - back(program)
    lately = pasts(len(ids), row[late], sent_us[late], offer[late], channel[late], names)
    if look is None or not (len(row) or met.standing.outcomes.any()):
        return lately, same((), len(ids))
    contacts = pl.DataFrame({"row": row, "sent_us": sent_us, "offer": offer, "channel": channel})
    return lately, followed(connection, look, ids, at_us, met, contacts, names)


def _of_rows(connection: Connection, ids: Sequence[str], met: Met, since_us: int, names: Names) -> _Found:
    place = {ids[i]: i for i in np.flatnonzero(met.standing.decisions).tolist()}
    rows = decisions.contacts(connection, list(place), since_us) if place else []
    made = [
        (place[one.customer], one.at_us, names.offer(one.offer), names.channel(one.channel)) for one in rows
    ]
    row, sent_us, offer, channel = np.array(made, dtype=np.int64).reshape(-1, 4).T
    return row, sent_us, offer, channel


def _of_fold(piece: Piece, since_us: int, names: Names) -> _Found:
    """Those of one fold, in the order in which the log would give them."""
    table = piece.read({_ACTION, _SEND}.__contains__)
    action, sent_us = (table[name].to_numpy().astype(np.int64) for name in (_ACTION, _SEND))
    kept = np.flatnonzero((action > 0) & (sent_us >= since_us))
    numbers = [(names.offer(offer), names.channel(channel)) for _, offer, channel, _ in piece.header.actions]
    offer, channel = np.array(numbers, dtype=np.int64)[action[kept]].T
    return piece.row[kept], sent_us[kept], offer, channel
