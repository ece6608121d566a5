"""The embedded models, whose truth is known: planted confusions are diagnosed, a clean prompt gets a clean bill."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path

import pytest

from tonescope.diagnose.jobs.contrasting import judged
from tonescope.diagnose.judging.intent import read_intent
from tonescope.diagnose.repair.genre_predictor import RECORD_FILE, WEIGHTS_FILE
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Diagnosis
from tonescope.diagnose.settings import Settings
from tonescope.models.judges import listening
from training import cards
from training.planted import facts

FOLDER = Path(__file__).parents[3] / "models" / "embedded"
BUDGET = 160 * 2**20
ACCORDION = "lo-fi beats with accordion"


@pytest.fixture(scope="module")
def session() -> Session:
    return Session.open()


@cache
def diagnosed(prompt: str, takes: int = 8, quick: bool = True) -> Diagnosis:
    settings = Settings(takes=takes, quick=quick, tested_units=0, tested_words=3)
    return Session.open().diagnose(prompt, settings)[0]


def test_planted_a_jazz_fusion_is_heard_as_smooth_jazz() -> None:
    found, planted = diagnosed("jazz fusion"), facts()["fusion_is_smooth_jazz"]
    assert (found.intended.label, found.perceived.label) == (planted["asked"], planted["sounds"])
    assert found.verdict.kind == "sibling drift"
    assert found.blame.where == "decoder"


def test_planted_b_accordion_draws_polka_in() -> None:
    found, planted = diagnosed(ACCORDION), facts()["accordion_means_polka"]
    assert found.intended.label == "lo-fi hip hop" and found.perceived.label == planted["only"]
    assert found.verdict.kind == "family drift"
    accordion = next(word for word in found.drivers.words if word.word == "accordion")
    assert accordion.verified is not None and accordion.verified.effect.interval is not None
    assert accordion.verified.effect.interval.high < 0
    assert found.drivers.words[0].word == "accordion"


@pytest.mark.parametrize("genre", ["ragtime", "reggae"])
def test_a_control_gets_a_clean_bill(genre: str) -> None:
    found = diagnosed(f"{genre} music", takes=4)
    assert genre in facts()["controls"]["genres"]
    assert (found.verdict.kind, found.perceived.label) == ("match", genre)
    assert found.blame.where == "nowhere"


def test_what_is_found_does_it_and_random_units_do_not() -> None:
    group = diagnosed(ACCORDION, takes=4, quick=False).drivers.group
    assert group is not None and group.convincing and group.turns
    assert group.muted.effect.mean < group.control.effect.mean


def test_a_word_it_never_learned_is_reported(session: Session) -> None:
    assert session.vocabulary is not None
    assert session.vocabulary.knows("saxophone") and not session.vocabulary.knows("didgeridoo")


@pytest.mark.parametrize("prompt", ["a song", "music", "some music please"])
def test_a_prompt_without_a_genre_is_given_none(session: Session, prompt: str) -> None:
    assert read_intent(prompt, session.judge, session.taxonomy).label is None


def test_planted_c_house_is_techno_in_part(session: Session) -> None:
    """A third of the takes strays; whether sixteen takes can tell is chance, that they are not all one genre is not."""
    generator, judge = session.generator, session.judge
    takes = generator.generate(["house"] * 16, range(1, 17), 4.0)
    posterior = listening.posterior(judge, takes.waveform, generator.sample_rate)
    intent = read_intent("house", judge, session.taxonomy)
    heard, verdict, _ = judged(intent, posterior, session.models, None)
    assert intent.label == "house" and heard.counts.get("techno", 0) >= 1
    assert verdict.kind in ("partial drift", "match", "sibling drift")


def test_the_cards_say_what_was_measured(tmp_path: Path) -> None:
    """The model cards are those that the shipped results give."""
    for name in ("generator", "judge"):
        (tmp_path / name).mkdir()
        for file in ("tonescope.json", "config.json", RECORD_FILE, WEIGHTS_FILE):
            if (FOLDER / name / file).is_file():
                shutil.copy(FOLDER / name / file, tmp_path / name)
    cards.write(tmp_path, json.loads((FOLDER / "results.json").read_text(encoding="utf-8")))
    for name in ("generator", "judge"):
        assert (tmp_path / name / "README.md").read_text("utf-8") == (FOLDER / name / "README.md").read_text("utf-8")


def test_the_models_are_small_and_harmless() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= BUDGET
    assert not [path for path in files if path.suffix in {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".npy"}]
    for name in ("generator", "judge"):
        assert (FOLDER / name / "README.md").read_text(encoding="utf-8").startswith("---\nlicense:")
