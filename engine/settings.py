"""Settings of a running nextbest, from the environment (NEXTBEST_...) or a .env file.

Options on the command line win.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from engine.errors import InputError


class Settings(BaseSettings):
    """Where the store is, and how the server listens."""

    model_config = SettingsConfigDict(env_prefix="NEXTBEST_", env_file=".env", extra="ignore")

    store: Path = Field(default=Path("nextbest.db"), description="The store: one SQLite file.")
    host: str = Field(default="127.0.0.1", description="Address the server listens on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port the server listens on.")
    deadline_ms: int = Field(
        default=100, ge=1, le=60_000, description="Milliseconds after which a decision falls back."
    )
    senders: Path | None = Field(
        default=None, description="Who may send outcomes: a file of names with the SHA-256 of their keys."
    )
    group: int = Field(default=256, ge=1, le=10_000, description="Most requests decided in one commit.")


def settings(**given: Any) -> Settings:
    """What is given, over what the environment says. Raises `InputError` where a value cannot be."""
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"])
        raise InputError(
            f"NEXTBEST_{name.upper()} == {first['input']!r}, {first['msg'][0].lower()}{first['msg'][1:]}; "
            "correct it in the environment or in .env."
        ) from None
