"""Readers of logged decisions, by the name of their format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from simulator.logs import Log
from simulator.readers.dsjson import read_dsjson
from simulator.readers.open_bandit import read_open_bandit
from simulator.readers.own import read_own
from simulator.readers.personalizer import read_personalizer
from simulator.readers.vw_text import read_vw_text

FORMATS: Mapping[str, Callable[[Path], Log]] = {
    "nextbest": read_own,
    "open-bandit": read_open_bandit,
    "dsjson": read_dsjson,
    "vw": read_vw_text,
    "personalizer": read_personalizer,
}
