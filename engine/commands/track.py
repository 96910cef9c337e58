"""`nextbest track`: outcomes and profiles come in from a file of events."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.shared import AtOption, JsonOption, StoreOption, counted, moment, opened, show_json


def track(
    events: Annotated[
        Path,
        typer.Argument(
            help="Events, or messages of Segment's, one JSON object a line (.jsonl or .jsonl.gz)."
        ),
    ],
    source: Annotated[
        str, typer.Option(help="Who sent the outcomes: what the goal's per_source counts by.")
    ] = "file",
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Take in outcomes and customer profiles from a file; events that came before are skipped."""
    from engine.astray import astray
    from engine.calendar import microseconds
    from engine.event_file import read_events
    from engine.track import kinds_without_worth
    from engine.track import track as take_in
    from engine.values import check_id

    check_id(source, "source", "--source")
    found = read_events(events)
    now_us = microseconds(moment(at))
    with opened(store) as its_store, its_store.write() as connection:
        tracked = take_in(connection, found.events, now_us, source)
        warnings = astray(connection, found.events, now_us)
        worthless = kinds_without_worth(connection, found.events)
    if json:
        told = {**dataclasses.asdict(tracked), "skipped": found.skipped}
        show_json({**told, "kinds_without_worth": worthless, "warnings": warnings})
    else:
        known, people = f"{tracked.duplicates:,} known before", counted(tracked.customers, "customer")
        print(f"{counted(tracked.outcomes, 'new outcome')}, {known}, {people} identified.")
        if found.skipped:
            print(f"{found.skipped:,} messages passed over: they tell no outcome and nothing of a customer.")
        for warning in warnings:
            print(f"Warning: {warning}")
        for kind in worthless:
            print(
                f"No program's goal names '{kind}': it is kept and earns nothing; is it spelt as in the goal?"
            )
