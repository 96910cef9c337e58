"""What a verb's help says, read from its module's text so that listing the verbs imports nothing heavy."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path


def summary(target: str) -> str:
    """The first docstring line of ``module:function``, of the module if the function has none.

    Args:
        target: ``module:name`` as an entry point writes it.

    Returns:
        The line, or a note in words if there is no such module or no Python text of it.
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
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    found = next(functions, None)
    text = (found and ast.get_docstring(found)) or ast.get_docstring(tree) or ""
    return text.partition("\n")[0]
