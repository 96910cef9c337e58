"""Replay of matching rows."""

from __future__ import annotations

from simulator.estimators.base import Rows, Terms, normalised


def replay(rows: Rows) -> Terms:
    """Mean reward of the rows where the target would have chosen the logged action, each by the chance
    that it would.

    Right for logs drawn uniformly; under any other logging policy it is the value among those it favoured.

    Source: Li, Chu, Langford and Wang (2011), "Unbiased Offline Evaluation of Contextual-bandit-based News
        Article Recommendation Algorithms", algorithm 2, averaged over its draws.
    """
    return normalised(rows.match, rows.reward)
