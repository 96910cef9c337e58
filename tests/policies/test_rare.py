"""The made-up campaigns of two benchmarks are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import false_alarms, rare
from policies.pool import COMMON, lay_out


def factors(how: str) -> tuple[str, ...]:
    actions = rare.seen(how)
    loading = [{actions.factors[j]: float(row[j]) for j in np.flatnonzero(row)} for row in actions.features]
    return lay_out(dict(zip(actions.names, loading, strict=True)), 3).factors


def test_only_plain_actions_have_nothing_in_common() -> None:
    assert factors("plain") == ()
    assert factors("common") == (COMMON, "contact")
    assert factors("program")[0] == COMMON and "offer=o3" in factors("program")


def test_the_policy_earns_no_more_than_the_best_for_each_customer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rare, "ROWS", 1200)
    gain, best_fixed, best = rare.lived(0.03, rare.seen("common"), {}, 1)
    assert gain < best and 0.0 <= best_fixed < best


@pytest.mark.parametrize("predicted", [False, True])
@pytest.mark.parametrize("kind", sorted(false_alarms.KINDS))
def test_nothing_changes_in_a_made_up_campaign_and_nothing_is_seen(
    kind: str, predicted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(false_alarms, "ROWS", 1500)
    assert not false_alarms.campaign(kind, 300, predicted, 3)
