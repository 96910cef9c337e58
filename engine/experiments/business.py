"""From the lift inside an experiment to the lift of the whole business."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GlobalLift:
    """Lift of the whole business were everyone treated, and the share of its metric the experiment saw."""

    lift: float
    coverage: float


def global_lift(
    treatment: float, control: float, share: float, exposure: float, business: float
) -> GlobalLift:
    """Scale an experiment of two arms to the business it ran in.

    Source: Eppo documentation, "Global lift".

    Args:
        treatment, control: totals of the metric in the arms.
        share: the treatment's share of the experiment's units.
        exposure: share of the business's units that were in the experiment.
        business: total of the metric in the whole business over the same time, the experiment included.
    """
    whole = (treatment / share - control / (1 - share)) / exposure
    gained = treatment - control * share / (1 - share)
    return GlobalLift(whole / (business - gained), (treatment + control) / business)
