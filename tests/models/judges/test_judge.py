"""A judge is whatever follows the protocol: a toy without a text tower goes all the way of a diagnosis."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests import tiny
from tests.models.judges.toy_judge import ToyJudge
from tonescope.diagnose.judging.blame import Finding, place_blame
from tonescope.diagnose.judging.intent import intent_caveats, read_intent
from tonescope.diagnose.judging.reference_clips import Clip, hear_clips
from tonescope.diagnose.judging.verdict import decide, summary
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.schema import Contrast, ReferenceClips
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.store import provenance
from tonescope.diagnose.taxonomy import from_rows
from tonescope.models.errors import TonescopeError
from tonescope.models.judges import listening
from tonescope.models.judges.calibration import ConfusionRecord
from tonescope.models.judges.judge import Judge

RATE = 1600
TAXONOMY = from_rows([{"label": label, "family": "sound", "aliases": []} for label in ToyJudge.labels])


def tone(pitch: float, level: float = 0.3, seconds: float = 1.0) -> Tensor:
    return level * torch.sin(2 * math.pi * pitch * torch.arange(int(seconds * RATE)) / RATE)


@pytest.fixture
def judge() -> Judge:
    return ToyJudge()


def test_what_follows_from_logits_follows_for_any_judge(judge: Judge) -> None:
    takes = torch.stack([tone(100), tone(600), tone(600, level=1e-4)])
    found = listening.posterior(judge, takes, RATE)
    assert [judge.labels[row] for row in found.argmax(1).tolist()] == ["dark", "bright", "quiet"]
    assert torch.allclose(found.sum(1), torch.ones(3), atol=1e-5)
    logits = listening.listen(judge, takes, RATE)
    assert torch.equal(listening.margin(judge, takes, RATE, "bright", "dark"), logits[:, 1] - logits[:, 0])
    apart = listening.contrast(judge.labels, logits.double(), "bright")
    rest = 1 - logits.double().softmax(1)[:, 1]
    assert torch.allclose(apart.sigmoid(), 1 - rest) and torch.allclose((-apart).sigmoid(), rest)


def test_a_timeline_ends_with_the_take(judge: Judge) -> None:
    take = torch.cat([tone(100), tone(600, seconds=1.25)])[None]
    starts, found = listening.timeline(judge, take, RATE, window_seconds=0.5, hop_seconds=0.25)
    assert starts == [0.25 * index for index in range(8)]
    assert [judge.labels[row] for row in found[[0, 1, -2, -1], 0].argmax(1).tolist()] == ["dark"] * 2 + ["bright"] * 2
    starts, found = listening.timeline(judge, take[:, :100], RATE, window_seconds=0.5, hop_seconds=0.25)
    assert starts == [0.0] and found.shape == (1, 1, 3)


def test_a_judge_without_a_text_tower_hears_and_decides_but_reads_no_meaning(judge: Judge) -> None:
    named, unnamed = "a bright song", "a song like glittering ice"
    intent = read_intent(named, judge, TAXONOMY)
    assert (intent.label, intent.how) == ("bright", "named") and intent_caveats(intent, named, judge) == []
    nothing = read_intent(unnamed, judge, TAXONOMY)
    assert (nothing.label, nothing.how) == (None, "none")
    assert any("toy judge cannot read prompts" in caveat for caveat in intent_caveats(nothing, unnamed, judge))
    heard = summary(listening.posterior(judge, tone(100).expand(8, -1), RATE), judge.labels, TAXONOMY)
    assert decide(intent, heard, judge.record, TAXONOMY).kind == "sibling drift"
    assert decide(nothing, heard, judge.record, TAXONOMY).kind == "open"


def test_the_blame_is_placed_with_any_judge() -> None:
    labels = ToyJudge.labels
    poor = ConfusionRecord(labels, ((20, 0, 0),) * 3, ((0, 20, 0), (20, 0, 0), (0, 0, 20)), 0.0)
    judge = ToyJudge(record=poor)
    intent = read_intent("bright", judge, TAXONOMY)
    heard = summary(listening.posterior(judge, tone(100).expand(8, -1), RATE), judge.labels, TAXONOMY)
    verdict = decide(intent, heard, None, TAXONOMY)
    finding = Finding("bright", intent, Contrast(target="dark", foil="bright"), verdict)
    assert place_blame(finding, tiny.generator(), judge).where == "codec and judge"


def test_known_clips_are_heard_by_any_judge(judge: Judge) -> None:
    found = hear_clips([Clip(tone(100), RATE), Clip(tone(600), RATE)], tiny.generator(), judge, 0.8)
    assert isinstance(found, ReferenceClips) and found.clean == {"dark": 1, "bright": 1}
    assert sum(found.reconstructed.values()) == 2


def test_a_diagnosis_runs_with_any_judge(judge: Judge) -> None:
    session = Session(tiny.generator(), judge, TAXONOMY)
    settings = Settings(takes=3, seconds=0.6, candidates=4, rounds=1, tested_words=1, doses=(0.0,))
    result, _ = session.diagnose("bright song", settings)
    assert result.intended.label == "bright" and result.perceived.label in judge.labels
    assert result.judge == provenance.of_judge(judge)
    assert (result.judge.description, result.judge.fingerprint) == ("spectral centroid and level", "300 Hz, -50 dB")
    estimates = [unit.estimated.mean for unit in result.drivers.units if unit.estimated]
    assert all(map(math.isfinite, estimates)) and any(estimates)


def test_case_one_of_eight_takes_is_nan_in_half_precision(judge: Judge) -> None:
    takes = tone(100).repeat(8, 1)
    takes[2, 700] = float("nan")
    assert listening.finite_takes(takes).tolist() == [index != 2 for index in range(8)]
    takes[5, 3] = float("inf")
    assert listening.finite_takes(takes).tolist() == [index not in (2, 5) for index in range(8)]
    rest = takes[listening.finite_takes(takes)]
    assert len(rest) == 6 and bool(torch.isfinite(listening.posterior(judge, rest, RATE)).all())
    assert listening.finite_takes(takes.half()).sum() == 6


def test_takes_that_are_no_numbers_are_not_blamed_on_the_judge(judge: Judge) -> None:
    takes = tone(100).repeat(8, 1)
    takes[2] = float("nan")
    with pytest.raises(TonescopeError, match="1 of 8 takes hold samples that are not numbers"):
        listening.listen(judge, takes, RATE)


def test_case_a_clip_of_amplitude_1e30_is_not_blamed_on_the_judge() -> None:
    with pytest.raises(TonescopeError, match=r"samples reach 1e\+30, where 1 is full scale"):
        listening.listen(tiny.judge(), torch.full((1, 800), 1e30), RATE)
