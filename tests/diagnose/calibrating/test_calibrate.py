"""Calibrating a judge: what is heard, kept and used again, and what a reader is warned of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests import tiny
from tests.diagnose.calibrating import labelled_sounds as sounds
from tests.diagnose.report import made_up
from tests.models.judges.toy_judge import ToyJudge
from tonescope import JudgeSession, TonescopeError, calibrate_judge
from tonescope.diagnose.calibrating.calibrate_schema import CalibrationReport
from tonescope.diagnose.calibrating.calibration_store import NONE, kept_file
from tonescope.diagnose.calibrating.fitting import FitOptions
from tonescope.diagnose.jobs.caveats import codec_caveat
from tonescope.diagnose.judging.told_calibration import NO_CALIBRATION, told_calibration
from tonescope.diagnose.judging.verdict import SURE_ENOUGH, UNSURE, hear, sure_enough
from tonescope.diagnose.report import calibration_views, pasteable
from tonescope.diagnose.store import provenance
from tonescope.diagnose.taxonomy import from_rows
from tonescope.models.judges.calibration import ConfusionRecord
from tonescope.models.judges.fitted_calibration import FILE, FittedCalibration
from tonescope.models.judges.judge import Judge
from tonescope.models.judges.two_towers import TwoTowers

PROBE = FitOptions(probe=True)


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONESCOPE_WORKSPACE", str(tmp_path / "data"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sounds.folder_per_label(tmp_path_factory.mktemp("calibrate") / "clips", songs=4, parts=3)


def session(judge: Judge | None = None) -> JudgeSession:
    return JudgeSession(judge or tiny.judge(), from_rows(tiny.ROWS))


def calibrated(clips: Path, **more: Any) -> CalibrationReport:
    return calibrate_judge(session(), clips, **more)[0]


def text(report: CalibrationReport) -> str:
    return " ".join(told for view in calibration_views.views(report) for told, _ in view.sentences)


def test_a_probe_hears_tones_that_the_names_of_labels_do_not(clips: Path) -> None:
    plain, probed = calibrated(clips), calibrated(clips, options=PROBE)
    assert probed.accuracy.value > 0.9 > plain.accuracy.value
    assert probed.accuracy_before == plain.accuracy_before and probed.calibration.error_after < 0.3
    assert probed.folds == 5 and probed.sources == "names" and probed.calibration.groups == 12
    assert {row.label: row.clips for row in probed.labels} == {"jazz fusion": 12, "smooth jazz": 12, "house": 12}
    assert probed.unmeasured == 1 and any("1 of 4 labels" in caveat for caveat in probed.caveats)
    chosen = any("was chosen on the same clips" in caveat for caveat in probed.caveats)
    assert chosen and probed.calibration.measured_threshold is not None


def test_what_is_fitted_is_what_the_judge_hears_with_from_then_on(clips: Path) -> None:
    here = session()
    assert told_calibration(here.judge) == NO_CALIBRATION
    report, evidence = calibrate_judge(here, clips, options=PROBE)
    assert isinstance(here.judge, TwoTowers) and here.judge.fitted is evidence.fitted
    assert told_calibration(here.judge) == (
        "calibrated on 36 clips of clips; its probabilities are off by "
        f"{100 * report.calibration.error_after:.1f} percentage points (ECE)"
    )
    assert report.judge.calibration == told_calibration(here.judge)
    sound = sounds.tone(sounds.PITCHES["house"], 99)[None]
    heard = here.judge.logits(sound, sounds.RATE).softmax(1)
    assert here.judge.labels[int(heard.argmax())] == "house"


def test_it_is_kept_for_this_judge_and_found_again(clips: Path, folders: tuple[Path, Path]) -> None:
    name = str(folders[1])
    report, _ = calibrate_judge(JudgeSession.open(name), clips, options=PROBE)
    judge = JudgeSession.open(name).judge
    assert isinstance(judge, TwoTowers) and judge.fitted is not None
    assert report.stored == str(kept_file(judge.identity)) and judge.fitted.card == report.calibration
    bare = JudgeSession.open(name, calibration=NONE).judge
    assert bare.record is None and bare.fingerprint() != judge.fingerprint()
    other = JudgeSession.open(name, labels="broad").judge
    assert other.record is None and len(other.labels) == 16


def test_calibrating_again_starts_from_the_judge_as_it_was_made(clips: Path) -> None:
    here = session()
    first, _ = calibrate_judge(here, clips, options=PROBE)
    second, _ = calibrate_judge(here, clips, options=PROBE)
    assert first.calibration == second.calibration and first.accuracy_before == second.accuracy_before


def test_a_file_is_used_where_it_is_named_and_refused_for_another_judge(
    clips: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    _, evidence = calibrate_judge(JudgeSession.open(str(folders[1])), clips)
    evidence.save(tmp_path)
    named = str(tmp_path / FILE)
    opened = JudgeSession.open(str(folders[1]), calibration=named).judge
    assert isinstance(opened, TwoTowers) and opened.fitted is not None
    assert opened.fitted.card == FittedCalibration.load(tmp_path / FILE).card
    with pytest.raises(TonescopeError, match="is another judge"):
        JudgeSession.open(str(folders[1]), labels="broad", calibration=named)
    with pytest.raises(TonescopeError, match="no such file"):
        JudgeSession.open(str(folders[1]), calibration=str(tmp_path / "none"))


def test_labels_are_not_clear_below_the_threshold_of_the_calibration(clips: Path) -> None:
    here = session()
    calibrate_judge(here, clips, options=PROBE, error=0.001)
    judge = here.judge
    assert judge.record is not None and judge.record.threshold is not None
    assert sure_enough(judge) == judge.record.threshold >= SURE_ENOUGH == sure_enough(tiny.judge())
    just = torch.full((1, 4), 0.1)
    just[0, 1] = 0.7
    assert hear(just, judge.labels, 0.71) == [UNSURE] and hear(just, judge.labels, 0.69) == ["smooth jazz"]


def test_clips_that_are_not_clear_are_counted_apart(clips: Path) -> None:
    report = calibrated(clips, options=FitOptions(bias="never", temperature="keep"))
    card = report.calibration
    assert sum(card.abstained) + sum(map(sum, card.clean)) == 36 and report.clear.total == sum(map(sum, card.clean))
    assert report.bias_gain is None and card.temperature == 1.0


def test_after_a_codec_clips_are_heard_twice_and_stay_together(clips: Path, folders: tuple[Path, Path]) -> None:
    report = calibrated(clips, options=PROBE, through=str(folders[0]))
    card = report.calibration
    assert card.through == str(folders[0]) and card.groups == 12
    assert report.accuracy.total == sum(card.clips) == 36 and report.clear.total == sum(map(sum, card.reconstructed))
    assert sum(map(sum, card.reconstructed)) + sum(card.abstained) == 36
    assert not any("passed a codec" in caveat for caveat in report.caveats)


def test_what_was_left_out_is_said_with_the_reason(clips: Path, tmp_path: Path) -> None:
    folder = sounds.folder_per_label(tmp_path / "some")
    (folder / "house" / "silent.wav").write_bytes(b"")
    sounds.write(folder / "house" / "quiet.wav", torch.zeros(8000))
    (folder / "house" / "broken.flac").write_bytes(b"no sound at all")
    report = calibrated(folder)
    why = {clip.name: clip.reason for clip in report.calibration.skipped}
    assert why["house/silent.wav"] == "empty" and "silent" in why["house/quiet.wav"] and "house/broken.flac" in why
    (view,) = [view for view in calibration_views.views(report) if view.key == "left_out"]
    assert view.title == "3 clips left out" and len(view.tables[0].rows) == 3


def test_few_clips_a_poor_judge_and_unknown_sources_are_caveats(tmp_path: Path) -> None:
    for label, pitch in sounds.PITCHES.items():
        for part in range(2):
            sounds.write(tmp_path / label / f"{label}.{part}.wav", sounds.tone(pitch, part))
    report = calibrated(tmp_path)
    told = " ".join(report.caveats)
    assert "fewer than 10 clips" in told and "no better than chance" in told and "source of its own" in told
    assert report.stored is None and "not kept for the next time" in told  # nor used from then on


def test_where_nothing_can_be_kept_it_is_said_and_the_report_is_there(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TONESCOPE_WORKSPACE", str(tmp_path / "file"))
    report = calibrated(clips)
    assert report.stored is None and "not kept for the next time" in report.caveats[-1]


def test_a_judge_that_embeds_nothing_is_refused_in_a_sentence(clips: Path, folders: tuple[Path, Path]) -> None:
    with pytest.raises(TonescopeError, match="embeds no audio"):
        calibrate_judge(session(ToyJudge()), clips)


def test_clips_of_which_none_can_be_heard_are_refused_in_a_sentence(tmp_path: Path) -> None:
    for label in ("house", "fusion"):
        sounds.write(tmp_path / label / "a.wav", torch.zeros(8000 + len(label)))
    with pytest.raises(TonescopeError, match="holds no clip of a label") as refused:
        calibrated(tmp_path)
    assert "silent" in str(refused.value)


def test_what_is_found_is_told_in_sentences_tables_and_a_matrix(clips: Path) -> None:
    report = calibrated(clips, options=PROBE)
    shown = {view.key: view for view in calibration_views.views(report)}
    assert {"calibration", "labels", "probabilities", "caveats", "provenance"} <= set(shown)
    assert "a probe trained on them" in text(report) and "ECE" in text(report)
    matrix = shown["calibration"].matrices[0]
    assert matrix.rows == ("jazz fusion", "smooth jazz", "house") and matrix.cells[2][2].wanted
    assert len(shown["labels"].tables[0].rows) == 3 and len(shown["probabilities"].figures) == 2
    restored = CalibrationReport.model_validate_json(report.model_dump_json())
    assert restored == report


def test_lines_to_paste_name_labels_and_calibration(folders: tuple[Path, Path]) -> None:
    judge = JudgeSession.open(str(folders[1]), labels="broad", calibration=NONE).judge
    assert provenance.of_judge(judge).opened_with == {"labels": "broad", "calibration": "none"}
    found = made_up.set_of_three().model_copy(update={"judge": provenance.of_judge(judge)})
    assert "--labels broad --calibration none" in pasteable.diagnose(found)
    assert "--labels" not in pasteable.diagnose(found, judge="another")
    usual = JudgeSession.open(str(folders[1])).judge
    assert provenance.of_judge(usual).opened_with == {}


def test_a_damaged_file_that_is_kept_is_named_with_the_way_out(clips: Path, folders: tuple[Path, Path]) -> None:
    report, _ = calibrate_judge(JudgeSession.open(str(folders[1])), clips)
    assert report.stored is not None
    Path(report.stored).write_bytes(b"damaged")
    with pytest.raises(TonescopeError, match="delete it") as refused:
        JudgeSession.open(str(folders[1]))
    assert report.stored in str(refused.value) and "--calibration none" in str(refused.value)
    assert JudgeSession.open(str(folders[1]), calibration=NONE).judge.record is None


@pytest.mark.parametrize(
    ("reconstructed", "through", "told"),
    [
        (False, "", "on clips as they are"),
        (True, "another", "after the codec of another"),
        (True, "tiny mono", None),
        (True, "", None),
    ],
)
def test_a_codec_that_the_judge_was_not_measured_after_is_a_caveat(
    reconstructed: bool, through: str, told: str | None
) -> None:
    models, table = tiny.session().models, ((9,) * 4,) * 4
    models.judge.record = ConfusionRecord(
        models.judge.labels, table, table if reconstructed else (), 0.1, source="clips", through=through
    )
    said = codec_caveat(models)
    assert said is None if told is None else told in str(said) and "--through tiny mono" in str(said)
