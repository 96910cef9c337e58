"""Who is counted together where several programs are: everybody whom any program puts into one unit.

One program gives arms by household, another by account: customers who are tied by either are one unit, the
coarsest there is, because what is sent to one of them may move the others.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

KEY = "unit"


def homes(members: pl.DataFrame) -> pl.DataFrame:
    """(customer, unit) with one row a customer: tied customers have one unit, the first of their names.

    Args:
        members: customer and unit, as the programs gave arms: a customer may be in several units.
    """
    customers, people = _numbered(members["customer"])
    units, groups = _numbered(members[KEY])
    n = len(people)
    edges = coo_array((np.ones(len(members)), (customers, n + units)), shape=(n + len(groups),) * 2)
    _, label = connected_components(edges, directed=False)
    named = pl.DataFrame({KEY: groups, "label": label[n:]}).group_by("label").agg(pl.col(KEY).min())
    tied = pl.DataFrame({"customer": people, "label": label[:n]})
    return tied.join(named, on="label", maintain_order="left").drop("label")


def as_homes(rows: pl.DataFrame, tied: pl.DataFrame) -> pl.DataFrame:
    """The rows with the unit in the place of each customer who is in one."""
    joined = rows.join(tied, on="customer", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce(KEY, "customer").alias("customer")).drop(KEY)


def drawn_by_home(drawn: pl.DataFrame, tied: pl.DataFrame) -> pl.DataFrame:
    """One row a unit, which has the lot of its first member; `mixed` where others drew another one.

    Args:
        drawn: a row a customer: customer, drawn_us, arm, share, before, contacts and mixed.
    """
    return (
        as_homes(drawn.sort("drawn_us", "customer"), tied)
        .group_by("customer", maintain_order=True)
        .agg(
            pl.col("drawn_us", "arm", "share").first(),
            pl.col("before").max(),
            pl.col("contacts").sum(),
            pl.col("mixed").any() | (pl.col("arm").n_unique() > 1),
        )
        .sort("customer")
    )


def noun(units: Iterable[str]) -> str:
    """What is counted: the programs' word if they have one, "" for a customer."""
    named = sorted({one for one in units if one})
    return named[0] if len(named) == 1 else " or ".join(named)


def _numbered(names: pl.Series) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], list[str]]:
    unique = names.unique().sort()
    return unique.search_sorted(names).to_numpy().astype(np.int64), unique.to_list()
