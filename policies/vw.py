"""vowpalwabbit behind the policy protocol: contextual bandits with action features, cb_explore_adf.

Text is built from indices and numbers only, never from a name or a value of a user: context column j is
``j``, factor j is ``fj``, an action's own mark is ``ij``, in the order in which names were first seen. A
prior is a feature of its action, as vowpalwabbit cannot fit a residual over it. Rows cannot be taken back:
learn the log again without them.

Numbers are written so that what vowpalwabbit reads is known to the last bit (`policies.vw_text`). Where one
linear model decides alone ("epsilon", "softmax"), its weights are exported and pmfs come from arrays
(`policies.vw_export`): hundreds of times faster in a batch, and the scores are vowpalwabbit's own.
Snapshots from before wrote numbers with all their digits; they decide as they did, until they learn again.

Source: Bietti, Agarwal and Langford (2021), "A Contextual Bandit Bake-off"; https://vowpalwabbit.org, version
9.11."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from policies import explore as exploration
from policies.base import Actions, Feedback, FeedbackError, Floats, Mask, check
from policies.settings import PolicyError, choice, number, whole
from policies.state import State
from policies.vw_export import Exported, Table, costs, export, older_costs
from policies.vw_model import from_bytes, opened, settled, to_bytes
from policies.vw_text import plainly, written

_PLAIN = {  # explorer -> its argument; {} takes the explorer's own setting
    "epsilon": "--epsilon {}",
    "squarecb": "--squarecb --gamma_scale {}",
    "softmax": "--softmax --lambda {}",
    "regcb": "--regcb --mellowness {}",
    "cover": "--cover {}",
    "bag": "--bag {}",
}
_DEGREE = {"epsilon": 0.05, "squarecb": 10.0, "softmax": 10.0, "regcb": 0.001, "cover": 4, "bag": 4}
_SEVERAL = ("cover", "bag")  # these keep several models
_LARGEST = 1e9  # of a reward: vowpalwabbit counts in single precision
_LEAST = 1e-30  # of a propensity


class VW:
    """vowpalwabbit's explorers that return a distribution.

    Args:
        explore: "epsilon", "squarecb", "softmax", "regcb", "cover" or "bag".
        degree: epsilon's share, squarecb's gamma_scale, softmax's lambda, regcb's mellowness, or how many
        policies
            cover and bag keep; None for 0.05, 10, 10, 0.001, 4, 4.
        estimator: of the cost: "mtr", "ips" or "dr"; squarecb and regcb know "mtr" only.
        learning_rate: step size.
        l1, l2: penalties.
        bits: the table has 2**bits weights.
        interact: whether every context column is crossed with every factor.
        lowest, highest: reward's range, which regcb needs.
        floor: probability mass spread equally over the feasible set.
        seed: of vowpalwabbit's own chance.
    """

    kind = "vw"

    def __init__(
        self,
        *,
        explore: str = "squarecb",
        degree: float | None = None,
        estimator: str = "mtr",
        learning_rate: float = 0.5,
        l1: float = 0.0,
        l2: float = 0.0,
        bits: int = 18,
        interact: bool = True,
        lowest: float = 0.0,
        highest: float = 1.0,
        floor: float = 0.001,
        seed: int = 1,
    ) -> None:
        self.settings: Mapping[str, Any] = {
            "explore": choice("explore", explore, _PLAIN),
            "degree": _degree(explore, degree),
            "estimator": choice("estimator", estimator, _estimators(explore)),
            "learning_rate": number("learning_rate", learning_rate, 1e-9, 1e6),
            "l1": number("l1", l1, 0.0, 1e6),
            "l2": number("l2", l2, 0.0, 1e6),
            "bits": whole("bits", bits, 8, 26),
            "interact": bool(interact),
            "lowest": number("lowest", lowest, -_LARGEST, _LARGEST),
            "highest": number("highest", highest, -_LARGEST, _LARGEST),
            "floor": number("floor", floor, 0.0, 1.0),
            "seed": whole("seed", seed, 0, 2**31 - 1),
        }
        self.floor: float = self.settings["floor"]
        self._columns: int | None = None
        self._factors: dict[str, int] = {}
        self._names: dict[str, int] = {}
        self._vw = opened(arguments(self.settings))
        self._written = written
        self._exported: Exported | None = None
        self._table: tuple[Actions, Table] | None = None

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities; see `policies.base.Policy`."""
        if not (np.isfinite(X).all() and np.isfinite(prior).all()):
            raise PolicyError("contexts and priors must be finite numbers.")
        self._check_columns(X.shape[1], PolicyError)
        if self.settings["explore"] == "epsilon":
            explored = exploration.greedy(self.scores(X, actions, prior), mask, self.settings["degree"])
            return (1.0 - self.floor) * explored + self.floor * exploration.uniform(mask)
        if self.settings["explore"] == "softmax" and self.settings["degree"]:
            heat = 1.0 / self.settings["degree"]
            return exploration.softmax(self.scores(X, actions, prior), mask, heat, self.floor)
        pmf = np.zeros(mask.shape)
        for i, (asked, feasible) in enumerate(zip(self.questions(X, actions, prior), mask, strict=True)):
            chosen = np.flatnonzero(feasible)
            some = [asked[0], *(asked[1 + a] for a in chosen)]
            pmf[i, chosen] = _checked(self._vw.predict(some), len(chosen))
        return (1.0 - self.floor) * pmf + self.floor * exploration.uniform(mask)

    def scores(self, X: Floats, actions: Actions, prior: Floats) -> Floats:
        """(n, k) expected rewards, from arrays.

        Raises:
            PolicyError: the explorer keeps several models.
        """
        if self.settings["explore"] in _SEVERAL:
            raise PolicyError(
                f"explore == {self.settings['explore']!r} has several models, and no one score."
            )
        if self._exported is None:
            step = 2 if self.settings["estimator"] == "dr" else 1
            penalised = self._written is written and (self.settings["l1"] or self.settings["l2"])
            model = settled(self._vw) if penalised else self._vw
            self._exported = export(model, self.settings["bits"], self.settings["interact"], step)
        if self._table is None or self._table[0] is not actions:
            tokens = [self._hashed(one) for one in self._tokens(actions)]
            self._table = (actions, self._exported.table(tokens, X.shape[1]))
        added_up = costs if self._written is written else older_costs
        return -added_up(self._table[1], X, prior)

    def learn(self, feedback: Feedback) -> None:
        """Take rows in, in their order.

        Raises:
            FeedbackError: a row is unusable, has a weight other than 1, or spoils the weights. Nothing has
            changed.
        """
        check(feedback)
        self._check_columns(feedback.X.shape[1], FeedbackError)
        _check_learnable(feedback)
        before, was = to_bytes(self._vw), (dict(self._names), dict(self._factors), self._written)
        for number_of, table in (
            (feedback.actions.names, self._names),
            (feedback.actions.factors, self._factors),
        ):
            for name in number_of:
                table.setdefault(name, len(table))
        self._exported = self._table = None
        if self._written is plainly:
            self._vw, self._written = from_bytes(before, _penalties(self.settings)), written
        for asked in self.lessons(feedback):
            self._vw.learn(asked)
        if _spoilt(self._vw.json_weights()):
            self._names, self._factors, self._written = was
            self._vw = from_bytes(before, self._unsaid())
            raise FeedbackError(
                "learning these rows gives weights that are not finite; check the rewards' range."
            )
        self._columns = feedback.X.shape[1]

    def state(self) -> State:
        """vowpalwabbit's model file as bytes, and the numbers of names."""
        words: dict[str, Any] = {"columns": self._columns}
        words |= {"names": list(self._names), "factors": list(self._factors)}
        if self._written is written:
            words["exact"] = True
        return State(words, {"model": np.frombuffer(to_bytes(self._vw), dtype=np.uint8)})

    def restore(self, state: State) -> None:
        """Become the learner that gave this state."""
        self._exported = self._table = None
        self._written = written if state.words.get("exact") else plainly
        self._vw = from_bytes(state.arrays["model"].tobytes(), self._unsaid())
        self._columns = state.words["columns"]
        self._names = {name: i for i, name in enumerate(state.words["names"])}
        self._factors = {name: i for i, name in enumerate(state.words["factors"])}

    def _unsaid(self) -> str:
        """Arguments that vowpalwabbit's model file does not keep; snapshots from before decided without."""
        return _penalties(self.settings) if self._written is written else ""

    def _check_columns(self, d: int, error: type[ValueError]) -> None:
        if self._columns not in (None, d):
            raise error(f"X has {d} columns, this policy has learnt on {self._columns}.")

    def questions(self, X: Floats, actions: Actions, prior: Floats) -> Iterator[list[str]]:
        """What vowpalwabbit is asked for each context: a line of it, and one for every action."""
        lines = self._action_lines(actions)
        for x, told in zip(X, prior, strict=True):
            priors = self._priors(told)
            yield [self._shared(x), *(line + one for line, one in zip(lines, priors, strict=True))]

    def lessons(self, feedback: Feedback) -> Iterator[list[str]]:
        """What vowpalwabbit is taught for each row."""
        lines, costs = self._action_lines(feedback.actions), self._written(-feedback.reward)
        propensities = self._written(np.maximum(feedback.propensity, _LEAST))
        priors = self._priors(feedback.prior)
        for x, a, p, cost, prior in zip(
            feedback.X, feedback.action, propensities, costs, priors, strict=True
        ):
            asked = [self._shared(x), *lines]
            asked[1 + a] = f"0:{cost}:{p} {lines[a]}{prior}"
            yield asked

    def _shared(self, x: Floats) -> str:
        texts = enumerate(zip(x, self._written(x), strict=True))
        return "shared |c " + " ".join(f"{j}:{text}" for j, (value, text) in texts if value)

    def _priors(self, prior: Floats) -> list[str]:
        texts = zip(prior, self._written(prior), strict=True)
        return [f" |p 0:{text}" if value else "" for value, text in texts]

    def _action_lines(self, actions: Actions) -> list[str]:
        """One line per action."""
        named = self._tokens(actions)
        texts = [zip(one, self._written(np.array(list(one.values()))), strict=True) for one in named]
        return ["|a " + " ".join(f"{name}:{value}" for name, value in one) for one in texts]

    def _hashed(self, tokens: Mapping[str, float]) -> dict[int, float]:
        space = self._vw.hash_space("a")
        return {self._vw.hash_feature(name, space): value for name, value in tokens.items()}

    def _tokens(self, actions: Actions) -> list[dict[str, float]]:
        """Features per action: its factors, and its own mark where these are not the actions themselves."""
        found = []
        for name, loading in zip(actions.names, actions.features, strict=True):
            factors = [(self._factors.get(actions.factors[j]), loading[j]) for j in np.flatnonzero(loading)]
            tokens = {f"f{i}": float(value) for i, value in factors if i is not None}
            if actions.names != actions.factors and name in self._names:
                tokens[f"i{self._names[name]}"] = 1.0
            found.append(tokens)
        return found


def arguments(settings: Mapping[str, Any]) -> str:
    """The command line of vowpalwabbit for checked settings. Nothing else reaches it, no file option."""
    explorer = _PLAIN[settings["explore"]].format(settings["degree"])
    crosses = " -q ca" if settings["interact"] else ""
    return (
        f"--cb_explore_adf {explorer} --cb_type {settings['estimator']}{crosses}"
        f" --cb_min_cost {-settings['highest']} --cb_max_cost {-settings['lowest']}"
        f" -l {settings['learning_rate']} {_penalties(settings)}"
        f" -b {settings['bits']} --random_seed {settings['seed']} --quiet"
    )


def _penalties(settings: Mapping[str, Any]) -> str:
    return f"--l1 {settings['l1']} --l2 {settings['l2']}"


def _estimators(explore: str) -> tuple[str, ...]:
    return ("mtr",) if explore in ("squarecb", "regcb") else ("mtr", "ips", "dr")


def _degree(explore: str, degree: float | None) -> float | int:
    if explore in ("cover", "bag"):
        return whole("degree", _DEGREE[explore] if degree is None else degree, 1, 100)
    return number(
        "degree", _DEGREE[explore] if degree is None else degree, 0.0, 1.0 if explore == "epsilon" else 1e9
    )


def _checked(probabilities: list[float], count: int) -> Floats:
    """vowpalwabbit's probabilities if there is one for each action, made to sum to 1; it promises neither."""
    pmf = np.asarray(probabilities, dtype=np.float64)
    if pmf.shape != (count,) or not np.isfinite(pmf).all() or not pmf.clip(0.0).sum() > 0.0:
        raise PolicyError(
            f"vowpalwabbit returned {probabilities} for {count} actions; serve the last good snapshot."
        )
    whole_pmf: Floats = pmf.clip(0.0) / pmf.clip(0.0).sum()
    return whole_pmf


def _check_learnable(feedback: Feedback) -> None:
    if (odd := feedback.weight != 1.0).any():
        row = int(np.argmax(odd))
        raise FeedbackError(
            f"row {row}: weight == {feedback.weight[row]}, must be 1; vowpalwabbit cannot take rows back, "
            "learn the log again without them."
        )
    if (large := np.abs(feedback.reward) > _LARGEST).any():
        row = int(np.argmax(large))
        raise FeedbackError(f"row {row}: reward == {feedback.reward[row]}, must be within +-{_LARGEST:g}.")


def _spoilt(weights: str) -> bool:
    return "nan" in weights.lower() or "inf" in weights.lower()
