"""What happened to many customers lately: what `engine.happened` gathers one by one, by columns.

Contacts of rows of the log and of folds alike; nothing is unfolded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from sqlalchemy import Connection

from engine.calendar import instant
from engine.happened import EVER_US, PATIENCE_US, Wanted
from engine.happenings import Happenings
from engine.kinds import DELIVERY, IGNORED, OF_CONTACTS, SENT
from engine.met import Met, Piece
from engine.pasts import Names, pasts
from engine.request import decision_ids
from engine.store import happened as stored
from engine.unfold import CHOICE
from engine.xxh3 import Texts
from policies.base import Ints

_ACTION, _SEND = f"{CHOICE}action", f"{CHOICE}send_us"
_BEFORE_US = -(1 << 62)
_CONTACT = {"row": pl.Int64, "sent_us": pl.Int64, "offer": pl.Int64, "channel": pl.Int64}
_FACT = {"row": pl.Int64, "at_us": pl.Int64, "kind": pl.String, "offer": pl.Int64, "channel": pl.Int64}
_BARE = {"row": pl.Int64, "at_us": pl.Int64, "kind": pl.String, "seq": pl.Int64, "decision": pl.String}


@dataclass(frozen=True, slots=True)
class _Asked:
    """n decisions of a moment, and the names of offers and channels as numbers."""

    connection: Connection
    look: Wanted
    ids: Sequence[str]
    at_us: int
    met: Met
    names: Names


def followed(
    connection: Connection,
    look: Wanted,
    ids: Sequence[str],
    at_us: int,
    met: Met,
    contacts: pl.DataFrame,
    names: Names,
) -> Happenings:
    """What each of n customers has done by the time of a decision, in order of time.

    Args:
        contacts: of all of them, as `_CONTACT`, as far back as `look.contacts_us` says.
    """
    asked = _Asked(connection, look, ids, at_us, met, names)
    after = _after(asked)
    facts = [
        after.filter(~pl.col("kind").is_in(list(OF_CONTACTS))).select(*_FACT, "seq").unique(),
        _facts(contacts.filter(pl.col("sent_us") <= at_us), SENT),
        _facts(_ignored(asked, contacts, after), IGNORED),
    ]
    return _kept(asked, _in_order(pl.concat(facts), names))


def _facts(contacts: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Of each contact that it was sent, or ignored, when it was sent."""
    facts = contacts.rename({"sent_us": "at_us"}).with_columns(kind=pl.lit(kind), seq=pl.lit(0, pl.Int64))
    return facts.select(*_FACT, "seq")


def _ignored(asked: _Asked, contacts: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """The contacts that nobody has answered in time."""
    no_answer = list(DELIVERY | OF_CONTACTS)
    since_us = asked.at_us - (asked.look.outcomes_us or 0)
    answered = after.filter(
        pl.col("at_us") >= since_us,
        ~pl.col("kind").is_in(no_answer),
        pl.col("sent_us").is_not_null(),
    )
    old = contacts.filter(pl.col("sent_us") <= asked.at_us - PATIENCE_US)
    return old.join(answered, on=list(_CONTACT), how="anti", maintain_order="left")


def _in_order(facts: pl.DataFrame, names: Names) -> pl.DataFrame:
    """By customer; those of one by time, then by kind, offer and channel as they are spelt."""
    offers, channels = names.told()
    spelt = {"offer": pl.Series(offers, dtype=pl.String), "channel": pl.Series(channels, dtype=pl.String)}
    by = [spelt[name].gather(facts[name]).alias(f"{name} spelt") for name in spelt]
    order = ["row", "at_us", "kind", "offer spelt", "channel spelt", "seq"]
    return facts.with_columns(by).sort(order).drop("offer spelt", "channel spelt")


def _kept(asked: _Asked, facts: pl.DataFrame) -> Happenings:
    """Of all that happened, in order, what the program looks at."""
    look, (offers, _) = asked.look, asked.names.told()
    lately = pl.col("kind").is_in(list(look.kinds)) & (pl.col("at_us") >= asked.at_us - look.back_us)
    kept = facts.select(lately).to_series().to_numpy().copy()
    row = facts["row"].to_numpy()
    for offer, kind in look.pairs:
        if offer in offers:
            this = (facts["kind"] == kind) & (facts["offer"] == offers.index(offer))
            place = np.flatnonzero(this.to_numpy())
            last = np.append(row[place][1:] != row[place][:-1], True)[: len(place)]
            kept[place[last]] = True
    facts = facts.filter(pl.Series(kept))
    kinds = tuple(sorted({*look.kinds, *(kind for _, kind in look.pairs)}))
    number = {kind: i for i, kind in enumerate(kinds)}
    column = {name: facts[name].to_numpy() for name in ("row", "at_us", "offer", "channel", "seq")}
    past = pasts(
        len(asked.ids), column["row"], column["at_us"], column["offer"], column["channel"], asked.names
    )
    kind_of = np.array([number[one] for one in facts["kind"]], dtype=np.int64)
    return Happenings(past, kind_of, column["seq"], kinds)


def _after(asked: _Asked) -> pl.DataFrame:
    """The outcomes, once for each contact that they may follow from; `sent_us` is null where from none."""
    look, at_us = asked.look, asked.at_us
    place = {asked.ids[i]: i for i in np.flatnonzero(asked.met.standing.outcomes).tolist()}
    found = list[stored.BareRow]()
    if place and (look.outcomes or look.outcomes_us is not None):
        since_us = at_us + 1 if look.outcomes_us is None else at_us - min(look.outcomes_us, EVER_US)
        ever = {kind for _, kind in look.outcomes}
        found = stored.bare(asked.connection, place, since_us, at_us, ever)
    rows = [(place[who], *values) for who, *values in found]
    outcomes = pl.DataFrame(rows, _BARE, orient="row")
    named = outcomes["decision"].is_not_null()
    pairs = [_named(asked, outcomes.filter(named), place), _unnamed(asked, outcomes.filter(~named), place)]
    nothing = {"offer": asked.names.offer(""), "channel": asked.names.channel("")}
    joined = outcomes.join(pl.concat(pairs), on="seq", how="left")
    return joined.with_columns(pl.col(name).fill_null(number) for name, number in nothing.items())


_Place = Mapping[str, int]  # of each customer
_SENT = {"row": pl.Int64, "decided_us": pl.Int64, **_CONTACT, "id": pl.String}


def _named(asked: _Asked, outcomes: pl.DataFrame, place: _Place) -> pl.DataFrame:
    """The contact of the decision that each outcome names, if it is the customer's own."""
    if outcomes.is_empty():
        return _pairs(outcomes, _of_rows(asked, [], place))
    found = [_of_rows(asked, stored.sent_under(asked.connection, set(outcomes["decision"])), place)]
    whose = outcomes["row"].unique().to_numpy()
    found += [_of_fold(asked, piece, whose, True) for piece in asked.met.pieces]
    joined = outcomes.join(pl.concat(found), left_on=["row", "decision"], right_on=["row", "id"], how="inner")
    return joined.select(_PAIR)


def _unnamed(asked: _Asked, outcomes: pl.DataFrame, place: _Place) -> pl.DataFrame:
    """The contacts that each outcome may follow from: sent by then, and decided within the window."""
    window_us = asked.look.window_us
    if outcomes.is_empty():
        return _pairs(outcomes, _of_rows(asked, [], place))
    at = outcomes["at_us"].to_numpy()
    since_us = int(at.min()) - window_us
    whose = outcomes["row"].unique().to_numpy()
    names = [asked.ids[i] for i in whose.tolist()]
    found = [_of_rows(asked, stored.sent_since(asked.connection, names, since_us), place)]
    recent = [piece for piece in asked.met.pieces if piece.header.at_us >= since_us]
    found += [_of_fold(asked, piece, whose, False) for piece in recent]
    contacts = pl.concat(found).sort("row", "decided_us")
    sent = contacts["sent_us"].to_numpy()
    i, j = _within(outcomes["row"].to_numpy(), at - window_us, at, contacts)
    due = sent[j] <= at[i]
    return _pairs(outcomes[i[due]], contacts[j[due]])


def _within(row: Ints, first_us: Ints, last_us: Ints, contacts: pl.DataFrame) -> tuple[Ints, Ints]:
    """The pairs of an outcome and a contact of one customer that was decided between two instants.

    Args:
        row, first_us, last_us: (m,) of the outcomes.
        contacts: in the order of customers, and of decisions.
    """
    decided = contacts["decided_us"].to_numpy()
    times = np.unique(np.concatenate([decided, first_us, last_us]))
    key = contacts["row"].to_numpy() * len(times) + np.searchsorted(times, decided)
    first = np.searchsorted(key, row * len(times) + np.searchsorted(times, first_us))
    count = np.searchsorted(key, row * len(times) + np.searchsorted(times, last_us), side="right") - first
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(np.arange(len(row)), count), np.repeat(first, count) + within


def _of_rows(asked: _Asked, rows: Sequence[stored.SentRow], place: _Place) -> pl.DataFrame:
    names = asked.names
    made = [
        (place[who], decided, sent, names.offer(offer), names.channel(channel), id)
        for who, decided, sent, offer, channel, id in rows
        if who in place
    ]
    return pl.DataFrame(made, _SENT, orient="row")


def _of_fold(asked: _Asked, piece: Piece, whose: Ints, ids: bool) -> pl.DataFrame:
    """The contacts of some customers in one fold; with the ids of the decisions, where they are wanted."""
    rows = np.isin(piece.row, whose)
    if not rows.any():
        return pl.DataFrame(schema=_SENT)
    header, names = piece.header, asked.names
    table = piece.read({_ACTION, _SEND}.__contains__, rows)
    numbers = [(names.offer(offer), names.channel(channel)) for _, offer, channel, _ in header.actions]
    action = table[_ACTION].to_numpy().astype(np.int64)
    offer, channel = np.array(numbers, dtype=np.int64)[action].T
    customers = pl.Series([asked.ids[i] for i in piece.row[rows].tolist()], dtype=pl.String)
    known = {
        "row": piece.row[rows],
        "decided_us": np.full(table.height, header.at_us),
        "sent_us": table[_SEND],
        "offer": offer,
        "channel": channel,
        "id": _ids(piece, customers) if ids else pl.repeat(None, table.height, dtype=pl.String, eager=True),
    }
    return pl.DataFrame(known, _SENT).filter(pl.Series(action > 0))


def _ids(piece: Piece, customers: pl.Series) -> pl.Series:
    header = piece.header
    keys = Texts.of(customers).after(f"{header.name}:")
    return decision_ids(header.program, keys, instant(header.at_us))[0]


_PAIR = ["seq", "sent_us", "offer", "channel"]


def _pairs(outcomes: pl.DataFrame, contacts: pl.DataFrame) -> pl.DataFrame:
    """Each outcome with the contact beside it."""
    return contacts.select("sent_us", "offer", "channel").insert_column(0, outcomes["seq"])
