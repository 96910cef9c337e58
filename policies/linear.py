"""The default policy: an additive Bayesian linear model of the reward over its prior, and exploration on top.

Reward less prior is linear in phi = [1, x, waves(x)] with weights per action that are pooled over the
action's factors (offer, channel, slot; see `policies.pool`). All that is kept of the past are sums
(`policies.moments`), so the order of learning does not matter, learners merge, and rows can be taken back,
all bit for bit. Actions of which little is known count as better than they look (`policies.optimism`), then
exploration draws. Its steepness is measured against the spread of the rewards, so no setting has a unit.

Source: Foster and Rakhlin (2020), "Beyond UCB: Optimal and Efficient Contextual Bandits with Regression
    Oracles" (gamma = sqrt(K t / regret of the regression)); Lindley and Smith (1972), "Bayes estimates for
    the linear model", for the pooling; Rahimi and Recht (2007) for the waves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from policies import explore as exploration
from policies import grid, optimism
from policies.base import Actions, Feedback, FeedbackError, Floats, Mask, check
from policies.moments import Moments
from policies.optimism import Doubt
from policies.pool import Solution
from policies.settings import PolicyError, choice, number, truth, whole
from policies.solver import Solved, Solver
from policies.stakes import stakes, totals
from policies.state import State
from policies.waves import Waves, draw_waves, expand

LARGEST = 1e100  # of a reward; its square must stay finite
_CHUNK = 16384  # rows expanded at once for learning
_ASKED = 256  # rows expanded at once for asking: they stay in the processor's cache


class Linear:
    """Additive Bayesian linear policy.

    Args:
        ridge: prior precision of an action's weights around its factors' prediction, in observations.
        pool: prior precision of the factors' weights around 0, in observations.
        tune: whether both are multiplied by what makes the rewards seen most likely; see `policies.evidence`.
        waves: number of random Fourier features; 0 for a plain linear model.
        bandwidth: of the waves: they see the kernel exp(-|x - x'|^2 / (bandwidth^2 d)).
        optimism: what is added to a score before exploring, in standard deviations of it; 0 for nothing.
        explore: "squarecb", "softmax" or "greedy".
        gamma: squarecb's steepness: gamma * sqrt(t) / spread after t rows. Theory has sqrt(K t / regret of
            the regression); K actions with weights of their own have K times the regret, so K cancels.
            Steeper than that by default, for optimism explores as well.
        temperature: softmax's temperature, in spreads of the reward.
        floor: probability mass spread equally over the feasible set.
        trust: how many rows of context the prior is worth to the steepness of exploration.
        seed: of the waves.
    """

    kind = "linear"

    def __init__(
        self,
        *,
        ridge: float = 1.0,
        pool: float = 1.0,
        tune: bool = True,
        waves: int = 300,
        bandwidth: float = 1.0,
        optimism: float = 2.0,
        explore: str = "squarecb",
        gamma: float = 100.0,
        temperature: float = 0.1,
        floor: float = 0.001,
        trust: float = 100.0,
        seed: int = 1,
    ) -> None:
        self.settings: Mapping[str, Any] = {
            "ridge": number("ridge", ridge, 1e-9, 1e9),
            "pool": number("pool", pool, 1e-9, 1e9),
            "tune": truth("tune", tune),
            "waves": whole("waves", waves, 0, 10_000),
            "bandwidth": number("bandwidth", bandwidth, 1e-3, 1e3),
            "optimism": number("optimism", optimism, 0.0, 1e3),
            "explore": choice("explore", explore, ("squarecb", "softmax", "greedy")),
            "gamma": number("gamma", gamma, 0.0, 1e6),
            "temperature": number("temperature", temperature, 1e-6, 1e6),
            "floor": number("floor", floor, 0.0, 1.0),
            "trust": number("trust", trust, 0.0, 1e9),
            "seed": whole("seed", seed, 0, 2**63 - 1),
        }
        self.floor: float = self.settings["floor"]
        self._waves: Waves | None = None
        self._sums: dict[str, Moments] = {}
        self._packed: State | None = None
        self._loading: dict[str, dict[str, float]] = {}
        self._solver = Solver(*(self.settings[name] for name in ("ridge", "pool", "tune")))
        self._solved: Solved | None = None
        self._weights: tuple[Actions, Floats, Floats, Floats] | None = None
        self._seen: tuple[float, float] | None = None

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities; see `policies.base.Policy`."""
        return self.explore(self.scores(X, actions, prior), X, actions, mask, prior)

    def explore(self, scores: Floats, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) the probabilities that follow from `scores`, for who has them already."""
        if self.settings["explore"] == "greedy":
            return exploration.greedy(scores, mask, self.floor)
        rows, spread, half = stakes(mask, prior, self.settings["trust"], *self._totals())
        if self._learnt_names() and self.settings["optimism"]:
            unknown = optimism.variances(X, self._tables(actions)[3])
            scores = scores + self.settings["optimism"] * optimism.bonus(unknown, spread, half)
        if self.settings["explore"] == "softmax":
            temperature = np.where(spread > 0.0, self.settings["temperature"] * spread, 1.0)
            return exploration.softmax(scores, mask, temperature, self.floor)
        steepness = self.settings["gamma"] * np.sqrt(rows)
        gamma = np.divide(steepness, spread, out=np.zeros_like(spread), where=spread > 0.0)
        return exploration.squarecb(scores, mask, gamma, self.floor)

    def learn(self, feedback: Feedback) -> None:
        """Take rows in, or back where their weight is negative.

        Raises:
            FeedbackError: a row is unusable, or more is taken back than was learnt; nothing has changed then.
        """
        check(feedback)
        self._check_learnable(feedback)
        waves = self._waves = self._waves_for(feedback.X.shape[1])
        y = feedback.reward - feedback.prior
        for start in range(0, len(y), _CHUNK):
            rows = slice(start, start + _CHUNK)
            phi = expand(feedback.X[rows], waves)
            self._add(feedback.actions, feedback.action[rows], phi, y[rows], feedback.weight[rows])
        self._settle(feedback.actions, np.unique(feedback.action))

    def scores(self, X: Floats, actions: Actions, prior: Floats) -> Floats:
        """(n, k) expected rewards: the prior plus what was learnt over it."""
        scores = np.ascontiguousarray(prior, dtype=np.float64)
        if self._learnt_names():
            scores = self._learnt(X, actions) + scores
        if not (fine := np.isfinite(scores).all(axis=1)).all():
            raise PolicyError(f"row {int(np.argmin(fine))}: contexts and priors must be finite numbers.")
        return scores

    def weights(self, actions: Actions) -> Floats:
        """(k, D) learnt weights of [1, x, waves(x)]; D = 0 before anything was learnt."""
        if not self._learnt_names():
            return np.zeros((len(actions), 0))
        return self._tables(actions)[1]

    def merge(self, other: Linear) -> None:
        """Take in all that a learner with the same settings has learnt; the other one is left as it is.

        Raises:
            PolicyError: the settings or the number of context columns differ.
        """
        if dict(self.settings) != dict(other.settings):
            raise PolicyError("only learners with equal settings merge; make both with the same ones.")
        if other._waves is None:
            return
        self._waves = self._waves_for(len(other._waves.frequency))
        for name, moments in other._moments.items():
            self._of(name).merge(moments)
            self._loading[name] = dict(other._loading[name])
            self._solver.forget(name)
        self._solved = self._weights = self._seen = None

    def state(self) -> State:
        """All that was learnt, and the weights solved from it: the same bits wherever they serve."""
        if self._waves is None or not self._moments:
            return State({}, {})
        names, solution, doubt = sorted(self._moments), self._solve().solution, self._solve().doubt
        moments = [self._moments[name] for name in names]
        arrays = {
            "frequency": self._waves.frequency,
            "phase": self._waves.phase,
            "G": np.stack([one.half() for one in moments]),
            "b": np.stack([one.b for one in moments]),
            "square": np.stack([one.square for one in moments]),
            "lift": np.stack([one.lift for one in moments]),
            "n": np.array([one.n for one in moments]),
            "theta": np.stack([solution.theta[name] for name in names]),
            "shared": np.array(list(solution.shared.values())),
            "variance": np.stack([doubt.known[name] for name in names]),
            "unlearnt": doubt.unlearnt,
        }
        loading = [self._loading[name] for name in names]
        return State({"actions": names, "loading": loading, "factors": [*solution.shared]}, arrays)

    def restore(self, state: State) -> None:
        """Become the learner that gave this state."""
        arrays, names = state.arrays, state.words.get("actions", [])
        if not names:
            return
        self._waves = Waves(arrays["frequency"], arrays["phase"])
        self._packed = state
        self._loading = {name: dict(one) for name, one in zip(names, state.words["loading"], strict=True)}
        theta = dict(zip(names, arrays["theta"], strict=True))
        shared = dict(zip(state.words["factors"], arrays["shared"], strict=True))
        doubt = Doubt(dict(zip(names, arrays["variance"], strict=True)), arrays["unlearnt"])
        self._solved = Solved(Solution(theta, shared, arrays["b"].shape[2]), doubt)

    def _learnt(self, X: Floats, actions: Actions) -> Floats:
        waves, W = self._waves_for(X.shape[1]), self._tables(actions)[2]
        parts = [expand(X[start : start + _ASKED], waves) @ W for start in range(0, len(X), _ASKED)]
        return np.vstack(parts) if parts else np.zeros((0, W.shape[1]))

    def _tables(self, actions: Actions) -> tuple[Actions, Floats, Floats, Floats]:
        """The actions, their (k, D) weights, these (D, k) on the grid, and (1 + d, k) variances; kept."""
        if self._weights is None or self._weights[0] is not actions:
            solved = self._solve()
            weights = solved.solution.weights(actions)
            self._weights = (actions, weights, grid.snap_weights(weights.T), solved.doubt.table(actions))
        return self._weights

    def _waves_for(self, d: int) -> Waves:
        if self._waves is None:
            chosen = self.settings
            return draw_waves(d, chosen["waves"], chosen["bandwidth"], chosen["seed"])
        if len(self._waves.frequency) != d:
            raise PolicyError(
                f"X has {d} columns, this policy has learnt on {len(self._waves.frequency)}; "
                "start a new policy when the context columns change."
            )
        return self._waves

    def _of(self, name: str) -> Moments:
        if name not in self._moments:
            assert self._waves is not None
            d, f = self._waves.frequency.shape
            self._moments[name] = Moments.empty(1 + d + f)
        return self._moments[name]

    def _check_learnable(self, feedback: Feedback) -> None:
        y = feedback.reward - feedback.prior
        if (large := np.abs(y) > LARGEST).any():
            row = int(np.argmax(large))
            raise FeedbackError(f"row {row}: reward - prior == {y[row]}, must be within +-{LARGEST:g}.")
        if self._waves is not None and feedback.X.shape[1] != len(self._waves.frequency):
            raise FeedbackError(
                f"X has {feedback.X.shape[1]} columns, must have {len(self._waves.frequency)}."
            )
        totals = np.bincount(feedback.action, feedback.weight, len(feedback.actions))
        for name, total in zip(feedback.actions.names, totals, strict=True):
            if total < 0.0 and (name not in self._moments or self._moments[name].n + total < 0.0):
                raise FeedbackError(
                    f"action {name!r}: more is taken back than was learnt; take back each row once."
                )

    def _add(self, actions: Actions, action: Any, phi: Floats, y: Floats, weight: Floats) -> None:
        assert self._waves is not None
        columns = 1 + len(self._waves.frequency)
        for a in np.unique(action):
            rows = action == a
            self._of(actions.names[a]).add(phi[rows], y[rows], weight[rows], columns)

    def _settle(self, actions: Actions, touched: Any) -> None:
        """Note the factors of the actions just learnt; one of which all was taken back was never learnt."""
        for a in touched:
            name, moments = actions.names[a], self._moments[actions.names[a]]
            self._solver.forget(name)
            loading = {
                actions.factors[j]: float(actions.features[a, j]) for j in np.flatnonzero(actions.features[a])
            }
            self._loading[name] = loading
            if moments.n == 0.0 and not moments.G.any():
                del self._moments[name], self._loading[name]
        self._solved = self._weights = self._seen = None

    def _solve(self) -> Solved:
        if self._solved is None:
            assert self._waves is not None
            self._solved = self._solver.solve(self._moments, self._loading, *self._waves.frequency.shape)
        return self._solved

    def _totals(self) -> tuple[float, float]:
        """Rows learnt, and their squared deviations; see `policies.stakes`."""
        if self._seen is None:
            if self._packed is None:
                kept = (self._sums[name] for name in sorted(self._sums))
                first = [(one.n, float(one.b[0, 0]), float(one.square[0, 0])) for one in kept]
            else:
                sums = self._packed.arrays
                columns = (sums["n"], sums["b"][:, 0, 0], sums["square"][:, 0, 0])
                first = list(zip(*(column.tolist() for column in columns), strict=True))
            self._seen = totals(first)
        return self._seen

    @property
    def _moments(self) -> dict[str, Moments]:
        """The sums of every action, unpacked only when learning goes on: serving needs none."""
        if self._packed is not None:
            names, arrays = self._packed.words["actions"], self._packed.arrays
            parts = (*(arrays[part] for part in ("G", "b", "square", "lift")), arrays["n"].tolist())
            self._sums = {name: Moments.of_half(*one) for name, *one in zip(names, *parts, strict=True)}
            self._packed = None
        return self._sums

    def _learnt_names(self) -> Collection[str]:
        return self._sums if self._packed is None else self._packed.words["actions"]
