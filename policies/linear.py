"""The default policy: an additive Bayesian linear model of the reward over its prior, and exploration on top.

Reward less prior is linear in phi = [1, x, waves(x)] with weights per action that are pooled over the
action's factors (offer, channel, slot; see `policies.pool`). All that is kept of the past are sums
(`policies.moments`), so the order of learning does not matter, learners merge, and rows can be taken back,
all bit for bit. What early signs foretell of a reward and what they do not is learnt apart and added up.
Actions of which little is known count as better than they look (`policies.optimism`), then exploration
draws. Its steepness is measured against the spread of the rewards, so no setting has a unit.

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
from policies.ages import check_times
from policies.allowance import limited
from policies.base import Actions, Changes, Feedback, FeedbackError, Floats, Mask, check
from policies.epochs import Epochs
from policies.memory import Memory
from policies.moments import check_size, first_of
from policies.settings import PolicyError, choice, number, truth, whole
from policies.solver import Solver
from policies.stakes import stakes
from policies.state import State
from policies.thompson import thompson
from policies.watch import Watch, predicted
from policies.waves import Waves, draw_waves, expand

EXPLORERS = ("squarecb", "softmax", "thompson", "greedy")
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
            Thompson sampling, which draws by the deviations themselves, adds nothing.
        explore: "squarecb", "softmax", "thompson" or "greedy".
        gamma: squarecb's steepness: gamma * sqrt(t) / spread after t rows. Theory has sqrt(K t / regret of
            the regression); K actions with weights of their own have K times the regret, so K cancels.
            Steeper than that by default, for optimism explores as well.
        spare: part of what a customer's contacts usually earn that one has to beat; see `engine.spare`.
        temperature: softmax's temperature, in spreads of the reward.
        samples: of Thompson sampling; more of them leave less Monte Carlo error, see `policies.thompson`.
        budget: share of a decision's expected value that exploring may cost; None for no limit, see
            `policies.allowance`.
        risk: share of what the best action is expected to earn over no_action that it may cost, or None.
        floor: probability mass spread equally over the feasible set.
        trust: how many rows of context the prior is worth to the steepness of exploration.
        forget: "auto" to learn anew when predictions have turned, "off" never; see `policies.epochs`.
        half_life: days after which a decision counts half, instead of `forget`; see `policies.ages`.
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
        spare: float = 1.0,
        temperature: float = 0.1,
        samples: int = 256,
        budget: float | None = None,
        risk: float | None = None,
        floor: float = 0.001,
        trust: float = 100.0,
        forget: str = "auto",
        half_life: float | None = None,
        seed: int = 1,
    ) -> None:
        self.settings: Mapping[str, Any] = {
            "ridge": number("ridge", ridge, 1e-9, 1e9),
            "pool": number("pool", pool, 1e-9, 1e9),
            "tune": truth("tune", tune),
            "waves": whole("waves", waves, 0, 10_000),
            "bandwidth": number("bandwidth", bandwidth, 1e-3, 1e3),
            "optimism": number("optimism", optimism, 0.0, 1e3),
            "explore": choice("explore", explore, EXPLORERS),
            "gamma": number("gamma", gamma, 0.0, 1e6),
            "spare": number("spare", spare, 0.0, 1.0),
            "temperature": number("temperature", temperature, 1e-6, 1e6),
            "samples": whole("samples", samples, 2, 100_000),
            "budget": None if budget is None else number("budget", budget, 0.0, 1.0),
            "risk": None if risk is None else number("risk", risk, 0.0, 1.0),
            "floor": number("floor", floor, 0.0, 1.0),
            "trust": number("trust", trust, 0.0, 1e9),
            "forget": choice("forget", forget, ("auto", "off")),
            "half_life": None if half_life is None else number("half_life", half_life, 0.01, 1e5),
            "seed": whole("seed", seed, 0, 2**63 - 1),
        }
        self.floor: float = self.settings["floor"]
        self._waves: Waves | None = None
        self._epochs: Epochs | None = None
        self._changes: Changes | None = None
        self._watch = Watch()
        self._weights: tuple[Actions, Floats, Floats, Floats] | None = None

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities; see `policies.base.Policy`."""
        return self.explore(self.scores(X, actions, prior), X, actions, mask, prior)

    def explore(self, scores: Floats, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) the probabilities that follow from `scores`, for who has them already."""
        return limited(self._explored(scores, X, actions, mask, prior), scores, mask, actions, self.settings)

    def learn(self, feedback: Feedback) -> None:
        """Take rows in, or back where their weight is negative.

        Raises:
            FeedbackError: a row is unusable, or more is taken back than was learnt; nothing has changed then.
        """
        check(feedback)
        self._check_learnable(feedback)
        waves, epochs = self._started(feedback.X.shape[1])
        first, rest, served = first_of(feedback), feedback.rest, self._served(feedback.actions)
        for start in range(0, len(first), _CHUNK):
            rows = start + np.argsort(feedback.action[start : start + _CHUNK], kind="stable")
            phi, action, time = expand(feedback.X[rows], waves), feedback.action[rows], feedback.time[rows]
            y, weight = first[rows] + rest[rows], feedback.weight[rows]
            if served is not None and epochs.seen(y, predicted(phi, served, action), weight, time):
                served = None
            epochs.learn(feedback.actions, action, phi, first[rows], rest[rows], weight, time)
        self._weights = None

    def scores(self, X: Floats, actions: Actions, prior: Floats) -> Floats:
        """(n, k) expected rewards: the prior plus what was learnt over it."""
        scores = np.ascontiguousarray(prior, dtype=np.float64)
        known = bool(self._learnt_names())
        learnt = self._learnt(X, actions) if known else np.full(scores.shape, -0.0)  # adds nothing
        if (odd := grid.add(scores, learnt)) >= 0:
            raise PolicyError(f"row {odd}: contexts and priors must be finite numbers.")
        return learnt

    def weights(self, actions: Actions) -> Floats:
        """(k, D) learnt weights of [1, x, waves(x)]; D = 0 before anything was learnt."""
        if not self._learnt_names():
            return np.zeros((len(actions), 0))
        return self._tables(actions)[1]

    def merge(self, other: Linear, weight: float = 1.0) -> None:
        """Take in all that a learner with the same settings has learnt, or out with weight -1.

        Raises:
            PolicyError: settings, context columns, an action's factors, or times of changes differ.
        """
        if dict(self.settings) != dict(other.settings):
            raise PolicyError("only learners with equal settings merge; make both with the same ones.")
        if other._waves is None or other._epochs is None:
            return
        self._started(len(other._waves.frequency))[1].merge(other._epochs, weight)
        self._weights = None

    def state(self) -> State:
        """All that was learnt, and the weights solved from it: the same bits wherever they serve."""
        if self._waves is None or self._epochs is None or self._epochs.is_empty:
            return State({}, {})
        kept = self._epochs.state()
        waves = {"frequency": self._waves.frequency, "phase": self._waves.phase}
        return State(kept.words, {**kept.arrays, **waves})

    def restore(self, state: State) -> None:
        """Become the learner that gave this state."""
        if "frequency" in state.arrays:
            self._waves = Waves(state.arrays["frequency"], state.arrays["phase"])
            self._started(len(self._waves.frequency))[1].restore(state)

    @property
    def changes(self) -> Changes | None:
        """When the world changed; see `policies.base.Changing`."""
        return self._epochs.changes if self._epochs else self._changes

    def change(self, changes: Changes) -> None:
        """Take over when another learner saw changes, unless this one never forgets."""
        self._changes = changes if self._forgets else None

    @property
    def _forgets(self) -> bool:
        return self.settings["forget"] == "auto" and self.settings["half_life"] is None

    @property
    def watched(self) -> Floats:
        """What its watch on predictions remembers; see `policies.base.Watching`."""
        return self._watch.blocks

    def watch(self, blocks: Floats) -> None:
        """Watch on from what a watch remembered."""
        self._watch.blocks = blocks

    def _explored(self, scores: Floats, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities, whatever exploring costs."""
        chosen, how, learnt = self.settings, self.settings["explore"], bool(self._learnt_names())
        if how == "greedy":
            return exploration.greedy(scores, mask, self.floor)
        if how == "squarecb":
            unknown = self._variances(X, actions) if learnt else np.zeros(mask.shape)
            return optimism.squarecb(scores, mask, prior, unknown, actions, self._totals(), chosen)
        _, spread, half = stakes(mask, prior, chosen["trust"], *self._totals())
        doubt = (
            optimism.bonus(self._variances(X, actions), spread, half)
            if learnt
            else np.repeat(half[:, None], len(actions), axis=1)  # half the range of the predictions
        )
        if how == "thompson":
            return thompson(scores, doubt, mask, chosen["samples"], self.floor)
        if learnt and chosen["optimism"]:
            scores = scores + chosen["optimism"] * optimism.beyond(doubt, mask, actions)
        temperature = np.where(spread > 0.0, chosen["temperature"] * spread, 1.0)
        return exploration.softmax(scores, mask, temperature, self.floor)

    def _variances(self, X: Floats, actions: Actions) -> Floats:
        return optimism.variances(X, self._tables(actions)[3], self._carried(X))

    def _learnt(self, X: Floats, actions: Actions) -> Floats:
        waves, W = self._waves_for(X.shape[1]), self._tables(actions)[2]
        learnt, used = np.empty((len(X), W.shape[1])), grid.said(X)
        if used is not None:
            W = grid.rows(W, np.concatenate([[0], 1 + used, np.arange(1 + X.shape[1], len(W))]))
        times = grid.multiply if used is None else np.matmul
        for rows in (slice(start, start + _ASKED) for start in range(0, len(X), _ASKED)):
            times(expand(X[rows], waves, used), W, out=learnt[rows])
        return learnt

    def _carried(self, X: Floats) -> Floats | None:
        """(n, r) scores by what was learnt before the last change, None if there was none."""
        over = self._epochs.solve().carried if self._epochs else None
        return None if over is None else over.scores(expand(X, self._waves_for(X.shape[1])))

    def _tables(self, actions: Actions) -> tuple[Actions, Floats, Floats, Floats]:
        """The actions, their (k, D) weights, these (D, k) on the grid, and (1 + d, k) variances; kept."""
        if self._weights is None or self._weights[0] is not actions:
            assert self._epochs is not None
            solved = self._epochs.solve()
            weights = solved.solution.weights(actions)
            by_column = grid.snap_weights(np.ascontiguousarray(weights.T))
            self._weights = (actions, weights, by_column, solved.doubt.table(actions))
        return self._weights

    def _waves_for(self, d: int) -> Waves:
        chosen = self.settings
        if self._waves is None:
            return draw_waves(d, chosen["waves"], chosen["bandwidth"], chosen["seed"])
        self._waves.check(d)
        return self._waves

    def _started(self, d: int) -> tuple[Waves, Epochs]:
        """The waves and what was learnt, made when the first row of d columns is learnt."""
        self._waves = waves = self._waves_for(d)
        if self._epochs is None:
            chosen = (self.settings["ridge"], self.settings["pool"], self.settings["tune"])
            shape, ages = (1 + d, waves.frequency.shape[1]), self.settings["half_life"]
            made = (lambda: Memory(Solver(*chosen), *shape), self._forgets, self._changes)
            self._epochs = Epochs(*made, self._watch, ages)
        return waves, self._epochs

    def _served(self, actions: Actions) -> Floats | None:
        """(k, D) weights, as they were when somebody last asked for them; None if nobody did."""
        served = self._epochs.now.served if self._epochs else None
        return served.solution.weights(actions) if served else None

    def _check_learnable(self, feedback: Feedback) -> None:
        check_size(feedback)
        if self.settings["half_life"]:
            check_times(feedback)
        if self._waves is not None and feedback.X.shape[1] != self._waves.columns:
            raise FeedbackError(f"X has {feedback.X.shape[1]} columns, must have {self._waves.columns}.")
        if self._epochs is not None:
            self._epochs.check(feedback)
        elif (feedback.weight < 0.0).any():
            raise FeedbackError("nothing was learnt yet, so nothing can be taken back.")

    def _totals(self) -> tuple[float, float]:
        return self._epochs.now.totals() if self._epochs else (0.0, 0.0)

    def _learnt_names(self) -> Collection[str]:
        return self._epochs.now.names if self._epochs else ()
