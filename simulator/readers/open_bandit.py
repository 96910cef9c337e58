"""The Open Bandit data set: recommendations of a fashion shop, logged with their probabilities.

Source: Saito, Aihara, Matsutani and Narita (2021), "Open Bandit Dataset and Pipeline".
"""

from __future__ import annotations

from pathlib import Path

from simulator.frames import read_frame
from simulator.logs import Log, make_log


def read_open_bandit(path: Path) -> Log:
    """The log in a CSV file of the data set; a row is an item in one of three positions.

    Raises:
        InputError: it lacks a column of the data set, or a value cannot be.
    """
    frame = read_frame(path)
    context = [name for name in frame.columns if name == "position" or name.startswith("user_feature")]
    return make_log(
        frame,
        context=context,
        action="item_id",
        propensity="propensity_score",
        reward="click",
        time="timestamp" if "timestamp" in frame.columns else None,
        source=str(path),
    )
