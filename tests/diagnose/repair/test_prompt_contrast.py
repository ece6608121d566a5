"""Two prompts on the same noise: phrases that differ, layers that carry it, and refusals."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests import tiny
from tonescope.diagnose.jobs.contrast_job import JOB, ContrastParameters
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.repair.prompt_contrast import bands, differing
from tonescope.models.errors import TonescopeError

FIRST, SECOND = "house with piano", "slow house with drums"


@pytest.fixture(scope="module")
def outcome() -> Any:
    return JOB.run(tiny.session(), ContrastParameters(first=FIRST, second=SECOND, takes=2, seconds=0.5), Watch())


def test_only_what_differs_is_tested_by_leaving_it_out_and_by_adding_it() -> None:
    changes = differing(FIRST, SECOND)
    assert {change.phrase for change in changes} == {"piano", "drums", "slow"}
    assert {(change.prompt, change.added) for change in changes if change.phrase == "drums"} == {
        ("slow house", False),
        ("house with piano, drums", True),
    }
    assert differing("house, piano", "piano, house") == []


def test_layers_that_read_the_text_are_covered_once() -> None:
    found = bands(tiny.generator())
    places = [place for some in found.values() for place in some]
    assert len(places) == len(set(places)) == 3 and list(found) == ["0", "1", "2"]


def test_the_difference_is_that_of_paired_takes_and_every_phrase_and_layer_has_its_part(outcome: Any) -> None:
    result, played = outcome.result, outcome.evidence.played
    change = played.outcomes["second"].margins - played.clean.margins
    assert result.difference.mean == pytest.approx(float(change.mean()), abs=1e-5)
    assert played.clean.takes.seeds == played.outcomes["second"].takes.seeds
    assert len(result.layers) == 3 and len(result.phrases) == len(differing(FIRST, SECOND))
    for row in (*result.phrases, *result.layers):
        assert row.part is None or row.part == pytest.approx(row.effect.mean / result.difference.mean)
        between = row.part_interval
        assert between is None or (row.part is not None and between.low <= row.part <= between.high)


def test_a_phrase_counts_by_how_far_it_moves_toward_the_second_prompt(outcome: Any) -> None:
    played = outcome.evidence.played
    rows = {(row.phrase, row.added): row for row in outcome.result.phrases}
    left_out = played.outcomes[f"without:second:{rows['drums', False].prompt}"]
    expected = played.outcomes["second"].margins - left_out.margins
    assert rows["drums", False].effect.mean == pytest.approx(float(expected.mean()), abs=1e-5)


def test_what_is_found_is_told_in_words_first(outcome: Any) -> None:
    views = JOB.views(outcome.result, outcome.evidence)
    assert views[0].key == "contrast" and len(views[0].sentences) == 3 and views[0].depth == "first"
    assert {sound.takes for view in views for sound in view.every_sound} == {"first", "second"}
    assert torch.equal(
        outcome.evidence.sounds["second"].waveform, outcome.evidence.played.outcomes["second"].takes.waveform
    )


@pytest.mark.parametrize(
    ("first", "second", "takes", "told"),
    [
        ("house", "house ", 2, "both prompts are the same"),
        ("house", "?!", 2, "second prompt has no word"),
        ("house", "techno", 1, "2 takes"),
    ],
)
def test_case_two_prompts_that_cannot_be_compared_are_refused(first: str, second: str, takes: int, told: str) -> None:
    asked = ContrastParameters(first=first, second=second, takes=takes, seconds=0.5)
    with pytest.raises(TonescopeError, match=told):
        JOB.check(asked)
        JOB.run(tiny.session(), asked, Watch())
