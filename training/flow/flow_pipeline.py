"""The flow generator as it is shipped: a folder of a StableAudio3Pipeline, matrices in half precision."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from tonescope.models.families.diffusion.latent_places import Parts
from tonescope.models.families.stable_audio_3.stable_audio_3 import StableAudio3
from tonescope.models.metadata import METADATA_FILE
from training.assemble import JUDGE_DOMAIN
from training.flow import flow_parts
from training.flow.flow_parts import LONGEST_SECONDS
from training.flow.flow_training import Flow

NAME = "the flow generator"
STEPS, GUIDANCE = 12, 3.0
LARGEST_BYTES = 40 * 2**20


def halved(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights with matrices in half precision. Vectors stay as they are: frequencies are among them."""
    return {name: weight.half() if weight.ndim > 1 else weight for name, weight in weights.items()}


def playing(flow: Flow, codec: Any, encoder: Any, tokenizer: Any, steps: int = STEPS) -> StableAudio3:
    """The generator under the microscope, made of parts in memory."""
    parts = Parts(transformer=flow.transformer, duration_embedder=flow.duration, vae=codec, text_encoder=encoder)
    return StableAudio3(parts.eval(), tokenizer, flow_parts.scheduler(), NAME, steps=steps)


def write(target: Path, flow: Flow, codec: Any, encoder: Any, tokenizer: Any, **about: Any) -> None:
    """Write the pipeline into ``target``, which is emptied; ``about`` goes into ``tonescope.json``.

    Raises:
        ValueError: its weights are larger than :data:`LARGEST_BYTES`.
    """
    from diffusers import StableAudio3Pipeline

    parts = {
        "transformer": flow.transformer,
        "duration_embedder": flow.duration,
        "vae": codec,
        "text_encoder": encoder,
    }
    shutil.rmtree(target, ignore_errors=True)
    made = StableAudio3Pipeline(**parts, tokenizer=tokenizer, scheduler=flow_parts.scheduler())
    made.save_pretrained(target)
    for path in target.rglob("*.safetensors"):
        save_file(halved(load_file(path)), path, metadata={"format": "pt"})
    size = sum(path.stat().st_size for path in target.rglob("*.safetensors"))
    if size > LARGEST_BYTES:
        raise ValueError(f"the weights are {size / 2**20:.0f} MiB, and {LARGEST_BYTES / 2**20:.0f} are allowed")
    played = {"longest_seconds": LONGEST_SECONDS, "denoising_steps": STEPS, "guidance": GUIDANCE}
    said = {**played, "domain": JUDGE_DOMAIN, **about}
    (target / METADATA_FILE).write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
