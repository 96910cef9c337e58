"""The probability of every action in a program's log, by making its decisions anew as they were made."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from engine.applied import live_program
from engine.errors import InputError
from simulator.logs import Log
from simulator.readers.own import made_of
from simulator.remake import remade


def with_probabilities(connection: Connection, name: str, log: Log) -> Log:
    """The log with the whole pmf of each decision, which estimators by embedding read.

    A store keeps the probability of what was chosen. The version that made it makes each decision anew in its
    arm, with its snapshot; where that comes to another probability of what was chosen, the row is left out
    and counted.

    Raises:
        InputError: no decision of the log comes out again.
    """
    program = live_program(connection, name)
    if program is None:
        raise InputError(f"the store has no program '{name}'.")
    made = remade(connection, log, [program])
    if not made.same.any():
        raise InputError(
            f"{log.source}: no decision comes out again with its logged propensity, so the probability of "
            "actions that were not chosen is not known; leave mips and offcem out."
        )
    notes = [*log.notes, *made.notes]
    if lost := int((~made.same).sum()):
        notes.append(f"{lost:,} decisions are left out: they do not come out again as they were logged.")
    actions, embedding = made_of(list(made.log.actions.names))
    whole = replace(made.log, logging=made.drew.mixed, actions=actions, embedding=embedding)
    return replace(whole.rows(made.same), notes=tuple(notes))
