"""The command line, `nextbest VERB`: finds the verb, runs it, and turns every error into one sentence.

A verb is a function whose parameters are its options (a `typer.Typer` where it has verbs of its own). The
engine's verbs stand in `VERBS`; packages above the engine, and users, add theirs through the entry point
group ``nextbest.commands``. A verb's module is imported when the verb is run, not before: the list of verbs
is read from the modules' text. A verb takes ``--json`` and returns nothing, or its exit code.

Exit codes: 0 fine, 1 findings or a refusal, 2 wrong input or usage, 3 anything else, 130 interrupted.
Errors go to stderr as one sentence; with ``--json`` stdout carries ``{"error": {"kind": ..., "message":
...}}`` as well. A traceback is shown with ``--debug`` (anywhere on the line) or ``NEXTBEST_DEBUG=1``. A
reader that closes the pipe ends it quietly.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module, metadata
from typing import Any

from engine.errors import InputError, NextbestError, NotFoundError, RefusedError, nearest

GROUP = "nextbest.commands"
VERBS: dict[str, str] = {
    "init": "engine.commands.init:init",
    "doctor": "engine.commands.doctor:doctor",
    "plan": "engine.commands.plan:plan",
    "apply": "engine.commands.apply:apply",
    "audit": "engine.commands.audit:audit",
    "decide": "engine.commands.decide:decide",
    "batch": "engine.commands.batch:batch",
    "track": "engine.commands.track:track",
    "predict": "engine.commands.predict:predict",
    "learn": "engine.commands.learn:learn",
    "combine": "engine.commands.combine:combine",
    "merge": "engine.commands.merge:merge",
    "holdout": "engine.commands.holdout:holdout",
    "erase": "engine.commands.erase:erase",
    "export": "engine.commands.export:export",
    "import": "engine.commands.take_in:take_in",
    "report": "engine.experiments.command:report",
    "keys": "engine.commands.keys:keys",
    "replay": "engine.commands.replay:replay",
    "serve": "engine.commands.serve:serve",
}
HEADING = "nextbest chooses the next best action for every customer, and proves what that earned."
USAGE = """\
Usage: nextbest VERB [OPTIONS]      nextbest VERB --help explains one verb

{verbs}

Every verb takes --json. --version prints the version, --debug shows tracebacks.
Exit codes: 0 fine, 1 findings or a refusal, 2 wrong input or usage, 3 anything else."""


class VerbError(NextbestError):
    """A verb that is known but cannot be loaded; says what is missing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        arguments: what follows ``nextbest``, the process's own if None.

    Returns:
        The exit code.
    """
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # matrices here are small: threads only get in each other's way
    line = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in line or os.environ.get("NEXTBEST_DEBUG", "0") not in ("", "0")
    try:
        code = _answer([word for word in line if word != "--debug"], debug)
        sys.stdout.flush()
        if arguments is None:  # the process ends: nobody need look for cycles in all it leaves
            gc.freeze()
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def verbs() -> dict[str, str]:
    """Every verb and its ``module:function``: the engine's own, then those of entry points by name."""
    added = {point.name: point.value for point in metadata.entry_points(group=GROUP)}
    return VERBS | {name: added[name] for name in sorted(added.keys() - VERBS.keys())}


def _answer(line: list[str], debug: bool) -> int:
    try:
        return _dispatch(line)
    except BrokenPipeError:
        raise
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exc()
        return _tell(error, line)


def _dispatch(line: list[str]) -> int:
    if not line or line[0] in ("--help", "-h"):
        print(_help(verbs()))
        return 0
    if line[0] == "--version":
        print(f"nextbest {metadata.version('nextbest')}")
        return 0
    verb, known = line[0], verbs()
    if verb not in known:
        raise NotFoundError(
            f"There is no verb '{verb}'.{nearest(verb, known)} `nextbest --help` lists them all."
        )
    return _run(verb, _load(verb, known[verb]), line[1:])


def _help(known: Mapping[str, str]) -> str:
    from engine.outline import summary

    width = max(map(len, known))
    lines = (f"  {verb:<{width}}  {summary(target)}".rstrip() for verb, target in known.items())
    return f"{HEADING}\n\n{USAGE.format(verbs=chr(10).join(lines))}"


def _load(verb: str, target: str) -> Any:
    module, _, function = target.partition(":")
    try:
        return getattr(import_module(module), function)
    except ModuleNotFoundError as error:
        what = "is not part of this installation" if error.name == module else "needs a missing package"
        raise _unloadable(verb, f"{what} (no module '{error.name}')") from error
    except AttributeError as error:
        raise _unloadable(verb, f"cannot be loaded ({error})") from error


def _unloadable(verb: str, reason: str) -> VerbError:
    return VerbError(f"The verb '{verb}' {reason}; install nextbest again.")


def _run(verb: str, body: Any, line: list[str]) -> int:
    import typer

    plain: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None}
    if isinstance(body, typer.Typer):
        command: Any = typer.main.get_group(body)
    else:
        app = typer.Typer(**plain)
        app.command()(body)
        command = typer.main.get_command(app)
    try:
        code = command.main(args=line, prog_name=f"nextbest {verb}", standalone_mode=False)
    except typer.TyperException as error:
        raise InputError(f"{_misuse(error)} See `nextbest {verb} --help`.") from error
    except typer.Abort:
        return 130
    return code if isinstance(code, int) else 0


def _misuse(error: Any) -> str:
    """What is wrong with an option, with the value that was given where typer leaves it out."""
    from pydantic import ValidationError

    wrong = error.__cause__
    given = f"{wrong.errors()[0]['input']!r} was given; " if isinstance(wrong, ValidationError) else ""
    return given + _sentence(error.format_message())


def _tell(error: Exception, line: list[str]) -> int:
    if isinstance(error, NextbestError):
        message = str(error)
    else:
        first = (str(error).splitlines() or [""])[0]
        message = f"Unexpected {type(error).__name__}: {_sentence(first)} Use --debug for the traceback."
    if "--json" in line:
        import json

        print(json.dumps({"error": {"kind": _kind(error), "message": message}}))
    print(f"nextbest: {message}", file=sys.stderr)
    return _code(error)


def _code(error: Exception) -> int:
    if isinstance(error, InputError):
        return 2
    return 1 if isinstance(error, RefusedError) else 3


def _kind(error: Exception) -> str:
    """`NotFoundError` -> ``not_found``; anything that is no error of ours -> ``unexpected``."""
    if not isinstance(error, NextbestError):
        return "unexpected"
    name = type(error).__name__.removesuffix("Error")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


if __name__ == "__main__":
    sys.exit(main())
