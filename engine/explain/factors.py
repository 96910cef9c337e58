"""What each fact adds to a score: the parts sum to the whole by construction.

Facts are set to typical (or unknown) one after the other, and each gets what its step changes: a telescoping
sum, so nothing is left over. The order is taken forwards and backwards and the two are averaged. Where facts
add up, or act in pairs, that is each fact's Shapley value exactly; where three and more act together it is an
estimate of it that still sums to the score.

Source: Shapley (1953), "A value for n-person games"; the antithetic pair of orders is that of Mitchell,
    Cooper, Frank and Holmes (2022), "Sampling permutations for Shapley value estimation", section 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine import context
from engine.choose import Choices, Live, prior_of, scorer
from engine.context import Encoding, Levels
from engine.explain.told import Breakdown, Factor
from engine.situation import Situation, columns
from policies.base import Floats

PREDICTED = "predicted before learning"
HISTORY = "recent contacts"
SCARCE = "price of what is scarce"


def score(live: Live, situation: Situation, choices: Choices) -> tuple[Breakdown | None, list[Factor]]:
    """The drawn action's score in its parts, largest first; (None, []) for a policy that gives no scores."""
    judge = scorer(live)
    if judge is None:
        return None, []
    drawn, rival = int(choices.drawn[0]), _runner_up(choices)
    situations = columns(live.program, [situation])
    X, prior = context.encode(live.encoding, situations), prior_of(live, situations)
    facts = feature_columns(live.encoding)
    rows = _without(X, [members for _, members in facts])
    scores = judge.scores(rows, live.actions, np.repeat(prior, len(rows), axis=0))
    scarce = -choices.charge[0] if choices.charge is not None else np.zeros(len(live.actions))
    own, parts = _parts(scores[:, drawn], float(prior[0, drawn]), float(scarce[drawn]))
    ahead, lead, margin = None, list[float](), None
    if rival is not None:
        apart = float(prior[0, drawn] - prior[0, rival]), float(scarce[drawn] - scarce[rival])
        ahead, lead = _parts(scores[:, drawn] - scores[:, rival], *apart)
        margin = float(scores[0, drawn] - scores[0, rival]) + apart[1]
    named = [(PREDICTED, None), (SCARCE, None), *((name, situation.values.get(name)) for name, _ in facts)]
    found = [
        Factor(name, value, part, lead[j] if lead else None)
        for j, ((name, value), part) in enumerate(zip(named, parts, strict=True))
        if part or (lead and lead[j])
    ]
    weight = [abs(one.score if one.lead is None else one.lead) for one in found]
    told = Breakdown(
        float(scores[0, drawn] + scarce[drawn]),
        own,
        parts[0],
        None if rival is None else live.program.actions[rival].name,
        margin,
        ahead,
    )
    return told, [found[j] for j in sorted(range(len(found)), key=lambda j: -weight[j])]


def _without(X: Floats, facts: Sequence[Sequence[int]]) -> Floats:
    """(2 m + 1, d) the context, then without the first 1, 2, .. m facts, then without the last 1, 2, .. m."""
    m = len(facts)
    rows = np.repeat(X, 2 * m + 1, axis=0)
    for j, members in enumerate(facts):
        rows[np.ix_(range(1 + j, m + 1), list(members))] = 0.0
        rows[np.ix_(range(2 * m - j, 2 * m + 1), list(members))] = 0.0
    return rows


def _parts(value: Floats, predicted: float, scarce: float) -> tuple[float, list[float]]:
    """The base, and what the prediction, the price of scarce things and each of m facts add.

    Of the 2 m + 1 values of `_without`.
    """
    m = (len(value) - 1) // 2
    forwards = -np.diff(value[: m + 1])
    backwards = -np.diff(value[[0, *range(m + 1, 2 * m + 1)]])[::-1]
    return float(value[m]) - predicted, [predicted, scarce, *((forwards + backwards) / 2.0).tolist()]


def worth(choices: Choices) -> Floats:
    """(n, k) expected net value less the price of what is scarce: what the policy compares."""
    return choices.value if choices.charge is None else choices.value - choices.charge


def equals(pmf: Floats) -> tuple[int, ...]:
    """The actions of the highest probability (k,); several where they tie."""
    return tuple(int(j) for j in np.flatnonzero(pmf == pmf.max()))


def _runner_up(choices: Choices) -> int | None:
    """The feasible action of the next highest value behind those that tie; None if there is none."""
    first, value = equals(choices.pmf[0]), worth(choices)[0]
    rivals = [int(j) for j in np.flatnonzero(choices.feasible.mask[0]) if j not in first]
    return max(rivals, key=lambda j: value[j]) if rivals else None


def feature_columns(encoding: Encoding) -> list[tuple[str, Sequence[int]]]:
    """Each fact's name and the columns of X that hold it."""
    groups: list[tuple[str, Sequence[int]]] = []
    start = 0
    for feature in encoding.features:
        width = len(feature.levels) if isinstance(feature, Levels) else 2
        groups.append((feature.name, range(start, start + width)))
        start += width
    return [*groups, (HISTORY, range(start, start + len(encoding.history)))]


def in_words(factor: Factor) -> str:
    """`"history = 329 speaks for it (+0.012 against the runner-up)"`."""
    effect = factor.score if factor.lead is None else factor.lead
    side = "for" if effect > 0 else "against"
    shown = "unknown" if factor.value is None else factor.value
    fact = factor.name if factor.name in (HISTORY, PREDICTED, SCARCE) else f"{factor.name} = {shown}"
    against = "" if factor.lead is None else " against the runner-up"
    return f"{fact} speaks {side} it ({effect:+.2g}{against})"
