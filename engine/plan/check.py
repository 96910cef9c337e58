"""What is wrong with the rules of a program whoever the customer is, with line and column in its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import msgspec

from engine.domain import Program, RuleText
from engine.plan.relax import rule_texts
from engine.program import examined, sound_rules_of
from engine.rules import Rule, conflict, findings
from engine.rules.findings import Finding


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A finding and its place; `str` is one line of a report. Line 0 is none."""

    source: str
    line: int
    column: int
    sentence: str

    def __str__(self) -> str:
        where = f" line {self.line}, column {self.column}" if self.line else ""
        return f"{self.source}{where}: {self.sentence}"


Placed = Iterator[tuple[Finding, Rule]]  # a finding, and the rule at whose place it is told


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules of a program by their owner, and where each stands."""

    of: Mapping[str, list[Rule]]
    place: Mapping[tuple[str, str, str], RuleText]
    levels: Mapping[str, Sequence[str]]


def check(program: Program) -> list[Found]:
    """Rules that never or always hold, and rules that contradict each other, in the order of the file."""
    return _found(program)


def _found(program: Program, whole: bool = True) -> list[Found]:
    """What is found in the rules that fit; of a program that is not `whole` in each rule alone."""
    read = _read(program)
    said: dict[tuple[int, int, str], None] = {}
    for finding, rule in (*_alone(read), *(_together(program, read) if whole else ())):
        written = read.place[_key(rule)]
        said[written.line, written.column, str(finding)] = None
    return [Found(source=program.source, line=i, column=j, sentence=text) for i, j, text in sorted(said)]


def refused(path: str | Path) -> list[str]:
    """All that is wrong with a file that holds no sound program, in its order; empty if it holds one.

    Its problems, and what is found in the rules that can be read.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        return [f"{path}: cannot be read ({error.strerror}); name a program file."]
    program, of_fields, of_rules = examined(content, str(path))
    said = of_fields + of_rules
    if program is not None and said:
        more = _found(program, whole=not of_fields)
        said += [(one.line, one.column, str(one)) for one in more]
    return [sentence for *_, sentence in sorted(said)]


def _read(program: Program) -> _Rules:
    of: dict[str, list[Rule]] = {}
    for rule in sound_rules_of(program):
        of.setdefault(rule.owner, []).append(rule)
    levels = {one.name: one.levels for one in program.attributes if one.levels}
    return _Rules(of, {_key(rule): rule for rule in rule_texts(program)}, levels)


def _key(rule: Rule | RuleText) -> tuple[str, str, str]:
    return rule.owner, rule.intent, rule.text


def _alone(read: _Rules) -> Placed:
    for rules in read.of.values():
        for rule in rules:
            yield from ((finding, rule) for finding in findings(rule, read.levels))


def _together(program: Program, read: _Rules) -> Placed:
    """Contradictions of each level with itself and what is above it, and of all with a channel."""
    above = {one.name: [f"group {g.name}" for g in program.lineage(one.group)] for one in program.offers}
    groups = ([f"group {g.name}" for g in program.lineage(one.name)] for one in program.groups)
    sets: list[tuple[str, ...]] = [("program",), *(("program", *lineage[::-1]) for lineage in groups)]
    sets += [("program", *above[one.name][::-1], f"offer {one.name}") for one in program.offers]
    for offer, channel in dict.fromkeys((one.offer, one.channel) for one in program.actions if one.offer):
        sets += [
            (owner, f"channel {channel}") for owner in ("program", *above[offer][::-1], f"offer {offer}")
        ]
    for owners in dict.fromkeys(sets):
        if not read.of.get(owners[-1]):
            continue  # the others are a set of their own
        yield from _contradictions(read, owners)


def _contradictions(read: _Rules, owners: Sequence[str]) -> Placed:
    """Two rules that cannot both hold; if no two do that, all of them if they cannot."""
    rules = [rule for owner in owners for rule in read.of.get(owner, ())]
    pairs = [pair for pair in combinations(rules, 2) if pair[0].names & pair[1].names]
    found = [(one, pair[1]) for pair in pairs if (one := conflict(pair, read.levels))]
    if found:
        yield from found
    elif len(pairs) > 1 and (one := conflict(rules, read.levels)):
        yield one, rules[-1]
