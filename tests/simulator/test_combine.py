"""Snapshots of several stores put together, and what a candidate brought kept when learning afresh."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from sqlalchemy import Connection

from engine import cli
from engine.applied import stored_program
from engine.candidates import Found, promote, take_in
from engine.combine import combine
from engine.commands.shared import signed
from engine.erase import buried, erase
from engine.errors import RefusedError
from engine.learn import learn
from engine.live import live, thaw
from engine.relearn import relearn
from engine.saved import Saved, saved, seal
from engine.store import Store, candidates, open_store, outcomes
from engine.store.rows import OutcomeRow
from policies.base import Floats
from tests.engine.programs import AT, TEXT, applied, ask, people, settled, spring
from tests.engine.test_learn import DAY
from tests.simulator.test_challengers import buys, verbs

__all__ = ["verbs"]

LATER, LAST = AT + 9 * DAY, AT + 18 * DAY
N = 120


@pytest.fixture
def stores(tmp_path: Path) -> dict[str, Store]:
    """Four empty stores."""
    made = {name: open_store(tmp_path / f"{name}.db") for name in ("first", "one", "other", "whole")}
    yield made
    for one in made.values():
        one.close()


def morning(c: Connection, at: datetime, names: Sequence[str], key: str) -> None:
    """Decide for some people by what is published, and let some of them buy."""
    buys(c, settled(ask(c, list(names), at, key)), np.random.default_rng(len(names)))


def begun(stores: dict[str, Store], text: str = TEXT) -> Saved:
    """The first morning in the first store and in that of one learner; what it taught serves in all."""
    for name in ("first", "whole"):
        with stores[name].write() as c:
            applied(c, text)
            morning(c, AT, people(c, 3 * N)[:N], "a")
            learn(c, "spring", LATER)
            held = saved(c, stored_program(c, "spring"))
    for name in ("one", "other"):
        with stores[name].write() as c:
            applied(c, text)
            people(c, 3 * N)
            served(c, held, LATER)
    return held


def served(c: Connection, held: Saved, at: datetime, name: str = "held") -> None:
    found = Found(held.body, "", "file held", held.lessons)
    row = take_in(c, stored_program(c, "spring"), name, found, at)
    promote(c, row, at, signed("promote", "ann", "one beginning"))


def worked(stores: dict[str, Store]) -> dict[str, Saved]:
    """A second morning: each store has people of its own, that of one learner all of them."""
    parts = {"one": (N, 2 * N), "other": (2 * N, 3 * N)}
    for name, (start, end) in parts.items():
        for where in (name, "whole"):
            with stores[where].write() as c:
                morning(c, LATER, [f"c{i}" for i in range(start, end)], name)
    found = {}
    for name in ("one", "other", "whole"):
        with stores[name].write() as c:
            learn(c, "spring", LAST)
            found[name] = saved(c, stored_program(c, "spring"))
    return found


def weights(body: bytes) -> Floats:
    return thaw(body)[1].weights(spring().action_set())  # type: ignore[attr-defined]


def test_snapshots_of_two_stores_are_what_one_learner_would_have_learnt(stores: dict[str, Store]) -> None:
    base = begun(stores)
    found = worked(stores)
    made = combine({name: found[name] for name in ("one", "other")}, {"base": base})
    np.testing.assert_allclose(weights(made.body), weights(found["whole"].body), rtol=0, atol=1e-9)
    assert np.abs(weights(made.body) - weights(found["one"].body)).max() > 1e-3
    assert thaw(made.body)[2] == thaw(found["whole"].body)[2]
    lessons, whole = made.learnt(), found["whole"].learnt()
    assert lessons is not None and whole is not None and not len(lessons.changed(whole))


def test_a_late_outcome_and_an_erasure_in_one_store_are_in_the_combined_snapshot(
    stores: dict[str, Store],
) -> None:
    base = begun(stores)
    worked(stores)
    found = {}
    for name in ("one", "other", "whole"):
        with stores[name].write() as c:
            if name != "other":
                erase(c, "c130", buried(), LAST)
                late = [OutcomeRow("late", None, "c140", "visit", 1.0, int(LATER.timestamp() * 1e6) + 5, 0)]
                outcomes.append_outcomes(c, late)
                assert learn(c, "spring", LAST).corrected == 1
            found[name] = saved(c, stored_program(c, "spring"))
    made = combine({name: found[name] for name in ("one", "other")}, {"base": base})
    np.testing.assert_allclose(weights(made.body), weights(found["whole"].body), rtol=0, atol=1e-9)


def test_what_is_combined_serves_in_a_store_that_learns_on_and_can_be_combined_again(
    stores: dict[str, Store],
) -> None:
    base = begun(stores)
    found = worked(stores)
    made = combine({name: found[name] for name in ("one", "other")}, {"base": base})
    with stores["one"].write() as c:
        served(c, made, LAST, "both")
        assert learn(c, "spring", LAST).decisions == 0  # its own are in it, each once
        np.testing.assert_allclose(weights(saved(c, stored_program(c, "spring")).body), weights(made.body))
        lessons, known = saved(c, stored_program(c, "spring")).learnt(), made.learnt()
        assert lessons is not None and known is not None and not len(lessons.changed(known))
        erase(c, "c130", buried(), LAST)
        again = saved(c, stored_program(c, "spring"))
        assert len(again.learnt() or ()) == len(known) - 1
    with stores["whole"].write() as c:
        erase(c, "c130", buried(), LAST)
        whole = saved(c, stored_program(c, "spring"))
    np.testing.assert_allclose(weights(again.body), weights(whole.body), rtol=0, atol=1e-9)
    with pytest.raises(RefusedError, match=r"again and other have .* decisions in common beyond"):
        combine({"again": again, "other": found["other"]}, {"base": base})


def test_learning_afresh_keeps_what_a_candidate_learnt_elsewhere(stores: dict[str, Store]) -> None:
    begun(stores)
    found = worked(stores)
    with stores["one"].write() as c:
        assert relearn(c, "spring", LAST).begun == "file held"
        afresh = saved(c, stored_program(c, "spring"))
        np.testing.assert_allclose(weights(afresh.body), weights(found["one"].body), rtol=0, atol=1e-9)
        lone = relearn(c, "spring", LAST, alone=True)
        assert (lone.begun, candidates.listed(c, "spring")) == ("", [])
        assert sum(live(c, "spring").seen.values()) < N


def test_learning_afresh_with_another_policy_refuses_to_lose_what_a_candidate_learnt(
    stores: dict[str, Store],
) -> None:
    begun(stores)
    worked(stores)
    with stores["one"].write() as c:
        applied(c, TEXT.replace("waves: 20", "waves: 30"), LAST)
        with pytest.raises(RefusedError, match=r"'held'.*waves is 30 now and was 20.*--alone"):
            relearn(c, "spring", LAST)
        applied(c, TEXT.replace("  age: integer\n", "  age: integer\n  weight: number\n"), LAST)
        with pytest.raises(RefusedError, match=r"'weight' is looked at.*--alone"):
            relearn(c, "spring", LAST)
        assert relearn(c, "spring", LAST, alone=True).begun == ""


def changed(held: Saved, **values: object) -> Saved:
    return msgspec.structs.replace(held, **values)


def test_what_cannot_be_put_together_exactly_is_refused_in_words(stores: dict[str, Store]) -> None:
    base = begun(stores)
    found = worked(stores)
    one, other = found["one"], found["other"]
    goal = {**other.terms, "goal": "[]"}
    refused = {
        r"a and b have 1\d\d decisions in common: they would count twice.*--base": (one, other, None),
        r"a and b have 120 decisions in common beyond those of --base": (one, one, base),
        "b: nobody knows which decisions": (one, changed(other, lessons=None), base),
        r"a and b have other goal: .*purchase.* and \[\]": (one, changed(other, terms=goal), base),
        "b: not a snapshot of this version|envelope": (one, changed(other, body=b"x"), base),
    }
    for told, (here, there, common) in refused.items():
        with pytest.raises(RefusedError, match=told):
            combine({"a": here, "b": there}, {"base": common} if common else {})


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (("waves: 20", "waves: 30"), "other policies: waves is 20 and 30"),
        (
            ("{kind: linear, waves: 20}", "{kind: vw}"),
            "b: what a policy of kind 'vw' learnt cannot be added up",
        ),
        (("  spend: number\n", ""), "other columns: 'spend' around .* and 'country' with the levels NO"),
        (("  news: {value: 1, priority: 1}\n", ""), "other columns: 'last contact with news' is in one"),
    ],
)
def test_learners_of_other_features_offers_or_priors_are_refused(
    tmp_path: Path, edit: tuple[str, str], told: str
) -> None:
    found = []
    for i, text in enumerate((TEXT, TEXT.replace(*edit))):
        made = open_store(tmp_path / f"{i}.db")
        with made.write() as c:
            applied(c, text)
            names = people(c, 2 * N)
            morning(c, AT, names[i * N : (i + 1) * N], "a")
            if i:  # the same columns, so that what was asked differs alone
                morning(c, AT, [], "b")
            learn(c, "spring", LATER)
            found.append(saved(c, stored_program(c, "spring")))
        made.close()
    with pytest.raises(RefusedError, match=told):
        combine(dict(zip("ab", found, strict=True)), {})


def test_the_verb_writes_a_file_that_a_store_takes_in(
    stores: dict[str, Store], tmp_path: Path, verbs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    base = begun(stores)
    worked(stores)
    (tmp_path / "base.snapshot").write_bytes(seal(base))
    for name in ("one", "other"):
        stores[name].close()
        asked = ["--store", str(tmp_path / f"{name}.db"), "--save", str(tmp_path / f"{name}.snapshot")]
        assert cli.main(["learn", "-p", "spring", *asked]) == 0
    assert "learnt from" in capsys.readouterr().out
    files = [str(tmp_path / f"{name}.snapshot") for name in ("one", "other")]
    into, base_of = ["--into", str(tmp_path / "all.snapshot")], ["--base", str(tmp_path / "base.snapshot")]
    assert cli.main(["combine", *files, *into]) == 1
    assert "in common: they would count twice" in capsys.readouterr().err
    assert cli.main(["combine", *files, *into, *base_of, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decisions"] > N
    for wrong in (files[:1], [files[0], files[0]], [files[0], str(tmp_path / "none")], files):
        assert cli.main(["combine", *wrong, *into, *base_of]) == 2
    one = ["-p", "spring", "--store", str(tmp_path / "one.db"), "--at", LAST.isoformat()]
    assert cli.main(["shadows", *one, "--take", "all", "--from", str(tmp_path / "all.snapshot")]) == 0
    assert cli.main(["promote", "all", *one]) == 1
    assert "nothing can be judged yet" in capsys.readouterr().err
    assert cli.main(["promote", "all", *one, "--anyway", "--note", "of both stores"]) == 0
    told = capsys.readouterr().out
    assert "Candidate all serves though program 'spring': nothing can be judged yet" in told
    assert "policy: {" in told and "--rollback N" in told
    assert cli.main(["learn", *one, "--alone"]) == 2


def test_lessons_that_the_log_does_not_bear_out_are_refused(stores: dict[str, Store]) -> None:
    begun(stores)
    found = worked(stores)
    held = found["other"]
    with stores["one"].write() as c:
        mine = saved(c, stored_program(c, "spring"))
        with pytest.raises(RefusedError, match="says it has learnt decisions of program 'spring'"):
            served(c, changed(held, lessons=mine.lessons), LAST, "liar")
