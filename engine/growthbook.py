"""GrowthBook's assignment, so that an experiment begun there goes on here with everybody in the arm they
had.

New programs are assigned by `engine.assign`: a hash of 10,000 values is too coarse for small holdouts, and
version 1 correlates parallel experiments.

Source: GrowthBook SDK specification (build-your-own SDK): `hash`, `getBucketRanges`, `chooseVariation`,
    `inNamespace`.
"""

from __future__ import annotations

from collections.abc import Sequence

Range = tuple[float, float]


def bucket(seed: str, value: str, version: int = 2) -> float | None:
    """The number in [0, 1) a unit is assigned by, in steps of 1e-4 (version 2) or 1e-3 (version 1).

    Returns:
        None for a version there is none of: the unit is then in no experiment.
    """
    if version == 2:
        return _fnv1a(str(_fnv1a(seed + value))) % 10_000 / 10_000
    if version == 1:
        return _fnv1a(value + seed) % 1_000 / 1_000
    return None


def ranges(variations: int, coverage: float = 1.0, weights: Sequence[float] | None = None) -> list[Range]:
    """The half-open range of each variation; cutting the coverage keeps where each begins.

    Args:
        variations: number of them, 1 or more.
        coverage: share of the units that take part, brought into [0, 1].
        weights: shares of the variations; equal ones if None, of another length, or not of sum 1.
    """
    equal = [1.0 / variations] * variations
    sound = weights is not None and len(weights) == variations and abs(sum(weights) - 1.0) <= 0.01
    shares = list(weights) if sound and weights is not None else equal
    covered = min(max(coverage, 0.0), 1.0)
    starts = [sum(shares[:j]) for j in range(variations)]
    return [(start, start + covered * share) for start, share in zip(starts, shares, strict=True)]


def choose(at: float, among: Sequence[Range]) -> int:
    """The variation in whose range the number falls, -1 if in none."""
    return next((j for j, (low, high) in enumerate(among) if low <= at < high), -1)


def in_namespace(unit: str, name: str, low: float, high: float) -> bool:
    """Whether a unit belongs to the part [low, high) of a namespace of mutually exclusive experiments."""
    at = bucket(f"__{name}", unit, version=1)
    return at is not None and low <= at < high


def _fnv1a(text: str) -> int:
    """FNV-1a, 32 bits, of the text's UTF-8 bytes."""
    hashed = 0x811C9DC5
    for byte in text.encode():
        hashed = (hashed ^ byte) * 0x01000193 & 0xFFFFFFFF
    return hashed
