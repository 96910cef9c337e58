"""Where the larger data sets and oracles lie, if this checkout has them beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_FOLDER = Path(os.environ.get("NEXTBEST_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def shared(path: str) -> Path:
    """The file at `path` in the folder of shared data; skips the test where there is none."""
    found = _FOLDER / path
    if not found.exists():
        pytest.skip(f"{path} is not in the folder of shared data (set NEXTBEST_SHARED)")
    return found
