"""Variants as rows of one batch give what each gives alone; a variant that changes nothing measures nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests import tiny
from tonescope.diagnose.context import Batches, Context
from tonescope.diagnose.intervene import mean_activations, verification
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.verification import Outcome, Played, Variant, verify
from tonescope.diagnose.judging import audio_quality
from tonescope.diagnose.judging.verdict import UNSURE
from tonescope.diagnose.schema import Contrast, Trial
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Generator, Sampling, Takes
from tonescope.models.units import Unit

PROMPT = "smooth jazz with piano"
SECONDS = 0.5
SEEDS = (4, 5, 6)
EDIT = Edit((Unit.parse("decoder.1.mlp:5"), Unit.parse("decoder.2.self:1")), "zero")
EACH = tuple(Edit((Unit.parse(f"decoder.1.mlp:{index}"),), "set", 3.0) for index in (1, 2, 3))
VARIANTS = (
    Variant("edit", EDIT),
    Variant("one a take", EACH),
    Variant("word", prompt="jazz with piano"),
    Variant("nothing"),
)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny.generator()


@pytest.fixture(scope="module")
def means(generator: Generator) -> MeanActivations:
    return mean_activations.measure(generator, SECONDS, Sampling(), prompts=("jazz", "house", "a song"))


@pytest.fixture(scope="module")
def told() -> list[float]:
    return []


@pytest.fixture(scope="module")
def played(generator: Generator, means: MeanActivations, told: list[float]) -> Played:
    contrast = Contrast(target="house", foil="smooth jazz")
    return verify(
        Context(
            generator, judge=tiny.judge(), means=means, sampling=Sampling(), seconds=SECONDS, batches=Batches(played=7)
        ),
        contrast,
        PROMPT,
        SEEDS,
        VARIANTS,
        advance=told.append,
    )


def test_variants_together_equal_variants_alone(generator: Generator, means: MeanActivations, played: Played) -> None:
    for name, edits in (("edit", [EDIT] * 3), ("one a take", list(EACH)), ("nothing", [None] * 3)):
        alone = play(Context(generator, means=means, sampling=Sampling(), seconds=SECONDS), [PROMPT] * 3, SEEDS, edits)
        assert torch.equal(played.outcomes[name].takes.state["codes"], alone.state["codes"])
    word = generator.generate(["jazz with piano"] * 3, SEEDS, SECONDS)
    assert torch.equal(played.outcomes["word"].takes.state["codes"], word.state["codes"])
    assert played.trial("word").prompt == "jazz with piano" and played.trial("edit").prompt == PROMPT


def test_edits_of_single_takes_reach_their_takes(played: Played) -> None:
    alike = (played.outcomes["one a take"].takes.state["codes"] == played.clean.takes.state["codes"]).flatten(1).all(1)
    assert not alike.any()


def test_a_variant_that_changes_nothing_measures_nothing(played: Played) -> None:
    trial = played.trial("nothing")
    assert torch.equal(played.outcomes["nothing"].takes.state["codes"], played.clean.takes.state["codes"])
    assert abs(trial.effect.mean) < 1e-4 and trial.flips == 0 and not trial.sound.broke
    assert trial.sound.spectrum_db.mean == pytest.approx(0.0, abs=1e-4)


def test_flips_are_takes_of_intact_sound_that_were_heard_so_and_are_no_longer() -> None:
    """Five takes: stays, flips, goes silent (and is heard as another), was never heard so, becomes unclear."""
    music = torch.sin(torch.arange(1600) * 0.7)[None] * torch.rand(5, 1600, generator=torch.Generator().manual_seed(0))

    def outcome(name: str, sound: torch.Tensor, *heard: str) -> Outcome:
        takes = Takes(("house",) * 5, (1, 2, 3, 4, 5), {"codes": torch.zeros(5, 1, 1)}, sound)
        broke = audio_quality.ruined(sound, music)
        return Outcome(name, takes, torch.zeros(5, 2), torch.tensor([0.0, 0.0, -9.0, 0.0, 0.0]), list(heard), broke)

    silent = music.clone()
    silent[2] = 0
    clean = outcome("untouched", music, "house", "house", "house", "techno", "house")
    changed = outcome("changed", silent, "house", "techno", "techno", "techno", UNSURE)
    trial = Played(Contrast(target="house", foil="techno"), clean, {"changed": changed}, 1600, 0.0).trial("changed")
    assert (trial.flips, trial.flippable) == (2, 4) and not trial.sound.broke
    assert trial.heard == {"techno": 3, "house": 1, UNSURE: 1}
    assert (trial.effect.takes, trial.effect.mean) == (4, 0.0)


def test_how_far_apart_takes_are_may_be_known_from_others(
    generator: Generator, means: MeanActivations, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the yardstick of broken sound, and in one take there is none."""
    held_against: list[float] = []

    def broken(edited: torch.Tensor, clean: torch.Tensor, rate: int, usual: float) -> torch.Tensor:
        held_against.append(usual)
        return torch.zeros(len(edited), dtype=torch.bool)

    monkeypatch.setattr(audio_quality, "broken", broken)
    context = Context(generator, judge=tiny.judge(), means=means, sampling=Sampling(), seconds=SECONDS)
    contrast = Contrast(target="house", foil="smooth jazz")
    for usual in (None, 7.0):
        found = verify(context, contrast, PROMPT, SEEDS[:1], VARIANTS[:1], usual=usual)
        assert set(held_against) == {found.usual} == {usual or 0.0}
        held_against.clear()


def test_takes_that_are_one_and_the_same_are_refused(generator: Generator, means: MeanActivations) -> None:
    contrast = Contrast(target="house", foil="smooth jazz")
    with pytest.raises(TonescopeError, match="leaves so little to chance"):
        verify(
            Context(generator, judge=tiny.judge(), means=means, sampling=Sampling(temperature=1e-6), seconds=SECONDS),
            contrast,
            PROMPT,
            SEEDS,
            [],
        )


def test_other_words_may_bring_other_music(generator: Generator, played: Played) -> None:
    """Only what is no sound at all counts as broken where the prompt is another."""
    clean, words = played.clean.takes.waveform, played.outcomes["word"]
    assert torch.equal(words.broke, audio_quality.ruined(words.takes.waveform, clean))


def test_progress_reaches_the_end(played: Played, told: list[float]) -> None:
    assert len(told) > 1 and told == sorted(told) and told[-1] == 1.0


def test_case_changed_takes_that_are_not_made_of_numbers_are_broken_and_silent(
    generator: Generator, means: MeanActivations, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = Context(generator, judge=tiny.judge(), means=means, seconds=SECONDS)
    contrast, edited = Contrast(target="house"), Variant("edit", EDIT)

    def ruined(first: int) -> None:
        def lost(*given: Any, **more: Any) -> Takes:
            takes = play(*given, **more)
            waveform = takes.waveform.clone()
            waveform[first : first + len(SEEDS), 100] = float("nan")
            return replace(takes, waveform=waveform)

        monkeypatch.setattr(verification, "play", lost)

    ruined(len(SEEDS))
    found = verify(context, contrast, PROMPT, SEEDS, [edited])
    trial = found.trial("edit")
    assert trial.sound.broke and trial.flips == 0 and not found.outcomes["edit"].takes.waveform.any()
    assert Trial.model_validate_json(trial.model_dump_json()) == trial
    ruined(0)  # of untouched takes nothing can be said
    with pytest.raises(TonescopeError, match="3 of 3 takes hold samples that are not numbers"):
        verify(context, contrast, PROMPT, SEEDS, [edited])


def test_a_variant_that_changes_nothing_is_refused_or_a_result(generator: Generator, means: MeanActivations) -> None:
    context = Context(generator, judge=tiny.judge(), means=means, seconds=SECONDS)
    idle = Variant("idle", Edit(EDIT.targets, "scale", 1.0))
    with pytest.raises(TonescopeError, match="changed nothing"):
        verify(context, Contrast(target="house"), PROMPT, SEEDS, [idle])
    found = verify(context, Contrast(target="house"), PROMPT, SEEDS, [idle], strict=False)
    assert found.change("idle") == [0.0] * len(SEEDS)
