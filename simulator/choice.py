"""Which of several estimates is shown, and why."""

from __future__ import annotations

from collections.abc import Mapping

AUTO = "auto"
CANDIDATES = ("calibrated", "dr", "sndr", "snips", "ips")  # none trusts the reward model for its value
DEFAULT = "calibrated"
FIRST = (DEFAULT, "dr")  # shown before others that were asked for


def choice(wanted: str, se: Mapping[str, float]) -> tuple[str, str]:
    """The estimator shown and the reason in a sentence.

    Args:
        wanted: the name asked for, or ``auto``: the smallest standard error among those whose value does
            not rest on the reward model being right; on a tie the first of `CANDIDATES`.
        se: standard error of each estimate.

    Estimators with a bias their interval does not know (dm and the tuned ones) are never chosen so.
    """
    if wanted != AUTO:
        return wanted, "the default" if wanted == DEFAULT else "as asked for"
    best = min((name for name in CANDIDATES if name in se), key=lambda name: se[name])
    others = ", ".join(f"{name} {se[name]:.3g}" for name in CANDIDATES if name in se and name != best)
    return best, f"smallest standard error ({se[best]:.3g}) of those without a model's bias; {others}"
