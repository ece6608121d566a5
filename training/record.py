"""Records of trainings, written beside their checkpoints and quoted by the model cards; keys of cached files."""

from __future__ import annotations

import hashlib
import json
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import Tensor

_PACKAGES = ("torch", "transformers", "numpy", "tinysoundfont")


def write(folder: Path, name: str, **facts: Any) -> None:
    """Write ``<name>-training.json`` with ``facts``, the date, the machine and the versions."""
    about = {
        "date": date.today().isoformat(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "versions": {package: version(package) for package in _PACKAGES},
    }
    (folder / f"{name}-training.json").write_text(json.dumps({**facts, **about}, indent=1) + "\n", encoding="utf-8")


def key(*parts: object) -> str:
    """A hash of what a file was made from (12 hexadecimal digits), for its name.

    Weights (a state dict) count bit for bit, everything else by its ``repr``.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, dict):
            for name, weight in sorted(part.items()):
                digest.update(name.encode())
                digest.update(weight.cpu().numpy().tobytes() if isinstance(weight, Tensor) else repr(weight).encode())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()[:12]


def read(folder: Path, name: str) -> dict[str, Any]:
    """What :func:`write` wrote, or an empty dict."""
    path = folder / f"{name}-training.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
