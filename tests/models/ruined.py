"""Folders with one thing wrong, and what is said of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from tonescope.models.errors import TonescopeError


def set_field(folder: Path, field: str, value: Any, file: str = "config.json") -> None:
    """Change one field (a dotted path) of a JSON file in a folder."""
    path = folder / file
    content = json.loads(path.read_text(encoding="utf-8"))
    inner = content
    *way, last = field.split(".")
    for key in way:
        inner = inner[key]
    inner[last] = value
    path.write_text(json.dumps(content), encoding="utf-8")


def change_weights(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Save the weights again as ``change`` makes them of what they were."""
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, {"format": "pt"})


def refused(call: Callable[[], object], *words: str) -> str:
    """What is said when a call is refused: one sentence that holds these words."""
    with pytest.raises(TonescopeError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message and message.endswith("."), message
    for word in words:
        assert word in message, message
    return message
