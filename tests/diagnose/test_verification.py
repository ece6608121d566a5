"""Variants as rows of one batch give what each gives alone; a planted cause is found and random units stay null."""

from __future__ import annotations

import pytest
import torch
from tonescope.diagnose import reference
from tonescope.diagnose.interventions import Edit, regenerate
from tonescope.diagnose.result import Question
from tonescope.diagnose.verification import Variant, Verifier
from tonescope.models.generator import Generator, Sampling
from tonescope.models.judge import Judge
from tonescope.models.units import Unit

from tests import tiny

PROMPT = "smooth jazz with piano"
SECONDS = 0.5


@pytest.fixture(scope="module")
def generator() -> Generator:
    return tiny.generator()


@pytest.fixture(scope="module")
def judge() -> Judge:
    return tiny.judge()


@pytest.fixture(scope="module")
def verifier(generator: Generator, judge: Judge) -> Verifier:
    means = reference.measure(generator, SECONDS, Sampling(), prompts=("jazz", "house", "a song"))
    clean = generator.generate([PROMPT] * 3, [1, 2, 3], SECONDS)
    return Verifier(generator, judge, Question(label="house", against="smooth jazz"), clean, Sampling(), SECONDS, means)


def test_variants_together_equal_variants_alone(generator: Generator, verifier: Verifier) -> None:
    edit = Edit((Unit.parse("decoder.1.mlp:5"), Unit.parse("decoder.2.self:1")), "zero")
    outcomes = verifier.run([Variant("edit", edit), Variant("word", prompt="jazz with piano"), Variant("nothing")])
    alone = regenerate(generator, [PROMPT] * 3, [1, 2, 3], [edit] * 3, SECONDS, Sampling(), verifier.reference)
    assert torch.equal(outcomes["edit"].takes.codes, alone.codes)
    word = generator.generate(["jazz with piano"] * 3, [1, 2, 3], SECONDS)
    assert torch.equal(outcomes["word"].takes.codes, word.codes)


def test_a_variant_that_changes_nothing_measures_nothing(verifier: Verifier) -> None:
    outcome = verifier.run([Variant("nothing")])["nothing"]
    trial = verifier.trial(outcome)
    assert torch.equal(outcome.takes.codes, verifier.clean.takes.codes)
    assert abs(trial.effect.mean) < 1e-4 and trial.flips == 0 and not trial.sound.broke
    assert trial.sound.spectrum_db == pytest.approx(0.0, abs=1e-4)


def test_flips_count_only_takes_that_were_heard_so(verifier: Verifier) -> None:
    outcome = verifier.run([Variant("zeroed", Edit((Unit.parse("decoder.0.mlp:1").location,), "zero"))])["zeroed"]
    trial = verifier.trial(outcome)
    assert trial.flippable == verifier.clean.heard.count("house") and 0 <= trial.flips <= trial.flippable
    assert sum(trial.heard.values()) == 3


def test_progress_reaches_the_end(verifier: Verifier) -> None:
    told: list[float] = []
    verifier.run([Variant("a"), Variant("b")], told.append)
    assert told == sorted(told) and told[-1] == 1.0
