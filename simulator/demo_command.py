"""`nextbest demo`: a real campaign decided, explained, evaluated and reported, then a simulated season."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo's store and reports go.")] = Path(
        "nextbest-demo"
    ),
    json: Annotated[
        bool, typer.Option("--json", help="Print the figures as JSON at the end, nothing else.")
    ] = False,
) -> None:
    """See it all work: 64,000 customers of a real campaign, decided, explained, evaluated, reported."""
    from simulator.demo import play

    play(folder, quiet=json)
