"""What a verb's help says, read from its module's text so that listing the verbs imports nothing heavy."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path


def summary(target: str) -> str:
    """The first help line of ``module:name``: a function's docstring, or the ``help`` of a `typer.Typer`.

    Args:
        target: ``module:name`` as an entry point writes it.

    Returns:
        The line, empty if there is none, or a note in words if there is no such module.
    """
    module, _, name = target.partition(":")
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        return "(not part of this installation)"
    if not spec.origin.endswith(".py"):
        return ""
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    texts = (_help(node, name) for node in tree.body)
    return next((text for text in texts if text), "").partition("\n")[0]


def _help(node: ast.stmt, name: str) -> str:
    match node:
        case ast.FunctionDef(name=found) if found == name:
            return ast.get_docstring(node) or ""
        case ast.Assign(targets=[ast.Name(id=found)], value=ast.Call(keywords=keywords)) if found == name:
            given = {one.arg: one.value for one in keywords}.get("help")
            return str(given.value) if isinstance(given, ast.Constant) else ""
    return ""
