"""Lessons are encoded once, and a stopped preparation goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.flow.tiny_flow import SIZES
from training.classifier import truth
from training.flow import flow_lessons, flow_parts
from training.planted import lessons


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    made = tmp_path_factory.mktemp("flow")
    flow_parts.codec(SIZES).save_pretrained(made / "codec")
    return made


def test_more_lessons_begin_with_those_that_are_there(folder: Path) -> None:
    few, _ = flow_lessons.prepare(folder, 2)
    more, _ = flow_lessons.prepare(folder, 4)
    assert more.latents.shape == (4, SIZES.latent, SIZES.frames)
    assert np.array_equal(more.latents[:2], few.latents)
    assert more.captions[:2] == few.captions
    assert more.right["genre"][:2].tolist() == few.right["genre"].tolist()
    assert len(more.captions[3]) == flow_lessons.CAPTIONS_EACH


def test_they_are_those_of_the_embedded_generator(folder: Path) -> None:
    found, _ = flow_lessons.prepare(folder, 3)
    pieces = [lesson.recipe.compose() for lesson in lessons(3, dry=True)]
    assert found.right["genre"].tolist() == truth(pieces)["genre"].tolist()


def test_no_time_means_no_lessons(folder: Path) -> None:
    found, _ = flow_lessons.prepare(folder, 4, "validation", seconds=0.0)
    assert len(found) == 0
