"""A family or a kind of judge is one file with ``load`` and one row."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.models.ruined import refused
from tonescope.models import registry
from tonescope.models.loading import load_generator, load_judge
from tonescope.models.registry import REGISTRY, Row


@pytest.mark.parametrize("row", REGISTRY, ids=lambda row: row.name)
def test_every_row_has_a_loader(row: Row) -> None:
    assert callable(row.load) and row.kind in ("generator", "judge", "tagger") and row.model_types
    assert not set(row.model_types) & set(row.refuses)


def test_no_model_type_has_two_rows() -> None:
    for kind in ("generator", "judge", "tagger"):
        assert len(set(registry.model_types(kind))) == len(registry.model_types(kind))


def test_one_row_and_one_file_make_a_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    for name in ("toy_family", "toy_judge"):
        module = ModuleType(name)
        module.load = lambda *given: asked.append(given) or given  # type: ignore[attr-defined, func-returns-value]
        monkeypatch.setitem(sys.modules, name, module)
    rows = [Row("Toy", "generator", ("toy",), "toy_family"), Row("Ear", "judge", ("ear",), "toy_judge")]
    monkeypatch.setattr(registry, "REGISTRY", [*REGISTRY, *rows])
    for model_type in ("toy", "ear"):
        folder = tmp_path / model_type
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
        save_file({"weight": torch.zeros(1)}, folder / "model.safetensors")
    toy, ear = str(tmp_path / "toy"), str(tmp_path / "ear")
    load_generator(toy, dtype="float16")
    load_judge(ear, ["house", "jazz"])
    assert asked == [(Path(toy), toy, "cpu", torch.float16, None), (Path(ear), ear, ["house", "jazz"], "cpu")]
    refused(lambda: load_judge(toy), "“toy” model", "“clap”, ", " or “ear” model")
