"""Facts of parts of a chunk as those of the whole, in its order where who comes first gets what is scarce."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from engine.coded import nothing_in, same
from engine.facts import Facts
from engine.happenings import Happenings
from engine.pasts import Names, Pasts, pasts
from engine.situation import Happened
from policies.base import Ints, Mask

Parts = Sequence[tuple[Mask, Facts]]  # who of the chunk, and what is known of them


def joined(parts: Parts) -> tuple[Mask, Facts]:
    """Who is in any of the parts, and what is known of them."""
    if len(parts) == 1:
        return parts[0]
    some = np.any([each for each, _ in parts], axis=0)
    place = np.cumsum(some) - 1
    rows = [place[each] for each, _ in parts]
    order = np.argsort(np.concatenate(rows))
    facts = [one for _, one in parts]
    table = pl.concat([one.table for one in facts], how="diagonal_relaxed")[order]
    dates = pl.concat([_dates(one) for one in facts], how="diagonal")[order].drop("n")
    asked = [one.table["customer"] if one.asked is None else one.asked for one in facts]
    return some, Facts(
        table,
        dates.to_dict(),
        _contacts(len(order), rows, [one.contacts for one in facts]),
        _outcomes(len(order), rows, [one.outcomes for one in facts]),
        pl.concat([one.arms for one in facts])[order],
        np.concatenate([one.keep for one in facts])[order],
        None if all(one.asked is None for one in facts) else pl.concat(asked)[order],
    )


def _dates(facts: Facts) -> pl.DataFrame:
    known: Mapping[str, pl.Series] = {"n": pl.Series(range(facts.table.height)), **facts.dated}
    return pl.DataFrame(known)


def _contacts(n: int, rows: Sequence[Ints], each: Sequence[object]) -> Pasts:
    """The contacts of n customers: those of each part, whose rows are given."""
    names = Names()
    known = [(row, one) for row, one in zip(rows, each, strict=True) if isinstance(one, Pasts)]
    return pasts(n, *_columns(known, names), names)


def _columns(known: Sequence[tuple[Ints, Pasts]], names: Names) -> tuple[Ints, Ints, Ints, Ints]:
    """(m,) rows, instants, offers and channels of all contacts."""
    found = [np.zeros((4, 0), dtype=np.int64)]
    for row, one in known:
        here = one.contacts
        offer, channel = _renamed(names.offer, one.offers), _renamed(names.channel, one.channels)
        found.append(
            np.stack([row[one.row], one.at_us[here], offer[one.offer[here]], channel[one.channel[here]]])
        )
    row, at_us, its_offer, its_channel = np.concatenate(found, axis=1)
    return row, at_us, its_offer, its_channel


def _renamed(number: Callable[[str], int], names: Sequence[str]) -> Ints:
    return np.array([number(one) for one in names], dtype=np.int64)


def _outcomes(
    n: int, rows: Sequence[Ints], each: Sequence[Sequence[Sequence[Happened]]]
) -> Sequence[Sequence[Happened]]:
    """What happened to n customers: that of each part, whose rows are given."""
    known = [(row, one) for row, one in zip(rows, each, strict=True) if isinstance(one, Happenings)]
    if all(nothing_in(one) for one in each):
        return same((), n)
    names, kinds = Names(), dict[str, int]()
    row, at_us, offer, channel = _columns([(row, one.after) for row, one in known], names)
    kind = [
        _renamed(lambda kind: kinds.setdefault(kind, len(kinds)), one.kinds)[one.kind[one.after.contacts]]
        for _, one in known
    ]
    seq = [one.seq[one.after.contacts] for _, one in known]
    order = np.argsort(row, kind="stable")
    after = pasts(n, row, at_us, offer, channel, names)
    return Happenings(after, np.concatenate(kind)[order], np.concatenate(seq)[order], tuple(kinds))
