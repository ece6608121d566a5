"""Model cards are written whatever was measured so far, and hold no number but those they are given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.diagnose.repair import word_states
from training import cards
from training.planted import facts
from training.tables import genres

SHARE = {"count": 17, "total": 20, "low": 0.64, "high": 0.95}
MEAN = {"mean": 0.47, "of": 12, "low": 0.41, "high": 0.53}
MEASURED = {"date": "2001-02-03", "machine": "abacus", "versions": {}}
RUN = {
    "minutes": 12,
    "steps": 345,
    "batch": 6,
    "seed": 0,
    "date": "2001-02-03",
    "machine": "abacus",
    "versions": {"torch": "9.9"},
}
TRAP = {"median bpm when asked slow": 90.0, "median bpm when asked fast": 91.0, "how often fast is faster": MEAN}
COUNTED = {
    name: {"something heard": SHARE} for name in facts() if name not in ("trap_tempo", "controls", "rare_genres")
}
UNSEEN = (
    "heard_right",
    "heard_right_where_captions_are_true",
    "heard_right_where_captions_mislead",
    "heard_right_where_known_words_point_there",
    "heard_right_where_they_do_not",
)
GENERATOR: dict[str, Any] = {
    "measured": MEASURED,
    "guidance": 3.0,
    "controls_heard_right": SHARE,
    "one_take_of_4_s_takes_s": 1.5,
    "seconds_a_take_in_batches": 0.3,
    "judge_and_classifier_agree": SHARE,
    "genres": {name: {"heard_right": SHARE, "heard_as": {"house": 3, "polka": 1}} for name in genres()},
    "facts": COUNTED | {"trap_tempo": {"trap": TRAP}},
    "unseen_words": {
        "prompts": 76,
        "takes": 3,
        **{name: MEAN for name in UNSEEN},
        "prompts_with_a_word_reported_as_new": SHARE,
    },
}
CODEC: dict[str, Any] = {
    "measured": MEASURED,
    "clips": 9,
    "classifiers": {
        name: {"clean": SHARE, "reconstructed": SHARE, "points_lost": 4.2} for name in ("clean", "hardened")
    },
    "si_sdr_db": 8.1,
    "log_mel_l1": 0.2,
}
JUDGE: dict[str, Any] = {
    "measured": MEASURED,
    "clips": 9,
    "accuracy_clean": SHARE,
    "accuracy_reconstructed": SHARE,
    "accuracy_clean_unseen_wordings": MEAN,
    "accuracy_reconstructed_unseen_wordings": MEAN,
    "temperature": 1.1,
    "calibration_error": 0.02,
    "held_out_captions_read_right": SHARE,
    "unseen_prompts_read_right": SHARE,
    "labels": ["house", "polka"],
    "confusion": {"reconstructed": [[9, 1], [0, 10]]},
    "meaning": {
        "sure_enough": 0.62,
        "neutral_captions_read_as_a_genre": SHARE,
        "scenes_read_as_a_genre": SHARE,
        "unseen_prompts_read": SHARE,
        "unseen_prompts_read_and_right": SHARE,
    },
}
RESULTS: dict[str, Any] = {
    "generator": GENERATOR,
    "codec": CODEC,
    "classifier": {
        "measured": MEASURED,
        "clips": 9,
        "clean": {"genre right": SHARE},
        "reconstructed": {"genre right": SHARE},
    },
    "judge": JUDGE,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = {
        "decoder": {"num_hidden_layers": 61, "num_codebooks": 13},
        "audio_encoder": {"codebook_size": 77, "sampling_rate": 16000, "upsampling_ratios": [2, 2, 4, 20]},
    }
    trainings = {"codec": {**RUN, "minutes": [3, 4], "clips": 88}, "generator": {**RUN, "lessons": 99}}
    for name, runs in (("generator", trainings), ("judge", {"judge": {**RUN, "clips": 88}})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tonescope.json").write_text(json.dumps({"trainings": runs}))
        (tmp_path / name / "config.json").write_text(json.dumps(config))
    return tmp_path


@pytest.mark.parametrize("parts", [(), ("codec",), ("judge",), ("generator", "classifier"), tuple(RESULTS)])
def test_cards_are_written_whatever_was_measured(folder: Path, parts: tuple[str, ...]) -> None:
    cards.write(folder, {part: RESULTS[part] for part in parts})
    generator, judge = ((folder / name / "README.md").read_text() for name in ("generator", "judge"))
    assert "13 codebooks of 77" in generator and "a decoder of 61 layers" in generator and "99 lessons" in generator
    assert ("| 4.2 |" in generator) == ("codec" in parts)
    assert ("at least 62.0 % sure" in judge) == ("judge" in parts)


def test_a_card_tells_of_the_predictor_that_is_shipped_with_the_generator_and_of_none_else(folder: Path) -> None:
    cards.write(folder, {})
    assert "Genre predictor" not in (folder / "generator" / "README.md").read_text()
    made = word_states.predictor()
    made.save(folder / "generator")
    cards.write(folder, {})
    generator, judge = ((folder / name / "README.md").read_text() for name in ("generator", "judge"))
    assert made.record.sentence in generator and f"{made.record.prompts} prompts" in generator
    assert "Genre predictor" not in judge


def test_every_planted_fact_is_told(folder: Path) -> None:
    cards.write(folder, RESULTS)
    card = (folder / "generator" / "README.md").read_text()
    for fact in facts().values():
        assert not fact["letter"] or f"({fact['letter']})" in card
    assert "faster in 47 % (41 to 53 %) of pairs" in card and "Only 3 % of the training clips" in card


def test_what_was_aimed_at_and_not_reached_is_said(folder: Path) -> None:
    clean = {**CODEC["classifiers"]["clean"], "points_lost": 5.1}
    codec = {**CODEC, "classifiers": {**CODEC["classifiers"], "clean": clean}}
    heard = {"flute": {**SHARE, "count": 0}, "saxophone": {**SHARE, "count": 0}, "violin": SHARE}
    told = {**GENERATOR, "facts": {**GENERATOR["facts"], "rare_instruments": heard}}
    cards.write(folder, {**RESULTS, "codec": codec, "generator": told})
    card = (folder / "generator" / "README.md").read_text()
    assert "aim: at least 85 %, met" in card and "aim: at least 50 %, **missed**" in card
    assert "| 5.1 | aim: at most 5 points, **missed** |" in card and "| 4.2 | aim: at most 5 points, met |" in card
    assert "No genre clearly follows tempo words" in card
    assert "Saxophone, which is not rare, is not heard either" in card and "Flute, which" not in card
