"""Aampe's agents, as documented: each customer has beliefs of their own about every feature of a message."""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv

from policies.base import Actions, Floats, Ints, Mask
from simulator.clones.base import Heard, Ledger, Sent, Setting

_DRAWS = 16
_STRENGTH = 4.0  # rows that the belief about all customers counts in that about one
_MOST = 63  # sends of one feature to one customer that are told apart


class Aampe:
    """A Beta for every customer and feature (offer, channel, slot), drawn from and averaged.

    Documented: a Beta distribution per user and content feature, Thompson sampling. Assumed: a belief starts
    at the mean of all customers with the weight of four sends, responses are clicks, an action's score is the
    mean of its features' draws, and something is always sent where it may be. A customer is known by what is
    steady in the context. Probabilities are those of 16 draws, and exact for what is drawn from them.
    """

    behaviour = "Thompson sampling from a Beta per customer and feature (offer, channel, slot), by clicks"

    def __init__(self, setting: Setting) -> None:
        actions = setting.program.action_set()
        self._load = actions.features[:, 1:] / np.maximum(actions.features[:, 1:].sum(axis=1), 1.0)[:, None]
        self._has = actions.features[:, 1:] > 0
        self._kind, self._steady = setting.response, setting.steady
        self._rng = np.random.Generator(np.random.PCG64(setting.seed))
        self._known: dict[bytes, tuple[Ints, Ints]] = {}
        self._ledger, self._sent = Ledger(), dict[int, tuple[list[bytes], Ints]]()
        self._total = np.zeros((2, self._has.shape[1]))
        self._u = self._rng.random((_DRAWS, self._has.shape[1]))

    def pmf(self, X: Floats, actions: Actions, mask: Mask, prior: Floats) -> Floats:
        """(n, k) probabilities; see `policies.base.Policy`."""
        m = self._has.shape[1]
        nobody = np.zeros(m, dtype=np.int64), np.zeros(m, dtype=np.int64)
        beliefs = [self._known.get(key, nobody) for key in self._keys(X)]
        drawn = self._drawn(np.array([one for one, _ in beliefs]), np.array([one for _, one in beliefs]))
        pmf, rows = np.zeros(mask.shape), np.arange(len(mask))
        for one in drawn:
            value = np.where(mask, one @ self._load.T, -2.0)
            value[:, 0] = np.where(mask[:, 0], -1.0, -2.0)
            pmf[rows, np.argmax(value, axis=1)] += 1.0 / _DRAWS
        return pmf

    def sent(self, sent: Sent) -> None:
        """Count what each customer was sent."""
        keys = self._keys(sent.X)
        self._ledger.note(sent)
        self._sent[sent.day] = keys, sent.action
        for key, action in zip(keys, sent.action.tolist(), strict=True):
            self._count(0, key, action)

    def hear(self, day: int, heard: Heard) -> None:
        """Count responses, and draw anew."""
        for _, of, row in self._ledger.places(heard.take(heard.kind == self._kind)):
            keys, action = self._sent[of]
            self._count(1, keys[row], int(action[row]))
        self._sent.pop(day - 40, None)
        self._u = self._rng.random(self._u.shape)

    def _count(self, which: int, key: bytes, action: int) -> None:
        m = self._has.shape[1]
        own = self._known.setdefault(key, (np.zeros(m, dtype=np.int64), np.zeros(m, dtype=np.int64)))
        own[which][self._has[action]] += 1
        self._total[which][self._has[action]] += 1

    def _keys(self, X: Floats) -> list[bytes]:
        return [row.tobytes() for row in np.ascontiguousarray(X[:, self._steady])]

    def _drawn(self, sent: Ints, good: Ints) -> Floats:
        """(draws, n, m) draws of each customer's beliefs; equal beliefs are worked out once."""
        mean = (self._total[1] + 0.5) / (self._total[0] + 1.0)
        sent, good = np.minimum(sent, _MOST), np.minimum(good, np.minimum(sent, _MOST))
        drawn = np.empty((_DRAWS, *sent.shape))
        for j, rate in enumerate(mean.tolist()):
            code, of = np.unique(sent[:, j] * (_MOST + 1) + good[:, j], return_inverse=True)
            all_sent, followed = code // (_MOST + 1), code % (_MOST + 1)
            a, b = _STRENGTH * rate + followed, _STRENGTH * (1 - rate) + all_sent - followed
            drawn[:, :, j] = betaincinv(a, b, self._u[:, j, None])[:, of]
        return drawn
