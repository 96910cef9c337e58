"""Which nextbest this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """The installed version; "unknown" when run from a folder of sources that was never installed."""
    try:
        return version("nextbest")
    except PackageNotFoundError:
        return "unknown"
