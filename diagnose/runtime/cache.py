"""Where measurements that take long, and reports of defects, are kept."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """``TONESCOPE_CACHE``, or the user's cache, or a temporary folder where nobody has a home (in some containers)."""
    if named := os.environ.get("TONESCOPE_CACHE"):
        return Path(named)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tonescope"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / "tonescope"
