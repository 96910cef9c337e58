"""Snapshots of one program, learnt in several stores, put together: what one learner would have learnt.

Sums add up, so nothing is lost, as long as each decision is in them once. Where all began from the same
snapshot, that is taken out again as often as it is in too much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from engine.context import Encoding, Levels, Numeric
from engine.errors import RefusedError
from engine.lessons import Lessons, united
from engine.live import freeze, thaw
from engine.saved import Saved
from policies.base import Additive
from policies.settings import PolicyError
from policies.snapshot import SnapshotError
from policies.state import Kept

Opened = tuple[Encoding, Kept, Mapping[str, int]]
_BEGIN = "Let all begin from one snapshot, which you give with --base."


def combine(files: Mapping[str, Saved], base: Mapping[str, Saved]) -> Saved:
    """One snapshot of two or more, each told by the name of its file; `base` is what all began from, if any.

    Raises:
        RefusedError: they cannot be put together exactly; the message says what differs, and where.
    """
    every = {**files, **base}
    lessons = united({name: _known(name, files[name]) for name in files}, _base(base))
    opened = {name: _thawed(name, one) for name, one in every.items()}
    (first, saved), *_ = files.items()
    for name, one in every.items():
        _check_terms((first, saved), (name, one))
        _check_encoding((first, opened[first][0]), (name, opened[name][0]))
        _check_policy((first, opened[first][1]), (name, opened[name][1]))
    most = max(files, key=lambda name: sum(opened[name][2].values()))
    encoding = msgspec.structs.replace(
        opened[most][0], contacts=max(encoding.contacts for encoding, _, _ in opened.values())
    )
    policy, seen = _merged([opened[name] for name in files], [opened[name] for name in base], list(every))
    body = freeze(encoding, policy, seen)
    return Saved(saved.program, 0, saved.terms, body, lessons.packed())


def _merged(
    opened: Sequence[Opened], base: Sequence[Opened], names: Sequence[str]
) -> tuple[Kept, Mapping[str, int]]:
    (_, policy, counts), *others = opened
    seen = Counter(counts)
    assert isinstance(policy, Additive), "it was checked"
    for (_, other, its), name in zip(others, names[1:], strict=False):
        try:
            policy.merge(other)
            seen.update(its)
            for _, common, common_counts in base:
                policy.merge(common, -1.0)
                seen.subtract(common_counts)
        except PolicyError as error:
            raise RefusedError(f"{names[0]} and {name}: {error}") from None
    return policy, {offer: n for offer, n in seen.items() if n > 0}


def _known(name: str, one: Saved) -> Lessons:
    found = one.learnt()
    if found is None:
        raise RefusedError(
            f"{name}: nobody knows which decisions it has learnt, since its program went back to an earlier "
            "snapshot or began with one of which it is not known; learn with --afresh and save it again."
        )
    return found


def _base(base: Mapping[str, Saved]) -> Lessons:
    return next((_known(name, one) for name, one in base.items()), Lessons.none())


def _thawed(name: str, one: Saved) -> Opened:
    try:
        return thaw(one.body)
    except (SnapshotError, PolicyError) as error:
        raise RefusedError(f"{name}: {error}") from None


def _check_terms(one: tuple[str, Saved], other: tuple[str, Saved]) -> None:
    for what, text in one[1].terms.items():
        if other[1].terms.get(what) != text:
            raise RefusedError(
                f"{one[0]} and {other[0]} have other {what}: {text} and {other[1].terms.get(what)}. "
                "Their rewards cannot be added up; apply one file in both stores, and learn with --afresh."
            )


def _check_encoding(one: tuple[str, Encoding], other: tuple[str, Encoding]) -> None:
    here, there = one[1], other[1]
    for mine, its in zip(here.features, there.features, strict=False):
        if mine != its:
            raise _other(one, other, f"columns: {_told(mine)} and {_told(its)}")
    if len(here.features) != len(there.features) or here.offers != there.offers:
        lone = sorted(set(here.columns) ^ set(there.columns))
        raise _other(one, other, f"columns: '{lone[0]}' is in one of them alone")
    if here.signs != there.signs:
        raise _other(one, other, f"early signs: {dict(here.signs)} and {dict(there.signs)}")


def _told(feature: Numeric | Levels) -> str:
    if isinstance(feature, Numeric):
        return f"'{feature.name}' around {feature.center:g} in steps of {feature.scale:g}"
    return f"'{feature.name}' with the levels {', '.join(feature.levels)}"


def _check_policy(one: tuple[str, Kept], other: tuple[str, Kept]) -> None:
    here, there = one[1], other[1]
    if not isinstance(there, Additive):
        raise RefusedError(
            f"{other[0]}: what a policy of kind '{there.kind}' learnt cannot be added up; 'linear' can be. "
            "Take the snapshot in as a candidate, or bring the logs together and learn them."
        )
    mine, its = {"kind": here.kind, **here.settings}, {"kind": there.kind, **there.settings}
    for name in mine.keys() | its.keys():
        if mine.get(name) != its.get(name):
            raise _other(one, other, f"policies: {name} is {mine.get(name)!r} and {its.get(name)!r}")


def _other(one: tuple[str, object], other: tuple[str, object], what: str) -> RefusedError:
    return RefusedError(f"{one[0]} and {other[0]} have other {what}. {_BEGIN}")
