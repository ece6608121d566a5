"""How the results of a benchmark are shown and kept: a table in the terminal, and ``results/NAME.json``."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import psutil
import torch
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "transformers", "torchaudio", "numpy")


class Model(Protocol):
    """A generator or a judge."""

    def fingerprint(self) -> str:
        """Tells apart models that share a name."""
        ...


def keep(
    name: str,
    rows: Sequence[dict[str, Any]],
    about: dict[str, Any],
    *,
    packages: Sequence[str] = (),
    models: Sequence[Model] = (),
) -> None:
    """Print ``rows`` as a table and write them, with date, machine, versions and what tells the models apart, to
    ``results/<name>.json``.

    Args:
        about: what follows from the rows, and how they came about; what it lists is a table of its own.
        packages: whose versions matter, beside :data:`PACKAGES`.
        models: the trained ones at work.
    """
    console = Console(width=140)
    listed = {key: value for key, value in about.items() if isinstance(value, list)}
    for title, some in ({name: rows} | listed).items():
        console.print(_table(title, some))
    console.print({key: _shown(value) for key, value in about.items() if key not in listed})
    whole = {
        "name": name,
        "date": date.today().isoformat(),
        "machine": machine(),
        "versions": {package: version(package) for package in (*PACKAGES, *packages)},
        "models": [model.fingerprint() for model in models],
        **about,
        "rows": list(rows),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def load(name: str) -> dict[str, Any]:
    """What :func:`keep` wrote."""
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def machine() -> str:
    """What the numbers were measured on."""
    memory, threads = round(psutil.virtual_memory().total / 2**30), torch.get_num_threads()
    return f"{processor()}, {threads} threads, {memory} GiB, Python {platform.python_version()}{allocation()}"


def allocation() -> str:
    """How the C library was told to hand out memory, where it was: it shifts what large tensors cost."""
    told = sorted(name for name in os.environ if name.startswith("MALLOC_"))
    return "".join(f", {name}={os.environ[name]}" for name in told)


def processor() -> str:
    """What the machine computes with."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    """Everything in ``rows`` but long lists."""
    columns = dict.fromkeys(key for row in rows for key, value in row.items() if not isinstance(value, list))
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*(_shown(row.get(column)) for column in columns))
    return table


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value if value is not None else "")
