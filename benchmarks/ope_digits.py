"""obp's experiment on the digits: how far estimates are from an exact truth, relative to it.

The 1,797 handwritten digits of scikit-learn become a bandit, with every class an action and the reward 1 for
the right one. 30 % of them train a logistic regression and a random forest. On the other 70 % the log is
drawn from .4 times the regression's choice and .6 uniform; the target is .9 times the forest's choice and .1
uniform. The reward model is gradient boosting with 30 trees, rate .01, depth 5 and leaves of 10 rows, in two
folds. The error is abs(estimate - truth) / truth, its mean over the runs is printed with its standard error.

obp 0.4.1 printed, over 30 runs: dm .437, ipw .029, snipw .022, dr .015, dr-os .016 (Saito et al. 2021, "Open
Bandit Dataset and Pipeline"). `python -m benchmarks.ope_digits --json` needs scikit-learn, which nextbest
does not: `make bench` installs it from requirements-bench.txt.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping

import numpy as np

from policies.base import Actions, Floats, Ints, draw
from simulator.boosted import cross_fit_trees
from simulator.estimators import PLAIN, TUNED
from simulator.estimators.base import Rows, value
from simulator.evaluate import rows_of
from simulator.folds import folds, train_on
from simulator.logs import log_of
from simulator.targets import Target
from simulator.trees import Growth

CLASSES = 10
GROWTH = Growth(trees=30, rate=0.01, depth=5, leaf=10)
SHRINKAGE = 100.0
OBP = {"dm": 0.437, "ips": 0.029, "snips": 0.022, "dr": 0.015, "dros": 0.016}


def digits() -> tuple[Floats, Ints]:
    """The pictures (1797, 64) and what they show (1797,)."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        sys.exit('This needs scikit-learn: pip install "scikit-learn>=1.5,<2".')
    X, label = load_digits(return_X_y=True)
    return X, label.astype(np.int64)


def chosen(X: Floats, label: Ints, seed: int) -> tuple[Ints, Ints, Ints]:
    """Rows of the log, and what the regression and the forest choose on them."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    seen, rows = train_test_split(np.arange(len(X)), test_size=0.7, random_state=seed)
    weak = LogisticRegression(C=100.0, max_iter=10_000, random_state=seed).fit(X[seen], label[seen])
    strong = RandomForestClassifier(n_estimators=30, max_depth=5, min_samples_leaf=10, random_state=seed).fit(
        X[seen], label[seen]
    )
    return rows, weak.predict(X[rows]).astype(np.int64), strong.predict(X[rows]).astype(np.int64)


def errors(X: Floats, label: Ints, seed: int) -> Mapping[str, float]:
    """Relative error of each estimator in one run."""
    picked, weak, strong = chosen(X, label, seed)
    x, right = X[picked], label[picked]
    logging = 0.4 * np.eye(CLASSES)[weak] + 0.6 / CLASSES
    target = 0.9 * np.eye(CLASSES)[strong] + 0.1 / CLASSES
    action, propensity = draw(logging, np.random.Generator(np.random.PCG64(seed)).random(len(x)))
    reward = (action == right).astype(np.float64)
    log = log_of(x, Actions.plain(tuple(map(str, range(CLASSES)))), action, propensity, reward)
    fold = folds(log, 2)
    train = train_on(fold, ordered=False)
    q = cross_fit_trees(x, action, reward, fold, CLASSES, train, growth=GROWTH, mended=False)
    found = rows_of(log, Target("target", target), q)
    truth = float(target[np.arange(len(x)), right].mean())
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
    X, label = digits()
    found = [errors(X, label, seed) for seed in range(given.runs)]
    for name in found[0]:
        every = np.array([one[name] for one in found])
        line = {
            "estimator": name,
            "runs": given.runs,
            "relative error": round(float(every.mean()), 4),
            "standard error": round(float(every.std(ddof=1)) / given.runs**0.5, 4),
            "obp": OBP.get(name),
        }
        print(json.dumps(line) if given.json else "  ".join(f"{k} {v}" for k, v in line.items()), flush=True)


if __name__ == "__main__":
    main()
