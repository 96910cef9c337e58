"""The bake-off prints what it promises, and the default policy beats vowpalwabbit's best on a real set."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.bakeoff import batches, play, read
from tests.shared import shared


def write(path: Path, n: int = 300) -> Path:
    """A small set: one number, one text, a label that depends on both."""
    rng = np.random.Generator(np.random.PCG64(0))
    number, colour = rng.standard_normal(n), rng.choice(["red", "blue"], n)
    label = np.where((number > 0) == (colour == "red"), "yes", "no")
    lines = [f"{x:.4f},{c},{y}" for x, c, y in zip(number, colour, label, strict=True)]
    path.write_text("\n".join(["number,colour,label", *lines]))
    return path


def test_json_holds_a_loss_for_every_file(tmp_path: Path) -> None:
    path = write(tmp_path / "small.csv")
    command = [sys.executable, "-m", "benchmarks.bakeoff", str(path), "--json", "--shuffles", "2"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    (scored,) = json.loads(ran.stdout)["sets"]
    assert scored["set"] == "small"
    assert 0.0 < scored["loss"] < 0.45
    assert scored["least_propensity"] >= 0.001 / 2


def test_batches_cover_every_row_once_and_never_look_ahead() -> None:
    rows = list(batches(500))
    assert [r.start for r in rows[1:]] == [r.stop for r in rows[:-1]]
    assert (rows[0].start, rows[0].stop, rows[-1].stop) == (0, 1, 500)


def test_the_default_policy_beats_the_best_vowpalwabbit_on_mushrooms() -> None:
    labelled = read(shared("data/multiclass/mushroom.csv.gz"))
    best = json.loads(shared("oracles/bakeoff_baselines.json").read_text())["mushroom"]["vw_loss"]
    assert play(labelled, "linear", {}, seed=0)[0] < best
