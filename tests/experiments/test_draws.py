"""Draws are held against logged propensities: seldom a false alarm, and a wrong log is found."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from engine.experiments.draws import drawn_as_logged
from engine.experiments.program import report_program
from engine.experiments.srm import draws_p
from engine.experiments.trust import LIMIT, Check
from engine.store import folds, open_store
from policies.base import Floats, Ints
from simulator.run import START, run
from simulator.worlds import world

AT = START + timedelta(days=30)
DAYS, PEOPLE = 9, 120


def bandit(rng: np.random.Generator, n: int = 160, k: int = 5) -> tuple[Ints, Floats]:
    """Customers of several decisions each whose probabilities follow what was drawn for them before."""
    drawn, rows, liked = [], [], np.zeros(k)
    for i in range(n):
        if i % 8 == 0:
            liked = rng.normal(size=k) * 2
        pmf = 0.98 * np.exp(liked) / np.exp(liked).sum() + 0.02 / k
        action = int(rng.choice(k, p=pmf))
        liked[action] += 1.5  # what was drawn once is drawn again: a customer's decisions are very alike
        drawn.append(action)
        rows.append(pmf)
    return np.array(drawn), np.array(rows)


def test_a_sound_log_is_doubted_no_more_often_than_stated() -> None:
    rng = np.random.default_rng(1)
    p = np.array([draws_p(*bandit(rng))[0] for _ in range(200)])
    for level in (0.05, 0.3):
        assert (p <= level).mean() <= level + 3 * (level * (1 - level) / 200) ** 0.5


def test_rare_actions_that_were_drawn_once_are_no_alarm() -> None:
    """One in 2,000 is drawn about once in 2,000: a normal approximation calls that impossible too often."""
    rng = np.random.default_rng(2)
    pmf = np.tile([0.9995, 0.0005], (2000, 1))
    p = [draws_p((rng.random(2000) < 0.0005).astype(np.int64), pmf)[0] for _ in range(500)]
    assert min(p) > LIMIT


@pytest.mark.parametrize("share", [0.25, 0.15])
def test_a_probability_that_is_not_the_one_drawn_with_is_found(share: float) -> None:
    """A fifth is logged; a quarter more or less was drawn."""
    rng, found = np.random.default_rng(3), 0
    for _ in range(50):
        drawn = np.where(rng.random(4000) < share, 4, rng.integers(0, 4, 4000))
        p, worst = draws_p(drawn, np.full((4000, 5), 0.2))
        found += p < LIMIT and worst == 4
    assert found == 50


def test_what_is_certain_says_nothing() -> None:
    assert draws_p(np.zeros(9, dtype=np.int64), np.tile([1.0, 0.0], (9, 1))) == (1.0, 0)


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("season") / "shop.db"
    arms = {"policy": 0.6, "random": 0.2, "holdout": 0.2}
    run(world("retail"), PEOPLE, DAYS, seed=3, arms=arms, path=path)  # type: ignore[arg-type]
    store = open_store(path)
    with store.write() as connection:
        folds.everyone(connection)  # rows, which can be tampered with by SQL
    store.close()
    return path


def after(season: Path, tmp_path: Path, *statements: str) -> Check | None:
    """The check of a copy of the season's store, once these changed it."""
    path = tmp_path / "copy.db"
    shutil.copy(season, path)
    store = open_store(path)
    try:
        with store.write() as connection:
            for one in statements:
                connection.exec_driver_sql(one)
        with store.read() as connection:
            return drawn_as_logged(connection, "retail", AT)
    finally:
        store.close()


def test_a_season_is_as_logged_and_the_report_says_so(season: Path, tmp_path: Path) -> None:
    check = after(season, tmp_path)
    assert check is not None and check.passed and check.p is not None
    assert "decisions made again: propensities as logged" in check.sentence
    store = open_store(season)
    with store.read() as connection:
        found = report_program(connection, "retail", AT)
    store.close()
    assert check in found.trust


def test_one_propensity_that_was_changed_is_named(season: Path, tmp_path: Path) -> None:
    check = after(
        season,
        tmp_path,
        "UPDATE decision SET propensity = propensity * 0.9 WHERE seq = "
        "(SELECT min(seq) FROM decision WHERE arm = 'policy' AND fallback IS NULL)",
    )
    assert check is not None and not check.passed and check.count == 1
    assert "nextbest replay shows each" in check.sentence


def test_decisions_lost_by_what_was_drawn_are_found(season: Path, tmp_path: Path) -> None:
    lost = "FROM decision WHERE arm = 'policy' AND slot = 'now'"
    check = after(
        season, tmp_path, f"DELETE FROM pending WHERE decision IN (SELECT seq {lost})", f"DELETE {lost}"
    )
    assert check is not None and not check.passed
    assert check.sentence.startswith("'") and "was not drawn as often" in check.sentence


@pytest.mark.parametrize(
    "damage",
    [
        "situation = x'00'",
        "action = 99",
        """situation = CAST('{"customer":"c","key":"","at_us":1,"arm":"policy","values":{"x":1}}' AS BLOB)""",
    ],
)
def test_a_decision_that_cannot_be_read_again_is_named(damage: str, season: Path, tmp_path: Path) -> None:
    one = "(SELECT max(seq) FROM decision WHERE arm = 'policy' AND fallback IS NULL)"
    check = after(season, tmp_path, f"UPDATE decision SET {damage} WHERE seq = {one}")
    assert check is not None and not check.passed and check.count == 1
    assert "cannot be read again" in check.sentence


def test_what_was_made_elsewhere_or_cannot_be_made_again_is_no_alarm(season: Path, tmp_path: Path) -> None:
    assert after(season, tmp_path, "UPDATE decision SET snapshot_version = NULL") is None
    gone = after(season, tmp_path, "UPDATE snapshot SET body = x'' WHERE version = 1")
    whole = after(season, tmp_path)
    assert gone is not None and gone.passed and whole is not None
    assert gone.sentence.split()[0] < whole.sentence.split()[0]
