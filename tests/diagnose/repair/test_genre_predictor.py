"""What will be heard is predicted from text states alone, as well as is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.diagnose.confusion.planted_genres import LABELS
from tests.diagnose.repair.word_states import heard, predictor, session
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.jobs.predictor_job import JOB, PredictorParameters
from tonescope.diagnose.repair import fit_predictor
from tonescope.diagnose.repair.fit_predictor import fit
from tonescope.diagnose.repair.genre_predictor import (
    RECORD_FILE,
    WEIGHTS_FILE,
    GenrePredictor,
    find_predictor,
    kept_folder,
    pooled,
    seek_predictor,
)
from tonescope.diagnose.repair.live_feedback import LiveFeedback
from tonescope.diagnose.repair.predictor_prompts import predictor_prompts
from tonescope.models.errors import TonescopeError


def test_a_planted_confusion_is_predicted_and_the_named_genre_is_not() -> None:
    found, reader = predictor({"house": "techno"}), session().generator
    probabilities = found.predict(reader, ["house for a wedding", "polka for a wedding"])
    assert [LABELS[at] for at in probabilities.argmax(1)] == ["techno", "polka"]
    assert torch.allclose(probabilities.sum(1), torch.ones(2))


def test_its_accuracy_is_measured_on_prompts_it_was_not_fitted_on_and_stands_beside_the_named_genre() -> None:
    record = predictor({"house": "techno"}).record
    assert record.accuracy.total == record.baseline_accuracy.total == record.prompts == 60
    assert record.accuracy.count > record.baseline_accuracy.count == 50  # "house" names another genre than is heard
    noise = {prompt: {LABELS[at % 6]: 4} for at, prompt in enumerate(sorted(heard(), key=lambda text: text[::-1]))}
    made = session()
    random = fit(made.generator, made.judge, made.taxonomy, noise, seconds=1.0, guidance=3.0).record
    assert random.accuracy.value < 0.5 and random.log_loss > record.log_loss


def test_padding_changes_nothing_in_what_is_read() -> None:
    reader = session().generator
    together = pooled(reader, ["house", "house with a very long tail of words"])
    assert torch.allclose(together[0], pooled(reader, ["house"])[0])


def test_what_is_saved_is_found_again_for_these_models_alone(tmp_path: Path) -> None:
    found, made = predictor(), session()
    found.save(kept_folder(made.generator, made.judge.labels))
    again = find_predictor(made.generator, made.judge)
    assert again is not None and again.record == found.record and torch.equal(again.weight, found.weight)
    made.judge.labels = made.judge.labels[:3]  # type: ignore[misc]
    assert find_predictor(made.generator, made.judge) is None
    (tmp_path / RECORD_FILE).write_text("{}")
    with pytest.raises(TonescopeError, match="no genre predictor that can be read"):
        GenrePredictor.load(tmp_path)


def test_too_few_prompts_and_takes_that_are_all_one_genre_are_refused() -> None:
    made = session()
    few = dict(list(heard().items())[:12])
    with pytest.raises(TonescopeError, match="cannot be fitted on 12 prompts"):
        fit(made.generator, made.judge, made.taxonomy, few, seconds=1.0, guidance=3.0)
    one = {prompt: {"house": 2} for prompt in heard()}
    with pytest.raises(TonescopeError, match="heard as one genre"):
        fit(made.generator, made.judge, made.taxonomy, one, seconds=1.0, guidance=3.0)


def test_any_beginning_of_the_prompts_asks_for_every_kind() -> None:
    made = session()
    prompts = predictor_prompts(LABELS, made.taxonomy, 400)
    assert len(prompts) == len(set(prompts)) > 100 and not any("{" in prompt for prompt in prompts)
    first = predictor_prompts(LABELS, made.taxonomy, 50)
    assert prompts[:50] == first and "music" in first
    assert all(any(label in prompt for prompt in first) for label in LABELS)


def test_the_job_plays_what_is_missing_and_goes_on_from_what_is_there(tmp_path: Path) -> None:
    made = session()
    asked = PredictorParameters(prompts=60, takes=1, seconds=0.5, shards=tmp_path / "takes", into=tmp_path / "kept")
    first = JOB.run(made, asked, Watch()).result
    played = made.generator.played  # type: ignore[attr-defined]
    again = JOB.run(made, asked, Watch()).result
    assert made.generator.played == played == 60 and again.record == first.record  # type: ignore[attr-defined]
    assert GenrePredictor.load(tmp_path / "kept").record.takes == 60
    assert any("predictor names" in text for view in JOB.views(again, None) for text, _ in view.sentences)


def test_case_a_damaged_predictor_is_passed_over_and_said() -> None:
    made = session()
    folder = kept_folder(made.generator, made.judge.labels)
    predictor().save(folder)
    (folder / WEIGHTS_FILE).write_bytes(b"no weights")
    made.generator.folder = None
    assert find_predictor(made.generator, made.judge) is None
    live = LiveFeedback(made.generator, made.judge, made.taxonomy)
    found = live.on("house, masterpiece")
    assert (
        found.prediction is None
        and "is damaged" in found.no_prediction
        and "tonescope predictor" in found.no_prediction
    )
    assert found.findings


def test_case_where_the_one_made_here_is_damaged_the_shipped_one_is_used(tmp_path: Path) -> None:
    made = session()
    folder = kept_folder(made.generator, made.judge.labels)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS_FILE).write_bytes(b"")
    made.generator.folder = tmp_path
    predictor().save(tmp_path)
    found, damaged = seek_predictor(made.generator, made.judge)
    assert found is not None and damaged


def test_a_predictor_and_its_record_are_one_file_and_those_shipped_before_are_read(tmp_path: Path) -> None:
    found = predictor()
    found.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [WEIGHTS_FILE]
    save_file({"weight": found.weight, "bias": found.bias}, tmp_path / WEIGHTS_FILE)
    (tmp_path / RECORD_FILE).write_text(found.record.model_dump_json())
    assert GenrePredictor.load(tmp_path).record == found.record


def test_its_record_says_how_the_takes_were_played() -> None:
    assert predictor().record.holds_for.startswith("It predicts takes of 1 s at guidance 3")


def test_nothing_that_is_told_of_a_fold_was_chosen_by_it() -> None:
    folds, labels = np.arange(50) % 5, np.arange(50) % 2
    counts = np.eye(2)[labels]
    right, wrong = (2 * counts - 1) * 3, (1 - 2 * counts) * 3
    good_but_in_the_first = np.where((folds == 0)[:, None], wrong, right)
    weak = right / 30
    found = fit_predictor._honest([good_but_in_the_first, weak], counts, folds)
    assert (found[folds == 0].argmax(1) != labels[folds == 0]).all()  # chosen by the others, which it suits
    assert (found[folds != 0].argmax(1) == labels[folds != 0]).all()
