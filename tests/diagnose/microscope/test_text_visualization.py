from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests import tiny
from tests.diagnose.microscope.tiny_microscope import microscope
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.microscope import text_visualization as text_visualization_module
from tonescope.diagnose.microscope.microscope import Microscope
from tonescope.diagnose.microscope.music_words import music_words
from tonescope.diagnose.microscope.text_visualization import TextVisualized, WordsWish, _tokens_of, text_visualization
from tonescope.diagnose.stats import Effect, Interval
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes
from tonescope.models.vocabulary import Vocabulary

QUICK = WordsWish(("piano", "drums", "accordion", "slow", "fast"), length=2, shown=2, takes=2, seconds=0.4)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Microscope:
    return microscope(tmp_path_factory.mktemp("artifacts"))


def shown(made: Microscope, name: str, wish: WordsWish = QUICK) -> TextVisualized:
    return TextVisualized.model_validate(text_visualization(made, made.unit(name), wish).artifact.result)


@pytest.mark.parametrize(
    "name", ["decoder.1.mlp:3", "decoder.1.cross:1", "codec.2.decoder:1", "judge.0.mlp:3", "text.1.mlp:2"]
)
def test_words_are_scanned_and_the_best_are_measured(made: Microscope, name: str) -> None:
    found = shown(made, name)
    assert {word for word, _ in found.scanned} == set(QUICK.words)
    values = [value for _, value in found.scanned]
    assert values == sorted(values, reverse=True) and found.guided == name.startswith("decoder")
    responses = [row.response for row in found.driven]
    assert responses == sorted(responses, reverse=True) and len(found.driven) >= 2
    assert (found.driven[0].difference is None) == name.startswith("text")
    assert found.best.prompt == found.driven[0].prompt and (found.driven[0].q is None) == name.startswith("text")
    estimates = [value for _, value in found.rounds]
    assert estimates == sorted(estimates), "a round is kept where it helps"


def test_case_takes_that_words_were_estimated_on_or_chosen_by_measure_nothing(
    made: Microscope, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[tuple[str, tuple[int, ...]]] = []

    def listen(context: Context, prompts: Sequence[str], seeds: Sequence[int]) -> Takes:
        played.append((prompts[0], tuple(seeds)))
        return play(context, list(prompts), list(seeds))

    monkeypatch.setattr(text_visualization_module, "play", listen)
    found = shown(made, "decoder.1.mlp:7", replace(QUICK, seed=40))
    scan, *measured = [seeds for _, seeds in played]
    assert scan == (40, 41) and set(measured[:-2]) == {(42, 43)} and measured[-2:] == [(44, 45)] * 2
    assert played[-1][0] == found.best.prompt and [one.seed for one in found.heard] == [44, 45]


def effect_of(mean: float, low: float, p: float) -> Effect:
    return Effect(mean=mean, interval=Interval(low=low, high=2 * mean - low), takes=6, p=p)


def test_the_best_is_sure_where_it_is_so_of_all_and_once_more(made: Microscope) -> None:
    found = shown(made, "decoder.1.mlp:3")
    first, again = (
        one.model_copy(update={"difference": effect_of(1.0, 0.5, 0.001), "q": 0.01})
        for one in (found.driven[0], found.best)
    )
    sure = found.model_copy(update={"driven": [first], "best": again})
    assert sure.sure
    assert not sure.model_copy(update={"driven": [first.model_copy(update={"q": 0.2})]}).sure
    unlucky = again.model_copy(update={"difference": effect_of(0.1, -0.3, 0.6)})
    assert not sure.model_copy(update={"best": unlucky}).sure


def test_a_planted_word_is_found(tmp_path: Path) -> None:
    generator = tiny.generator()
    scope = microscope(tmp_path, generator)
    encoder = generator.model.text_encoder
    meaning = encoder.get_input_embeddings().weight[tiny.WORDS.index("accordion")].detach()
    encoder.encoder.block[0].layer[1].DenseReluDense.wi.weight.data[1] = 5 * meaning / meaning.norm()
    found = shown(scope, "text.0.mlp:1", replace(QUICK, length=2))
    assert found.scanned[0][0] == "accordion" and found.scanned[0][1] > 2 * found.scanned[1][1]
    assert "accordion" in found.driven[0].prompt


def test_nothing_is_looked_for_twice(made: Microscope) -> None:
    unit = made.unit("decoder.2.mlp:5")
    first, again = (text_visualization(made, unit, QUICK) for _ in range(2))
    assert not first.was_there and again.was_there and again.artifact.result == first.artifact.result
    assert first.artifact.tensors["waveform"].shape[0] == QUICK.takes


def test_a_dead_unit_and_no_words_are_refused(tmp_path: Path) -> None:
    generator = tiny.generator()
    generator.model.decoder.model.decoder.layers[1].fc1.weight.data[3] = 0
    scope = microscope(tmp_path, generator)
    with pytest.raises(TonescopeError, match="is dead"):
        shown(scope, "decoder.1.mlp:3")
    with pytest.raises(TonescopeError, match="no words"):
        shown(scope, "decoder.1.mlp:4", replace(QUICK, words=()))


def test_tokens_are_those_that_spell_the_word() -> None:
    spans = ((0, 0), (0, 4), (4, 5), (6, 9), (9, 12), (0, 0))  # [CLS] slow , kick drum [SEP]
    assert _tokens_of(spans, ["slow", "kickdrum"], 0, 6) == [1]
    assert _tokens_of(spans, ["slow", "kickdrum"], 1, 6) == [3, 4]
    assert _tokens_of((), ["slow"], 0, 3) == [0, 1, 2]


def test_the_vocabulary_is_what_the_generator_knows() -> None:
    labels = ("house", "zydeco")
    known = music_words(labels, Vocabulary(frozenset({"house", "piano", "slow"})))
    assert known[0] == "house" and "zydeco" not in known and "piano" in known
    every = music_words(labels, None)
    assert len(every) == len(set(every)) <= 160 and {"house", "zydeco"} <= set(every)
