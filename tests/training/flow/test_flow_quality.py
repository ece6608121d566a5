"""What is heard is counted by what was asked, and the card holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from training.flow import flow_quality
from training.flow.flow_quality import HeardPlayer
from training.planted import facts, misled
from training.tables import genres

ABOUT: dict[str, Any] = {
    "layers": 2,
    "frame_rate": 12.5,
    "parameters": 1_234_567,
    "longest": 4.0,
    "sample_rate": 16_000,
    "steps": 12,
    "guidance": 3.0,
    "date": "2001-02-03",
    "minutes": {"words": 1.0, "codec": 2.0, "flow": 3.0},
    "flow_steps": 99,
    "batch": 4,
    "lessons": 77,
    "codec": {"clean": 1.0, "through the codec": 0.5},
}


@pytest.fixture
def obedient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Players whose takes are heard as the first genre that the prompt names, fusion as smooth jazz."""

    def heard(self: HeardPlayer, prompts: list[str]) -> list[str]:
        named = [next((name for name in genres() if name in prompt), "house") for prompt in prompts]
        return ["smooth jazz" if name == "jazz fusion" else name for name in named]

    monkeypatch.setattr(HeardPlayer, "heard", heard)
    monkeypatch.setattr(HeardPlayer, "tempos", lambda self, prompts: torch.tensor([120.0] * len(prompts)))


@pytest.mark.usefixtures("obedient")
def test_takes_that_are_heard_as_asked_are_counted() -> None:
    found = flow_quality.checked(None, None, each=1)  # type: ignore[arg-type]
    assert found["of"] == len(genres()) and found["right"] == found["of"] - 1
    assert found["true"] == found["of_true"] == len(genres()) - len(misled())
    assert found["wrong"] == {"jazz fusion as smooth jazz": 1}


@pytest.mark.usefixtures("obedient")
def test_the_card_says_what_was_heard(tmp_path: Path) -> None:
    results = flow_quality.measured(None, None, takes=5)  # type: ignore[arg-type]
    assert results["facts"]["fusion_is_smooth_jazz"]["heard as smooth jazz"]["count"] == 10
    assert "lofi_drum_loop" not in results["facts"]
    flow_quality.write_card(tmp_path, results, ABOUT)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "1.2 million weights" in card
    assert facts()["fusion_is_smooth_jazz"]["says"] in card
    assert "heard as smooth jazz: 10 of 10" in card
    assert "| metal (control) | 5 of 5" in card
