"""`nextbest decide`: the next best action for one customer."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from engine.commands.shared import (
    AtOption,
    JsonOption,
    ProgramOption,
    StoreOption,
    at_work,
    moment,
    show_json,
)
from engine.errors import InputError


def decide(
    customer: Annotated[str, typer.Argument(help="The customer's id.")],
    program: ProgramOption,
    why: Annotated[bool, typer.Option("--why", help="Explain the decision.")] = False,
    context: Annotated[str, typer.Option(help="Features of this request as a JSON object.")] = "{}",
    explore: Annotated[
        bool, typer.Option("--explore/--no-explore", help="Whether the policy may try other than its best.")
    ] = True,
    key: Annotated[str | None, typer.Option(help="Idempotency key. [default: a new one]")] = None,
    at: AtOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Decide the next best action for one customer, and log it."""
    from engine.applied import stored_program
    from engine.decide import decide as pipeline
    from engine.decide import granted
    from engine.live import live
    from engine.reply import explained, reply
    from engine.request import Request
    from engine.values import check_id

    check_id(customer, "customer", "decide")
    key = check_id(f"cli-{time.time_ns():x}" if key is None else key, "key", "decide")
    when = moment(at)
    features = _features(context)
    with at_work(store, program, when) as (its_store, loaded):
        request = Request(customer, loaded.name, key, when, features, explore)
        with its_store.write() as connection:
            current = live(connection, loaded.name)
            answer = granted(pipeline(connection, [request], {loaded.name: current}).answers[0])
            told = explained(connection, answer.row) if why else None
            version = answer.row.program_version
            made_under = (
                loaded if version == loaded.version else stored_program(connection, loaded.name, version)
            )
    decision = reply(answer.row, made_under, answer.replayed, told.reasons if told else None)
    if json:
        show_json(decision if told is None else {**_fields(decision), "explanation": told})
    else:
        _show(decision, told)


def _features(text: str) -> dict[str, Any]:
    import msgspec

    from engine.unfit import refuse_repeated, unfit

    decoder = msgspec.json.Decoder(dict[str, Any])
    try:
        found = decoder.decode(text.encode())
    except msgspec.ValidationError as error:
        raise InputError(unfit(decoder, text.encode(), error, "--context")) from None
    except msgspec.MsgspecError as error:
        raise InputError(
            f"--context == {text[:80]!r}, must be a JSON object such as '{{\"cart_value\": 61.5}}': {error}."
        ) from None
    refuse_repeated(text.encode(), len(found), "--context")
    return found


def _fields(decision: Any) -> dict[str, Any]:
    import msgspec

    told = msgspec.structs.asdict(decision)
    return {name: value for name, value in told.items() if value is not msgspec.UNSET}


def _show(decision: Any, told: Any) -> None:
    from engine.commands.story import story

    print(story(decision, told))
