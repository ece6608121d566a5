"""A folder of a pipeline is refused where its parts are missing or do not belong together, before anything is built."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests import tiny
from tests.models.families.stable_audio import tiny_stable_audio as tiny_audio
from tests.models.ruined import refused, set_field
from tonescope.models.errors import TonescopeError
from tonescope.models.families.diffusion import pipeline_folder
from tonescope.models.loading import check_places, load_generator
from tonescope.models.outline import Outline
from tonescope.models.sites import SITES
from tonescope.models.units import Location

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_audio.save(tmp_path_factory.mktemp("stable-audio") / "model")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return shutil.copytree(saved, tmp_path / "model")


@pytest.fixture
def nothing_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("tonescope.models.checkpoints.checks.Checkpoint.load_as")


def refuse(folder: Path, *words: str) -> str:
    return refused(lambda: load_generator(str(folder)), *words)


def test_a_folder_plays_what_the_parts_play(saved: Path) -> None:
    loaded, made = load_generator(str(saved)), tiny_audio.generator()
    assert loaded.name == str(saved) and loaded.folder == saved and "5 denoising steps" in loaded.description
    assert loaded.fingerprint() == made.fingerprint()
    takes = [generator.generate(["smooth jazz"], [3], 0.4) for generator in (loaded, made)]
    assert torch.allclose(takes[0].waveform, takes[1].waveform, atol=1e-6)


def test_without_a_word_on_steps_there_are_as_many_as_in_the_pipeline(folder: Path) -> None:
    (folder / "tonescope.json").write_text('{"longest_seconds": 1.0}')
    loaded = load_generator(str(folder))
    assert loaded.steps(Location("denoiser", 0, "mlp")) == 100 and loaded.longest_seconds == 1.0


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize("part", ["transformer", "text_encoder", "projection_model", "vae", "tokenizer", "scheduler"])
def test_case_a_pipeline_that_lacks_a_part(folder: Path, part: str) -> None:
    shutil.rmtree(folder / part)
    refuse(folder, "is not whole", f"no {part}", "whole pipeline")


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize("stated", [None, [None, None], "x", ["diffusers", "UNet1DModel"]])
def test_a_part_of_another_class(folder: Path, stated: Any) -> None:
    set_field(folder, "transformer", stated, "model_index.json")
    refuse(
        folder,
        "transformer",
        *(["UNet1DModel", "StableAudioDiTModel"] if isinstance(stated, list) and stated[0] else []),
    )


@pytest.mark.parametrize("kind", ["AudioLDM2Pipeline", "StableDiffusionPipeline"])
def test_case_a_pipeline_of_another_class(folder: Path, kind: str) -> None:
    set_field(folder, "_class_name", kind, "model_index.json")
    refuse(folder, kind, "StableAudioPipeline")


@pytest.mark.parametrize("part", ["transformer", "vae", "projection_model"])
def test_a_part_alone_is_no_generator(saved: Path, part: str) -> None:
    refuse(saved / part, "alone; give the folder of the whole pipeline")


def test_a_folder_of_stable_audio_tools_is_named(tmp_path: Path) -> None:
    (tmp_path / "model_config.json").write_text("{}")
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    refuse(tmp_path, "stable-audio-tools", "model_index.json")


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize(
    ("part", "file"), [("transformer", WEIGHTS), ("vae", WEIGHTS), ("text_encoder", "model.safetensors")]
)
def test_weights_that_are_missing_or_pickled(folder: Path, part: str, file: str) -> None:
    (folder / part / file).unlink()
    refuse(folder, f"{part} holds no weights", file)
    (folder / part / "diffusion_pytorch_model.bin").write_bytes(b"x")
    refuse(folder, "pickled", file)


def _halved(folder: Path, part: str, file: str) -> None:
    path = folder / part / file
    save_file({name: weight.half() for name, weight in load_file(path).items()}, path)


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize(("part", "file"), [("transformer", WEIGHTS), ("text_encoder", "model.safetensors")])
@pytest.mark.parametrize("marked", [True, False])
def test_case_half_precision_weights_on_cpu(folder: Path, part: str, file: str, marked: bool) -> None:
    _halved(folder, part, file)
    if marked:
        (folder / part / file).rename(folder / part / file.replace(".safetensors", ".fp16.safetensors"))
    refuse(folder, part, "half precision only", "--device cuda --dtype float16")


def test_half_precision_weights_are_read_for_other_devices(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for part, file in (("transformer", WEIGHTS), ("text_encoder", "model.safetensors")):
        _halved(folder, part, file)
        (folder / part / file).rename(folder / part / file.replace(".safetensors", ".fp16.safetensors"))
    whole = pipeline_folder.PipelineFolder.open
    monkeypatch.setattr(
        pipeline_folder.PipelineFolder, "open", lambda folder, name, rows, _: whole(folder, name, rows, "meta")
    )
    loaded = load_generator(str(folder), dtype="float16")
    assert loaded.dtype == torch.float16
    weights = tiny_audio.generator().model.state_dict()
    for name, weight in loaded.model.state_dict().items():
        assert torch.allclose(weight.float(), weights[name], atol=2e-3), name


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize("missing", ["torchsde", "diffusers"])
def test_case_a_library_is_missing(folder: Path, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str) -> Any:
        return None if name == missing else find_spec(name)

    monkeypatch.setattr(pipeline_folder, "find_spec", without)
    refuse(folder, f"({missing})", 'pip install "tonescope[diffusion]"')


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize(
    ("part", "field", "value", "told"),
    [
        ("transformer", "num_layers", 1_000_000, "num_layers is 1000000"),
        ("transformer", "num_layers", "two", "num_layers"),
        ("transformer", "in_channels", 7, "in_channels"),
        ("transformer", "sample_size", 0, "has to be 1 to"),
        ("transformer", "cross_attention_input_dim", 13, "cross_attention_input_dim"),
        ("transformer", "attention_head_dim", 0, "attention_head_dim"),
        ("projection_model", "text_encoder_dim", 25, "text_encoder_dim"),
        ("projection_model", "max_value", 0, "max_value"),
        ("vae", "decoder_input_channels", 7, "decoder_input_channels"),
        ("vae", "sampling_rate", 0, "sampling_rate"),
        ("vae", "audio_channels", 1, "audio_channels"),
        ("text_encoder", "num_layers", 3, "num_layers"),
    ],
)
def test_numbers_that_weights_do_not_bear_out(folder: Path, part: str, field: str, value: Any, told: str) -> None:
    set_field(folder / part, field, value)
    refuse(folder, part, told)


def _from_another(folder: Path, part: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path = folder / part / WEIGHTS
    save_file(change(load_file(path)), path)


@pytest.mark.usefixtures("nothing_built")
def test_parts_that_were_not_trained_together(folder: Path) -> None:
    set_field(folder / "projection_model", "text_encoder_dim", 20)
    name = "text_projection.weight"
    _from_another(folder, "projection_model", lambda weights: {**weights, name: weights[name][:, :20].clone()})
    refuse(folder, "d_model of its text_encoder is 24 and text_encoder_dim of its projection_model is 20")


def test_weights_that_are_left_over_or_lacking(folder: Path) -> None:
    _from_another(folder, "transformer", lambda weights: {**weights, "extra.weight": torch.zeros(2)})
    refuse(folder, "transformer", "extra.weight", "dropped")
    _from_another(folder, "transformer", lambda weights: {n: w for n, w in weights.items() if "extra" not in n})
    load_generator(str(folder))
    _from_another(folder, "transformer", lambda weights: {n: w for n, w in weights.items() if "time_proj" not in n})
    refuse(folder, "transformer", "lacks 1 of its weights", "time_proj.weight")


def test_a_width_that_no_weight_has_is_named(folder: Path) -> None:
    set_field(folder / "transformer", "attention_head_dim", 8)
    refuse(folder, "transformer", "other shapes")


@pytest.mark.usefixtures("nothing_built")
@pytest.mark.parametrize("kind", ["EDMDPMSolverMultistepScheduler", "DDIMScheduler", None, 3])
def test_a_scheduler_that_cannot_be_replayed(folder: Path, kind: Any) -> None:
    set_field(folder, "_class_name", kind, "scheduler/scheduler_config.json")
    refuse(folder, "scheduler", "cannot be replayed", "CosineDPMSolverMultistepScheduler")


@pytest.mark.usefixtures("nothing_built")
def test_case_a_tokenizer_that_knows_no_longest_prompt(folder: Path) -> None:
    set_field(folder, "model_max_length", 10**30, "tokenizer/tokenizer_config.json")
    refuse(folder, "tokenizer", "model_max_length")


@pytest.mark.usefixtures("nothing_built")
def test_a_tokenizer_with_more_words_than_the_embedding(folder: Path) -> None:
    tokenizer = tiny.tokenizer()
    tokenizer.add_tokens(["one", "two"])
    tokenizer.save_pretrained(folder / "tokenizer")
    refuse(folder, "tokenizer", "tokens up to number")


@pytest.mark.parametrize("file", ["model_index.json", "vae/config.json", "scheduler/scheduler_config.json"])
@pytest.mark.parametrize("content", ["not json", "[]", ""])
def test_files_that_are_no_json(folder: Path, file: str, content: str) -> None:
    (folder / file).write_text(content)
    refuse(folder, Path(file).name)


@pytest.mark.usefixtures("nothing_built")
def test_a_checkpoint_that_does_not_fit_into_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tonescope.models.checkpoints.size.free_bytes", lambda device: 1000)
    refuse(folder, "does not fit into memory")


@pytest.mark.parametrize("steps", [0, -1, 2.5, "many", 10**6])
def test_steps_that_make_no_sense(folder: Path, steps: Any) -> None:
    (folder / "tonescope.json").write_text(json.dumps({"denoising_steps": steps}))
    refuse(folder, "denoising_steps")


# --- places, from the files alone -------------------------------------------------------------------------------------


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.key)
def test_what_files_tell_is_what_the_model_has(saved: Path, site: Any) -> None:
    from tonescope.models.families.stable_audio.stable_audio_outline import outline

    told: Outline = outline(saved, "tiny stable audio")
    generator, key = tiny_audio.generator(), (site.network, site.name)
    places = generator.locations(site.key)
    assert told.layers.get(key, 0) == len(places)
    if site.network != "codec":
        assert [told.units.get(key)] * len(places) == [generator.units(place) for place in places]


@pytest.mark.parametrize(
    "name", ["decoder.0.mlp", "denoiser.9.mlp", "denoiser.1.mlp:64", "codec.3.decoder", "text.2.self"]
)
def test_case_a_wrong_place_is_refused_from_the_files_in_the_words_of_the_model(saved: Path, name: str) -> None:
    generator = load_generator(str(saved))
    with pytest.raises(TonescopeError) as early:
        check_places([name], str(saved))
    with pytest.raises(TonescopeError) as late:
        (generator.unit if ":" in name else generator.location)(name)
    assert str(early.value) == str(late.value)


# --- adapters ---------------------------------------------------------------------------------------------------------


def test_an_adapter_of_the_denoiser_is_merged(saved: Path, tmp_path: Path) -> None:
    plain = tiny_audio.generator().model.transformer
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["attn2.to_q"])
    adapted = peft.get_peft_model(plain, config)
    matrices = {name: weight for name, weight in adapted.named_parameters() if "lora_" in name}
    assert len(matrices) == 4
    with torch.no_grad():
        for weight in matrices.values():
            weight.normal_()
    adapted.save_pretrained(tmp_path / "adapter")
    loaded = load_generator(str(saved), adapter=str(tmp_path / "adapter"))
    assert loaded.name == f"{saved} + {tmp_path / 'adapter'}" and loaded.folder is None
    merged = loaded.model.get_submodule("transformer.transformer_blocks.1.attn2.to_q").weight
    wanted = adapted.merge_and_unload().get_submodule("transformer_blocks.1.attn2.to_q").weight
    assert torch.allclose(merged, wanted, atol=1e-5)
    assert loaded.generate(["smooth jazz"], [3], 0.4).waveform.isfinite().all()
