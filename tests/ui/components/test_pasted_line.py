"""Lines that a report tells to paste, read back as what they ask for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.diagnose.report import shown
from tonescope.diagnose.jobs.diagnosis_job import DiagnosisParameters
from tonescope.diagnose.jobs.experiment_job import ExperimentParameters
from tonescope.diagnose.report import next_steps, pasteable
from tonescope.ui.components.pasted_line import read

JUDGE = "tiny judge"


@pytest.mark.parametrize("prompt", ["house", "-house, “so” 'to' \"say\" $HOME", "--quick", "ハウス 🎷"])
def test_a_line_asks_for_the_settings_that_it_was_made_with(prompt: str) -> None:
    found, _ = shown.diagnosed()
    asked = read(pasteable.diagnose(found, prompt, takes=3, intended="smooth jazz"), JUDGE)
    assert asked is not None and asked.job == "diagnose"
    made = DiagnosisParameters.model_validate(asked.parameters)
    settings = found.settings.model_copy(update={"takes": 3, "guidance": made.guidance})
    assert (made.prompt, made.intended, made.settings) == (prompt, "smooth jazz", settings)


def test_a_line_for_an_edit_names_its_units() -> None:
    found, _ = shown.diagnosed()
    asked = read(pasteable.edit(found, ["decoder.0.mlp:3", "decoder.1.cross"]), JUDGE)
    assert asked is not None and asked.job == "edit"
    made = ExperimentParameters.model_validate(asked.parameters)
    assert made.where == ["decoder.0.mlp:3", "decoder.1.cross"] and made.prompt == found.prompt


def test_every_next_step_of_a_diagnosis_can_be_done_by_a_click() -> None:
    found, _ = shown.diagnosed()
    steps = next_steps.next_steps(found)
    assert steps and all(read(step.line, JUDGE) for step in steps)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "rm -rf /",
        "tonescope",
        "tonescope listen a.wav",
        "tonescope audit --design mine.yaml",
        "tonescope audit --library /etc",
        "tonescope diagnose house --judge another",
        "tonescope diagnose house --takes",
        "tonescope diagnose house 'another prompt'",
        "tonescope diagnose 'house",
        r"tonescope diagnose $'house\u0007'",
    ],
)
def test_a_line_that_asks_for_anything_else_has_no_button(line: str) -> None:
    assert read(line, JUDGE) is None


def test_models_of_the_server_hold_and_are_left_out_of_what_is_asked() -> None:
    asked: Any = read(f"tonescope diagnose house --model my --judge '{JUDGE}' --device cuda --seed 3", JUDGE)
    assert asked.parameters == {"prompt": "house", "seed": "3"}


def test_where_it_is_written_is_left_out_for_a_page_keeps_all() -> None:
    asked: Any = read("tonescope diagnose house --out why", JUDGE)
    assert asked.parameters == {"prompt": "house"}


def test_a_line_of_a_steered_model_can_be_done_where_that_model_is_served() -> None:
    asked = read("tonescope diagnose house --steer steering.json", JUDGE)
    assert asked is not None and asked.parameters == {"prompt": "house"}
    assert read("tonescope diagnose house --steer /etc/passwd", JUDGE) is None
