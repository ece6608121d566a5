"""A model that outgrows its weights is not built to its end, and memory is counted where it is bounded."""

from __future__ import annotations

import threading
from pathlib import Path

import psutil
import pytest
import torch
from torch import nn

from tests.models.ruined import refused
from tonescope.models.checkpoints import size


def layers(count: int) -> nn.Module:
    return nn.Sequential(*(nn.Linear(1, 1) for _ in range(count)))


def test_too_many_layers_end_the_building() -> None:
    built = []

    def build() -> None:
        with size.at_most(10, 1_000, "no."):
            for _ in range(10**9):
                built.append(layers(1))

    refused(build, "no.")
    assert len(built) < 10_000
    layers(1_000)  # nothing is left behind


def test_too_wide_a_layer_ends_the_building() -> None:
    def build() -> None:
        with size.at_most(10, 1_000, "no."), torch.device("meta"):
            nn.Linear(10**6, 10**6)

    refused(build, "no.")


def test_what_another_thread_builds_is_its_own_affair() -> None:
    failed: list[BaseException] = []

    def other() -> None:
        try:
            layers(2_000)
        except BaseException as error:
            failed.append(error)

    with size.at_most(1, 1, "no."):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert not failed


def test_memory_of_a_container_and_of_a_process_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file, content in (("max", "1000"), ("current", "400"), ("stat", "anon 1\ninactive_file 50\n")):
        (tmp_path / f"memory.{file}").write_text(content)
    monkeypatch.setattr(size, "_CGROUP", tmp_path)
    assert size.free_bytes("cpu") == 650
    (tmp_path / "memory.max").write_text("max\n")
    plain = size.free_bytes("cpu")
    assert plain > 10**6
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (psutil.Process().memory_info().vms + 5_000_000, -1))
    assert size.free_bytes("cpu") < 10**7
