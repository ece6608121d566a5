"""What a training was: written beside its checkpoint, and quoted by the model cards."""

from __future__ import annotations

import json
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PACKAGES = ("torch", "transformers", "numpy", "tinysoundfont")


def write(folder: Path, name: str, **facts: Any) -> None:
    """Write ``<name>-training.json`` with ``facts``, the date, the machine and the versions."""
    about = {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "versions": {package: version(package) for package in _PACKAGES},
    }
    (folder / f"{name}-training.json").write_text(json.dumps({**facts, **about}, indent=1) + "\n", encoding="utf-8")


def read(folder: Path, name: str) -> dict[str, Any]:
    """What :func:`write` wrote, or nothing."""
    path = folder / f"{name}-training.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
