"""`nextbest serve`: decisions over HTTP."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.commands.shared import JsonOption, StoreOption, applied, meant, moment, opened, show_json
from engine.errors import InputError

if TYPE_CHECKING:
    from engine.settings import Settings

DRAIN_S = 10
WAITING = 2048  # connections not yet accepted


def serve(
    program: Annotated[
        list[str] | None,
        typer.Option("--program", "-p", help="A program file to apply first; may be given several times."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = None,
    workers: Annotated[int, typer.Option(help="Processes; a store has one writer, so 1.")] = 1,
    learn_every: Annotated[float, typer.Option(min=0.0, help="Seconds between learning; 0: never.")] = 300.0,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Serve decisions over HTTP until it is stopped; what was asked by then is still answered."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # products are small: more threads would only spin
    from engine.api.logs import log_to_stderr

    _refuse_workers(workers)
    settings = _settings(store, host, port)
    found = [meant(one) for one in program or []]
    with opened(settings.store) as its_store:
        loaded = [applied(its_store, one, moment(None)) for one in found]
    listening = _listen(settings.host, settings.port if port is None else port)
    log_to_stderr()
    address = f"http://{settings.host}:{listening.getsockname()[1]}"
    if json:
        programs = {one.name: one.version for one in loaded}
        show_json({"address": address, "store": str(settings.store), "programs": programs})
    else:
        print(
            f"nextbest serves {settings.store} at {address} (see {address}/docs). Ctrl-C stops it.",
            flush=True,
        )
    _run(settings, learn_every, listening)


def _refuse_workers(workers: int) -> None:
    if workers != 1:
        raise InputError(
            f"--workers == {workers}, must be 1: a store has one writing process, which decides for many "
            "callers in one commit; give each server a store of its own to have more."
        )


def _settings(store: Path | None, host: str | None, port: int | None) -> Settings:
    from engine.settings import settings

    given = {"store": store, "host": host, "port": port or None}
    return settings(**{name: value for name, value in given.items() if value is not None})


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises `InputError` if the address cannot be had.

    It says that it speaks TCP: on one that does not, asyncio leaves Nagle's algorithm on, and every answer
    waits 40 ms for the caller's acknowledgement.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(WAITING)
    except OSError as error:
        made.close()
        raise InputError(
            f"--host {host} --port {port}: cannot listen there: {error.strerror or error}; choose another."
        ) from None
    return made


def _run(settings: Settings, learn_every: float, listening: socket.socket) -> None:
    import uvicorn

    from engine.api.app import create_app
    from engine.api.door import Door

    config = uvicorn.Config(
        create_app(settings, learn_every),
        http=Door,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=DRAIN_S,
    )
    uvicorn.Server(config).run(sockets=[listening])
