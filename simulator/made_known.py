"""The probability of every action in a program's log, by making its decisions anew as they were made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from engine.applied import live_program
from engine.errors import InputError
from simulator.logs import Log
from simulator.readers.own import made_of
from simulator.remake import remade

SAME = 1e-9  # how far a probability made anew may be from the logged one


def with_probabilities(connection: Connection, name: str, log: Log) -> Log:
    """The log with the whole pmf of each decision, which estimators by embedding read.

    A store keeps the probability of what was chosen. The live program makes each decision anew in its arm,
    with its snapshot; where it comes to another probability of what was chosen, another version had made it,
    and the row is left out and counted.

    Raises:
        InputError: no decision of the log was made as the live program makes it.
    """
    program = live_program(connection, name)
    if program is None:
        raise InputError(f"the store has no program '{name}'.")
    made = remade(connection, log, [program], apart=True)
    (arms,) = made.arms
    place = {arm: j for j, arm in enumerate(arms.name)}
    row = np.arange(len(made.log))
    pmf = arms.pmf[[place[arm] for arm in made.log.frame["arm"].to_list()], row]
    same = np.abs(pmf[row, made.log.action] - made.log.propensity) < SAME
    if not same.any():
        raise InputError(
            f"{log.source}: every decision was made by an earlier version of the program, so the probability "
            "of actions that were not chosen is not known; leave mips and offcem out."
        )
    notes = [*log.notes, *made.notes]
    if lost := int((~same).sum()):
        notes.append(f"{lost:,} decisions are left out: an earlier version of the program made them.")
    actions, embedding = made_of(list(made.log.actions.names))
    whole = replace(made.log, logging=pmf, actions=actions, embedding=embedding)
    return replace(whole.rows(same), notes=tuple(notes))
