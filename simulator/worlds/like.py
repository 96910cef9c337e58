"""Like a log: a world whose people, actions and rewards are those that a log shows (`simulator.like`).

There is one law. A customer is a row of the log, drawn anew for each; a decision earns something with the
chance fitted for that row and action, whatever was sent before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl
import yaml
from numpy.typing import NDArray

from policies.base import Ints
from simulator.like import Likeness
from simulator.luck import uniform
from simulator.world import Choice, Customers, Law, Memory, State, World

NAME, KIND, CHANNEL, SLOT = "like", "reward", "log", "now"
DELAY = 0.1  # days until a reward comes, on average
LEVELS = 50  # of a text
ARMS = {"policy": 0.7, "random": 0.1, "bau": 0.1, "holdout": 0.1}


def world_like(found: Likeness) -> World:
    """The world that a log is like."""
    offers, columns = _names(found.actions), _names(found.people.columns)
    attributes = {name: _column(found.people[raw]) for name, raw in columns.items()}

    def people(seed: int, index: Ints) -> Customers:
        row = np.floor(uniform(seed, "row", index) * len(found.chance)).astype(np.int64)
        zone = np.full(len(index), "UTC")
        known = {name: column[row] for name, column in attributes.items()}
        return Customers(seed, index, known, {}, zone, {"row": row.astype(np.float64)})

    def laws(customers: Customers, state: State, day: int, choice: Choice) -> tuple[Law, ...]:
        row, action = customers.latent["row"].astype(np.int64)[:, None], choice.offer + 1
        chance = np.minimum(found.chance[row, action] * found.weekday[day % 7], 1.0)
        size = 0.0 if found.shape is None else found.size[action]
        return (Law(KIND, KIND, chance, delay=DELAY, size=size, shape=found.shape),)

    return World(
        NAME,
        f"A world like {found.source}",
        tuple(offers),
        (CHANNEL,),
        (SLOT,),
        Memory(1.0, 1.0, 1.0),
        people,
        laws,
        sells=KIND,
        responds=KIND,
        text=_program(found, offers, columns),
    )


def _program(found: Likeness, offers: dict[str, str], columns: dict[str, str]) -> str:
    """The program of the world: an offer for every action of the log, today's rules by how frequent it is."""
    content = {
        "program": NAME,
        "title": f"A season like {found.source}, simulated",
        "attributes": {name: _type(found.people[raw]) for name, raw in columns.items()},
        "offers": {
            name: {"title": title, "value": _worth(found.size[j + 1]), "priority": round(float(share), 6)}
            for j, ((name, title), share) in enumerate(zip(offers.items(), found.share[1:], strict=True))
        },
        "channels": {CHANNEL: {"consent": "none"}},
        "slots": {SLOT: {}},
        "goal": {
            "outcomes": {KIND: {"amount": 1} if found.shape is None else {"share": 1}},
            "window": "2 days",
        },
        "arms": ARMS,
    }
    text: str = yaml.safe_dump(content, sort_keys=False)
    return text


def _worth(size: float) -> float:
    return float(f"{size:.6g}")


def _names(titles: Iterable[str]) -> dict[str, str]:
    """Names that a program may have, each with what it stands for."""
    made: dict[str, str] = {}
    for title in titles:
        plain = re.sub(r"[^A-Za-z0-9_]+", "_", title).strip("_").lower()[:50] or "x"
        name = plain if plain[0].isalpha() else f"x_{plain}"
        number = 2
        while name in made:
            name, number = f"{plain}_{number}", number + 1
        made[name] = title
    return made


def _type(column: pl.Series) -> Any:
    if column.dtype == pl.Boolean:
        return "boolean"
    if column.dtype.is_integer():
        return "integer"
    if column.dtype.is_numeric():
        return "number"
    levels = column.cast(pl.String).drop_nulls().unique().sort().to_list()
    return {"type": "text", "levels": levels} if 2 <= len(levels) <= LEVELS else "text"


def _column(column: pl.Series) -> NDArray[Any]:
    """Python's own values, None where there is none."""
    if column.dtype.is_float():
        column = column.fill_nan(None).replace([np.inf, -np.inf], None)
    elif not (column.dtype.is_integer() or column.dtype == pl.Boolean):
        column = column.cast(pl.String)
    made = np.empty(len(column), dtype=object)
    made[:] = column.to_list()
    return made
