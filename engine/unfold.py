"""Decisions of a batch kept as columns, made into the rows they would have been.

A fold keeps what cannot be derived: who, in which arm, what was drawn with which probability, and what it was
decided on (`engine.block`). Keys, ids, fingerprints and the hashes of arms follow from these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import msgspec
import numpy as np
import polars as pl

from engine.assign import signed, unit_hash
from engine.block import CONSENT, VALUE, picked, whole
from engine.calendar import instant
from engine.decimals import restored
from engine.request import Request, decision_id, fingerprint
from engine.store import blocks
from engine.store.rows import AssignmentRow, CustomerRow

CHOICE = "choice."
_MASK = f"{CHOICE}feasible."
_WORD = 8  # bytes of a column of feasible sets


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What all decisions of a fold have in common.

    Attributes:
        name: of the batch: a key is "NAME:CUSTOMER".
        salt: arms were assigned by.
        profiles: the attributes kept as the customers' profiles; None where none is kept. Those that all of
            the customers lack have no column.
        width: bytes of a feasible set.
        actions: name, offer, channel and slot of each.
        settling: kinds of outcome that settle or release what the decisions drew on budgets.
    """

    program: str
    name: str
    at_us: int
    program_version: int
    snapshot_version: int | None
    fallback: str | None
    salt: str
    profiles: tuple[str, ...] | None
    width: int
    actions: tuple[tuple[str, str, str, str], ...]
    settling: tuple[str, ...] = ()


header_of = msgspec.msgpack.Decoder(Header).decode


@dataclass(frozen=True, slots=True)
class Unfolded:
    """Rows of the log, each with its number before the fields of a `DecisionRow`; arms; profiles."""

    decisions: list[tuple[Any, ...]]
    arms: list[AssignmentRow]
    profiles: list[CustomerRow]


def masks(feasible: np.ndarray[Any, np.dtype[np.uint8]]) -> list[pl.Series]:
    """Packed feasible sets (n, bytes) as columns of a fold."""
    n, width = feasible.shape
    padded = np.zeros((n, -(-width // _WORD) * _WORD), dtype=np.uint8)
    padded[:, :width] = feasible
    words = padded.view(np.uint64)
    return [pl.Series(f"{_MASK}{j}", np.ascontiguousarray(words[:, j])) for j in range(words.shape[1])]


def feasible_of(header: Header, table: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Packed feasible sets (n, bytes) of n places of a fold."""
    words = [table[name].fill_null(0).to_numpy() for name in table.columns if name.startswith(_MASK)]
    return np.stack(words, axis=1).view(np.uint8)[:, : header.width]


def unfold(header: Header, number: int, first: int, body: bytes, places: Sequence[int]) -> Unfolded:
    """The rows at some places of a fold; places of people who were erased have none.

    Args:
        number: of the fold's block.
        first: number in the log of the decision at place 0.

    Raises:
        StoreError: the fold is damaged.
    """
    with whole(f"fold {number} of the log"):
        table = restored(picked(pl.read_ipc(BytesIO(body)).with_row_index("place"), places))
    at = instant(header.at_us)
    sets = feasible_of(header, table)
    made = Unfolded([], [], [])
    for row, allowed in zip(table.iter_rows(named=True), sets, strict=True):
        if row["customer"] is None:
            continue
        customer, arm = row["customer"], row["arm"]
        made.decisions.append(_decision(header, number, first, row, allowed.tobytes(), at))
        arm_hash = signed(unit_hash(header.salt, customer))
        made.arms.append(AssignmentRow(header.program, customer, arm, header.salt, arm_hash, header.at_us))
        if header.profiles is not None:
            made.profiles.append(_profile(header.profiles, row, header.at_us))
    return made


def _decision(
    header: Header, number: int, first: int, row: Mapping[str, Any], feasible: bytes, at: Any
) -> tuple[Any, ...]:
    customer, action, withheld = row["customer"], row[f"{CHOICE}action"], row[f"{CHOICE}withheld"]
    asked = row.get("asked", customer)
    key = f"{header.name}:{asked}"
    return (
        first + row["place"],
        decision_id(header.program, key, at),
        header.program,
        key,
        header.program_version,
        header.snapshot_version,
        customer,
        header.at_us,
        row["arm"],
        action,
        *header.actions[action],
        row[f"{CHOICE}send_us"] if action else None,
        action > 0,
        row[f"{CHOICE}propensity"],
        row[f"{CHOICE}explored"],
        header.fallback,
        header.actions[withheld][0] if withheld >= 0 else None,
        row[f"{CHOICE}value"],
        fingerprint(Request(asked, header.program, key, at)),
        blocks.reference(number, row["place"]),
        feasible,
        header.at_us,
    )


def _profile(names: Sequence[str], row: Mapping[str, Any], at_us: int) -> CustomerRow:
    attributes = {name: value for name in names if (value := row.get(f"{VALUE}{name}")) is not None}
    consent = {
        name.removeprefix(CONSENT): value
        for name, value in row.items()
        if name.startswith(CONSENT) and value is not None
    }
    return CustomerRow(row["customer"], attributes, consent, row["zone"], at_us)
