"""PE-Audio as a judge: the library's own logits, gradients to the audio, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from tests import tiny
from tests.models.ruined import change_weights, refused, set_field
from tonescope.models.judges.listening import margin, posterior
from tonescope.models.judges.pe_audio import WINDOW_SECONDS, PeAudio
from tonescope.models.loading import load_judge

PeAudioModel = getattr(transformers, "PeAudioModel", None)
pytestmark = pytest.mark.skipif(PeAudioModel is None, reason="this version of transformers has no PE-Audio")
RATE, HOP = 800, 8
LABELS = ("house", "smooth jazz", "techno")
FRONT_END = "preprocessor_config.json"


def pe_audio(seed: int = 0) -> Any:
    """A random PE-Audio of a few thousand weights."""
    torch.manual_seed(seed)
    text = dict(
        model_type="modernbert",
        vocab_size=len(tiny.WORDS),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        cls_token_id=2,
        sep_token_id=3,
    )
    codec = dict(downsampling_ratios=[2, 4], encoder_hidden_size=4, codebook_dim=6)
    audio = dict(
        dac_config=codec,
        hidden_size=20,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        head_dim=8,
    )
    assert PeAudioModel is not None
    model = PeAudioModel(transformers.PeAudioConfig(text_config=text, audio_config=audio)).eval()
    with torch.no_grad():
        model.text_audio_logit_scale.fill_(3.0)
        model.text_audio_logit_bias.fill_(-0.5)
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "dac_encoder" in name:
                weight.mul_(10)
    return model


def judge() -> PeAudio:
    return PeAudio(pe_audio(), tiny.tokenizer(), RATE, HOP, "tiny", labels=LABELS)


def noise(seconds: float, takes: int = 2) -> Tensor:
    return torch.randn(takes, int(seconds * RATE), generator=torch.Generator().manual_seed(5)) * 0.3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A random PE-Audio on disk."""
    pe_audio().save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    transformers.PeAudioFeatureExtractor(sampling_rate=RATE, hop_length=HOP).save_pretrained(tmp_path)
    (tmp_path / "tonescope.json").write_text(json.dumps({"labels": tiny.ROWS, "templates": ["{}"]}))
    return tmp_path


def refuse(folder: Path, *words: str) -> None:
    refused(lambda: load_judge(str(folder)), *words)


def test_logits_are_the_librarys_own() -> None:
    ours = PeAudio(pe_audio(), tiny.tokenizer(), RATE, HOP, "tiny", labels=LABELS)
    audio = noise(0.5)
    worded = tiny.tokenizer()([f"This audio is a {label} song." for label in LABELS], padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = pe_audio()(
            input_ids=worded["input_ids"], attention_mask=worded["attention_mask"], input_values=audio[:, None]
        ).logits_audio_text
    found = ours.logits(audio, RATE)
    assert float(expected.std()) > 1e-3 and torch.allclose(found, expected, atol=1e-5)


def test_audio_is_made_whole_frames_as_the_extractor_does() -> None:
    extractor = transformers.PeAudioFeatureExtractor(sampling_rate=RATE, hop_length=HOP)
    for samples in (HOP * 20, HOP * 20 + 3, HOP + 1):
        audio = noise(1.0, 1)[:, :samples]
        expected = extractor(audio[0].numpy(), sampling_rate=RATE, return_tensors="pt")["input_values"].reshape(1, -1)
        (window,) = judge().windows(audio, RATE)
        assert torch.equal(window, expected)


def test_gradients_go_through_the_codec_and_change_nothing() -> None:
    """The library's pass through it is without gradients."""
    heard, audio = judge(), noise(0.5)
    plain = heard.logits(audio, RATE)
    traced = audio.clone().requires_grad_()
    assert torch.allclose(heard.logits(traced, RATE), plain, atol=1e-6)
    margin(heard, traced, RATE, "house").sum().backward()
    assert traced.grad is not None and float(traced.grad.abs().sum()) > 0


def test_long_audio_is_heard_to_its_end_and_takes_alone() -> None:
    heard, audio = judge(), noise(WINDOW_SECONDS * 1.4)
    windows = heard.windows(audio, RATE)
    assert len(windows) == 2 and torch.equal(windows[-1], audio[:, -int(WINDOW_SECONDS * RATE) :])
    together = posterior(heard, audio, RATE)
    assert torch.allclose(together.sum(1), torch.ones(2), atol=1e-5)
    assert torch.allclose(posterior(heard, audio[1:], RATE), together[1:], atol=1e-5)


def test_a_folder_is_loaded_and_reads_prompts(folder: Path) -> None:
    loaded = load_judge(str(folder))
    assert loaded.description == "PE-Audio choosing between 4 genres" and loaded.window_seconds == WINDOW_SECONDS
    found = loaded.read_prompt("house with piano")
    assert found is not None and found.shape == (4,) and float(found.sum()) == pytest.approx(1, abs=1e-5)
    likeness = loaded.likeness(noise(0.5), RATE, "house")
    assert likeness is not None and bool((likeness.abs() <= 1).all())
    assert torch.equal(loaded.logits(noise(0.5), RATE), load_judge(str(folder)).logits(noise(0.5), RATE))


@pytest.mark.parametrize(
    ("file", "field", "value", "words"),
    [
        ("config.json", "text_config.hidden_size", 10**6, "hidden_size"),
        ("config.json", "audio_config.num_hidden_layers", 10**6, "num_hidden_layers"),
        ("config.json", "audio_config.hidden_size", 24, "hidden_size"),
        ("config.json", "audio_config.num_attention_heads", 0, "num_attention_heads"),
        ("config.json", "audio_config.dac_config.downsampling_ratios", [2, 4, 4], "could not be loaded"),
        ("config.json", "audio_config.dac_config.downsampling_ratios", [2, 5], "could not be loaded"),
        (FRONT_END, "hop_length", 9, "9 a frame (hop_length), and a frame of its codec has 8"),
        (FRONT_END, "hop_length", 0, "hop_length"),
        (FRONT_END, "sampling_rate", 0, "sampling_rate"),
        (FRONT_END, "sampling_rate", True, "sampling_rate"),
        (FRONT_END, "sampling_rate", "48000", "sampling_rate"),
    ],
)
def test_parts_that_do_not_belong_together(folder: Path, file: str, field: str, value: Any, words: str) -> None:
    set_field(folder, field, value, file)
    refuse(folder, words)


def test_a_folder_that_is_not_whole(folder: Path) -> None:
    (folder / FRONT_END).unlink()
    refuse(folder, f"no {FRONT_END}")


def test_weights_that_are_missing_are_not_made_up(folder: Path) -> None:
    change_weights(folder, lambda weights: {name: weights[name] for name in weights if "audio_head" not in name})
    refuse(folder, "lacks")


@pytest.fixture
def audiovisual(folder: Path) -> Path:
    """A folder as PE-AV models have it: a shared text tower, the audio half, and others."""
    config = pe_audio().config
    try:
        transformers.PeAudioVideoConfig()
    except ImportError as error:
        pytest.skip(f"this version of transformers reads no such folder without another package: {error}")
    whole_config = {
        "architectures": ["PeAudioVideoModel"],
        "model_type": "pe_audio_video",
        "text_config": config.text_config.to_dict(),
        "audio_video_config": {"audio_config": config.audio_config.to_dict()},
    }
    (folder / "config.json").write_text(json.dumps(whole_config), encoding="utf-8")

    def whole(weights: dict[str, Tensor]) -> dict[str, Tensor]:
        inner = {name if name.startswith("text_model.") else f"audio_model.{name}": weights[name] for name in weights}
        return inner | {"video_model.video_head.proj.weight": torch.ones(3), "audio_video_logit_scale": torch.ones(1)}

    change_weights(folder, whole)
    return folder


def test_of_a_model_with_pictures_the_audio_half_judges(audiovisual: Path) -> None:
    heard = load_judge(str(audiovisual))
    assert isinstance(heard, PeAudio) and not any("video" in name for name, _ in heard.model.named_parameters())
    expected = pe_audio().state_dict()
    assert all(torch.equal(weight, expected[name]) for name, weight in heard.model.state_dict().items())


@pytest.mark.parametrize("name", ["audio_model.audio_head.proj.weight", "text_model.final_norm.weight"])
def test_the_audio_half_has_to_be_whole(audiovisual: Path, name: str) -> None:
    change_weights(audiovisual, lambda weights: {key: weights[key] for key in weights if key != name})
    refuse(audiovisual, f"{name.removeprefix('audio_model.')} is missing")


def test_a_model_of_frames_is_told_what_it_is(folder: Path) -> None:
    set_field(folder, "architectures", ["PeAudioFrameLevelModel"])
    refuse(folder, "PE-A-Frame", "give a model of whole clips")


def test_a_processors_own_file_says_how_it_hears(folder: Path) -> None:
    """As the published folders have it."""
    stated = json.loads((folder / FRONT_END).read_text())
    (folder / FRONT_END).unlink()
    (folder / "processor_config.json").write_text(json.dumps({"feature_extractor": stated}))
    assert load_judge(str(folder)).window_seconds == WINDOW_SECONDS


def test_a_version_without_the_model_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformers, "PeAudioModel", None)
    refuse(folder, "has no PE-Audio model", "install a version")
