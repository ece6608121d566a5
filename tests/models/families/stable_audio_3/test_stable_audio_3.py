"""Stable Audio 3 plays what diffusers' own pipeline plays, and its folders are refused where they make no sense."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.schedulers import scheduling_flow_match_euler_discrete as flow
from safetensors.torch import load_file, save_file

from tests.models.ruined import refused, set_field
from tonescope.models.errors import TonescopeError
from tonescope.models.families.diffusion import pipeline_folder
from tonescope.models.families.stable_audio_3.stable_audio_3 import BASE_STEPS, DISTILLED_STEPS, StableAudio3
from tonescope.models.families.stable_audio_3.stable_audio_3_outline import outline
from tonescope.models.generator import Sampling
from tonescope.models.loading import check_places, load_generator
from tonescope.models.played_with import usual_guidance
from tonescope.models.sites import SITES, Site
from tonescope.models.units import Location

pytest.importorskip("diffusers", minversion="0.40")
from tests.models.families.stable_audio_3 import tiny_stable_audio_3 as tiny_audio

PROMPTS, SEEDS, WEIGHTS = ["smooth jazz with piano", "fast techno"], [3, 4], "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_audio.save(tmp_path_factory.mktemp("stable-audio-3") / "model")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return shutil.copytree(saved, tmp_path / "model")


def refuse(folder: Path, *words: str) -> str:
    return refused(lambda: load_generator(str(folder)), *words)


@pytest.mark.parametrize("distilled", [True, False])
@pytest.mark.parametrize("sampling", [Sampling(1.0), Sampling(3.0), Sampling(3.0, negative="piano drums")], ids=str)
def test_it_plays_what_the_pipeline_of_diffusers_plays(
    distilled: bool, sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With guidance and what it steers away from, and with new noise at every step or none."""
    generator, pipeline = tiny_audio.generator(distilled=distilled), tiny_audio.pipeline(distilled=distilled)
    seconds = 0.45
    start, noise = generator.noise(SEEDS, generator.frames(seconds))
    drawn = iter(noise.unbind(1))
    monkeypatch.setattr(flow, "randn_tensor", lambda shape, **_: next(drawn))
    theirs: dict[str, Any] = {"num_inference_steps": tiny_audio.STEPS, "guidance_scale": sampling.guidance}
    theirs["negative_prompt"] = [sampling.negative] * 2 if sampling.negative else None
    sound = pipeline(PROMPTS, duration=seconds, latents=start, **theirs).audios
    takes = generator.generate(PROMPTS, SEEDS, seconds, sampling)
    ours = generator.channels(takes)[..., : sound.shape[2]]
    assert torch.allclose(ours.clamp(-1, 1), sound, atol=1e-5) and float(sound.std()) > 0.01
    assert len(list(drawn)) == (0 if distilled else tiny_audio.STEPS)


def test_its_steps_and_guidance_are_those_that_it_is_made_for(folder: Path) -> None:
    (folder / "tonescope.json").unlink()
    loaded = load_generator(str(folder))
    assert isinstance(loaded, StableAudio3) and loaded.distilled
    assert (loaded.denoising_steps, usual_guidance(loaded)) == (DISTILLED_STEPS, 1.0)
    set_field(folder / "scheduler", "stochastic_sampling", False, "scheduler_config.json")
    loaded = load_generator(str(folder))
    assert isinstance(loaded, StableAudio3)
    assert (loaded.denoising_steps, usual_guidance(loaded)) == (BASE_STEPS, 3.0)  # it does not say
    (folder / "tonescope.json").write_text('{"guidance": 5.0, "denoising_steps": 20}')
    loaded = load_generator(str(folder))
    assert isinstance(loaded, StableAudio3)
    assert (loaded.denoising_steps, usual_guidance(loaded)) == (20, 5.0)


def test_a_folder_plays_what_the_parts_play(saved: Path) -> None:
    loaded, made = load_generator(str(saved)), tiny_audio.generator()
    assert loaded.fingerprint() == made.fingerprint()
    takes = [each.generate(["smooth jazz"], [3], 0.4) for each in (loaded, made)]
    assert torch.allclose(takes[0].waveform, takes[1].waveform, atol=1e-6)


def test_memory_is_no_audio_and_a_negative_prompt_is_not_watched() -> None:
    generator = tiny_audio.generator()
    place = Location("denoiser", 1, "mlp")
    assert generator.layout(place, 3.0).prefix == tiny_audio.MEMORY
    with pytest.raises(TonescopeError, match="reads at most 16"):
        generator.check_sampling(Sampling(negative="piano " * 20))


@pytest.mark.parametrize("part", ["transformer", "text_encoder", "duration_embedder", "vae", "tokenizer", "scheduler"])
def test_case_a_pipeline_that_lacks_a_part(folder: Path, part: str) -> None:
    shutil.rmtree(folder / part)
    refuse(folder, "is not whole", f"no {part}", "whole pipeline")


@pytest.mark.parametrize("kind", ["StableAudio3InpaintPipeline", "StableAudio3AudioToAudioPipeline"])
def test_a_pipeline_that_changes_sound_is_refused(folder: Path, kind: str) -> None:
    set_field(folder, "_class_name", kind, "model_index.json")
    refuse(folder, "changes sound that is there", "StableAudio3Pipeline")


@pytest.mark.parametrize("part", ["transformer", "vae", "duration_embedder"])
def test_a_part_alone_is_no_generator(saved: Path, part: str) -> None:
    refuse(saved / part, "give the folder of the whole pipeline")


@pytest.mark.parametrize(
    ("part", "field", "value", "told"),
    [
        ("transformer", "depth", 1_000_000, "depth is 1000000"),
        ("transformer", "io_channels", 7, "io_channels"),
        ("transformer", "patch_size", 2, "patch_size"),
        ("transformer", "num_memory_tokens", 9, "num_memory_tokens"),
        ("transformer", "num_heads", 0, "num_heads"),
        ("duration_embedder", "output_dim", 25, "output_dim"),
        ("duration_embedder", "max_val", 0, "max_val"),
        ("duration_embedder", "max_val", "long", "max_val"),
        ("vae", "latent_dim", 7, "latent_dim"),
        ("vae", "encoder_strides", [2, 2], "encoder_strides"),
        ("vae", "sampling_rate", 0, "sampling_rate"),
    ],
)
def test_numbers_that_weights_do_not_bear_out(folder: Path, part: str, field: str, value: Any, told: str) -> None:
    set_field(folder / part, field, value)
    refuse(folder, part, told)


def test_a_text_encoder_of_another_width_was_not_trained_with_it(folder: Path) -> None:
    for name in ("cond_token_dim", "global_cond_dim"):
        set_field(folder / "transformer", name, 20)
    path = folder / "transformer" / WEIGHTS
    narrow = ("to_cond_embed.0.weight", "to_global_embed.0.weight")
    weights = {name: weight[:, :20].clone() if name in narrow else weight for name, weight in load_file(path).items()}
    save_file(weights | {"prompt_padding_embedding": torch.zeros(20)}, path)
    refuse(folder, "encoder.hidden_size of its text_encoder is 24 and cond_token_dim of its transformer is 20")


def test_case_a_diffusers_that_is_too_old_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import diffusers

    kind = "StableAudio3DiTModel"
    monkeypatch.delitem(diffusers._class_to_module, kind)
    monkeypatch.delitem(vars(diffusers), kind, raising=False)
    refuse(folder, "needs diffusers 0.40 or newer", "pip install --upgrade")


def test_it_needs_no_torchsde(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_folder, "find_spec", lambda name: None if name == "torchsde" else find_spec(name))
    assert load_generator(str(saved)).name == str(saved)


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.key)
def test_what_files_tell_is_what_the_model_has(saved: Path, site: Site) -> None:
    told, made = outline(saved, "tiny"), tiny_audio.generator()
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
