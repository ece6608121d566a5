"""Whether naming a thing to exclude it brought it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests import tiny
from tonescope.diagnose.judging.exclusions import sign_test, with_exclusions
from tonescope.diagnose.report.sentences import exclusion
from tonescope.diagnose.schema import Exclusion, SoundChange, Trial, WordDriver
from tonescope.diagnose.stats import effect
from tonescope.diagnose.taxonomy import Genre, Taxonomy

TAXONOMY = Taxonomy((Genre("house", "electronic"), Genre("jazz fusion", "jazz"), Genre("smooth jazz", "jazz")))
NONE = effect([0.0, 0.0])


@dataclass
class Heard:
    """What comes of eight takes."""

    heard: list[str]
    takes: Any = field(default_factory=lambda: SimpleNamespace(waveform=torch.zeros(8, 1)))

    @property
    def broke(self) -> torch.Tensor:
        return torch.zeros(len(self.heard), dtype=torch.bool)


class Nearer:
    """A judge of music at large whose likeness is what a test says."""

    name, domain, labels = "large", "", ("house", "jazz fusion", "smooth jazz")

    def __init__(self, *likeness: list[float]) -> None:
        self.likeness_of = [torch.tensor(row) for row in likeness]

    def likeness(self, *_: Any) -> torch.Tensor | None:
        return self.likeness_of.pop(0) if self.likeness_of else None


def refusing(refused: str, *, left_out: bool = True) -> WordDriver:
    sound = SoundChange(level_db=NONE, spectrum_db=NONE, onsets=NONE, broke=False)
    trial = Trial(variant="w", prompt="a song", effect=NONE, flips=0, flippable=8, heard={}, sound=sound)
    return WordDriver(
        word=f"no {refused}",
        start=0,
        end=3,
        known=True,
        kind="negated",
        negates=refused,
        estimated=NONE,
        verified=trial if left_out else None,
    )


def found(word: WordDriver, with_words: int, without: int, judge: Any = None) -> list[Exclusion]:
    """What is found where house is heard in so many of eight takes with the words, and without them."""
    clean, other = (["house"] * count + ["smooth jazz"] * (8 - count) for count in (with_words, without))
    played: Any = SimpleNamespace(clean=Heard(clean), outcomes={"w": Heard(other)}, rate=16_000)
    return with_exclusions([word], played, judge or tiny.judge(), TAXONOMY)[0].exclusions


def test_a_genre_that_naming_brought_is_counted_with_the_words_and_without() -> None:
    (told,) = found(refusing("house"), 7, 1)
    assert (told.how, told.label, told.badge) == ("label", "house", "verified")
    said = exclusion(refusing("house"), told, "tiny")
    assert "house is heard in 7 of 8 takes; without the words in 1 of 8" in said and "brought house" in said


def test_a_difference_that_so_few_takes_cannot_show_is_no_claim() -> None:
    (told,) = found(refusing("house"), 3, 1)
    assert told.badge == "tested" and "too few to be sure" in exclusion(refusing("house"), told, "tiny")


def test_a_refusal_that_works_is_said_to_keep_away() -> None:
    (told,) = found(refusing("house"), 0, 8)
    assert "kept away" in exclusion(refusing("house"), told, "tiny")
    (told,) = found(refusing("house"), 0, 0)
    assert "did not bring" in exclusion(refusing("house"), told, "tiny")


def test_every_genre_of_a_list_has_its_own_count() -> None:
    assert [told.label for told in found(refusing("house or smooth jazz"), 4, 4)] == ["house", "smooth jazz"]


def test_a_genre_wider_than_the_labels_is_heard_as_any_of_its_kinds() -> None:
    (told,) = found(refusing("jazz"), 2, 8)
    assert (told.label, told.named and told.named.count, told.left_out and told.left_out.count) == ("jazz", 6, 0)


def test_words_that_cannot_be_left_out_are_counted_alone() -> None:
    (told,) = found(refusing("house", left_out=False), 7, 0)
    assert told.left_out is None and told.p is None and told.badge == "observed"
    assert "not played without" in exclusion(refusing("house", left_out=False), told, "tiny")


@pytest.mark.parametrize("thing", ["drums", "too fast", "Schlagzeug"])
def test_what_a_judge_of_genres_cannot_hear_is_said(thing: str) -> None:
    judge = tiny.judge()
    judge.domain = "its own pieces"
    (told,) = found(refusing(thing), 8, 0, judge)
    assert told.how == "unheard" and "cannot hear" in exclusion(refusing(thing), told, "tiny")


def test_a_judge_that_reads_free_text_tells_in_how_many_takes_the_thing_is_nearer() -> None:
    (told,) = found(refusing("drums"), 8, 0, Nearer([0.5] * 8, [0.1] * 7 + [0.6]))
    assert told.how == "likeness" and told.named is not None and (told.named.count, told.named.total) == (7, 8)
    said = exclusion(refusing("drums"), told, "large")
    assert "7 of 8" in said and "not measured" in said
    (told,) = found(refusing("drums"), 8, 0, Nearer())
    assert told.how == "unheard"


def test_the_sign_test_is_exact() -> None:
    assert sign_test(0, 0) == sign_test(3, 3) == 1.0
    assert sign_test(6, 0) == sign_test(0, 6) == pytest.approx(2 / 64)
    assert sign_test(7, 1) == pytest.approx(2 * 9 / 256)


def test_words_that_refuse_nothing_are_as_they_were() -> None:
    word = refusing("house").model_copy(update={"negates": None})
    assert found(word, 7, 1) == []


def test_a_text_is_nearer_to_sound_by_cosine() -> None:
    near = tiny.judge().likeness(torch.randn(3, 16_000), 16_000, "drums")
    assert near.shape == (3,) and bool((near.abs() <= 1.0001).all())


def test_of_all_that_is_refused_the_false_discoveries_are_counted_together() -> None:
    one, two = found(refusing("house or smooth jazz"), 7, 1)
    assert one.p is not None and one.q == max(one.p, two.p or 0.0)
