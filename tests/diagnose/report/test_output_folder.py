"""Output folders of any job: sound, numbers, JSON and a page, and the names of files in the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import soundfile
import torch
from PIL import Image
from pydantic import BaseModel
from safetensors.torch import load_file
from torch import Tensor

from tests.diagnose.report import shown
from tonescope.diagnose.jobs.experiment import Experiment
from tonescope.diagnose.report import diagnosis_views, experiment_views, folder_manifest
from tonescope.diagnose.report.output_folder import slug, trials, write
from tonescope.diagnose.report.sounds import Sounds
from tonescope.diagnose.schema import Diagnosis
from tonescope.models.generator import Takes


class ToyResult(BaseModel):
    """A result without takes or trials."""

    tempo: float


@dataclass
class ToyEvidence:
    """Takes under names of their own, and a tensor."""

    sounds: dict[str, Takes]
    tensors: dict[str, Tensor] = field(default_factory=dict)


@pytest.fixture(scope="module")
def sounds() -> Sounds:
    return Sounds(shown.session().generator)


def test_a_diagnosis_names_a_file_for_every_take_and_trial(sounds: Sounds, tmp_path: Path) -> None:
    found, evidence = shown.diagnosed()
    named = write(tmp_path / "out", "diagnosis", found, evidence, diagnosis_views.views(found, evidence), sounds)
    assert Diagnosis.model_validate_json((tmp_path / "out" / "diagnosis.json").read_text(encoding="utf-8")) == named
    assert [take.audio for take in named.takes] == ["audio/take-1.wav", "audio/take-2.wav"]
    assert [take.audio for take in named.drivers.tested] == ["audio/take-3.wav", "audio/take-4.wav"]
    names = [file for trial in trials(named) for file in trial.audio]
    assert len(names) == len(set(names)) == 2 * len(trials(named)) > 10
    written = {f"audio/{path.name}" for path in (tmp_path / "out" / "audio").iterdir()}
    shown_beside = {file for file in written if "other-prompt" in file}  # what the set is put into, as it was
    assert set(names) <= written and len(written) == len(names) + 4 + len(shown_beside)
    assert found.takes[0].audio is None  # what was given stays as it was
    estimates = load_file(tmp_path / "out" / "estimates.safetensors")
    assert torch.equal(estimates["posterior"], evidence.posterior) and "decoder.0.mlp" in estimates
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<tonescope-score" in page and "Plotly" not in page
    with Image.open(tmp_path / "out" / "card.png") as picture:
        assert picture.size == (1200, 630)


def test_takes_of_one_seed_have_files_of_their_own(sounds: Sounds, tmp_path: Path) -> None:
    found, played = shown.edited()
    named = write(tmp_path / "out", "experiment", found, played, experiment_views.views(found, played), sounds)
    assert isinstance(named, Experiment) and named.control is not None
    for before, after, control in zip(named.untouched, named.edited, named.control.audio, strict=True):
        assert before.audio == f"audio/take-{before.seed}-untouched.wav"
        assert after.audio == f"audio/take-{after.seed}-edited.wav"
        assert control == f"audio/take-{after.seed}-random-edited.wav"
    assert [take.audio for take in named.edited] == named.trial.audio
    assert not list((tmp_path / "out").glob("*.safetensors"))


def test_a_report_that_no_code_knows_is_written(sounds: Sounds, tmp_path: Path) -> None:
    generator = shown.session().generator
    sets = {name: generator.generate(["house"] * 2, [1, 1], 0.5) for name in ("slow", "fast", "fast!")}
    evidence = ToyEvidence(sets, {"tempo": torch.ones(2)})
    write(tmp_path / "out", "tempo", ToyResult(tempo=100.0), evidence, shown.toy_views(), sounds)
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"audio", "tempo.json", "report.html", "card.png", "estimates.safetensors", folder_manifest.NAME}
    audio = sorted((tmp_path / "out" / "audio").iterdir())
    assert len(audio) == 6  # names that fall together, and seeds that come twice, lose nothing
    assert {len(soundfile.read(path)[0]) for path in audio} == {800}
    assert "Audit of tempo" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_result_without_sound_or_tensors_is_written(sounds: Sounds, tmp_path: Path) -> None:
    write(tmp_path / "out", "tempo", ToyResult(tempo=100.0), None, shown.toy_views()[:2], sounds)
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"tempo.json", "report.html", "card.png", folder_manifest.NAME}


def test_takes_that_are_not_those_of_the_result_are_refused(sounds: Sounds, tmp_path: Path) -> None:
    found, evidence = shown.diagnosed()
    other = ToyEvidence({"takes": evidence.takes.rows(0, 1)})
    with pytest.raises(ValueError, match="lists 2 takes as takes"):
        write(tmp_path / "out", "diagnosis", found, other, [], sounds)
    assert not list(tmp_path.iterdir())


def test_names_of_variants_make_harmless_file_names() -> None:
    assert slug("without_word:3:../../etc/passwd") == "without-word-3-etc-passwd"
    assert slug("times:0.5") == "times-0-5" and slug("control_of:decoder.3.mlp:117") == "control-of-decoder-3-mlp-117"
    assert slug("without_word:0:ジャズ") == "without-word-0-ジャズ"
    long = [slug(f"without_word:{place}:" + "é" * 200) for place in (3, 4)]
    assert long[0] != long[1] and all(len(name.encode()) < 80 for name in long)
