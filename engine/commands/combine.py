"""`nextbest combine`: snapshots that several stores have learnt become one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.commands.shared import JsonOption, show_json
from engine.errors import InputError


def combine(
    files: Annotated[list[Path], typer.Argument(help="Snapshots that `nextbest learn --save` wrote.")],
    into: Annotated[Path, typer.Option(help="The file to write.")],
    base: Annotated[
        Path | None, typer.Option(help="The snapshot that all of them began from, if they did.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Put together what several stores have learnt of one program, as if one had learnt it all."""
    from engine.combine import combine as put_together
    from engine.saved import opened, seal

    every = [*files, *([base] if base else [])]
    if len(files) < 2:
        raise InputError("give the files of two snapshots or more.")
    if len({file.resolve() for file in every}) < len(every):
        raise InputError("a file is given twice; give each snapshot once.")
    for file in every:
        if not file.is_file():
            raise InputError(f"{file}: there is no such file.")
    if into.exists():
        raise InputError(f"--into {into}: the file is there already; name another one.")
    made = put_together(
        {str(file): opened(file, "FILE") for file in files},
        {str(base): opened(base, "--base")} if base else {},
    )
    into.write_bytes(seal(made))
    lessons = made.learnt()
    assert lessons is not None, "it was made of those of all files"
    if json:
        return show_json({"file": str(into), "program": made.program, "decisions": len(lessons)})
    print(
        f"{into} has {len(lessons):,} decisions, each once. To let it serve in a store:\n"
        f"  nextbest shadows -p {made.program} --take combined --from {into}\n"
        f'  nextbest promote combined -p {made.program} --anyway --note "what all stores have learnt"'
    )
    return None
