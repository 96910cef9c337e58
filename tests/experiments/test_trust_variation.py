from __future__ import annotations

import polars as pl

from engine.experiments.report import Report, analyse


def reported(held: int) -> Report:
    """An experiment in which nobody of `held` held-out customers bought anything."""
    spend = [0.0] * held + [10.0 * (i % 9 == 0) for i in range(9 * held)]
    arm = ["holdout"] * held + ["policy"] * 9 * held
    split = {"holdout": 0.1, "policy": 0.9}
    frame = pl.DataFrame({"arm": arm, "spend": spend})
    return analyse(frame, arm="arm", control="holdout", metrics=["spend"], expected_split=split)


def test_no_lift_is_claimed_over_a_few_customers_of_whom_none_bought() -> None:
    found = reported(50)
    (failed,) = [check for check in found.trust if not check.passed]
    assert failed.name == "variation"
    assert "'spend' is the same for all 50 units of arm 'holdout'" in failed.sentence
    assert found.verdict.status == "gray"


def test_among_many_customers_none_is_an_answer() -> None:
    assert reported(2_000).trusted
