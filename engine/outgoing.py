"""Decisions as they go out for analysis: rows of the log and columns of folds as tables of one form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray
from sqlalchemy import Connection

from engine.applied import stored_program
from engine.arbitrate import cost
from engine.block import VALUE, some, whole
from engine.calendar import MICROSECOND, instant
from engine.domain import AttributeType, Program
from engine.live import NOTHING
from engine.once import once
from engine.profiles import DTYPES
from engine.request import decision_ids
from engine.reward import rewards
from engine.situation import as_instant, decode
from engine.store import blocks, decisions, outcomes, unfolding
from engine.store.entries import Entries
from engine.store.rows import DecisionRow, OutcomeRow
from engine.unfold import CHOICE, Header, feasible_of, header_of
from engine.values import fits, types
from engine.xxh3 import Texts
from policies.base import Floats, Ints

CONTEXT = "context."  # before the names of attributes and predictions, which may be any
INSTANT = pl.Datetime("us", "UTC")
_PLAIN: dict[str, Any] = {
    "id": pl.String,
    "key": pl.String,
    "customer": pl.String,
    "at": INSTANT,
    "arm": pl.String,
    "action": pl.String,
    "offer": pl.String,
    "channel": pl.String,
    "slot": pl.String,
    "send_at": INSTANT,
    "contact": pl.Boolean,
    "withheld": pl.String,
    "propensity": pl.Float64,
    "explored": pl.Boolean,
    "explore": pl.Boolean,
    "fallback": pl.String,
    "value": pl.Float64,
    "reward": pl.Float64,
    "program_version": pl.Int64,
    "snapshot_version": pl.Int64,
    "feasible": pl.String,
}
_MADE = ("at", "send_at", "explore", "reward", "feasible")  # of a row, what does not stand in it as it is
_CHOICES = ("action", "withheld", "send_us", "propensity", "explored", "value")
_SEQ = "\x1fseq"  # a name that nothing else has


class Outgoing:
    """Makes tables of decisions of a program, with rewards as of a moment; each version is read once."""

    def __init__(self, connection: Connection, program: Program, at_us: int) -> None:
        self._connection, self._program, self._at_us = connection, program, at_us
        self._versions = {program.version: program}
        self._kinds = types(program)

    @property
    def schema(self) -> dict[str, Any]:
        """The columns, and their types."""
        return {**_PLAIN, **{f"{CONTEXT}{name}": DTYPES[kind] for name, kind in self._kinds.items()}}

    def table(self, listed: Entries) -> pl.DataFrame:
        """Some decisions, in the order of the log.

        Raises:
            StoreError: a fold is damaged.
        """
        parts, alike = list[pl.DataFrame](), dict[tuple[Any, ...], list[pl.DataFrame]]()
        for number, own in listed.by_fold():
            if not number:
                parts.append(self._of_rows(listed.seq[own].tolist()))
                continue
            header, stands = self._stands(number, listed.seq[own])
            alike.setdefault((header, *stands.schema.items()), []).append(stands)
        parts += [self._of_folds(header_of(header), pl.concat(some)) for (header, *_), some in alike.items()]
        every = pl.concat(parts)
        return (every if every[_SEQ].is_sorted() else every.sort(_SEQ)).drop(_SEQ)

    def _version(self, number: int) -> Program:
        if number not in self._versions:
            self._versions[number] = stored_program(self._connection, self._program.name, number)
        return self._versions[number]

    def _of_rows(self, seqs: list[int]) -> pl.DataFrame:
        rows = [_as_told(row) for row in decisions.numbered(self._connection, seqs)]
        named = {name: "action_name" if name == "action" else name for name in _PLAIN if name not in _MADE}
        made: dict[str, Any] = {name: [getattr(row, field) for row in rows] for name, field in named.items()}
        made["at"] = [instant(row.at_us) for row in rows]
        made["send_at"] = [None if row.send_at_us is None else instant(row.send_at_us) for row in rows]
        situations = [decode(row.situation) for row in rows]
        made["explore"] = [one.explore for one in situations]
        for name, kind in self._kinds.items():
            made[f"{CONTEXT}{name}"] = [_known(kind, one.values.get(name)) for one in situations]
        made["reward"], made["feasible"] = self._judged(rows)
        return pl.DataFrame({**made, _SEQ: seqs}, schema={**self.schema, _SEQ: pl.Int64})

    def _judged(self, rows: Sequence[DecisionRow]) -> tuple[list[float | None], list[str]]:
        """The reward of each, and what it could be."""
        earned, could = list[float | None]([None] * len(rows)), [""] * len(rows)
        for version in {row.program_version for row in rows}:
            program = self._version(version)
            own = [i for i, row in enumerate(rows) if row.program_version == version]
            width = -(-len(program.actions) // 8)
            packed = b"".join(rows[i].feasible.ljust(width, b"\0")[:width] for i in own)
            sets = np.frombuffer(packed, dtype=np.uint8).reshape(len(own), width)
            ripe = [i for i in own if self._is_ripe(program, rows[i].at_us)]
            seqs = [rows[i].seq for i in ripe]
            found = outcomes.outcomes_of(self._connection, seqs, program.goal.window // MICROSECOND)
            taken = np.array([rows[i].action for i in ripe], dtype=np.int64)
            rewarded = _rewards(program, taken, {i: found[seq] for i, seq in enumerate(seqs) if seq in found})
            for i, one in zip(ripe, rewarded.tolist(), strict=True):
                earned[i] = one
            for i, text in zip(own, _names(program, sets), strict=True):
                could[i] = text
        return earned, could

    def _is_ripe(self, program: Program, at_us: int) -> bool:
        return at_us + program.goal.window // MICROSECOND < self._at_us

    def _stands(self, number: int, seq: Ints) -> tuple[bytes, pl.DataFrame]:
        """The header of a fold, and what stands in it of some decisions."""
        fold = unfolding.fold(self._connection, number)
        assert fold is not None, "it was listed in this very transaction"
        with whole(f"fold {number} of the log"):
            stands = some(blocks.body(self._connection, number), self._is_told, seq - fold.first)
        return fold.header, stands.with_columns(pl.Series(_SEQ, seq))

    def _of_folds(self, header: Header, stands: pl.DataFrame) -> pl.DataFrame:
        """Decisions of folds that have all but their columns in common."""
        program, keys = self._version(header.program_version), f"{header.name}:" + stands["customer"]
        id, _ = decision_ids(header.program, Texts.of(keys), instant(header.at_us))
        plain = _choices(header, stands)
        plain |= {"id": id, "key": keys, "customer": stands["customer"], "arm": stands["arm"]}
        plain["feasible"] = _names(program, feasible_of(header, stands))
        taken = stands[f"{CHOICE}action"].to_numpy().astype(np.int64)
        if self._is_ripe(program, header.at_us):
            last_us = header.at_us + program.goal.window // MICROSECOND
            found = outcomes.of_decisions(
                self._connection, stands["customer"].to_list(), id.__getitem__, header.at_us, last_us
            )
            plain["reward"] = pl.Series(_rewards(program, taken, found))
        for name, kind in self._kinds.items():
            plain[f"{CONTEXT}{name}"] = _typed(stands, f"{VALUE}{name}", kind)
        unknown = {"reward": pl.repeat(None, stands.height, dtype=pl.Float64, eager=True)}
        made = [{**unknown, **plain}[name].cast(kind).alias(name) for name, kind in self.schema.items()]
        return pl.DataFrame([*made, stands[_SEQ]])

    def _is_told(self, column: str) -> bool:
        fixed = column in ("customer", "arm") or column.startswith(CHOICE)
        return fixed or column.removeprefix(VALUE) in self._kinds


def _as_told(row: DecisionRow) -> DecisionRow:
    """The row, or of a decision withdrawn what became of it: its caller was told that nothing is sent."""
    if not row.withdrawn:
        return row
    return msgspec.structs.replace(row, contact=False, withheld="withdrawn", fallback=NOTHING)


def _choices(header: Header, stands: pl.DataFrame) -> dict[str, pl.Series]:
    """What was chosen, as it stands in the log."""
    n, action = stands.height, stands[f"{CHOICE}action"]
    named = dict(zip(("action", "offer", "channel", "slot"), zip(*header.actions, strict=True), strict=True))
    made = {name: pl.Series(column, dtype=pl.String).gather(action) for name, column in named.items()}
    withheld, sent = stands[f"{CHOICE}withheld"], stands[f"{CHOICE}send_us"].cast(INSTANT)
    never, nothing = pl.Series([None], dtype=INSTANT), pl.Series([None], dtype=pl.String)
    names = pl.Series(named["action"], dtype=pl.String)
    same = {
        "at": (header.at_us, pl.Int64),
        "program_version": (header.program_version, pl.Int64),
        "snapshot_version": (header.snapshot_version, pl.Int64),
        "fallback": (header.fallback, pl.String),
        "explore": (True, pl.Boolean),
    }
    return made | {
        "send_at": sent.zip_with(action > 0, never),
        "contact": action > 0,
        "withheld": names.gather(withheld.clip(0)).zip_with(withheld >= 0, nothing),
        **{name: stands[f"{CHOICE}{name}"] for name in ("propensity", "explored", "value")},
        **{name: pl.repeat(value, n, dtype=kind, eager=True) for name, (value, kind) in same.items()},
    }


def _rewards(program: Program, action: Ints, found: Mapping[int, Sequence[OutcomeRow]]) -> Floats:
    """(n,) rewards by the goal of the version; `found` are the outcomes of each that has any."""
    earned = 0.0 - (spent := cost(program)[action])
    for i, happened in found.items():
        earned[i] = rewards(program.goal, spent[i : i + 1], [happened])[0]
    return earned


def _names(program: Program, packed: NDArray[np.uint8]) -> pl.Series:
    """(n,) the names of feasible actions with blanks between them, of packed sets (n, bytes)."""
    spelt = [texts.gather(packed[:, j]) for j, texts in enumerate(_spelt(program))]
    return pl.select(pl.concat_str(spelt, separator=" ", ignore_nulls=True)).to_series()


@once
def _spelt(program: Program) -> tuple[pl.Series, ...]:
    """For each byte of a packed set, the names that each of its values stands for; null for none."""
    names = [action.name for action in program.actions]
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    eights = [names[start : start + 8] for start in range(0, len(names), 8)]
    spelt = [[" ".join(compress(own, row)) or None for row in bits.tolist()] for own in eights]
    return tuple(pl.Series(one, dtype=pl.String) for one in spelt)


def _typed(stands: pl.DataFrame, column: str, kind: AttributeType) -> pl.Series:
    """Values in the program's type; one that an older version kept in another is as `_known` has it."""
    if column not in stands.columns:
        return pl.repeat(None, stands.height, dtype=DTYPES[kind], eager=True)
    values = stands[column]
    if values.dtype == DTYPES[kind]:
        return values
    return pl.Series([_known(kind, msgspec.to_builtins(one)) for one in values], dtype=DTYPES[kind])


def _known(kind: AttributeType, value: Any) -> Any:
    """A value as JSON has it in the program's type, None if it is of another."""
    if value is None or not fits(kind, value):
        return None
    return as_instant(value) if kind == "timestamp" else value
