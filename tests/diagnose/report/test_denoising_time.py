"""When in the denoising a set matters is said, drawn and counted; and settings are suspected before it."""

from __future__ import annotations

import pytest

from tests.diagnose.report import made_up
from tonescope.diagnose.report import denoising_time, diagnosis_views, pasteable, plots, settings_view
from tonescope.diagnose.report.labels import label
from tonescope.diagnose.schema import Diagnosis, SettingSuspect, StepCut

STEPS = 100


def with_cuts(*flips: tuple[int, int]) -> Diagnosis:
    """So many of 4 takes turn, muted from step 12, 25 and 50 on, and until it."""
    made = made_up.single_unit()
    made.drivers.step_cuts = [
        StepCut(
            step=step,
            steps=STEPS,
            from_on=made_up.trial(late, {}, q=made_up.UNSURE),
            until=made_up.trial(early, {}, q=made_up.UNSURE),
        )
        for step, (late, early) in zip((12, 25, 50), flips, strict=True)
    ]
    return made


@pytest.mark.parametrize(
    ("flips", "says"),
    [
        (((0, 4), (0, 4), (0, 4)), "It is decided early in the denoising: muted in the first 12 of 100 steps alone"),
        (((4, 0), (4, 0), (3, 0)), "It is decided late in the denoising: muted from step 50 of 100 on"),
        (((1, 0), (0, 1), (0, 1)), "It needs the whole denoising"),
        (((4, 0), (3, 2), (1, 4)), "It can be taken away early or late"),
    ],
)
def test_when_it_is_decided_is_a_sentence(flips: tuple[tuple[int, int], ...], says: str) -> None:
    made = with_cuts(*flips)
    assert made.drivers.group is not None
    view = denoising_time.view(made, made.drivers.group)
    assert view is not None
    assert view.sentences[0][0].startswith(says), view.sentences
    assert len(view.tables[0].rows) == 7 and view.tables[0].rows[1] == ("from step 12 on", f"{flips[0][0]} of 4")


def test_both_lines_are_drawn_over_all_steps() -> None:
    made = with_cuts((0, 4), (0, 4), (0, 4))
    assert made.drivers.group is not None
    figure = plots.step_cuts(made, made.drivers.group)
    late, early = figure.plot["data"]
    assert (late["x"], early["x"]) == ([0, 12, 25, 50], [12, 25, 50, STEPS])
    assert late["y"][0] == early["y"][-1] == 1.0 and late["y"][1:] == [0.0] * 3
    assert "muted until this step, 12: 4 of 4" in figure.alt


def test_models_that_do_not_denoise_have_no_such_view() -> None:
    made = made_up.single_unit()
    assert made.drivers.group is not None and denoising_time.view(made, made.drivers.group) is None


def test_variants_have_names_that_people_read() -> None:
    assert label("muted_from_step:12") == "muted from denoising step 12 on"
    assert label("muted_until_step:12") == "muted until denoising step 12"


def _suspected() -> Diagnosis:
    made = made_up.single_unit()
    made.recommended = {"denoising steps": 50.0, "shift": 1.0, "guidance": 7.0}
    made.settings.guidance = 3.0
    made.suspects = [
        SettingSuspect(name="denoising steps", used=8, recommended=50),
        SettingSuspect(name="guidance", used=3, recommended=7),
    ]
    return made


def test_case_settings_that_are_others_are_said_before_anything_about_units() -> None:
    made = _suspected()
    first = diagnosis_views.told_first(made)
    assert [view.key for view in first][:3] == ["verdict", "settings", "why"]
    (sentence, badge), *_ = first[1].sentences
    assert "denoising steps 8 instead of 50, guidance 3 instead of 7" in sentence and badge == "observed"
    assert settings_view.view(made_up.single_unit()) is None


def test_the_line_that_makes_it_again_holds_them_and_the_other_does_not() -> None:
    made = _suspected()
    again, as_made = pasteable.diagnose(made), pasteable.as_recommended(made)
    assert "--denoising-steps 8" in again and "--guidance 3" in again
    assert "--denoising-steps" not in as_made and "--guidance" not in as_made


def test_case_after_a_match_other_settings_are_no_suspect() -> None:
    made = _suspected()
    matched = made.model_copy(update={"verdict": made.verdict.model_copy(update={"kind": "match"})})
    view = settings_view.view(matched)
    assert view is not None and "suspect" not in view.title.lower()
    assert view.sentences[0][0].startswith("Not tested: these settings differ from what")
    assert view.sentences[0][0].endswith("play once with them.")
