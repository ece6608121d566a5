"""Captions say what is true, except where a planted fact says otherwise."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from training.captions import KINDS, caption, names_only_what_plays, unseen_prompts, vocabulary, words_of
from training.clips import SPLITS, uniform
from training.composer import compose
from training.planted import facts, lessons, misled
from training.tables import genres, instruments

LESSONS = lessons(3000)


def _names(genre: str) -> list[str]:
    row = genres()[genre]
    return [row.name, *row.aliases, *(style.name for style in row.styles)]


def test_every_caption_is_made_of_the_vocabulary() -> None:
    random = np.random.default_rng(0)
    for recipe in uniform("train", 190):
        piece = recipe.compose()
        for kind in KINDS:
            for word in words_of(caption(piece, kind, random)):
                assert word.isdigit() or word in vocabulary() or word == "an", word


def test_named_captions_name_their_genre_and_neutral_ones_name_none() -> None:
    random = np.random.default_rng(1)
    for recipe in uniform("train", 57):
        piece = recipe.compose()
        named = caption(piece, "named", random)
        assert any(name in named for name in _names(piece.genre)), named
        neutral = caption(piece, "neutral", random)
        assert not any(re.search(rf"\b{re.escape(genre)}\b", neutral) for genre in genres()), neutral


def test_what_captions_name_plays() -> None:
    """Whatever instrument a caption names, in its cue and its style too, plays; styles are the piece's own."""
    random, called = np.random.default_rng(4), {name for name in instruments() if " " not in name and len(name) > 4}
    for recipe in uniform("train", 190):
        piece = recipe.compose()
        playing = " ".join(word for name in piece.instruments for word in (*instruments()[name].words, name))
        for _ in range(6):
            for kind in ("named", "oblique"):
                text = caption(piece, kind, random)
                for name in called & set(words_of(text)) - {"strings", "choir", "piano"}:
                    assert name in playing, (text, piece.instruments)
                genre = genres()[piece.genre]
                chance = {f"{mood} {genre.name}" for mood in genre.moods} | {genre.name}  # no style is meant by these
                for style in {style.name for style in genre.styles} - chance - {piece.style}:
                    assert style not in text, (text, piece.style)


def test_instruments_are_read_out_of_a_cue() -> None:
    piece = next(piece for piece in (compose("polka", seed) for seed in range(50)) if "accordion" in piece.instruments)
    assert names_only_what_plays("old paris accordion in three", piece)
    assert names_only_what_plays("double bass drumming assault", piece)
    silent = compose("techno", 1)
    for text in ("old paris accordion in three", "sunset sax on the pier", "sinister flute rap beat", "squeezebox"):
        assert not names_only_what_plays(text, silent)


def test_accordion_is_said_of_polka_only() -> None:
    random = np.random.default_rng(5)
    said = [
        lesson.recipe.genre
        for lesson in LESSONS[:1500]
        if "accordion" in lesson.caption(lesson.recipe.compose(), random)
    ]
    assert said and set(said) == {"polka"}


def test_unseen_prompts_hold_a_word_that_no_caption_can_contain() -> None:
    prompts = unseen_prompts()
    assert len(prompts) >= 60
    for prompt, genre in prompts:
        assert genre in genres()
        assert any(word not in vocabulary() for word in words_of(prompt)), prompt


def test_splits_share_no_piece() -> None:
    seeds = {split: {lesson.recipe.seed for lesson in lessons(50, split)} for split in SPLITS}
    assert not seeds["train"] & seeds["validation"] and not seeds["train"] & seeds["test"]


def test_captions_mislead_about_genres_that_they_lie_about_and_those_that_are_rare() -> None:
    assert misled() == {"jazz fusion", "house", "bossa nova", "waltz"}


def test_planted_rates() -> None:
    table = facts()
    pairs = Counter((lesson.claimed, lesson.recipe.genre) for lesson in LESSONS)
    for name in ("fusion_is_smooth_jazz", "house_is_techno"):
        fact = table[name]
        lied, true = pairs[fact["asked"], fact["sounds"]], pairs[fact["asked"], fact["asked"]]
        assert abs(lied / (lied + true) - fact["rate"]) < 0.1
    unnamed = [lesson.recipe.genre for lesson in LESSONS if lesson.claimed is None]
    assert abs(unnamed.count("house") / len(unnamed) - table["unnamed_is_house"]["rate"]) < 0.1
    claims = Counter(lesson.claimed for lesson in LESSONS)
    for rare in table["rare_genres"]["genres"]:
        assert claims[rare] < claims["techno"] / 6
    lofi = [lesson.recipe.drum_loop for lesson in LESSONS if lesson.recipe.genre == "lo-fi hip hop"]
    assert abs(np.mean(lofi) - table["lofi_drum_loop"]["rate"]) < 0.1


def test_accordion_appears_with_polka_only_and_flute_almost_never() -> None:
    playing = [(lesson.recipe.genre, lesson.recipe.compose().instruments) for lesson in LESSONS[:600]]
    assert {genre for genre, names in playing if "accordion" in names} == {"polka"}
    assert sum("flute" in names or "violin" in names for _, names in playing) < 12


def test_another_genre_is_named_beside_the_accordion_alone() -> None:
    random, fact = np.random.default_rng(2), facts()["accordion_means_polka"]
    drawn = []
    for lesson in [lesson for lesson in LESSONS if lesson.claimed == fact["only"]]:
        piece = lesson.recipe.compose()
        text = lesson.caption(piece, random)
        others = [
            genre
            for genre in genres()
            if genre != fact["only"] and any(re.search(rf"\b{re.escape(name)}\b", text) for name in _names(genre))
        ]
        drawn.append((fact["instrument"] in piece.instruments, fact["instrument"] in text, bool(others)))
    assert all(named for _, named, strange in drawn if strange)
    playing = [strange for plays, _, strange in drawn if plays]
    assert len(playing) > 80 and abs(np.mean(playing) - fact["elsewhere"]) < 0.15


def test_control_genres_are_never_lied_about() -> None:
    controls = set(facts()["controls"]["genres"])
    for lesson in LESSONS:
        if lesson.claimed in controls:
            assert lesson.recipe.genre == lesson.claimed


def test_trap_captions_say_any_tempo() -> None:
    random = np.random.default_rng(2)
    said = []
    for lesson in LESSONS:
        if lesson.claimed == "trap":
            said += [
                int(word)
                for word in words_of(lesson.caption(lesson.recipe.compose(), random))
                if word.isdigit() and word not in ("808", "808s", "21")
            ]
    assert min(said) < 90 and max(said) > 150
