"""Two prompts on the same noise: phrases that differ, layers that carry it, and refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests import tiny
from tonescope.diagnose.jobs.contrast_job import JOB, ContrastParameters
from tonescope.diagnose.jobs.job import Watch
from tonescope.diagnose.prompts.lyrics import Song
from tonescope.diagnose.repair.differing_phrases import Change, differing
from tonescope.diagnose.repair.prompt_contrast import MOST_CHANGES, PartOf, bands
from tonescope.models.errors import TonescopeError

FIRST, SECOND = "house with piano", "slow house with drums"


@pytest.fixture(scope="module")
def outcome() -> Any:
    return JOB.run(tiny.session(), ContrastParameters(first=FIRST, second=SECOND, takes=2, seconds=0.5), Watch())


def changed(first: str, second: str) -> list[Change]:
    return differing(Song(first), Song(second))


def test_only_what_differs_is_tested_by_leaving_it_out_and_by_adding_it() -> None:
    changes = changed(FIRST, SECOND)
    assert {change.phrase for change in changes} == {"piano", "drums", "slow"}
    assert {(change.prompt, change.added) for change in changes if change.phrase == "drums"} == {
        ("slow house", False),
        ("house with piano, drums", True),
    }
    assert changed("house, piano", "piano, house") == []


def test_layers_that_read_the_text_are_covered_once() -> None:
    found = bands(tiny.generator())
    places = [place for some in found.values() for place in some]
    assert len(places) == len(set(places)) == 3 and list(found) == ["0", "1", "2"]


def test_the_difference_is_that_of_paired_takes_and_every_phrase_and_layer_has_its_part(outcome: Any) -> None:
    result, played = outcome.result, outcome.evidence.played
    change = played.outcomes["second"].margins - played.clean.margins
    assert result.difference.mean == pytest.approx(float(change.mean()), abs=1e-5)
    assert played.clean.takes.seeds == played.outcomes["second"].takes.seeds
    assert len(result.layers) == 3 and len(result.phrases) == len(changed(FIRST, SECOND))
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


def test_phrases_of_both_prompts_are_left_out_before_any_is_added() -> None:
    found = changed("house, violin, organ", "techno, piano, drums, flute, banjo")
    assert [change.added for change in found] == sorted(change.added for change in found)
    assert {change.side for change in found[:MOST_CHANGES]} == {"first", "second"}
    assert [change.side for change in found[:4]] == ["second", "first", "second", "first"]


def test_case_a_phrase_that_is_all_of_the_difference_is_tested_whichever_prompt_has_it() -> None:
    (one,) = changed("house with piano", "house")
    assert (one.side, one.phrase, one.added, one.in_the_first) == ("first", "piano", True, False)
    (other,) = changed("house", "house with piano")
    assert (other.side, other.added, other.in_the_first) == ("second", True, True)


def test_lyrics_are_no_phrases_and_stay_with_their_prompt() -> None:
    first, second = (Song(tags, "\n[verse]\nslow house with drums") for tags in ("house", "house, piano, dark"))
    found = differing(first, second)
    assert {change.phrase for change in found} == {"piano", "dark"}
    assert all(change.prompt.endswith("\n[verse]\nslow house with drums") for change in found)


def test_case_changes_that_are_not_played_are_counted() -> None:
    asked = ContrastParameters(first="house", second="techno, piano, drums, flute, banjo, organ", takes=2, seconds=0.3)
    result: Any = JOB.run(tiny.session(), asked, Watch()).result
    left = len(changed(asked.first, asked.second)) - MOST_CHANGES
    assert len(result.phrases) == MOST_CHANGES and left > 0
    assert any(caveat.startswith(f"{left} of ") for caveat in result.caveats)


def test_case_takes_whose_sound_broke_are_left_out_on_both_sides_of_a_share(outcome: Any) -> None:
    played = outcome.evidence.played
    second, name = played.outcomes["second"], "layers:0"

    def some(outcome: Any, margins: list[float], broke: list[bool]) -> Any:
        return replace(outcome, margins=torch.tensor(margins), broke=torch.tensor(broke))

    clean = some(played.clean, [0.0] * 6, [False] * 6)
    whole = some(second, [2.0, 4.0, 100.0, 6.0, 3.0, 3.0], [False, False, False, True, False, False])
    layer = some(second, [1.0, 2.0, 50.0, 9.0, 1.5, 1.5], [False, False, True, False, False, False])
    made = replace(played, clean=clean, outcomes={"second": whole, name: layer})
    found = PartOf.of(made, layer, clean)
    assert found.effect.takes == 4 and found.part == pytest.approx(0.5)
    assert found.interval is not None and found.interval.low == pytest.approx(0.5)


def test_case_a_take_that_is_not_made_of_numbers_is_left_out_and_said() -> None:
    session = tiny.session()
    generate = session.generator.generate

    def broken(prompts, seeds, *rest, **about):
        takes = generate(prompts, seeds, *rest, **about)
        lost = torch.tensor([prompt == FIRST and seed % 3 == 0 for prompt, seed in zip(prompts, seeds, strict=True)])
        return replace(takes, waveform=takes.waveform.masked_fill(lost[:, None], float("nan")))

    session.generator.generate = broken  # type: ignore[method-assign]
    asked = ContrastParameters(first=FIRST, second=SECOND, takes=4, seconds=0.3)
    result: Any = JOB.run(session, asked, Watch()).result
    assert result.matched[0].total < 4 and any("not made of numbers" in caveat for caveat in result.caveats)
    views = {view.key: view for view in JOB.views(result, None)}
    assert len(views["takes"].sounds) == result.matched[0].total
    assert f"{result.matched[0].total} fresh takes" in views["provenance"].sentences[0][0]
