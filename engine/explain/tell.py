"""One decision explained: computed again, then told."""

from __future__ import annotations

from collections.abc import Mapping

from engine.arms import BY_POLICY
from engine.choose import Choices, Live, choose
from engine.domain import Action, ArmName
from engine.explain.factors import equals, in_words, score, worth
from engine.explain.nearest import nearest
from engine.explain.reasons import funnel_of, reasons
from engine.explain.told import Explanation, Rival
from engine.predictions.staleness import aged
from engine.situation import Situation, columns
from policies.thompson import standard_error

_FACTORS_IN_WORDS = 3
_UNCONTACTED: Mapping[ArmName, str] = {
    "holdout": "in the holdout",
    "global_holdout": "in the holdout of all programs",
    "excluded": "another program's customer, or nobody's in this layer,",
}
_SERVED: Mapping[ArmName, str] = {
    "random": "the random arm",
    "bau": "today's rules",
    "prediction_only": "the predicted response alone",
}
_FIXED = frozenset({"uniform", "priority", "constant"})  # policies that neither learn nor read predictions


def explain(live: Live, situation: Situation) -> Explanation:
    """Explain the decision a program makes in a situation."""
    choices = choose(live, columns(live.program, [situation]))
    drawn, chance = int(choices.drawn[0]), _left_to_chance(situation, choices)
    policy = situation.arm in BY_POLICY
    whole, factors = score(live, situation, choices) if policy and not chance else (None, [])
    others = [] if chance else nearest(live, situation, choices)
    return Explanation(
        _sentence(live, situation, choices),
        [
            *reasons(live, choices, 0),
            *_sampled(live, choices, policy),
            *([chance] if chance else _tied(choices)),
            *(in_words(factor) for factor in factors[:_FACTORS_IN_WORDS]),
            *_prices(situation),
            *aged(live.program, situation.as_of, situation.at_us),
        ],
        whole,
        factors,
        others,
        [_rival(live, choices, j) for j in range(len(live.actions)) if j != drawn],
        funnel_of(choices, 0),
    )


def _left_to_chance(situation: Situation, choices: Choices) -> str:
    """Why no fact made the action win, "" if one may have."""
    if situation.arm == "random":
        return "drawn by lot among all that is allowed: no fact made it win"
    if choices.explored[0]:
        return "explored to learn from it: no fact made it win"
    return ""


def _sampled(live: Live, choices: Choices, policy: bool) -> list[str]:
    """How far a probability that was counted over samples may lie from the one it stands for."""
    settings = getattr(live.policy, "settings", {})
    if not policy or settings.get("explore") != "thompson":
        return []
    error = standard_error(float(choices.pmf[0, choices.drawn[0]]), settings["samples"])
    counted = f"counted over {settings['samples']:,} samples: that is how it was drawn"
    return [f"{counted}; the ideal one differs with a standard error of {error:.2g}"]


def _prices(situation: Situation) -> list[str]:
    """What one more of each scarce thing would earn elsewhere."""
    return [
        f"budget {name}: one more is worth {limit.price:.4g} elsewhere"
        for name, limit in situation.limits.items()
        if limit.price > 0.0
    ]


def _tied(choices: Choices) -> list[str]:
    equal = len(equals(choices.pmf[0]))
    return [f"drawn by lot among {equal} equal ones"] if equal > 1 else []


def _sentence(live: Live, situation: Situation, choices: Choices) -> str:
    action = live.program.actions[int(choices.drawn[0])]
    if why := _UNCONTACTED.get(situation.arm):
        return f"{situation.customer} is {why} and gets nothing; {_said(action)} would have been sent."
    if not choices.feasible.mask[0, 1:].any():
        return f"{situation.customer} gets nothing: every action is ruled out."
    served = _SERVED.get(situation.arm) or _served(live)
    if not action.offer:
        return f"{situation.customer} gets nothing: no action was chosen by {served}."
    return f"{situation.customer} gets {_said(action)}, chosen by {served}."


def _served(live: Live) -> str:
    if live.fallback:
        return f"the {live.fallback}"
    if live.program.policy.kind in _FIXED:
        return f"the policy {live.program.policy.kind}"
    return "what was learnt" if live.snapshot_version else "the predictions, as nothing is learnt yet"


def _said(action: Action) -> str:
    return (
        f"{action.offer} by {action.channel} {action.slot.replace('_', ' ')}" if action.offer else "nothing"
    )


def _rival(live: Live, choices: Choices, j: int) -> Rival:
    blame, drawn = int(choices.feasible.blame[0, j]), int(choices.drawn[0])
    reason = choices.feasible.reasons[blame - 1] if blame else None
    value = float(worth(choices)[0, j])
    return Rival(
        live.program.actions[j].name,
        reason is None,
        reason.stage if reason else "",
        reason.text if reason else "",
        value if reason is None else None,
        float(worth(choices)[0, drawn]) - value if reason is None else None,
        float(choices.pmf[0, j]),
    )
