"""Estimators of a policy's value from another policy's log, by name. Each is one short function of
`base.Rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulator.estimators.base import Rows, Terms
from simulator.estimators.calibrated import calibrated
from simulator.estimators.clipped_ips import clipped_ips
from simulator.estimators.dm import dm
from simulator.estimators.dr import dr
from simulator.estimators.dros import dros
from simulator.estimators.ips import ips
from simulator.estimators.mips import mips
from simulator.estimators.offcem import offcem
from simulator.estimators.replay import replay
from simulator.estimators.sndr import sndr
from simulator.estimators.snips import snips
from simulator.estimators.subgaussian import subgaussian
from simulator.estimators.switch_dr import switch_dr

PLAIN: Mapping[str, Callable[[Rows], Terms]] = {
    "ips": ips,
    "snips": snips,
    "dm": dm,
    "dr": dr,
    "calibrated": calibrated,
    "sndr": sndr,
    "replay": replay,
    "mips": mips,
    "offcem": offcem,
}
EMBEDDED = ("mips", "offcem")  # need the logging pmf and what the actions are made of

# name -> estimator and its tuning values, from the least biased to the least noisy, as `slope` wants them
TUNED: Mapping[str, tuple[Callable[[Rows, float], Terms], tuple[float, ...]]] = {
    "clipped_ips": (clipped_ips, (1e3, 300.0, 100.0, 30.0, 10.0, 5.0, 2.0, 1.0)),
    "switch_dr": (switch_dr, (1e3, 300.0, 100.0, 30.0, 10.0, 5.0, 2.0, 1.0)),
    "dros": (dros, (1e6, 1e5, 1e4, 1e3, 100.0, 10.0, 1.0, 0.1)),
    "subgaussian": (subgaussian, (0.0, 0.001, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0)),
}

NAMES = (*PLAIN, *TUNED, "mrdr")
BIASED = ("dm", "replay", *EMBEDDED, *TUNED)  # by what their intervals do not know
