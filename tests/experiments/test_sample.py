"""Sufficient statistics add up, and say what the rows say."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from pytest import approx, raises

from engine.experiments.metric import Term
from engine.experiments.quantile import upper
from engine.experiments.sample import Sample, empty, from_sums, measure, merge, merge_all, project, replaced
from engine.experiments.units import added, aggregates, clustered, samples, weighed
from policies.base import Floats
from tests.experiments.worlds import experiment

COLUMNS = ("y", "d", "x")
ROWS = st.integers(0, 40).flatmap(lambda n: arrays(np.float64, (n, 3), elements=st.floats(-1e3, 1e3)))


def same(a: Sample, b: Sample) -> None:
    scale = max(1.0, float(np.abs(a.third).max(initial=0)))
    assert a.columns == b.columns and a.n == b.n
    assert_allclose(a.mean, b.mean, rtol=1e-9, atol=1e-9)
    assert_allclose(a.second, b.second, rtol=1e-9, atol=1e-6)
    assert_allclose(a.third / scale, b.third / scale, rtol=1e-8, atol=1e-8)


@given(ROWS, st.integers(0, 40))
def test_parts_add_up_to_the_whole(rows: Floats, cut: int) -> None:
    same(merge(measure(COLUMNS, rows[:cut]), measure(COLUMNS, rows[cut:])), measure(COLUMNS, rows))


@given(ROWS, ROWS, ROWS)
def test_the_order_of_merging_does_not_matter(a: Floats, b: Floats, c: Floats) -> None:
    x, y, z = (measure(COLUMNS, rows) for rows in (a, b, c))
    same(merge(merge(x, y), z), merge(x, merge(y, z)))
    same(merge(x, y), merge(y, x))


@given(ROWS)
def test_nothing_added_changes_nothing(rows: Floats) -> None:
    sample = measure(COLUMNS, rows)
    same(merge(sample, empty(COLUMNS)), sample)
    same(merge(empty(COLUMNS), sample), sample)


def test_many_chunks_are_one_pass() -> None:
    rows = np.random.default_rng(0).lognormal(size=(50_000, 3))
    whole = measure(COLUMNS, rows)
    same(merge_all([measure(COLUMNS, rows[i::7]) for i in range(7)]), whole)
    assert_allclose(whole.second, (rows - rows.mean(0)).T @ (rows - rows.mean(0)), rtol=1e-10)


@given(
    arrays(np.float64, (30, 3), elements=st.floats(-100, 100)),
    arrays(np.float64, 3, elements=st.floats(-3, 3)),
)
def test_a_projection_has_the_moments_of_the_weighted_rows(rows: Floats, weight: Floats) -> None:
    found, number = project(measure(COLUMNS, rows), weight), rows @ weight
    assert found.mean == approx(number.mean(), abs=1e-9)
    assert found.variance == approx(number.var(ddof=1), rel=1e-7, abs=1e-7)
    assert found.third == approx(((number - number.mean()) ** 3).mean(), rel=1e-6, abs=1e-3)


def test_a_large_offset_costs_no_precision() -> None:
    value = np.random.default_rng(1).normal(size=10_000)
    near, far = (project(measure(("y",), (value + c)[:, None]), np.ones(1)) for c in (0.0, 1e8))
    assert far.variance == approx(near.variance, rel=1e-6)


@settings(max_examples=20)
@given(arrays(np.float64, (20, 2), elements=st.floats(-100, 100)))
def test_raw_sums_say_the_same_up_to_the_skewness(rows: Floats) -> None:
    a, b = measure(("y", "x"), rows), from_sums(("y", "x"), 20, rows.sum(0), rows.T @ rows)
    assert_allclose(a.mean, b.mean, atol=1e-9)
    assert_allclose(a.second, b.second, atol=1e-6)


def test_samples_of_different_columns_do_not_merge() -> None:
    with raises(ValueError, match="columns differ"):
        merge(empty(("y",)), empty(("x",)))


@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_daily_batches_of_arms_add_up_to_the_whole_experiment(days: int, seed: int) -> None:
    """Arm by arm, in one pass each, whichever day a unit came on and in whatever order days are added."""
    frame = experiment(60, seed=seed % 97).with_columns(
        day=pl.Series(np.random.default_rng(seed).integers(0, days, 120))
    )
    terms = [Term("spend"), Term("before"), Term("spend", "orders")]
    batches = [aggregates(part, "arm", terms) for part in frame.partition_by("day")]
    for arm, whole in aggregates(frame, "arm", terms).items():
        same(merge_all([one[arm] for one in reversed(batches) if arm in one]), whole)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3, st.integers(-50, 50)), min_size=8, max_size=60))
def test_daily_batches_of_clusters_add_up_however_their_rows_fall_on_days(
    rows: list[tuple[int, int, int, int]],
) -> None:
    table = pl.DataFrame(rows, schema=["cluster", "arm", "day", "spend"], orient="row")
    frame = table.with_columns(pl.format("arm {}", pl.col("arm") % 2).alias("arm"))
    terms = [clustered(Term("spend"), "cluster")]
    whole = aggregates(frame, "arm", terms, "cluster")
    kept = None
    for _, day in frame.group_by("day", maintain_order=True):
        new = weighed(day, "arm", terms, "cluster")
        kept = added([new] if kept is None else [kept, new], "arm", "cluster")
    assert kept is not None
    together = samples(kept, "arm", "cluster")
    assert set(together) == set(whole)
    for arm, one in whole.items():
        assert (together[arm].columns, together[arm].n) == (one.columns, one.n)
        for moment in ("mean", "second", "third"):
            assert_allclose(getattr(together[arm], moment), getattr(one, moment), rtol=1e-9, atol=1e-6)


@given(arrays(np.float64, (30, 2), elements=st.floats(-1e3, 1e3)), st.integers(0, 30))
def test_replacing_the_values_of_some_units_is_measuring_the_others(rows: Floats, k: int) -> None:
    cut = rows.copy()
    cut[:k] = np.clip(cut[:k], -10, 10)
    found, wanted = replaced(measure(("y", "x"), cut), cut[:k], rows[:k]), measure(("y", "x"), rows)
    scale = max(1.0, float(np.abs(rows).max()))
    assert_allclose(found.mean, wanted.mean, atol=1e-12 * scale)
    assert_allclose(found.second, wanted.second, atol=1e-10 * scale**2)
    assert_allclose(found.third, wanted.third, atol=1e-10 * scale**3)


@given(
    st.lists(st.sampled_from([-3.0, -1.0, 0.0, 0.0, 0.5, 2.0, 9.0]), min_size=1, max_size=50),
    st.sampled_from([0.6, 0.9, 0.99, 0.999]),
)
def test_the_upper_quantile_is_polars_own(values: list[float], q: float) -> None:
    assert upper(pl.Series(values), q) == pl.Series(values).quantile(q, "higher")


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.6, 0.99, 0.999]))
@settings(max_examples=20)
def test_the_upper_quantile_of_many_is_found_though_a_sample_points_to_it(seed: int, q: float) -> None:
    value = pl.Series(np.sort(np.random.default_rng(seed).lognormal(sigma=2.0, size=30_001)))
    assert upper(value, q) == value.quantile(q, "higher")
