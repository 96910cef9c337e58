"""Why this action: one logged decision in plain words, computed again from what the log holds."""

from engine.explain.reasons import funnel_of, reasons
from engine.explain.tell import explain
from engine.explain.told import Breakdown, Counterfactual, Explanation, Factor, Move, Rival

__all__ = [
    "Breakdown",
    "Counterfactual",
    "Explanation",
    "Factor",
    "Move",
    "Rival",
    "explain",
    "funnel_of",
    "reasons",
]
