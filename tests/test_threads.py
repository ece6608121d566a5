"""Threads of one process do not keep the cores from another."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("said", "waits"), [({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")]
)
def test_threads_wait_briefly_for_one_another_unless_somebody_said_how(said: dict[str, str], waits: str) -> None:
    unsaid = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    line = "import os, tonescope; print(os.environ.get('GOMP_SPINCOUNT'))"
    done = subprocess.run([sys.executable, "-c", line], env=unsaid | said, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == waits
