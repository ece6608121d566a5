"""What a session keeps apart: models that share a name, records that belong to other pairs, words of other
trainings."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests import tiny
from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.runtime import session as sessions
from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.settings import Settings
from tonescope.models import loading
from tonescope.models.errors import TonescopeError
from tonescope.models.judges.calibration import ConfusionRecord
from tonescope.models.vocabulary import Vocabulary


def test_reference_means_are_kept_and_not_mixed_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TONESCOPE_CACHE", str(tmp_path))  # not the cache that other tests have filled
    measured: list[str] = []
    real: Any = mean_activations.measure

    def counting(generator, *rest, **options):  # type: ignore[no-untyped-def]
        measured.append(generator.name)
        return real(generator, 0.3, *rest[1:], prompts=("jazz", "house"), **options)

    monkeypatch.setattr(mean_activations, "measure", counting)
    first = tiny.session()
    means = first.means(Settings(seconds=0.5))
    assert first.means(Settings(seconds=2.0)) is means
    again = tiny.session().means(Settings(seconds=0.5))
    assert len(measured) == 1
    assert all(torch.equal(means.values[place], again.values[place]) for place in means.values)
    tuned = tiny.session()
    tuned.generator.model.decoder.model.decoder.layers[1].self_attn.q_proj.weight += 0.1
    tuned.means(Settings(seconds=0.5))
    assert len(measured) == 2


def test_what_cannot_be_done_is_refused_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "means", lambda *_: pytest.fail("measured first"))
    for settings in (Settings(foil="skiffle"), Settings(seconds=31), Settings(seconds=0.01)):
        with pytest.raises(TonescopeError):
            tiny.session().diagnose("house", settings)


def test_a_record_stays_with_the_pair_it_was_measured_on(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = tiny.judge()
    judge.record = ConfusionRecord(judge.labels, ((1,) * 4,) * 4, ((1,) * 4,) * 4, 0.0)
    monkeypatch.setattr(loading, "load_judge", lambda *_: judge)
    monkeypatch.setattr(loading, "judge_rows", lambda _: tiny.ROWS)
    assert Session.open(str(folders[0]), loading.EMBEDDED).judge.record is None


def test_an_adapter_brings_words_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find", lambda *_: Path())
    monkeypatch.setattr(loading, "load_generator", lambda *_: tiny.generator())
    monkeypatch.setattr(loading, "load_judge", lambda *_: tiny.judge())
    monkeypatch.setattr(loading, "judge_rows", lambda _: tiny.ROWS)
    monkeypatch.setattr(loading, "check_names", lambda *_: None)
    monkeypatch.setattr(loading, "load_vocabulary", lambda _: Vocabulary(frozenset({"house"})))
    assert Session.open("embedded").vocabulary is not None
    assert Session.open("embedded", adapter="somewhere").vocabulary is None


def test_reference_means_of_another_model_or_a_broken_file_are_measured_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TONESCOPE_CACHE", str(tmp_path / "cache"))
    real: Any = mean_activations.measure
    settings = Settings(seconds=0.5)
    monkeypatch.setattr(
        mean_activations,
        "measure",
        lambda generator, _, *rest, **how: real(generator, 0.3, *rest, prompts=("jazz",), **how),
    )
    first = tiny.session()
    means = first.means(settings)
    kept = next((tmp_path / "cache").glob("*.safetensors"))
    shutil.copy(kept, tmp_path / sessions.MEANS_FILE)
    kept.write_bytes(b"broken")
    again = tiny.session().means(settings)
    assert all(torch.equal(again.values[place], means.values[place]) for place in means.values)
    shipped, tuned = tiny.session(), tiny.session()
    shipped.generator.folder = tuned.generator.folder = tmp_path
    tuned.generator.model.decoder.model.decoder.layers[1].self_attn.q_proj.weight += 0.1
    monkeypatch.setattr(mean_activations, "measure", lambda *_, **__: means)
    assert tuned.means(settings) is means and shipped.means(settings) is not means
    (tmp_path / sessions.MEANS_FILE).write_bytes(b"broken")
    with pytest.raises(TonescopeError, match="holds no reference means"):
        shipped.means(settings)
