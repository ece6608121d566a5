"""Where indexes are kept, and the file by which a finished one is known; nothing heavy is imported."""

from __future__ import annotations

from pathlib import Path

from tonescope.diagnose.runtime.cache import cache_folder

ABOUT = "index.json"  # which an index has when it is finished


def index_root() -> Path:
    """Where indexes are kept, if nobody says another place."""
    return cache_folder() / "index"


def any_index() -> bool:
    """Whether one of any model is kept there."""
    return any(index_root().glob(f"*/{ABOUT}"))
