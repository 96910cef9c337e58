"""Rules side by side: what 64 customers are told is one word, a bit each.

Comparisons of a number with a literal are made by a kernel (`policies.kernel`), and the same kernel joins
their words by gates of two: AND is `&`, and OR is that of what is not, so that a gate has no branch. What
rules have in common is asked once. Any other condition is asked customer by customer for a few
(`engine.rules.one`), by columns for many (`engine.rules.many`). As there, a condition is written as what is
TRUE and as what is FALSE, so no NULL is carried along. One customer is a word of one bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.columns import column, numbers
from engine.domain import AttributeType
from engine.rules import many, one, tree
from engine.rules.tree import And, Compare, IsTruth, Name, Node, Not, Or, Value
from policies.base import Floats, Ints, Mask
from policies.kernel import kernel

FEW = 64  # up to here asking customer by customer is quicker than by columns
_WORD = 64
_ALL = 2**64 - 1
_TOGETHER = 8192  # customers whose columns and masks stay in the processor's cache
_OPERATORS = ("<", "<=", ">", ">=", "=")  # none is passed by NaN, which is NULL here
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_NUMBERS = ("number", "integer")
Columns = Mapping[str, Sequence[Any]]
Words = NDArray[np.uint64]


def passes(trees: Sequence[Node], kinds: Mapping[str, AttributeType]) -> Callable[[Columns, int], Mask]:
    """`f(columns, n)`: (n, r) for each of n customers whether each condition is true.

    A column holds Python's own values, None where unknown, or is a `Column`.

    Args:
        kinds: the type of every name.
    """
    written = _Writer()
    roots = [written.word(each, True) for each in trees]
    held_by = _Others(written.others, kinds)
    asked = {name for _, name, _ in written.atoms}
    names = tuple(name for name in kinds if name in asked)
    circuit = _circuit(written, roots, names)

    def passed(columns: Columns, n: int) -> Mask:
        said = np.empty((n, len(trees)), dtype=np.bool_)
        _pass(*circuit, numbers(columns, names, n), held_by(columns, n), said)
        return said

    return passed


Atom = tuple[int, str, float]  # operator, name, literal
Gate = tuple["Wire", "Wire", bool]  # two words, and whether they are joined by OR
Wire = tuple[str, int]  # a word: of which kind, and its place among those


@dataclass(slots=True)
class _Writer:
    """Writes trees as gates over words, each of which is there once.

    Attributes:
        atoms: comparisons, each with its place.
        others: any other conditions.
        gates: each with its place; they stand after those they read.
    """

    atoms: dict[Atom, int] = field(default_factory=dict)
    others: list[Node] = field(default_factory=list)
    gates: dict[Gate, int] = field(default_factory=dict)

    def word(self, node: Node, truth: bool) -> Wire:
        """Write for whom a condition is TRUE, or for whom it is FALSE."""
        match node:
            case And(parts):
                return self._join(parts, truth, not truth)
            case Or(parts):
                return self._join(parts, truth, truth)
            case Not(part):
                return self.word(part, not truth)
            case IsTruth(part, wanted) if truth:
                return self.word(part, wanted)
            case Compare(op, left, right) if found := _number(op if truth else one.OPPOSITE[op], left, right):
                return self._compare(*found)
        self.others.append(node if truth else Not(node))
        return "other", len(self.others) - 1

    def _join(self, parts: Sequence[Node], truth: bool, either: bool) -> Wire:
        first, *rest = (self.word(part, truth) for part in parts)
        for further in rest:
            first = self._gate(first, further, either)
        return first

    def _gate(self, left: Wire, right: Wire, either: bool) -> Wire:
        return "gate", self.gates.setdefault((left, right, either), len(self.gates))

    def _compare(self, op: str, name: str, literal: float) -> Wire:
        if op == "<>":
            return self._gate(self._compare("<", name, literal), self._compare(">", name, literal), True)
        atom = (_OPERATORS.index(op), name, literal)
        return "atom", self.atoms.setdefault(atom, len(self.atoms))


def _circuit(
    written: _Writer, roots: Sequence[Wire], names: Sequence[str]
) -> tuple[Ints, Ints, Floats, Ints, Words, Ints]:
    """What `_pass` reads: comparisons by operator, then the places of words among all of them.

    Returns:
        (6,) where the comparisons of each operator start, and their end; (a,) the place among `names` and
        (a,) the literal of each; (g, 2) what each gate reads, and (g,) its flips; (r,) what is said of rules.
    """
    atoms = sorted(written.atoms)
    place: dict[Wire, int] = {("atom", written.atoms[atom]): at for at, atom in enumerate(atoms)}
    place |= {("other", o): len(atoms) + o for o in range(len(written.others))}
    place |= {("gate", g): len(atoms) + len(written.others) + g for g in range(len(written.gates))}
    operators, column = [op for op, _, _ in atoms], {name: i for i, name in enumerate(names)}
    return (
        np.searchsorted(np.array(operators, dtype=np.int64), np.arange(len(_OPERATORS) + 1)),
        np.array([column[name] for _, name, _ in atoms], dtype=np.int64),
        np.array([literal for _, _, literal in atoms], dtype=np.float64),
        np.array([(place[a], place[b]) for a, b, _ in written.gates], dtype=np.int64).reshape(-1, 2),
        np.array([_ALL if either else 0 for _, _, either in written.gates], dtype=np.uint64),
        np.array([place[root] for root in roots], dtype=np.int64),
    )


def _number(op: str, left: Node, right: Node) -> tuple[str, str, float] | None:
    """A comparison of a number with a literal."""
    match left, right:
        case Name(name, kind), Value(value) if kind in _NUMBERS and isinstance(value, int | float):
            return op, name, float(value)
        case Value(value), Name(name, kind) if kind in _NUMBERS and isinstance(value, int | float):
            return _FLIPPED[op], name, float(value)
    return None


class _Others:
    """The words of conditions that are not comparisons of numbers with literals."""

    def __init__(self, trees: Sequence[Node], kinds: Mapping[str, AttributeType]) -> None:
        self._trees, self._kinds = trees, kinds
        self._by_row, self._by_column = one.passes(trees), many.passes(trees)
        self._names = sorted(frozenset[str]().union(*(tree.names(each) for each in trees)))

    def __call__(self, columns: Columns, n: int) -> Words:
        """(o, words) for each condition, n bits."""
        if not self._trees:
            return np.empty((0, -(-n // _WORD)), dtype=np.uint64)
        held = np.zeros((len(self._trees), -(-n // _WORD) * 8), dtype=np.uint8)
        held[:, : -(-n // 8)] = np.packbits(self._truths(columns, n), axis=1, bitorder="little")
        return held.view("<u8").astype(np.uint64, copy=False)

    def _truths(self, columns: Columns, n: int) -> Mask:
        """(o, n)"""
        if n > FEW:
            every = {name: column(columns[name], self._kinds[name]) for name in self._names}
            parts = [
                self._by_column(
                    {name: one[at : at + _TOGETHER] for name, one in every.items()}, min(_TOGETHER, n - at)
                )
                for at in range(0, n, _TOGETHER)
            ]
            return np.hstack(parts)
        truths = np.empty((len(self._trees), n), dtype=np.bool_)
        for i in range(n):
            truths[:, i] = self._by_row({name: columns[name][i] for name in self._names})
        return truths


@kernel(
    "void(i8[::1], i8[::1], f8[::1], i8[:,::1], u8[::1], i8[::1], f8[:,::1], u8[:,::1], b1[:,::1])", writes=1
)
def _pass(
    starts: Ints,
    row: Ints,
    literal: Floats,
    gate: Ints,
    flip: Words,
    root: Ints,
    value: Floats,
    other: Words,
    said: Mask,
) -> None:
    n, atoms = len(said), len(row)
    gates = atoms + len(other)
    word = np.empty(gates + len(gate), np.uint64)
    for start in range(0, n, _WORD):
        size = min(_WORD, n - start)
        _compare(starts, row, literal, value, start, size, word)
        for o in range(len(other)):
            word[atoms + o] = other[o, start // _WORD]
        for g in range(len(gate)):
            word[gates + g] = ((word[gate[g, 0]] ^ flip[g]) & (word[gate[g, 1]] ^ flip[g])) ^ flip[g]
        for r in range(len(root)):
            held = word[root[r]]
            for i in range(size):
                said[start + i, r] = (held >> np.uint64(i)) & np.uint64(1)


@kernel("void(i8[::1], i8[::1], f8[::1], f8[:,::1], i8, i8, u8[::1])", writes=1)
def _compare(
    starts: Ints, row: Ints, literal: Floats, value: Floats, start: int, size: int, word: Words
) -> None:
    """Bit i of each word is whether its comparison holds for customer `start` + i, of up to 64."""
    for a in range(starts[0], starts[1]):
        held, known, than = np.uint64(0), value[row[a], start : start + size], literal[a]
        for i in range(size):
            held |= np.uint64(known[i] < than) << np.uint64(i)
        word[a] = held
    for a in range(starts[1], starts[2]):
        held, known, than = np.uint64(0), value[row[a], start : start + size], literal[a]
        for i in range(size):
            held |= np.uint64(known[i] <= than) << np.uint64(i)
        word[a] = held
    for a in range(starts[2], starts[3]):
        held, known, than = np.uint64(0), value[row[a], start : start + size], literal[a]
        for i in range(size):
            held |= np.uint64(known[i] > than) << np.uint64(i)
        word[a] = held
    for a in range(starts[3], starts[4]):
        held, known, than = np.uint64(0), value[row[a], start : start + size], literal[a]
        for i in range(size):
            held |= np.uint64(known[i] >= than) << np.uint64(i)
        word[a] = held
    for a in range(starts[4], starts[5]):
        held, known, than = np.uint64(0), value[row[a], start : start + size], literal[a]
        for i in range(size):
            held |= np.uint64(known[i] == than) << np.uint64(i)
        word[a] = held
