"""Snapshots that were learnt elsewhere: taken in, judged as they are, promoted, taken back and forgotten."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from sqlalchemy import Connection

from engine import cli
from engine.applied import stored_program
from engine.candidates import promote, read, take_in
from engine.commands.shared import signed
from engine.domain import Program
from engine.erase import buried, erase
from engine.errors import InputError, NotFoundError, RefusedError
from engine.learn import learn
from engine.live import live
from engine.published import roll_back
from engine.relearn import relearn
from engine.replay import replay
from engine.saved import Saved, saved, seal
from engine.store import Store, candidates, open_store, snapshots
from engine.store.candidates import CandidateRow
from simulator.challengers import bout
from tests.engine.programs import AT, TEXT, applied, ask, people, settled
from tests.engine.test_learn import DAY
from tests.simulator.test_challengers import CHANCE, LATER, buys, season, verbs
from tests.store.conftest import store

__all__ = ["store", "verbs"]

GREEDY = "policy: {kind: linear, waves: 0, explore: greedy, floor: 0.02}"
WISE = TEXT.replace("program: spring", "program: autumn").replace("policy: {kind: linear, waves: 20}", GREEDY)
WISE = WISE.replace("{policy: 0.5, random: 0.2, bau: 0.1, holdout: 0.2}", "{policy: 0.5, random: 0.5}")


def elsewhere(c: Connection, n: int = 320) -> Program:
    """Another program, in which who is sent the sale often buys, and what it has learnt."""
    made = applied(c, WISE)
    buys(c, settled(ask(c, people(c, n), AT, "a", "autumn")), np.random.default_rng(7))
    learn(c, "autumn", AT + 8 * DAY)
    return made


def taken(c: Connection, name: str = "wise", source: str = "autumn", at_days: int = 8) -> CandidateRow:
    program = stored_program(c, "spring")
    return take_in(c, program, name, read(c, program, source), AT + at_days * DAY)


def body(c: Connection, name: str) -> bytes:
    row = snapshots.snapshot(c, name)
    assert row is not None
    return row.body


def test_a_candidate_that_knows_more_is_ready_and_a_copy_of_what_serves_is_not(store: Store) -> None:
    with store.write() as c:
        elsewhere(c)
        season(c)
        row = taken(c)
        found = bout(c, "spring", (), LATER, candidate=row)
    (wise,) = found.challengers
    assert wise.ready and wise.name == "wise" and wise.policy.kind == "linear"
    assert wise.sure is not None and wise.sure.low > 0


def test_nothing_decided_before_it_was_taken_in_judges_a_candidate(store: Store) -> None:
    with store.write() as c:
        elsewhere(c)
        season(c)
        early, late = taken(c), taken(c, "late", at_days=18)
        counts = [bout(c, "spring", (), LATER, candidate=row).judged for row in (early, late)]
        assert counts == [3 * 320, 2 * 320]
        with pytest.raises(RefusedError, match="taken in"):
            bout(c, "spring", (), LATER, candidate=taken(c, "new", at_days=60))


def test_what_is_judged_is_what_serves_and_it_learns_the_programs_own_log_on_top(store: Store) -> None:
    with store.write() as c:
        elsewhere(c)
        season(c)
        row = taken(c)
        before = snapshots.newest_version(c, "spring")
        made = promote(c, row, LATER, signed("promote", "ann", "why"))
        assert body(c, "spring") == row.body == body(c, "autumn")
        assert (made.version, made.snapshot) == (2, before + 1)
        policy = stored_program(c, "spring").policy
        assert (policy.kind, dict(policy.settings)) == (
            "linear",
            {"waves": 0, "explore": "greedy", "floor": 0.02},
        ), "what it has by default is not written into the file"
        asked = settled(ask(c, ["c1", "c2"], LATER, "on"))
        assert not any(replay(c, one.row.id).differences for one in asked)
        assert learn(c, "spring", LATER).decisions == 4 * 320
        roll_back(c, "spring", before, LATER)
        assert live(c, "spring").policy.kind == "uniform"


def test_what_a_candidate_has_learnt_already_is_not_learnt_twice(store: Store) -> None:
    with store.write() as c:
        elsewhere(c)
        season(c)
        program = stored_program(c, "spring")
        found = read(c, program, "autumn")
        row = take_in(c, program, "half", found, AT + 8 * DAY, until=AT + 10 * DAY)
        assert promote(c, row, LATER, signed("promote")).decisions == 2 * 320
        assert learn(c, "spring", LATER).decisions == 2 * 320


def test_who_is_erased_is_in_no_candidate_and_what_serves_one_learns_afresh(store: Store) -> None:
    with store.write() as c:
        elsewhere(c)
        season(c)
        waiting, serving = taken(c, "waiting"), taken(c, "serving")
        promote(c, serving, LATER, signed("promote"))
        learn(c, "spring", LATER)
        gone = erase(c, "c3", buried(), LATER)
        assert list(gone.due) == ["spring"] and gone.snapshots.keys() == {"autumn", "spring"}
        assert waiting.served_us is None and candidates.listed(c, "spring") == []
        afresh = relearn(c, "spring", LATER)
        assert candidates.listed(c, "spring") == []
        held = [one.version for one in snapshots.listed(c, "spring") if one.bytes]
        assert held == [afresh.snapshot]


@pytest.mark.parametrize(
    ("source", "error", "told"),
    [
        ("spring", InputError, "shadows"),
        ("autum", NotFoundError, "autumn"),
        ("autumn@9", NotFoundError, "no such snapshot"),
        ("autumn@x", InputError, "number of a snapshot"),
    ],
)
def test_what_is_no_candidate_is_refused_in_words(
    store: Store, source: str, error: type[Exception], told: str
) -> None:
    with store.write() as c:
        elsewhere(c, 40)
        applied(c, CHANCE)
        with pytest.raises(error, match=told):
            taken(c, source=source)


def test_a_damaged_file_and_an_unknown_attribute_are_refused(store: Store, tmp_path: Path) -> None:
    with store.write() as c:
        elsewhere(c, 40)
        program = applied(c, CHANCE)
        kept = seal(saved(c, stored_program(c, "autumn")))
        turned = bytes([*kept[:-9], kept[-9] ^ 1, *kept[-8:]])
        odd = seal(Saved("autumn", 1, {}, b"something else", None))
        other = hashlib.sha256(b"other").digest() + b"other"
        for broken in (kept[:-1], kept[:40], b"", turned, kept[1:], odd, other):
            (tmp_path / "f").write_bytes(broken)
            with pytest.raises(InputError, match=r"file f|cut or changed"):
                take_in(c, program, "one", read(c, program, str(tmp_path / "f")), AT)
        other = CHANCE.replace("spend: number", "spent: number")
        blind = applied(c, other.replace("program: spring", "program: blind"))
        with pytest.raises(InputError, match=r"looks at 'spend'.*Did you mean 'spent'"):
            take_in(c, blind, "one", read(c, blind, "autumn"), AT)
        take_in(c, program, "one", read(c, program, "autumn"), AT)
        for name in ("one", "learner"):
            with pytest.raises(InputError, match="already"):
                take_in(c, program, name, read(c, program, "autumn"), AT)


def test_a_snapshot_of_the_program_itself_says_what_it_has_learnt(store: Store, tmp_path: Path) -> None:
    with store.write() as c:
        elsewhere(c, 40)
        program, when = stored_program(c, "autumn"), AT + 8 * DAY
        unknown = msgspec.structs.replace(saved(c, program), lessons=None)
        (tmp_path / "f").write_bytes(seal(unknown))
        found = read(c, program, str(tmp_path / "f"))
        with pytest.raises(InputError, match="snapshot 1 of program 'autumn' itself"):
            take_in(c, program, "own", found, when)
        assert take_in(c, program, "own", found, when, until=when).until_us is not None


def test_the_verbs_carry_a_snapshot_from_store_to_store(
    tmp_path: Path, verbs: None, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {name: tmp_path / f"{name}.db" for name in ("there", "here")}
    for name, make in (("there", elsewhere), ("here", season)):
        made = open_store(paths[name])
        with made.write() as c:
            make(c)
        made.close()
    file, late = str(tmp_path / "wise.snapshot"), ["--at", LATER.isoformat()]
    there = ["-p", "autumn", "--store", str(paths["there"]), *late]
    here = ["-p", "spring", "--store", str(paths["here"])]
    early = ["--at", (AT + 8 * DAY).isoformat()]
    assert cli.main(["learn", *there, "--save", file]) == 0
    assert cli.main(["learn", *there, "--save", file]) == 2
    assert cli.main(["shadows", *here, *early, "--take", "wise"]) == 2
    assert cli.main(["shadows", *here, *early, "--take", "wise", "--from", file]) == 0
    assert cli.main(["shadows", *here, *early, "--take", "new", "--from", file]) == 0
    assert cli.main(["shadows", *here, *early, "--drop", "newt"]) == 2
    assert cli.main(["shadows", *here, *early, "--drop", "new"]) == 0
    assert cli.main(["shadows", *here, *late, "--take", "new", "--from", file]) == 0
    capsys.readouterr()
    assert cli.main(["shadows", *here, *late, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in told["policies"]] == ["serving", "learner", "silent"]
    assert [one["name"] for one in told["candidates"][0]["policies"]] == ["serving", "wise"]
    assert len(told["candidates"]) == 1 and told["waiting"][0].startswith("candidate new: ")
    assert cli.main(["promote", "new", *here, *late]) == 1
    assert cli.main(["promote", "wise", *here, *late, "--by", "ann"]) == 0
    assert "Candidate wise serves: better beyond chance" in capsys.readouterr().out
    assert cli.main(["learn", *here, *late, "--guard"]) == 0
