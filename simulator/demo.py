"""The demo, step by step: every figure it prints is computed while you watch.

The campaign is Kevin Hillstrom's e-mail challenge of 2008: 64,000 customers, a third each got an e-mail
about men's merchandise, one about women's, or none, by lot. Its log is taken in and learnt, the next
campaign is decided, other policies are judged from the log, the experiment is reported. Last comes a season
in a simulated world, where the truth is known and stands beside each estimate.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console

from engine.applied import apply
from engine.batch import Batch, run
from engine.calendar import microseconds
from engine.commands.funnel import funnel_lines
from engine.commands.progress import bar
from engine.commands.story import story
from engine.domain import Program
from engine.errors import InputError
from engine.experiments.page import render
from engine.experiments.report import Report, analyse
from engine.experiments.terminal import show
from engine.learn import learn
from engine.outbox import outbox
from engine.profiles import customer_table, profiles
from engine.reply import explained, reply
from engine.roster import Table
from engine.store import Store, decisions, open_store
from engine.tables import read_table, write_whole
from engine.tally import BatchSummary
from engine.uncollected import uncollected
from engine.warm import PastDecision, take_in
from simulator import season_tables
from simulator.evaluate import evaluate
from simulator.evaluate_terminal import table
from simulator.evaluation import Evaluation
from simulator.logs import read_log
from simulator.run import run as live_through
from simulator.season import Season
from simulator.worlds import world

CAMPAIGN = Path(__file__).resolve().parent.parent / "examples" / "hillstrom"
SENT = datetime(2008, 3, 20, 10, tzinfo=UTC)
LEARNT = datetime(2008, 4, 20, 10, tzinfo=UTC)
NEXT = datetime(2008, 4, 21, 10, tzinfo=UTC)
ACTIONS = {
    "Mens E-Mail": "mens_email/email/now",
    "Womens E-Mail": "womens_email/email/now",
    "No E-Mail": "no_action",
}
CONTEXT = ["recency", "history", "mens", "womens", "zip_code", "newbie", "channel"]
ALWAYS_MENS = "constant:Mens E-Mail"
TARGETS = ("uniform", ALWAYS_MENS, "constant:Womens E-Mail", "constant:No E-Mail", "learnt")
MADE_HERE = (
    "nextbest.db",
    "nextbest.db-wal",
    "nextbest.db-shm",
    "decisions.parquet",
    "report.html",
    "report.json",
)
SEASON_WORLD, SEASON_CUSTOMERS, SEASON_DAYS, SEASON_SEED = "newsletter", 2_000, 21, 2026
STEPS = 7


@dataclass(slots=True)
class Stage:
    """Where the demo speaks and writes, and how far it is."""

    console: Console
    folder: Path
    quiet: bool
    step: int = 0

    @contextmanager
    def part(self, title: str) -> Iterator[None]:
        """One numbered part of the demo, with the seconds it took."""
        self.step += 1
        self.console.rule(f"[bold]{self.step}/{STEPS}  {title}", align="left", style="dim")
        start = time.perf_counter()
        yield
        self.console.print(f"[dim]{time.perf_counter() - start:.1f} s[/]\n")

    def say(self, *lines: str) -> None:
        """Lines as they are."""
        for line in lines:
            self.console.print(line, markup=False, highlight=False)

    def commands(self, *commands: tuple[str, str]) -> None:
        """What each does, then the command on a line of its own, ready to be pasted."""
        for what, command in commands:
            self.console.print(f"  # {what}", style="dim", markup=False, highlight=False)
            self.console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def play(folder: Path, quiet: bool = False) -> None:
    """Run the whole demo into `folder`; a demo that was killed is simply run again.

    Args:
        folder: gets the store, the decisions, and the report as HTML and JSON.
        quiet: print one JSON object at the end and nothing before.

    Raises:
        InputError: the campaign's file is not there, or `folder` cannot be written.
    """
    start = time.perf_counter()
    stage = Stage(Console(quiet=quiet), _cleared(folder), quiet)
    store = open_store(folder / "nextbest.db")
    try:
        with stage.part("The program: what may be sent, and what counts"):
            program = _program(stage, store)
        frame = _campaign()
        with stage.part("Learn the campaign that was sent, decide the next for 64,000"):
            ids, summary = _decisions(stage, store, program, frame)
        with stage.part("One decision, explained"):
            _explanation(stage, store, program, ids)
    finally:
        store.close()
    with stage.part("What would other policies have earned? From the log alone"):
        evaluation = _evaluation(stage)
    with stage.part("What did the e-mails earn? The experiment's report"):
        report = _report(stage)
    with stage.part("SIMULATED season: offer x channel x slot learnt, truth known"):
        season = _season(stage)
    with stage.part("Try next"):
        _try_next(stage, ids[0])
    stage.say(f"The whole demo took {time.perf_counter() - start:.0f} s. Everything it made is in {folder}/.")
    if quiet:
        print(json.dumps(_figures(summary, evaluation, report, season), allow_nan=False))


def _cleared(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in MADE_HERE:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); give another --folder.") from error
    return folder


def _campaign() -> pl.DataFrame:
    """The campaign's rows with a customer id each; the file itself has none."""
    path = CAMPAIGN / "hillstrom.csv.gz"
    if not path.is_file():
        raise InputError(f"{path} is not there; run the demo from a checkout of the project.")
    numbered = read_table(path).with_row_index("customer", 1)
    return numbered.with_columns(pl.format("c_{}", pl.col("customer")).alias("customer"))


def _program(stage: Stage, store: Store) -> Program:
    with store.write() as connection:
        program = apply(connection, CAMPAIGN / "program.yaml", SENT)
    goal = ", ".join(f"{name} = {weight.amount:g}" for name, weight in program.goal.outcomes.items())
    stage.say(
        f"{program.title} ({CAMPAIGN.name}/program.yaml, version {program.version})",
        f"  offers    {', '.join(offer.name for offer in program.offers)}, or nothing",
        f"  channels  {', '.join(channel.name for channel in program.channels)}",
        f"  slots     {', '.join(slot.name for slot in program.slots)}",
        f"  goal      {goal} within {program.goal.window.days} days",
        f"  arms      {', '.join(f'{name} {share:.0%}' for name, share in program.arms)}",
        f"  policy    {program.policy.kind}; today's rules (bau): {program.bau.kind}",
    )
    return program


@uncollected()
def _decisions(
    stage: Stage, store: Store, program: Program, frame: pl.DataFrame
) -> tuple[list[str], BatchSummary]:
    """The decisions: their ids, the policy's own e-mails for men first, and what the batch did."""
    table_of_customers = customer_table(program, frame, "hillstrom.csv.gz")
    with store.write() as connection:
        taken = take_in(connection, program, "march-2008", _past(program, frame, table_of_customers), SENT)
    with store.write() as connection:
        lesson = learn(connection, program.name, LEARNT)
    stage.say(
        f"{taken:,} logged decisions of the campaign of March 2008 taken in, {lesson.decisions:,} learnt: "
        f"snapshot {lesson.snapshot}.",
    )
    roster, asked = Table(table_of_customers), Batch(program, "april-2008", NEXT)
    out = stage.folder / "decisions.parquet"
    with bar("deciding", roster.height, stage.quiet) as advance, outbox(out) as take:
        summary = run(store, asked, roster, take, progress=advance)
    stage.say(*funnel_lines(summary))
    stage.say(
        f"Mean propensity {summary.mean_propensity:.3f}. Every decision is logged and in "
        f"{stage.folder / 'decisions.parquet'}."
    )
    made = pl.read_parquet(stage.folder / "decisions.parquet")
    own = (made["arm"] == "policy") & ~made["explored"] & (made["offer"] == "mens_email").fill_null(False)
    return [*made.filter(own)["id"], *made.filter(~own)["id"]], summary


def _past(program: Program, frame: pl.DataFrame, table_of_customers: pl.DataFrame) -> list[PastDecision]:
    known = profiles(program, table_of_customers, microseconds(SENT))
    columns = (frame[name] for name in ("segment", "visit", "conversion", "spend"))
    return [
        PastDecision(profile, ACTIONS[segment], 1 / 3, _outcomes(visit, conversion, spend))
        for profile, segment, visit, conversion, spend in zip(known, *columns, strict=True)
    ]


def _outcomes(visit: int, conversion: int, spend: float) -> Sequence[tuple[str, float]]:
    return [*([("visit", 0.0)] if visit else []), *([("purchase", spend)] if conversion else [])]


def _explanation(stage: Stage, store: Store, program: Program, ids: list[str]) -> None:
    with store.read() as connection:
        row = decisions.decision(connection, ids[0])
        assert row is not None
        told = explained(connection, row)
    stage.say(story(reply(row, program, False), told))


def _evaluation(stage: Stage) -> Evaluation:
    log = read_log(
        CAMPAIGN / "hillstrom.csv.gz", context=CONTEXT, action="segment", propensity=1 / 3, reward="visit"
    )
    found = evaluate(log, TARGETS, ["dr"], against=ALWAYS_MENS)
    stage.say("Visits per customer; lifts against always-Mens; real customers, randomised at 1/3 each.")
    stage.console.print(table(found))
    return found


def _report(stage: Stage) -> Report:
    found = analyse(
        CAMPAIGN / "hillstrom.csv.gz",
        arm="segment",
        control="No E-Mail",
        metrics=["visit", "conversion", "spend"],
        primary=["visit", "spend"],
        name="Hillstrom's e-mail campaign of 2008",
    )
    write_whole(stage.folder / "report.html", render(found).encode())
    write_whole(stage.folder / "report.json", json.dumps(found.as_dict(), indent=2, allow_nan=False).encode())
    show(found, [stage.folder / "report.html"], stage.console)
    return found


def _season(stage: Stage) -> Season:
    here = world(SEASON_WORLD)
    stage.say(
        f"{here.title}: {SEASON_CUSTOMERS:,} invented customers, {SEASON_DAYS} days. "
        "A click counts 1, a purchase 3, an unsubscription -1."
    )
    with bar("living through the season, days", SEASON_DAYS, stage.quiet) as advance:
        season = live_through(here, SEASON_CUSTOMERS, SEASON_DAYS, SEASON_SEED, progress=advance)
    shown = [season_tables.earnings([season]), season_tables.weeks(season), season_tables.learnt(season)]
    for one in [*shown, *([season_tables.judged(season)] if season.off_policy else [])]:
        stage.console.print(one)
    return season


def _try_next(stage: Stage, id: str) -> None:
    store = f"--store {stage.folder / 'nextbest.db'}"
    stage.commands(
        ("one customer, explained", f"nextbest decide c_1 -p hillstrom {store} --why"),
        ("a decision made again, bit for bit", f"nextbest replay {id} {store}"),
        ("the same over HTTP", f"nextbest serve {store}"),
    )
    stage.say(f"Open {stage.folder / 'report.html'} in a browser; it needs no network.")


def _figures(summary: BatchSummary, evaluation: Evaluation, report: Report, season: Season) -> dict[str, Any]:
    return {
        "decisions": asdict(summary),
        "evaluation": evaluation.as_dict(),
        "report": report.as_dict(),
        "season": season_tables.document(season),
    }
