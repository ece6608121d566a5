"""ACE-Step plays what diffusers' own pipeline plays, and its folders are refused where they make no sense."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models.families.ace_step import tiny_ace_step
from tests.models.ruined import refused, set_field
from tonescope.models.errors import TonescopeError
from tonescope.models.families.ace_step.ace_step import BASE_GUIDANCE, BASE_STEPS, TURBO_STEPS, AceStep
from tonescope.models.families.ace_step.ace_step_outline import outline
from tonescope.models.families.ace_step.tags_and_lyrics import TIMBRE
from tonescope.models.generator import Sampling, read_takes
from tonescope.models.loading import check_places, load_generator
from tonescope.models.played_with import usual_guidance
from tonescope.models.sites import SITES, Site
from tonescope.models.song_parts import lyrics_from

TAGS, LYRICS = ("smooth jazz with piano", "fast techno"), ("[verse] fast drums a song", "[chorus]\na house\nwith music")
PROMPTS, SEEDS = [f"{tags}\n{lyrics}" for tags, lyrics in zip(TAGS, LYRICS, strict=True)], [3, 4]


@pytest.fixture(scope="module")
def generator() -> AceStep:
    return tiny_ace_step.generator()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_ace_step.save(tmp_path_factory.mktemp("ace-step") / "model")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return shutil.copytree(saved, tmp_path / "model")


def refuse(folder: Path, *words: str) -> str:
    return refused(lambda: load_generator(str(folder)), *words)


@pytest.mark.parametrize(("turbo", "guidance"), [(False, 1.0), (False, 4.0), (True, 1.0)])
def test_it_plays_what_the_pipeline_of_diffusers_plays(turbo: bool, guidance: float) -> None:
    """Of unequal prompts, which the pipeline would pad, and of an odd number of frames."""
    generator, pipeline = tiny_ace_step.generator(turbo=turbo), tiny_ace_step.pipeline(turbo=turbo)
    seconds = 1.02
    assert generator.frames(seconds) % 2
    takes = generator.generate(PROMPTS, SEEDS, seconds, Sampling(guidance))
    finished = generator.trajectory(takes)[:, -1]
    for row, (tags, lyrics) in enumerate(zip(TAGS, LYRICS, strict=True)):
        start, _ = generator.noise(SEEDS[row : row + 1], generator.frames(seconds))
        wanted = pipeline(
            tags,
            lyrics=lyrics,
            audio_duration=seconds,
            num_inference_steps=tiny_ace_step.STEPS,
            shift=generator.shift,
            guidance_scale=guidance,
            latents=start.transpose(1, 2),
            output_type="latent",
        ).audios
        assert torch.allclose(finished[row], wanted[0].T, atol=1e-5), tags


def test_takes_are_as_loud_as_they_are(generator: AceStep) -> None:
    """The pipeline makes all of them as loud as can be, silent ones as well."""
    takes = generator.generate(PROMPTS, SEEDS, 0.4)
    sides = generator.codec.sound(generator.trajectory(takes)[:, -1])
    assert torch.allclose(takes.waveform, sides.mean(1), atol=1e-6)


@pytest.mark.parametrize(
    ("prompt", "tags"),
    [
        ("jazz", "jazz"),
        ("jazz [live], piano", "jazz [live], piano"),
        ("jazz\n[Verse 1]\nhello", "jazz\n"),
        ("jazz [pre-chorus: loud] hello", "jazz "),
        ("[intro]", ""),
    ],
)
def test_lyrics_begin_at_the_first_part_of_a_song(prompt: str, tags: str) -> None:
    assert prompt[: lyrics_from(prompt)] == tags


def test_every_token_of_the_users_own_words_spells_them(generator: AceStep) -> None:
    text = generator.read_text(PROMPTS, 4.0)
    for row, prompt in enumerate(PROMPTS):
        spelled = [prompt[a:b] for a, b in text.spans[row] if b > a]
        known = [word for word in prompt.replace("[", " [ ").replace("]", " ] ").split()]
        assert sorted(spelled) == sorted(known)
        start = text.lyrics_from[row]
        timbre = text.tokens[row].index(TIMBRE)
        assert all((a >= start) == (index < timbre) for index, (a, b) in enumerate(text.spans[row]) if b > a)
        words = generator.reader.words
        assert words is not None and int(words[row].sum()) == len(TAGS[row].split())


def test_the_seconds_are_in_the_text_of_takes_of_that_length(generator: AceStep) -> None:
    short, longer = (generator.read_text(PROMPTS[:1], seconds).tokens[0] for seconds in (4.0, 5.0))
    assert len(short) == len(longer)
    told: list[str] = []
    tokenize = generator.reader.tokenizer
    generator.reader.tokenizer = lambda texts, **options: told.extend(texts) or tokenize(texts, **options)  # type: ignore
    generator.reader.tokenizer.convert_ids_to_tokens = tokenize.convert_ids_to_tokens  # type: ignore[attr-defined]
    try:
        takes = generator.generate(PROMPTS[:1], [1], 2.0)
        asked = [text for text in told if "duration: 2 seconds" in text]
        told.clear()
        read_takes(generator, takes)
        assert asked and any("duration: 2 seconds" in text for text in told)
    finally:
        generator.reader.tokenizer = tokenize


def test_its_settings_are_those_that_it_is_made_for() -> None:
    base, turbo = (tiny_ace_step.generator(turbo=turbo, steps=0) for turbo in (False, True))
    assert (base.denoising_steps, base.shift, usual_guidance(base)) == (BASE_STEPS, 1.0, BASE_GUIDANCE)
    assert (turbo.denoising_steps, turbo.shift, usual_guidance(turbo)) == (TURBO_STEPS, 3.0, 1.0)
    fingerprint = base.fingerprint()
    base.shift_by(2.0)
    assert base.fingerprint() != fingerprint and base.recommended.shift == 1.0 and base.played_with.shift == 2.0
    assert float(base.solver.times[25]) == pytest.approx(2 * 0.5 / 1.5)


def test_case_guidance_of_a_turbo_and_a_negative_prompt_are_refused() -> None:
    turbo = tiny_ace_step.generator(turbo=True)
    turbo.check_sampling(Sampling(1.0))
    with pytest.raises(TonescopeError, match="a turbo, which has guidance in its weights"):
        turbo.check_sampling(Sampling(3.0))
    with pytest.raises(TonescopeError, match="cannot be told what to steer away from"):
        tiny_ace_step.generator().check_sampling(Sampling(negative="piano"))


def test_prompts_that_are_too_long_are_refused_by_their_part(generator: AceStep) -> None:
    for prompt, part in (("jazz " * 300, "tags are"), ("jazz\n[verse] " + "song " * 2100, "lyrics are")):
        with pytest.raises(TonescopeError, match=part):
            generator.read_text([prompt])


def test_a_folder_plays_what_the_parts_play(saved: Path) -> None:
    loaded, made = load_generator(str(saved)), tiny_ace_step.generator(short=False)
    assert loaded.fingerprint() == made.fingerprint()
    takes = [each.generate(["smooth jazz"], [3], 0.4) for each in (loaded, made)]
    assert torch.allclose(takes[0].waveform, takes[1].waveform, atol=1e-6)


@pytest.mark.parametrize("part", ["transformer", "text_encoder", "condition_encoder", "vae", "tokenizer", "scheduler"])
def test_case_a_pipeline_that_lacks_a_part(folder: Path, part: str) -> None:
    shutil.rmtree(folder / part)
    refuse(folder, "is not whole", f"no {part}", "whole pipeline")


@pytest.mark.parametrize("part", ["transformer", "condition_encoder"])
def test_a_part_alone_is_no_generator(saved: Path, part: str) -> None:
    refuse(saved / part, "give the folder of the whole pipeline")


@pytest.mark.parametrize(
    ("part", "field", "value", "told"),
    [
        ("transformer", "num_hidden_layers", 1_000_000, "num_hidden_layers is 1000000"),
        ("transformer", "patch_size", 3, "patch_size"),
        ("transformer", "in_channels", 19, "in_channels"),
        ("transformer", "num_attention_heads", 0, "num_attention_heads"),
        ("condition_encoder", "text_hidden_dim", 25, "text_hidden_dim"),
        ("condition_encoder", "num_lyric_encoder_hidden_layers", 7, "num_lyric_encoder_hidden_layers"),
        ("vae", "decoder_input_channels", 7, "decoder_input_channels"),
        ("text_encoder", "vocab_size", 7, "vocab_size"),
    ],
)
def test_numbers_that_weights_do_not_bear_out(folder: Path, part: str, field: str, value: Any, told: str) -> None:
    set_field(folder / part, field, value)
    refuse(folder, part, told)


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.key)
def test_what_files_tell_is_what_the_model_has(saved: Path, site: Site) -> None:
    told, made = outline(saved, "tiny"), tiny_ace_step.generator()
    key, places = (site.network, site.name), made.locations(site.key)
    assert told.layers.get(key, 0) == len(places)
    if site.network != "codec":
        assert [told.units.get(key)] * len(places) == [made.units(place) for place in places]


@pytest.mark.parametrize("name", ["decoder.0.mlp", "denoiser.9.mlp", "denoiser.1.mlp:999", "text.2.self"])
def test_case_a_wrong_place_is_refused_from_the_files_in_the_words_of_the_model(saved: Path, name: str) -> None:
    loaded = load_generator(str(saved))
    with pytest.raises(TonescopeError) as early:
        check_places([name], str(saved))
    with pytest.raises(TonescopeError) as late:
        (loaded.unit if ":" in name else loaded.location)(name)
    assert str(early.value) == str(late.value)
