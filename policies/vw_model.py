"""vowpalwabbit's models as bytes, which is how snapshots keep them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any


def opened(line: str) -> Any:
    """A workspace for a command line; vowpalwabbit is imported when the first is opened."""
    from vowpalwabbit import pyvw

    return pyvw.Workspace(line)


def to_bytes(workspace: Any) -> bytes:
    """The model file of a workspace."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        workspace.save(str(path))
        return path.read_bytes()


def from_bytes(model: bytes, more: str = "") -> Any:
    """A workspace that goes on where the model was saved.

    Args:
        model: what `to_bytes` gave.
        more: arguments that a model file does not keep, such as penalties.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        path.write_bytes(model)
        return opened(f"--quiet -i {path} {more}")


def settled(workspace: Any) -> Any:
    """The same model with its penalties in the weights: while it learns vowpalwabbit keeps them apart."""
    return from_bytes(to_bytes(workspace), "-t")
