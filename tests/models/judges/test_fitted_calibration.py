"""A calibration belongs to one judge, changes what it hears as it says, and survives being written and read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from tests import tiny
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.clap import Clap
from tonescope.models.judges.fitted_calibration import (
    HEADER,
    WEIGHT,
    CalibrationCard,
    FittedCalibration,
    JudgeIdentity,
    Probe,
)

LABELS = 4
TABLE = tuple(tuple(10 if row == column else 1 for column in range(LABELS)) for row in range(LABELS))


def card(judge: JudgeIdentity, **more: Any) -> CalibrationCard:
    """A calibration of a judge of four labels."""
    given: dict[str, Any] = {
        "judge": judge,
        "made": "2026-01-01",
        "versions": {},
        "source": "clips",
        "digest": "d",
        "temperature": 2.0,
        "clean": TABLE,
        "abstained": (0,) * LABELS,
        "threshold": 0.5,
        "target_error": 0.1,
        "error_before": 0.3,
        "error_after": 0.1,
        "accuracy_before": 0.5,
        "accuracy_after": 0.7,
        "clips": (13,) * LABELS,
        "groups": 8,
    }
    return CalibrationCard(**{**given, **more})


def tone() -> torch.Tensor:
    return torch.sin(torch.arange(800) * 0.4)[None]


def calibrated(probe: Probe | None = None, **more: Any) -> Clap:
    judge = tiny.judge()
    judge.calibrate(FittedCalibration(card(judge.identity, probed=probe is not None, **more), probe))
    return judge


def test_temperature_divides_and_bias_is_subtracted_in_audio_alone() -> None:
    plain, bias = tiny.judge(), (0.5, -0.5, 0.25, 0.0)
    judge = calibrated(bias=bias)
    expected = (plain.logits(tone(), 1600) - torch.tensor(bias)) / 2
    assert torch.allclose(judge.logits(tone(), 1600), expected, atol=1e-5)
    assert torch.equal(judge.read_prompt("fast house"), plain.read_prompt("fast house"))


def test_a_probe_takes_the_place_of_the_names_of_labels() -> None:
    weight, offset = torch.randn(LABELS, 12), torch.randn(LABELS)
    judge = calibrated(Probe(weight, offset), temperature=0.5)
    embedding = judge.embed_audio(tone(), 1600)
    assert torch.allclose(judge.logits(tone(), 1600), (embedding @ weight.T + offset) / 0.5, atol=1e-5)


def test_logits_stay_differentiable() -> None:
    sound = tone().requires_grad_()
    calibrated(Probe(torch.randn(LABELS, 12), torch.zeros(LABELS))).logits(sound, 1600)[0, 0].backward()
    assert sound.grad is not None and float(sound.grad.abs().sum()) > 0


def test_it_brings_the_record_that_verdicts_use() -> None:
    record = calibrated().record
    assert record is not None and record.clips == 52 and record.threshold == 0.5 and record.source == "clips"
    assert record.heard_as("house", "jazz fusion") == (1, 13) and record.misses("house") == (3, 13)
    empty = calibrated(clean=((0,) * LABELS,) * LABELS).record
    assert empty is not None and empty.heard_as("house", "house") is None and empty.misses("house") is None


def test_case_the_fingerprint_of_a_judge_tells_its_calibration() -> None:
    plain, judge = tiny.judge(), calibrated()
    assert plain.fingerprint() == tiny.judge().fingerprint() != judge.fingerprint()
    assert judge.fingerprint() == calibrated().fingerprint() != calibrated(temperature=3.0).fingerprint()
    other = tiny.judge()
    other.choose_between(["house", "techno"], ["{} music"])
    assert other.fingerprint() != plain.fingerprint()


def test_other_labels_put_aside_what_was_measured() -> None:
    judge = calibrated()
    judge.choose_between(["house", "piano", "drums"], ["{}", "a {} song"])
    assert judge.record is None and judge.fitted is None and judge.labels == ("house", "piano", "drums")
    assert judge.logits(tone(), 1600).shape == (1, 3)
    assert judge.calibration.templates == ("{}", "a {} song")
    with pytest.raises(TonescopeError, match="two labels or more"):
        judge.choose_between(["house", "house"])


def test_several_wordings_are_one_label_by_the_mean_of_their_embeddings() -> None:
    judge = tiny.judge()
    judge.choose_between(["house", "piano"], ["{}", "{} music", "a {} song"])
    texts = judge.embed_text(["house", "house music", "a house song"])
    mean = torch.nn.functional.normalize(texts.mean(0), dim=-1)
    assert torch.allclose(judge.scores(mean[None])[0, 0], judge.model.logit_scale_a.exp(), rtol=1e-4)


@pytest.mark.parametrize("change", ["weights", "labels", "wordings"])
def test_a_calibration_of_another_judge_is_refused_in_a_sentence(change: str) -> None:
    judge = tiny.judge()
    other = judge.identity.model_copy(update={change: "other" if change == "weights" else ("a", "b", "c", "d")})
    with pytest.raises(TonescopeError, match="is another judge") as refused:
        judge.calibrate(FittedCalibration(card(other)))
    assert judge.fitted is None and "\n" not in str(refused.value)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    probe = Probe(torch.randn(LABELS, 12), torch.randn(LABELS))
    made = FittedCalibration(card(tiny.judge().identity, bias=(0.1,) * LABELS, probed=True), probe)
    made.save(tmp_path / "deep" / "a.safetensors")
    read = FittedCalibration.load(tmp_path / "deep" / "a.safetensors")
    assert read.card == made.card and read.probe is not None
    assert torch.equal(read.probe.weight, probe.weight) and torch.equal(read.probe.offset, probe.offset)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.safetensors"]


def broken(made: str, **more: Any) -> bytes:
    about = json.loads(card(tiny.judge().identity, probed=True).model_dump_json()) | more
    weight = {WEIGHT: torch.zeros(LABELS, 12)}
    return {
        "text": b"no calibration",
        "cut off": safetensors.torch.save(weight, {HEADER: json.dumps(about)})[:40],
        "no header": safetensors.torch.save(weight),
        "no probe": safetensors.torch.save({}, {HEADER: json.dumps(about)}),
        "version": safetensors.torch.save(weight, {HEADER: json.dumps(about | {"schema_version": "9"})}),
        "table": safetensors.torch.save(weight, {HEADER: json.dumps(about | {"clean": [[1]]})}),
        "number": safetensors.torch.save(weight, {HEADER: json.dumps(about | {"temperature": -1})}),
        "list": safetensors.torch.save(weight, {HEADER: "[]"}),
    }[made]


@pytest.mark.parametrize("made", ["text", "cut off", "no header", "no probe", "version", "table", "number", "list"])
def test_a_file_that_is_none_is_refused_in_a_sentence(tmp_path: Path, made: str) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(broken(made))
    with pytest.raises(TonescopeError, match="cannot be used as a calibration") as refused:
        FittedCalibration.load(path)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TonescopeError, match="no such file"):
        FittedCalibration.load(tmp_path / "none")
    with pytest.raises(TonescopeError, match="no such file"):
        FittedCalibration.load(tmp_path)


def test_a_disk_that_refuses_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TonescopeError, match="cannot be kept"):
        FittedCalibration(card(tiny.judge().identity)).save(tmp_path / "file" / "a.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
