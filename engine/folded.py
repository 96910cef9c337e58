"""What the decisions of a fold were decided on, as columns: what contexts and priors are made of.

The same as the situations of their rows (`engine.block`) give, without an object for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
import numpy as np
import polars as pl

from engine import derived
from engine.block import CONTACTS, DATED, OUTCOMES, VALUE
from engine.coded import Coded, same
from engine.columns import from_series
from engine.domain import ArmName, Program
from engine.pasts import Names, pasts
from engine.situation import Contact, Happened, Situations, value_names
from engine.unfold import Header
from engine.values import types

_contacts = msgspec.json.Decoder(list[list[Contact]]).decode
_outcomes = msgspec.json.Decoder(list[Happened]).decode
_FIXED = {"customer", "arm", "zone", CONTACTS, OUTCOMES}


def asked(program: Program, name: str) -> bool:
    """Whether `situations` reads a column of a fold of that name."""
    return name in _FIXED or name.startswith(DATED) or name.removeprefix(VALUE) in types(program)


def situations(program: Program, header: Header, table: pl.DataFrame) -> Situations:
    """n situations of decisions made under a version of a program.

    Args:
        table: those columns of the fold that `asked` names, and any others.
    """
    n, kinds = table.height, types(program)
    values: dict[str, Sequence[Any]] = {
        name: from_series(table[VALUE + name], kinds[name]) if VALUE + name in table.columns else [None] * n
        for name in value_names(program)
    }
    at_us, customers = same(header.at_us, n), table["customer"].to_list()
    zone, as_of, outcomes = table["zone"].to_list(), _dates(table), _happened(table)
    arm = from_series(table["arm"], "text")
    if derived.pairs(program) or program.arbitration or any(one.weight for one in program.offers):
        values |= derived.columns(program, values, at_us, zone, as_of, outcomes)
    return Situations(
        customers,
        [f"{header.name}:{one}" for one in customers],
        at_us,
        Coded(arm.array, cast(Sequence[ArmName], arm.levels)),
        values,
        same({}, n),
        _past(table),
        zone,
        outcomes,
        as_of,
        same({}, n),
        same(True, n),
    )


def _past(table: pl.DataFrame) -> Sequence[Sequence[Contact]]:
    """(n,) the contacts of each."""
    if CONTACTS not in table.columns:
        return same((), table.height)
    known = table[CONTACTS].is_not_null()
    each = _contacts(b"[" + b",".join(table[CONTACTS].filter(known).to_list()) + b"]")
    row = np.repeat(np.flatnonzero(known.to_numpy()), [len(one) for one in each])
    every, names = [one for contacts in each for one in contacts], Names()
    sent, offer, channel = (
        np.array(column, dtype=np.int64)
        for column in (
            [one.at_us for one in every],
            [names.offer(one.offer) for one in every],
            [names.channel(one.channel) for one in every],
        )
    )
    return pasts(table.height, row, sent, offer, channel, names)


def _happened(table: pl.DataFrame) -> Sequence[Sequence[Happened]]:
    """(n,) the outcomes that each was decided on."""
    if OUTCOMES not in table.columns:
        return same((), table.height)
    return [() if body is None else _outcomes(body) for body in table[OUTCOMES]]


def _dates(table: pl.DataFrame) -> Sequence[Mapping[str, int]]:
    """(n,) when the scores of each were made, where decisions depend on it."""
    names = [name for name in table.columns if name.startswith(DATED)]
    if not names:
        return same({}, table.height)
    models = [name.removeprefix(DATED) for name in names]
    return [
        {model: at for model, at in zip(models, row, strict=True) if at is not None}
        for row in table.select(names).iter_rows()
    ]
