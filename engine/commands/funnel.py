"""A batch's summary as lines of text: arms, actions, and the funnel."""

from __future__ import annotations

from engine.feasible import STAGES, Funnel
from engine.hurdles import ARBITRATION, BUDGET
from engine.tally import BatchSummary

MOST_SHOWN = 6
_ELSEWHERE = {
    "global_holdout": "in the holdout of all programs",
    "excluded": "by the layer: other programs' customers, and nobody's",
}


def funnel_lines(summary: BatchSummary) -> list[str]:
    """What a batch did, for a terminal."""
    again = f" ({summary.replayed} were decided before)" if summary.replayed else ""
    learnt = f"snapshot {summary.snapshot}" if summary.snapshot else "nothing is learnt yet"
    lines = [f"{summary.customers:,} customers decided{again}; {learnt}."]
    lines += _shares("Arms:", summary.arms, summary.customers)
    lines += _shares("Actions:", summary.actions, summary.customers)
    elsewhere = {arm: n for arm, n in summary.arms.items() if arm in _ELSEWHERE}
    held = summary.withheld - sum(elsewhere.values())
    lines += [f"Withheld in the holdout: {held:,}; explored: {summary.explored:,}."]
    lines += [f"Withheld {_ELSEWHERE[arm]}: {n:,}." for arm, n in elsewhere.items()]
    return lines + stages(summary.funnel)


def stages(funnel: Funnel) -> list[str]:
    """The funnel: what every stage dropped; of several customers also the rules that dropped most.

    Budget and arbitration are told where they dropped anything.
    """
    left = funnel.pairs
    lines = [f"Funnel:  {left:,} customer-action pairs"]
    for stage in (one for one in STAGES if one not in (BUDGET, ARBITRATION) or funnel.dropped[one]):
        left -= funnel.dropped[stage]
        lines.append(f"  {stage:<15} -{funnel.dropped[stage]:<10,} {left:,} left")
    if funnel.customers == 1:
        return lines
    worst = sorted(funnel.by_reason.items(), key=lambda item: -item[1])[:5]
    lines += [f"    {count:>10,}  {reason}" for reason, count in worst if count]
    lines.append(f"  Customers with nothing left to send: {funnel.left_with_nothing:,}")
    return lines


def _shares(title: str, counts: dict[str, int], total: int) -> list[str]:
    """One line each of the largest counts, the others together."""
    largest = list(counts.items())[:MOST_SHOWN]
    rest = total - sum(count for _, count in largest)
    shown = [*largest, *([(_others(len(counts) - len(largest)), rest)] if rest else [])]
    width = max(len(name) for name, _ in shown)
    return [title, *(f"  {name:<{width}}  {count:>9,}  {count / total:6.1%}" for name, count in shown)]


def _others(count: int) -> str:
    return "1 other" if count == 1 else f"{count:,} others"
