"""What holds for every test: a law is judged by what it says, never by how long a machine took over it."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("nextbest", parent=settings.get_profile("default"), deadline=None)
if not os.environ.get("CI"):  # there hypothesis chooses its own profile: the same examples at every run
    settings.load_profile("nextbest")
