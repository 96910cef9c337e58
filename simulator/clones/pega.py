"""Pega Customer Decision Hub's arbitration and adaptive models, as documented."""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv

from policies.base import Actions, Floats, Ints, Mask
from simulator.clones.base import Heard, Ledger, Sent, Setting

_DRAWS = 32
_EDGES = np.array([-0.75, 0.0, 0.75])  # of a predictor's bins, in its standardised unit
_SCORES = np.linspace(-0.6, 0.6, 9)  # edges of the classes of a model's score
_STEPS = np.geomspace(1e-5, 0.999, 64)  # propensities are rounded to these
_MATURE, _FIRST = 200, 0.02  # positives at which an action reaches everyone, and its reach before any


class Pega:
    """P x C x V x L: propensity of an adaptive model, times context weight, value and lever.

    Documented: a naive Bayes model of each action over binned predictors, its averaged score put into classes
    whose rate is the propensity P; Thompson sampling from Beta(P n, (1 - P) n); a new action reaches 2 % of
    the customers, growing to all at 200 positives. Assumed: four fixed bins a predictor, nine score classes,
    positives are responses (clicks), C = 1, and something is sent wherever an action is within reach. The
    vendor logs no propensity; here it is the share of 32 draws a morning, and exact for what is drawn.
    """

    behaviour = "P x C x V x L, Thompson from Beta(P n, (1 - P) n), new actions ramped from 2 % of reach"

    def __init__(self, setting: Setting) -> None:
        program = setting.program
        worth = {offer.name: max(offer.value, 0.01) * offer.lever for offer in program.offers}
        self._worth = np.array([worth.get(action.offer, 0.0) for action in program.actions])
        self._kind, self._rng = setting.response, np.random.Generator(np.random.PCG64(setting.seed))
        k, d = len(program.actions), len(setting.steady)
        self._bins = np.zeros((2, k, d, len(_EDGES) + 1))  # sent, then positives
        self._classes = np.zeros((2, k, len(_SCORES) + 1))
        self._ledger, self._rows = Ledger(), dict[int, tuple[Ints, Ints, Ints]]()
        self._draw()

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities; see `policies.base.Policy`."""
        step = np.searchsorted(_STEPS[:-1], self._propensity(X))
        pmf, columns = np.zeros(mask.shape), np.arange(mask.shape[1])
        for drawn, reached in zip(self._drawn, self._reached, strict=True):
            value = np.where(reached, drawn[columns, step] * self._worth, -2.0)
            value[:, 0] = -1.0
            value = np.where(mask, value, -3.0)
            pmf[np.arange(len(mask)), np.argmax(value, axis=1)] += 1.0
        return pmf / _DRAWS

    def sent(self, sent: Sent) -> None:
        """Count what was sent, by bins and score classes."""
        bins = np.searchsorted(_EDGES, sent.X)
        score = self._score(bins)[np.arange(len(sent.action)), sent.action]
        classes = np.searchsorted(_SCORES, score)
        self._ledger.note(sent)
        self._rows[sent.day] = sent.action, bins, classes
        self._count(0, sent.action, bins, classes)

    def hear(self, day: int, heard: Heard) -> None:
        """Count responses as positives of what was sent, and draw anew."""
        for _, of, row in self._ledger.places(heard.take(heard.kind == self._kind)):
            self._count(1, *(column[row : row + 1] for column in self._rows[of]))
        self._rows.pop(day - 40, None)
        self._draw()

    def _count(self, which: int, action: Ints, bins: Ints, classes: Ints) -> None:
        columns = np.arange(bins.shape[1])
        np.add.at(self._bins[which], (action[:, None], columns[None], bins), 1.0)
        np.add.at(self._classes[which], (action, classes), 1.0)

    def _score(self, bins: Ints) -> Floats:
        """(n, k) log odds of each predictor's bin over the action's own, averaged over predictors."""
        sent, good = self._bins
        rate = (good + 0.5) / (sent + 1.0)
        odds = np.log(np.minimum(rate, 0.99) / (1 - np.minimum(rate, 0.99)))
        over = odds - odds.mean(axis=2, keepdims=True)
        columns = np.arange(bins.shape[1])
        return np.stack([one[columns, bins].mean(axis=1) for one in over], axis=1)

    def _propensity(self, X: Floats) -> Floats:
        """(n, k) response rate of the score's class, towards that of the action and of all."""
        sent, good = self._classes
        of_all = (good.sum() + 0.5) / (sent.sum() + 1.0)
        own = (good.sum(axis=1) + 2 * of_all) / (sent.sum(axis=1) + 2)
        rate = (good + 5 * own[:, None]) / (sent + 5)
        classes = np.searchsorted(_SCORES, self._score(np.searchsorted(_EDGES, X)))
        return np.asarray(np.clip(rate[np.arange(len(rate)), classes], 1e-5, 0.999))

    def _draw(self) -> None:
        sent, good = self._classes.sum(axis=2)
        n = np.maximum(sent, 1.0)[None, :, None]
        u = self._rng.random((_DRAWS, len(sent)))
        self._drawn = betaincinv(_STEPS * n, (1 - _STEPS) * n, u[:, :, None])
        reach = _FIRST + (1 - _FIRST) * np.minimum(good / _MATURE, 1.0)
        self._reached = self._rng.random(u.shape) < reach
