"""Decisions in columns as the table that the sending system is given (`engine.batch.as_table`)."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from engine.block import VALUE
from engine.calendar import instant
from engine.creative import blanks
from engine.domain import Program
from engine.met import Met, Piece
from engine.request import decision_ids
from engine.texts import of_another, with_texts
from engine.unfold import CHOICE
from engine.xxh3 import Texts

Action = tuple[str, str, str, str]  # name, offer, channel and slot
_FIELDS = ("action", "offer", "channel", "slot")
_CHOICES = ("action", "withheld", "send_us", "propensity", "explored", "value")


def answers(
    actions: Sequence[Action], who: Sequence[pl.Series], choices: pl.DataFrame, fallback: str | None
) -> pl.DataFrame:
    """The table of n decisions.

    Args:
        actions: of the program.
        who: `customer`, `id` and `arm`.
        choices: as they stand in a fold.
    """
    names = pl.DataFrame(
        [[one or None for one in field] for field in zip(*actions, strict=True)],
        schema=dict.fromkeys(_FIELDS, pl.String),
    )
    action, withheld, send_us, propensity, explored, value = (choices[CHOICE + name] for name in _CHOICES)
    send_at, nothing = send_us.cast(pl.Datetime("us", "UTC")), pl.Series([None], dtype=pl.String)
    held = names["action"].gather(withheld.clip(0)).zip_with(withheld >= 0, nothing)
    return pl.DataFrame(
        [
            *who,
            *(series.gather(action) for series in names),
            send_at.zip_with(action > 0, pl.Series([None], dtype=send_at.dtype)).alias("send_at"),
            propensity.alias("propensity"),
            explored.alias("explored"),
            held.alias("withheld"),
            value.alias("value"),
            pl.repeat(fallback, len(choices), dtype=pl.String, eager=True).alias("fallback"),
        ]
    )


def repeated(program: Program, batch: str, ids: Sequence[str], met: Met) -> pl.DataFrame:
    """What was decided for customers in that batch before, as it stands in folds; in the order of the ids."""
    pieces = [one for one in met.pieces if (one.header.program, one.header.name) == (program.name, batch)]
    tables = [_repeated(program, piece, [ids[i] for i in piece.row.tolist()]) for piece in pieces]
    order = pl.concat([pl.Series(piece.row) for piece in pieces])
    return pl.concat(tables)[order.arg_sort()]


def _repeated(program: Program, piece: Piece, ids: Sequence[str]) -> pl.DataFrame:
    header, wanted = piece.header, {"arm", "zone", *(f"{VALUE}{name}" for name in blanks(program))}
    table = piece.read(lambda name: name in wanted or name.startswith(CHOICE))
    customer = pl.Series("customer", ids)
    keys = Texts.of(customer).after(f"{header.name}:")
    its_id, _ = decision_ids(header.program, keys, instant(header.at_us))
    who = [customer, its_id.alias("id"), table["arm"]]
    made = answers(header.actions, who, table, header.fallback)
    if header.program_version != program.version:
        return of_another(program, header.program_version, made)
    return with_texts(program, made, table.rename(lambda name: name.removeprefix(VALUE)))
