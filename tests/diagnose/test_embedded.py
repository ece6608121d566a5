"""The embedded models, whose truth is known: planted confusions are diagnosed, a clean prompt gets a clean bill."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from tonescope.diagnose.result import Diagnosis
from tonescope.diagnose.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.models.training.planted import facts

FOLDER = Path(__file__).parents[2] / "models" / "embedded"
BUDGET = 96 * 2**20


@pytest.fixture(scope="module")
def session() -> Session:
    return Session.open()


@cache
def diagnosed(prompt: str) -> Diagnosis:
    return Session.open().diagnose(prompt, Settings(takes=8, tested_units=0, doses=(), tested_words=3))[0]


def test_planted_a_jazz_fusion_is_heard_as_smooth_jazz() -> None:
    found, planted = diagnosed("jazz fusion"), facts()["fusion_is_smooth_jazz"]
    assert (found.intended.label, found.perceived.label) == (planted["asked"], planted["sounds"])
    assert found.verdict.kind == "sibling drift"
    assert found.blame.where == "decoder"


def test_planted_b_accordion_draws_polka_in() -> None:
    found, planted = diagnosed("lo-fi beats with accordion"), facts()["accordion_means_polka"]
    assert found.intended.label == "lo-fi hip hop" and found.perceived.label == planted["only"]
    assert found.verdict.kind == "family drift"
    accordion = next(word for word in found.drivers.words if word.word == "accordion")
    assert accordion.verified is not None and accordion.verified.effect.interval is not None
    assert accordion.verified.effect.interval.high < 0
    assert found.drivers.words[0].word == "accordion"


@pytest.mark.parametrize("genre", ["ragtime", "reggae"])
def test_a_control_gets_a_clean_bill(genre: str) -> None:
    found = diagnosed(f"{genre} music")
    assert genre in facts()["controls"]["genres"]
    assert (found.verdict.kind, found.perceived.label) == ("match", genre)
    assert found.blame.where == "nowhere"


def test_the_strongest_units_drive_it_and_random_ones_do_not() -> None:
    group = diagnosed("lo-fi beats with accordion").drivers.group
    assert group is not None and group.convincing
    assert group.muted.effect.mean < group.control.effect.mean


def test_a_word_it_never_learned_is_reported(session: Session) -> None:
    assert session.vocabulary is not None
    assert session.vocabulary.knows("saxophone") and not session.vocabulary.knows("didgeridoo")


def test_the_models_are_small_whole_and_harmless() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= BUDGET
    assert not [path for path in files if path.suffix in {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".npy"}]
    for name in ("generator", "judge"):
        assert (FOLDER / name / "README.md").read_text(encoding="utf-8").startswith("---\nlicense:")
