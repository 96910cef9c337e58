"""The engine asked for everyone at once, in transactions of some thousand, as a batch asks it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.budget.solve import prices_of_all
from engine.choose import Choices, Live
from engine.decide import decide, granted
from engine.live import Lives
from engine.request import Request
from engine.store import Store
from engine.store.rows import DecisionRow


def decide_all(
    store: Store, lives: Lives, requests: Sequence[Request], chunk: int
) -> tuple[list[DecisionRow], list[tuple[Live, Choices]]]:
    """The logged decisions of requests of one program and moment, and what the choices looked like."""
    name = requests[0].program
    rows: list[DecisionRow] = []
    rounds: list[tuple[Live, Choices]] = []
    with store.write() as connection:
        solved = prices_of_all(connection, lives.get(connection, name), requests)
    for start in range(0, len(requests), chunk):
        with store.write() as connection:
            current = {name: lives.get(connection, name)}
            batch = decide(connection, requests[start : start + chunk], current, solved)
        rows += [granted(answer).row for answer in batch.answers]
        rounds += batch.rounds
    return rows, rounds
