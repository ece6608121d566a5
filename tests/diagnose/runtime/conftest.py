"""The toy job in the registry, and a gate that holds its runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.diagnose.runtime import toy_run
from tests.diagnose.runtime.gate import Gate
from tonescope.diagnose.jobs import job_registry
from tonescope.diagnose.runtime import run_queue


@pytest.fixture
def toy_row(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs of the toy job can be asked for."""
    monkeypatch.setattr(job_registry, "ROWS", [*job_registry.ROWS, toy_run.ROW])
    monkeypatch.setattr(run_queue, "_give_back", lambda: None)  # longer than these runs
    yield
    toy_run.AT_STEP.clear()


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Before the first step of every run."""
    made = Gate()
    toy_run.AT_STEP.append(made)
    yield made
    made.opened.set()
