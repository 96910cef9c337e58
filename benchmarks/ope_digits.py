"""obp's experiment on the digits: how far estimates are from an exact truth, relative to it.

The 1,797 handwritten digits of scikit-learn become a bandit, with every class an action and the reward 1 for
the right one. 30 % of them train a logistic regression and a random forest. On the other 70 % the log is
drawn from .4 times the regression's choice and .6 uniform; the target is .9 times the forest's choice and .1
uniform. The reward model is gradient boosting with 30 trees, rate .01, depth 5 and leaves of 10 rows, in two
folds. The error is abs(estimate - truth) / truth, its mean over the runs is printed with its standard error.

Everything that is drawn is drawn as obp draws it, so run i has obp's rows, actions, rewards and folds:
numpy's RandomState(i) splits the rows and draws the actions, RandomState(12345) deals the folds and grows the
forest of 30 trees of depth 5. Only the trees of the reward model are our own choice, see `simulator.boosted`.

obp 0.4.1 printed, over 30 runs: dm .437, ipw .029, snipw .022, dr .015, dr-os .016 (Saito et al. 2021, "Open
Bandit Dataset and Pipeline"); a later README of it .437, .030, .023, .016 and .016, with the deviations that
its standard errors here are taken from. `python -m benchmarks.ope_digits --json`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, train_test_split

from policies.base import Actions, Floats, Ints
from simulator.boosted import Growth, cross_fit_trees
from simulator.estimators import PLAIN, TUNED
from simulator.estimators.base import Rows, value
from simulator.evaluate import rows_of
from simulator.folds import train_on
from simulator.logs import log_of
from simulator.targets import Target

CLASSES, STATE = 10, 12345
GROWTH = Growth(trees=30, rate=0.01, depth=5, leaf=10)
SHRINKAGE = 100.0
OBP = {"dm": 0.437, "ips": 0.029, "snips": 0.022, "dr": 0.015, "dros": 0.016}
OBP_ERROR = {"dm": 0.0032, "ips": 0.0045, "snips": 0.0033, "dr": 0.0023, "dros": 0.0023}  # of 30 runs


def chosen(X: Floats, label: Ints, seed: int) -> tuple[Ints, Ints, Ints]:
    """Rows of the log, and what the regression and the forest choose on them."""
    seen, rows = train_test_split(np.arange(len(X)), test_size=0.7, random_state=seed)
    weak = LogisticRegression(C=100.0, max_iter=10_000, random_state=STATE)
    strong = RandomForestClassifier(n_estimators=30, max_depth=5, min_samples_leaf=10, random_state=STATE)
    made = [one.fit(X[seen], label[seen]).predict(X[rows]).astype(np.int64) for one in (weak, strong)]
    return rows, made[0], made[1]


def drawn(pmf: Floats, seed: int) -> Ints:
    """(n,) actions drawn from pmf (n, k) as obp draws them."""
    luck = np.random.RandomState(seed).uniform(size=len(pmf))
    action: Ints = np.argmax(pmf.cumsum(axis=1) > luck[:, None], axis=1)
    return action


def dealt(n: int) -> Ints:
    """(n,) fold of each row, of two."""
    fold = np.zeros(n, dtype=np.int64)
    fold[next(iter(KFold(2, shuffle=True, random_state=STATE).split(fold)))[0]] = 1
    return fold


def errors(X: Floats, label: Ints, seed: int) -> Mapping[str, float]:
    """Relative error of each estimator in one run."""
    picked, weak, strong = chosen(X, label, seed)
    x, right, i = X[picked], label[picked], np.arange(len(picked))
    logging = 0.4 * np.eye(CLASSES)[weak] + 0.6 / CLASSES
    target = 0.9 * np.eye(CLASSES)[strong] + 0.1 / CLASSES
    action = drawn(logging, seed)
    reward = (action == right).astype(np.float64)
    log = log_of(x, Actions.plain(tuple(map(str, range(CLASSES)))), action, logging[i, action], reward)
    fold = dealt(len(x))
    train = train_on(fold, ordered=False)
    q = cross_fit_trees(x, action, reward, fold, CLASSES, train, growth=GROWTH, mended=False)
    found = rows_of(log, Target("target", target), q)
    truth = float(target[i, right].mean())
    return {name: abs(one - truth) / truth for name, one in estimates(found).items()}


def estimates(rows: Rows) -> Mapping[str, float]:
    """What each estimator says."""
    plain = {name: value(PLAIN[name](rows)) for name in ("dm", "ips", "snips", "dr", "sndr")}
    return plain | {"dros": value(TUNED["dros"][0](rows, SHRINKAGE))}


def main() -> None:
    """Print one line an estimator."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    X, label = load_digits(return_X_y=True)
    found = [errors(X, label, seed) for seed in range(given.runs)]
    for name in found[0]:
        every = np.array([one[name] for one in found])
        line = {
            "estimator": name,
            "runs": given.runs,
            "relative error": round(float(every.mean()), 4),
            "standard error": round(float(every.std(ddof=1)) / given.runs**0.5, 4),
            "obp": OBP.get(name),
            "its standard error": OBP_ERROR.get(name),
        }
        print(json.dumps(line) if given.json else "  ".join(f"{k} {v}" for k, v in line.items()), flush=True)


if __name__ == "__main__":
    main()
