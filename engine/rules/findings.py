"""What can be known of a rule without any customer: that it can never hold, or always does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.rules.cases import Levels, cases
from engine.rules.rule import Rule, quoted
from engine.rules.tree import And, IsNull, Node, Or, names, walk

Kind = Literal["never", "always", "always if known"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something true of a rule whoever the customer is. `str(finding)` is the sentence."""

    owner: str
    text: str
    kind: Kind
    names: frozenset[str]

    def __str__(self) -> str:
        known = ", ".join(sorted(self.names))
        means = {
            "never": "can never hold: no customer passes",
            "always": "always holds: it can be left out",
            "always if known": f"holds whenever {known} is known: write IS NOT NULL if that is meant",
        }
        return f"{self.owner}: rule {quoted(self.text)} {means[self.kind]}."


def findings(rule: Rule, levels: Levels | None = None) -> list[Finding]:
    """What is found in one rule; empty for most.

    Args:
        rule: a parsed rule.
        levels: the values a text attribute may take, where declared; it is then taken to have no other.
    """
    kind = _kind(rule.tree, levels or {})
    return [Finding(rule.owner, rule.text, kind, rule.names)] if kind else []


def conflict(rules: Sequence[Rule], levels: Levels | None = None) -> Finding | None:
    """Whether rules that must all hold contradict each other, though each may hold by itself."""
    if len(rules) < 2 or any(_never(rule.tree, levels or {}) for rule in rules):
        return None
    together = And(tuple(rule.tree for rule in rules))
    if not _never(together, levels or {}):
        return None
    owners = " with ".join(dict.fromkeys(rule.owner for rule in rules))
    return Finding(owners, " AND ".join(f"({rule.text})" for rule in rules), "never", names(together))


def _kind(tree: Node, levels: Levels) -> Kind | None:
    if _never(tree, levels):
        return "never"
    if _always(tree, levels, unknown=True):
        return "always"
    asks = any(isinstance(node, IsNull) for node in walk(tree))
    return "always if known" if not asks and _always(tree, levels, unknown=False) else None


def _never(node: Node, levels: Levels) -> bool:
    """Whether no case makes it true. AND never holds if those of its parts that share names never do."""
    if isinstance(node, Or):
        return all(_never(part, levels) for part in node.parts)
    if isinstance(node, And) and len(groups := _groups(node.parts)) > 1:
        return any(_never(group, levels) for group in groups)
    tried = cases(node, levels, unknown=True)
    return tried is not None and not any(tried)


def _always(node: Node, levels: Levels, unknown: bool) -> bool:
    """Whether every case makes the condition true; with `unknown`, the cases in which a name is NULL too."""
    if isinstance(node, And):
        return all(_always(part, levels, unknown) for part in node.parts)
    tried = cases(node, levels, unknown)
    return tried is not None and all(tried)


def _groups(parts: Sequence[Node]) -> list[Node]:
    """The parts joined where they share a name."""
    groups: list[tuple[frozenset[str], list[Node]]] = []
    for part in parts:
        shared, joined = names(part), [part]
        apart = []
        for others, nodes in groups:
            if others & shared:
                shared, joined = shared | others, nodes + joined
            else:
                apart.append((others, nodes))
        groups = [*apart, (shared, joined)]
    return [And(tuple(nodes)) if len(nodes) > 1 else nodes[0] for _, nodes in groups]
