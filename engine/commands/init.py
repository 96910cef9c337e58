"""`nextbest init`: a first project to change, made whole or not at all."""

from __future__ import annotations

import json as encoder
import shutil
import tempfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from engine.commands.shared import JsonOption
from engine.errors import InputError


def init(
    folder: Annotated[Path, typer.Argument(help="The folder to make; it must not exist yet.")],
    json: JsonOption = False,
) -> None:
    """Make a folder with a program, fifty customers and the first three commands."""
    made = start(folder)
    if json:
        print(encoder.dumps({"folder": str(folder), "files": made}))
    else:
        print(f"{folder} holds {', '.join(made)}. Go on with:\n")
        print(f"    cd {folder}\n    nextbest batch customers.csv -p program.yaml --out decisions.csv")


def start(folder: Path) -> list[str]:
    """Copy the starter project to a new folder, in one step.

    Args:
        folder: where to; its parent exists, it does not.

    Returns:
        The names of the files made.

    Raises:
        InputError: the folder exists, or cannot be made; nothing was written.
    """
    if folder.exists() or folder.is_symlink():
        raise InputError(
            f"{folder} exists already and is left as it is; name a folder that does not exist yet."
        )
    try:
        with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=".nextbest-init-") as partial:
            filled = Path(partial) / "project"
            with as_file(files("engine") / "starter") as starter:
                shutil.copytree(starter, filled)
            filled.rename(folder)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be made ({error.strerror}); name a folder you may write to."
        ) from error
    return sorted(path.name for path in folder.iterdir())
