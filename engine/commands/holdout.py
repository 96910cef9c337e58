"""`nextbest holdout`: the customers whom no program may contact."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.commands.shared import AtOption, JsonOption, StoreOption, moment, opened, show_json, signed
from engine.errors import InputError


def holdout(
    share: Annotated[
        float | None, typer.Argument(help="Share of new customers from 0 to 0.5. [default: only show it]")
    ] = None,
    salt: Annotated[str, typer.Option(help="Text that the lot is drawn by.")] = "",
    by: Annotated[str | None, typer.Option(help="Who does this. [default: your user name]")] = None,
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Hold a share of customers back from every program of the store, or show how many are."""
    from engine.calendar import microseconds
    from engine.enrol import EVERYWHERE, FREE, HELD
    from engine.store import lots
    from engine.store.lots import EverywhereRow

    if share is not None and not 0 <= share <= 0.5:
        raise InputError(f"SHARE == {share:g}, must be from 0 to 0.5, such as 0.02; correct it.")
    when = moment(at)
    with opened(store) as its_store, its_store.write() as connection:
        if share is not None:
            who = signed("holdout", by, "").who
            lots.set_everywhere(connection, EverywhereRow(share, salt, microseconds(when), who))
        setting, counted = lots.everywhere(connection), lots.counts(connection, EVERYWHERE)
    kept = 0.0 if setting is None else setting.share
    held, free = counted.get(HELD, 0), counted.get(FREE, 0)
    if json:
        return show_json({"share": kept, "held": held, "free": free})
    print(f"{kept:.3%} of new customers are held back from every program.")
    print(f"{held:,} customers are held back, {free:,} are not; both for ever.")
    return None
