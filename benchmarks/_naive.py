"""The same decision as most would write it first: `python -m benchmarks._naive PORT STORE`.

FastAPI with pydantic in and out, a vowpalwabbit bandit fed with text, 200 lines a request, and one SQLModel
session and commit for each decision. It is spared the rules, the caps, consent, arms and reasons.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
import vowpalwabbit
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import Engine, event
from sqlmodel import Field, Session, SQLModel, create_engine

from benchmarks._big import CHANNELS, OFFERS, SLOTS

ACTIONS = [
    f"offer_{o:02}/channel_{c}/slot_{s}" for o in range(OFFERS) for c in range(CHANNELS) for s in range(SLOTS)
]


class Question(BaseModel):
    """What is asked."""

    customer: str
    program: str
    key: str
    context: dict[str, float]
    explain: bool


class Answer(BaseModel):
    """What is told."""

    id: int
    customer: str
    action: str
    propensity: float


class Log(SQLModel, table=True):
    """One decision."""

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    customer: str = Field(index=True)
    action: str
    propensity: float
    context: str


def opened(path: str) -> Engine:
    """The store, as durable as ours."""
    engine = create_engine(f"sqlite:///{path}")

    def prepare(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    event.listen(engine, "connect", prepare)
    SQLModel.metadata.create_all(engine, tables=[SQLModel.metadata.tables["log"]])
    return engine


def decider() -> Callable[[dict[str, float]], tuple[int, float]]:
    """A bandit of vowpalwabbit: context -> index of an action, its probability."""
    bandit = vowpalwabbit.Workspace("--cb_explore_adf --squarecb -q xa --quiet")
    lines = [f"|a {action.replace('/', ' ')}" for action in ACTIONS]
    chance = random.Random(1)

    def choose(context: dict[str, float]) -> tuple[int, float]:
        shared = "shared |x " + " ".join(f"{name}:{value}" for name, value in context.items())
        pmf = bandit.predict([shared, *lines])
        action = chance.choices(range(len(pmf)), pmf)[0]
        return action, pmf[action]

    return choose


def app(path: str) -> FastAPI:
    """The server."""
    engine, choose, made = opened(path), decider(), FastAPI()

    @made.post("/v1/decisions")
    async def decide(question: Question) -> Answer:
        action, propensity = choose(question.context)
        with Session(engine) as session:
            row = Log(
                key=question.key,
                customer=question.customer,
                action=ACTIONS[action],
                propensity=propensity,
                context=str(question.context),
            )
            session.add(row)
            session.commit()
            session.refresh(row)
        return Answer(id=row.id or 0, customer=row.customer, action=row.action, propensity=row.propensity)

    return made


if __name__ == "__main__":
    uvicorn.run(app(sys.argv[2]), port=int(sys.argv[1]), log_config=None, access_log=False)
