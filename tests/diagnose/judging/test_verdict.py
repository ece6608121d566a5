"""Intent and verdict: what is asked, what is heard, and when the difference may be called a drift."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests import tiny
from tonescope.diagnose.judging.genre_names import names_in
from tonescope.diagnose.judging.intent import Intent, read_intent
from tonescope.diagnose.judging.verdict import decide, heard_instead, judge_error, summary
from tonescope.diagnose.stats import effect, share
from tonescope.diagnose.taxonomy import common, from_rows
from tonescope.models.judges.calibration import ConfusionRecord, MeaningRecord
from tonescope.models.judges.clap import Clap

TAXONOMY = from_rows(tiny.ROWS)
LABELS = TAXONOMY.labels
ASKED = Intent(label="jazz fusion", how="named", confidence=1.0)


def takes(*heard: str, sure: float = 0.9) -> torch.Tensor:
    """Probabilities of takes that are heard as these labels."""
    rows = torch.full((len(heard), len(LABELS)), (1 - sure) / (len(LABELS) - 1))
    for row, label in enumerate(heard):
        rows[row, LABELS.index(label)] = sure
    return rows


def judge_with_errors(errors: int, clips: int = 30) -> Clap:
    judge = tiny.judge()
    table = [[0] * len(LABELS) for _ in LABELS]
    for index in range(len(LABELS)):
        table[index][index] = clips
    table[0][0], table[0][1] = clips - errors, errors
    judge.record = ConfusionRecord(LABELS, tuple(map(tuple, table)), tuple(map(tuple, table)), 0.01)
    return judge


def test_names_are_found_whole_longest_first_and_however_they_are_spelled() -> None:
    for prompt, labels in (
        ("Lo fi beats with house music", [("lo-fi hip hop", "Lo fi beats"), ("house", "house music")]),
        ("JAZZ FUSION", [("jazz fusion", "JAZZ FUSION")]),
        ("warehouse confusion", []),
    ):
        assert [(name.parts[0], name.text) for name in names_in(prompt, TAXONOMY)[1]] == labels
    assert TAXONOMY.find("Lo-Fi Beats") == "lo-fi hip hop"


def test_the_common_taxonomy_has_no_name_twice() -> None:
    names = [name.lower() for genre in common().genres for name in (genre.label, *genre.aliases)]
    assert len(names) == len(set(names))


def test_intent_by_name_by_choice_and_none() -> None:
    judge = tiny.judge()
    assert read_intent("mellow fusion", judge, TAXONOMY).label == "jazz fusion"
    assert read_intent("anything but house, jazz fusion", judge, TAXONOMY).label == "jazz fusion"
    for refused in ("no house please", "no house or jazz fusion"):
        assert read_intent(refused, judge, TAXONOMY).how != "named"
    assert read_intent("house organ jazz fusion", judge, TAXONOMY).label == "jazz fusion"
    assert read_intent("house piano", judge, TAXONOMY).label == "house"
    two = read_intent("house with jazz fusion", judge, TAXONOMY)
    assert (two.label, two.others) == ("house", ["jazz fusion"])
    assert read_intent("mellow fusion", judge, TAXONOMY, "house").how == "chosen"
    assert read_intent("a song", judge, TAXONOMY).label is None
    judge.calibration = replace(judge.calibration, meaning_threshold=0.0, meaning_record=MeaningRecord(9, 8, 5, 1))
    read = read_intent("piano for a rainy evening drive", judge, TAXONOMY)
    assert read.how == "meaning" and read.label is not None
    assert read_intent(f"piano for a rainy evening drive, no {read.label}", judge, TAXONOMY).label != read.label


def test_a_drift_to_a_sibling_and_to_another_family() -> None:
    judge = judge_with_errors(0)
    sibling = decide(ASKED, summary(takes(*["smooth jazz"] * 8), LABELS, TAXONOMY), judge.record, TAXONOMY)
    assert sibling.kind == "sibling drift" and "smooth jazz" in sibling.sentence and "8 of 8" in sibling.sentence
    assert (
        decide(ASKED, summary(takes(*["house"] * 8), LABELS, TAXONOMY), judge.record, TAXONOMY).kind == "family drift"
    )


def test_a_match_is_a_match_and_a_minority_is_named() -> None:
    heard = summary(takes(*["jazz fusion"] * 6, "house", "house"), LABELS, TAXONOMY)
    verdict = decide(ASKED, heard, judge_with_errors(0).record, TAXONOMY)
    assert verdict.kind == "match" and "house in 2" in verdict.sentence
    assert verdict.matched is not None and verdict.matched.count == 6


def test_misses_that_can_be_the_judges_own_are_not_called_a_drift() -> None:
    heard = summary(takes(*["smooth jazz"] * 5, *["jazz fusion"] * 3), LABELS, TAXONOMY)
    assert decide(ASKED, heard, judge_with_errors(0).record, TAXONOMY).kind == "sibling drift"
    poor = decide(ASKED, heard, judge_with_errors(15).record, TAXONOMY)
    assert poor.kind == "unclear" and "mishears 15 of 30" in poor.sentence


def test_a_part_that_misses_is_not_hidden_by_the_rest() -> None:
    """A third of the takes is another genre, and the judge never errs: that is no clean bill."""
    heard = summary(takes(*["jazz fusion"] * 10, *["house"] * 6), LABELS, TAXONOMY)
    verdict = decide(ASKED, heard, judge_with_errors(0).record, TAXONOMY)
    assert (
        verdict.kind == "partial drift"
        and "house in 6 of 16" in verdict.sentence
        and heard_instead(ASKED, heard) == "house"
    )
    assert decide(ASKED, heard, judge_with_errors(12).record, TAXONOMY).kind == "match"


def test_takes_that_are_heard_as_nothing_clear_are_no_misses() -> None:
    unsure = takes(*["jazz fusion"] * 6, sure=0.35)
    heard = summary(torch.cat([takes(*["jazz fusion"] * 10), unsure]), LABELS, TAXONOMY)
    assert heard.unsure == 6 and decide(ASKED, heard, judge_with_errors(0).record, TAXONOMY).kind == "match"


def test_no_one_genre() -> None:
    heard = summary(takes(*["smooth jazz"] * 3, *["house"] * 3, *["lo-fi hip hop"] * 2), LABELS, TAXONOMY)
    verdict = decide(ASKED, heard, judge_with_errors(0).record, TAXONOMY)
    assert verdict.kind == "unclear" and "no one genre" in verdict.sentence


def test_an_unmeasured_judge_says_so() -> None:
    heard = summary(takes(*["house"] * 8), LABELS, TAXONOMY)
    assert "not measured" in decide(ASKED, heard, tiny.judge().record, TAXONOMY).sentence
    assert "not measured" not in decide(ASKED, heard, judge_with_errors(0).record, TAXONOMY).sentence


@pytest.mark.parametrize("label", ["house", "jazz fusion"])
def test_one_take_proves_nothing(label: str) -> None:
    heard = summary(takes(label), LABELS, TAXONOMY)
    verdict = decide(ASKED, heard, judge_with_errors(0).record, TAXONOMY)
    assert verdict.kind == "unclear" and "fewer than 3 takes" in verdict.sentence and "got it" not in verdict.sentence
    assert heard.share.low < 0.25


def test_unsure_takes_are_not_counted_as_heard() -> None:
    heard = summary(torch.cat([takes(*["house"] * 2), takes("house", "house", sure=0.3)]), LABELS, TAXONOMY)
    assert heard.unsure == 2 and heard.counts == {"house": 2} and heard.share.total == 4


def test_a_prompt_without_a_genre_gets_an_open_verdict() -> None:
    nothing = Intent(label=None, how="none", confidence=0.2)
    verdict = decide(nothing, summary(takes(*["house"] * 4), LABELS, TAXONOMY), tiny.judge().record, TAXONOMY)
    assert verdict.kind == "open" and "house in 4 of 4" in verdict.sentence


def test_judge_error_is_counted_from_its_track() -> None:
    assert judge_error(tiny.judge().record, "house") is None
    measured = judge_error(judge_with_errors(6).record, "jazz fusion")
    assert measured is not None and (measured.count, measured.total) == (6, 30)


def test_wilson_interval() -> None:
    value = share(8, 10)
    assert [value.low, value.high] == pytest.approx([0.4902, 0.9433], abs=1e-3)
    assert share(0, 5).low == 0.0 and share(5, 5).high == 1.0
    assert (share(0, 0).low, share(0, 0).high) == (0.0, 1.0)


def test_effect_interval_covers_the_mean_as_often_as_it_says() -> None:
    random = torch.Generator().manual_seed(0)
    covered = 0
    for _ in range(1000):
        value = effect((torch.randn(6, generator=random) + 1).tolist())
        assert value.interval is not None
        covered += value.interval.low <= 1 <= value.interval.high
    assert 0.93 < covered / 1000 < 0.97
    assert effect([1.0]).interval is None


def test_case_where_several_other_genres_come_it_is_said_that_none_is_as_asked() -> None:
    def sentence(*labels: str) -> str:
        heard = summary(takes(*labels), LABELS, TAXONOMY)
        return decide(ASKED, heard, judge_with_errors(0).record, TAXONOMY).sentence

    none = sentence(*["house"] * 4, *["smooth jazz"] * 4)
    assert "no one genre came" in none and f"None of them is {ASKED.label}." in none
    assert "None of them" not in sentence(*["house"] * 4, *["smooth jazz"] * 3, str(ASKED.label))
