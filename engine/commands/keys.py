"""`nextbest keys`: who may send outcomes over HTTP; keys are made, listed and dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.commands.shared import JsonOption, show_json
from engine.errors import InputError

keys = typer.Typer(
    add_completion=False, rich_markup_mode=None, help="Make, list and drop keys of those who send outcomes."
)
NameArgument = Annotated[str, typer.Argument(help="Who sends: the source that the goal's per_source names.")]
FileOption = Annotated[
    Path | None, typer.Option(help="The file of names and hashes of keys. [default: $NEXTBEST_SENDERS]")
]


@keys.callback()
def _verbs() -> None:
    """Make, list and drop keys of those who send outcomes."""


@keys.command()
def add(name: NameArgument, file: FileOption = None, json: JsonOption = False) -> None:
    """Make a key for a sender and show it once; earlier keys of the same name stay good."""
    from engine.senders import add as add_key

    path = _file(file)
    key = add_key(path, name)
    if json:
        return show_json({"name": name, "key": key, "file": str(path)})
    print(f"The key of {name}, which is shown this once and kept nowhere:\n{key}")
    print(f"{path} has its hash. A server that runs with NEXTBEST_SENDERS={path} takes it from now on.")
    return None


@keys.command("list")
def listed(file: FileOption = None, json: JsonOption = False) -> None:
    """List who may send, with the first digits of the hash of each key."""
    from engine.senders import read_senders

    path = _file(file)
    found = read_senders(path)
    rows = [{"name": name, "key": hashed[:12]} for hashed, name in found.items()]
    if json:
        return show_json(rows)
    many = "1 key" if len(rows) == 1 else f"{len(rows)} keys"
    print(f"{many} in {path}." if rows else f"{path} has no keys: nobody may send outcomes.")
    for row in rows:
        print(f"  {row['key']}  {row['name']}")
    return None


@keys.command()
def drop(
    name: NameArgument,
    key: Annotated[
        str, typer.Option(help="Only the key whose hash begins so. [default: all of the name]")
    ] = "",
    file: FileOption = None,
    json: JsonOption = False,
) -> None:
    """Take a sender's keys away; what was sent with them stays, under the same name."""
    from engine.senders import drop as drop_keys

    path = _file(file)
    gone, left = drop_keys(path, name, key)
    if json:
        return show_json({"name": name, "dropped": gone, "left": left})
    kept = f"{left} of {name} stay good" if left else f"{name} may send nothing any more"
    print(f"{gone} {'key' if gone == 1 else 'keys'} of {name} dropped from {path}; {kept}.")
    return None


def _file(given: Path | None) -> Path:
    from engine.settings import settings

    path = given or settings().senders
    if path is None:
        raise InputError("no file of keys: name one with --file, or with NEXTBEST_SENDERS.")
    return path
