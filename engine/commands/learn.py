"""`nextbest learn`: matured decisions become a new snapshot of the policy."""

from __future__ import annotations

import dataclasses

from engine.commands.shared import (
    AtOption,
    JsonOption,
    ProgramOption,
    StoreOption,
    at_work,
    moment,
    show_json,
)


def learn(
    program: ProgramOption, at: AtOption = None, store: StoreOption = None, json: JsonOption = False
) -> None:
    """Learn from matured decisions and publish a snapshot; run it as often as you like."""
    from engine.learn import learn as teach

    when = moment(at)
    with at_work(store, program, when) as (its_store, loaded), its_store.write() as connection:
        lesson = teach(connection, loaded.name, when)
    if json:
        show_json(dataclasses.asdict(lesson))
    elif lesson.snapshot is None:
        print(f"Nothing to learn: no decision of '{loaded.name}' has matured since the last time.")
    else:
        print(
            f"{lesson.decisions:,} decisions learnt, {lesson.corrected:,} corrected by late outcomes; "
            f"snapshot {lesson.snapshot} is published."
        )
