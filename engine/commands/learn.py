"""`nextbest learn`: matured decisions become a new snapshot of the policy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.shared import (
    AtOption,
    JsonOption,
    ProgramOption,
    StoreOption,
    at_work,
    counted,
    moment,
    show_json,
)
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.domain import Program
    from engine.store import Store

NEWEST = 1000  # decisions of the quarantine that are told
_ODD = {  # words of the reasons of `engine.teach`, `engine.sources` and `engine.plausible` -> what they are
    "in the time of per_customer": "beyond the goal's per_customer",
    "in the time of per_source": "with outcomes beyond its per_source",
    "see at_most": "with an outcome beyond its at_most",
    "the most that is learnt": "with a reward that is learnt as less",
}
AfreshOption = Annotated[
    bool, typer.Option("--afresh", help="Learn the whole log again, by the program as it is now.")
]
AloneOption = Annotated[
    bool,
    typer.Option("--alone", help="With --afresh: without what a promoted candidate had learnt elsewhere."),
]
SnapshotsOption = Annotated[bool, typer.Option("--snapshots", help="List what was published; learn nothing.")]
QuarantineOption = Annotated[
    bool, typer.Option("--quarantine", help="List what was not learnt as it stood, and why; learn nothing.")
]
RollbackOption = Annotated[
    int | None, typer.Option(metavar="N", help="Publish snapshot N again, as the newest one.")
]
GuardOption = Annotated[
    bool,
    typer.Option("--guard", help="Go back to the snapshot before the last step if customers fare worse."),
]
SaveOption = Annotated[
    Path | None, typer.Option(help="Write the snapshot that serves into a file, for another store.")
]
ApprenticeOption = Annotated[
    bool, typer.Option("--apprentice", help="Tell how well today's rules can be learnt; publish nothing.")
]


def learn(
    program: ProgramOption,
    at: AtOption = None,
    afresh: AfreshOption = False,
    alone: AloneOption = False,
    snapshots: SnapshotsOption = False,
    quarantine: QuarantineOption = False,
    rollback: RollbackOption = None,
    guard: GuardOption = False,
    apprentice: ApprenticeOption = False,
    save: SaveOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> int:
    """Learn from matured decisions and publish a snapshot; run it as often as you like."""
    if sum([afresh, snapshots, quarantine, guard, apprentice, rollback is not None, save is not None]) > 1:
        raise InputError(
            "--afresh, --snapshots, --quarantine, --guard, --apprentice, --save and --rollback do different "
            "things; give one of them."
        )
    if alone and not afresh:
        raise InputError("--alone says how to learn afresh; give it with --afresh.")
    when = moment(at)
    with at_work(store, program, when) as (its_store, loaded):
        if snapshots:
            _list(its_store, loaded.name, json)
        elif quarantine:
            _tell_odd(its_store, loaded.name, json)
        elif rollback is not None:
            _go_back(its_store, loaded.name, rollback, when, json)
        elif save is not None:
            _save(its_store, loaded, save, json)
        elif apprentice:
            _tell_apprentice(its_store, loaded.name, json)
        elif guard:
            return _guard(its_store, loaded.name, when, json)
        elif afresh:
            _learn_afresh(its_store, loaded.name, when, alone, json)
        else:
            _learn_on(its_store, loaded.name, when, json)
    return 0


def _learn_on(store: Store, name: str, when: datetime, json: bool) -> None:
    from engine.learn import learn_all

    lesson = learn_all(store, name, when)
    if json:
        show_json(dataclasses.asdict(lesson))
    elif lesson.snapshot is None:
        print(f"Nothing to learn: no decision of '{name}' has matured since the last time.")
    else:
        print(
            f"{lesson.decisions:,} decisions learnt, {lesson.corrected:,} corrected by late outcomes; "
            f"snapshot {lesson.snapshot} is published."
        )
        _tell_held(lesson.held)


def _tell_held(held: Mapping[str, int]) -> None:
    for source, count in held.items():
        print(f"{count:,} outcomes of source {source} not learnt: it sent more than the goal's per_source.")


def _learn_afresh(store: Store, name: str, when: datetime, alone: bool, json: bool) -> None:
    from engine.relearn import republish, restudy

    start = perf_counter()
    with store.read() as connection:
        done = restudy(connection, name, when, alone=alone)
    with store.write() as connection:
        lesson = republish(connection, done, when)
    seconds = perf_counter() - start
    if json:
        return show_json({**dataclasses.asdict(lesson), "seconds": round(seconds, 3)})
    skipped = f", {lesson.skipped:,} skipped: the program has their actions no more" if lesson.skipped else ""
    kept = f" on top of {lesson.begun}" if lesson.begun else ""
    print(
        f"{lesson.decisions:,} decisions learnt afresh{kept} in {seconds:.1f} s{skipped}; "
        f"snapshot {lesson.snapshot} is published."
    )
    _tell_held(lesson.held)
    return None


def _list(store: Store, name: str, json: bool) -> None:
    from engine.published import published
    from engine.store import erasures

    with store.read() as connection:
        found, (erased, _) = published(connection, name), erasures.unsettled(connection, name)
    if json:
        return show_json([dataclasses.asdict(one) for one in found])
    if not found:
        print(f"Nothing is published for '{name}' yet.")
    for one in found:
        serves = "  <- serves" if one.serves else ""
        print(
            f"{one.version:>5}  {one.at:%Y-%m-%d %H:%M}  {one.bytes:>12,} bytes  "
            f"{one.sha256[:12]}  {one.reason}{serves}"
        )
    if erased:
        print(f"{erased:,} decisions of erased people are still in it: learn with --afresh.")
    return None


def _tell_odd(store: Store, name: str, json: bool) -> None:
    from engine.calendar import instant
    from engine.store import quarantine

    with store.read() as connection:
        found, every = quarantine.listed(connection, name, NEWEST), quarantine.counted(connection, name)
        kinds = [(quarantine.counted(connection, name, words), said) for words, said in _ODD.items()]
    if json:
        return show_json([dataclasses.asdict(one) for one in found])
    if not found:
        print(f"Everything that '{name}' learnt was learnt as it stood.")
    else:
        told = ", ".join(f"{count:,} {said}" for count, said in kinds if count)
        newest = f" The newest {len(found):,}:" if len(found) < every else ""
        print(f"Not learnt as they stood: {counted(every, 'decision')} ({told}).{newest}")
    for one in found:
        print(f"{one.id}  {one.customer}  {instant(one.at_us):%Y-%m-%d %H:%M}  {one.reason}")
    return None


def _go_back(store: Store, name: str, number: int, when: datetime, json: bool) -> None:
    from engine.published import roll_back

    with store.write() as connection:
        version = roll_back(connection, name, number, when)
    if json:
        return show_json({"snapshot": version, "copy_of": number})
    print(
        f"Snapshot {version} is published: a copy of {number}. Nothing more is learnt "
        "until you learn with --afresh or go back to the snapshot that was learnt last."
    )
    return None


def _save(store: Store, program: Program, file: Path, json: bool) -> None:
    from engine.saved import saved, seal

    with store.read() as connection:
        found = saved(connection, program)
    if file.exists():
        raise InputError(f"--save {file}: the file is there already; name another one.")
    written, lessons = file.write_bytes(seal(found)), found.learnt()
    known = None if lessons is None else len(lessons)
    if json:
        return show_json({"snapshot": found.version, "file": str(file), "bytes": written, "decisions": known})
    print(
        f"Snapshot {found.version} of {program.name} is in {file}, {written:,} bytes, learnt from "
        f"{'nobody knows which' if known is None else f'{known:,}'} decisions; it holds what people did."
    )
    return None


def _guard(store: Store, name: str, when: datetime, json: bool) -> int:
    """1 if harm is shown."""
    from engine.guard import go_back, guard

    with store.read() as connection:
        found = guard(connection, name, when)
    back = None
    if found.harm and found.step is not None and found.step.before is not None:
        with store.write() as connection:
            back = go_back(connection, name, found, when)
    if json:
        show_json({"step": found.step, "looks": found.looks, "harm": found.harm, "snapshot": back})
        return 1 if found.harm else 0
    if found.step is None:
        print(f"Nothing to guard: no other policy of '{name}' was promoted or learnt afresh.")
    elif not found.looks:
        print(f"Nothing to compare yet since snapshot {found.step.version}.")
    for one in found.looks:
        print(f"{'HARM  ' if one.harm else 'no harm shown  '}{one}")
    if back is not None and found.step is not None:
        print(f"Snapshot {back} is published: a copy of {found.step.before}. Learning waits.")
    elif found.harm:
        print("There is no snapshot to go back to; pause the program, or apply another policy.")
    return 1 if found.harm else 0


def _tell_apprentice(store: Store, name: str, json: bool) -> None:
    from engine.apprentice import apprentice

    with store.read() as connection:
        found = apprentice(connection, name)
    if json:
        return show_json(dataclasses.asdict(found))
    print(f"Learnt from {found.learnt:,} decisions of today's rules; of later ones, the same would be done:")
    print(f"  {'':<24} {'customers':>9}  {'apprentice':<24}  policy")
    for label, one in (("all", found.overall), *found.by_offer.items()):
        shares = [f"{s.value:.1%} ({s.low:.1%} to {s.high:.1%})" for s in (one.apprentice, one.policy)]
        print(f"  {label:<24} {one.apprentice.n:>9,}  {shares[0]:<24}  {shares[1]}")
    return None
