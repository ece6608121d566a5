"""Two prompts beside each other, in words: what is said follows from what is sure, and no jargon is in it."""

from __future__ import annotations

from typing import Any

import pytest

from tonescope.diagnose.repair.contrast_schema import LayerShare, PhraseShare, PromptContrast
from tonescope.diagnose.report import contrast_views
from tonescope.diagnose.schema import Contrast
from tonescope.diagnose.stats import Effect, Interval, share


def change(mean: float, spread: float = 1.0) -> Effect:
    return Effect(mean=mean, interval=Interval(low=mean - spread, high=mean + spread), takes=8, p=0.01)


def phrase(side: Any = "second", *, added: bool = True, mean: float = 6.0, q: float = 0.01, part: Any = 0.8) -> Any:
    return PhraseShare(side=side, phrase="accordion", prompt="x", added=added, effect=change(mean), q=q, part=part)


def layer(mean: float = 5.0, q: float = 0.01, part: Any = 0.62) -> LayerShare:
    return LayerShare(layers="3–4", locations=["decoder.3.cross"], effect=change(mean), q=q, part=part)


def found(**about: Any) -> PromptContrast:
    usual: dict[str, Any] = {
        "contrast": Contrast(target="polka", foil="lo-fi hip hop"),
        "matched": (share(0, 8), share(8, 8)),
        "heard_first": {"lo-fi hip hop": 8},
        "heard_second": {"polka": 8},
        "difference": change(7.5),
        "phrases": [],
        "layers": [],
    }
    return PromptContrast.model_construct(**(usual | about))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            phrase(),
            "The difference is mostly due to “accordion” of the second prompt: with it put into the first prompt as "
            "well, 80 % of the difference is gone.",
        ),
        (phrase(added=False), "of the second prompt: with it left out, 80 % of the difference is gone."),
        (phrase("first", added=False), "of the first prompt: with it left out, 80 % of the difference is gone."),
        (phrase(part=1.3), "The difference is due to “accordion” of the second prompt"),
        (phrase(part=1.3), "all of the difference is gone."),
        (
            phrase(part=0.15, added=False),
            "“accordion” of the second prompt makes 15 % of the difference (it was left out), more than any other",
        ),
        (
            phrase().model_copy(update={"part_interval": Interval(low=-0.05, high=1.2)}),
            "80 % (between −5 and 120 %) of the difference is gone.",
        ),
        (phrase(), "is how strongly the judge hears polka rather than lo-fi hip hop, not a count of takes."),
        (phrase(part=None), "the judge hears something else."),
        (phrase(q=0.2), "No single phrase surely makes the difference"),
        (phrase(mean=-3.0), "No single phrase surely makes the difference"),
    ],
)
def test_the_phrase_that_makes_it_is_told_as_it_was_tested(row: PhraseShare, told: str) -> None:
    assert told in contrast_views.by_phrase(found(phrases=[row]))


def test_of_prompts_with_the_same_phrases_their_order_makes_it() -> None:
    assert "order, punctuation or spelling" in contrast_views.by_phrase(found())


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            [layer()],
            "It takes effect mostly where layers 3–4 read the prompt, which alone bring 62 % of the difference.",
        ),
        ([layer().model_copy(update={"layers": "1"})], "where layer 1 reads the prompt, which alone brings 62 %"),
        ([layer(part=0.2)], "It is spread over the network, and takes effect most where layers 3–4 read"),
        ([layer(q=0.5)], "is not sure"),
        ([layer(mean=-2.0)], "is not sure"),
        ([], "was not measured"),
    ],
)
def test_where_it_takes_effect_is_told_as_surely_as_it_was_measured(rows: list[LayerShare], told: str) -> None:
    assert told in contrast_views.by_layer(found(layers=rows))


@pytest.mark.parametrize(("takes", "badge"), [(1, "tested"), (2, "tested"), (3, "verified")])
def test_case_of_two_takes_nothing_is_verified_and_that_is_said_first(takes: int, badge: str) -> None:
    made = found(phrases=[phrase()], layers=[layer()], difference=change(7.5).model_copy(update={"takes": takes}))
    told = contrast_views.findings(made)
    assert [mark for _, mark in told] == ["observed", badge, badge]
    few = [sentence.startswith("Too few takes to tell: ") for sentence, _ in told[1:]]
    assert few == [takes < 3] * 2


@pytest.mark.parametrize(
    ("mean", "told"), [(4.0, "surely nearer"), (-4.0, "surely farther"), (0.2, "neither is surely")]
)
def test_where_both_are_heard_as_one_genre_that_is_said(mean: float, told: str) -> None:
    same = found(contrast=Contrast(target="polka"), matched=(share(8, 8), share(8, 8)), difference=change(mean))
    assert "Both prompts are mostly heard as polka" in contrast_views.heard(same) and told in contrast_views.heard(same)


def test_what_is_said_first_has_no_unit_of_mathematics_in_it() -> None:
    made = found(phrases=[phrase()], layers=[layer()])
    said = " ".join((contrast_views.heard(made), contrast_views.by_phrase(made), contrast_views.by_layer(made)))
    assert "nats" not in said and "margin" not in said


def test_case_the_phrase_that_is_told_is_the_surest_and_the_badge_is_its_own() -> None:
    unsure = phrase(mean=1.2, q=0.08).model_copy(update={"phrase": "piano"})
    made = found(phrases=[unsure, phrase(mean=1.0)])
    told, badge = contrast_views.findings(made)[1]
    assert "“accordion”" in told and badge == "verified"
    assert contrast_views.findings(found(phrases=[unsure]))[1][1] == "tested"
    away = phrase(mean=-2.0)
    assert contrast_views.findings(found(phrases=[away]))[1][1] == "tested"


def test_where_only_lyrics_differ_they_are_named() -> None:
    assert "or the lyrics, which differ," in contrast_views.by_phrase(found(lyrics_differ=True))
