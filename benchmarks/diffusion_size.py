"""Whether a diagnosis of a full-size diffusion model fits into memory, on paper, and how many generations it takes.

    python -m benchmarks.diffusion_size

Nothing is downloaded and nothing of full size is computed: the model stands on torch's ``meta`` device, which holds no
numbers; whether trials in fewer steps say the same is measured on a tiny one. Writes ``results/diffusion_size.json``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderOobleck,
    CosineDPMSolverMultistepScheduler,
    StableAudioDiTModel,
    StableAudioProjectionModel,
)
from scipy.stats import spearmanr
from transformers import T5Config, T5EncoderModel

from tests import tiny
from tests.models.families.stable_audio import tiny_stable_audio
from tests.models.judges.toy_judge import ToyJudge
from tonescope.diagnose.causes.muting_trials import FEWEST_STEPS, STEP_DIVISOR
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene import mean_activations
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import PROMPTS
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.intervene.recording import source_bytes
from tonescope.diagnose.jobs.verification_plan import rows_at_most
from tonescope.diagnose.runtime import memory
from tonescope.diagnose.settings import Settings
from tonescope.models.families.diffusion.latent_places import Parts
from tonescope.models.families.stable_audio.stable_audio import STEPS, StableAudio
from tonescope.models.generator import Sampling
from tonescope.models.units import Location, Unit

RESULTS = Path(__file__).parent / "results" / "diffusion_size.json"
GUIDANCE, SECONDS, TOKENS, BUDGET_GIB = 7.0, 4.0, 128, 20.0
TINY_STEPS = 40
GENERATIONS_OF_A_GRADIENT = 4  # forward, what is computed again, and a backward pass that is worth two


def full_size(device: str = "meta", steps: int = STEPS) -> StableAudio:
    """A Stable Audio Open 1.0 of the published size: on ``meta`` without numbers, elsewhere with random weights."""
    with torch.device(device):
        text = T5Config(d_model=768, d_kv=64, d_ff=3072, num_layers=12, num_heads=12, vocab_size=32_128)
        networks = Parts(
            transformer=StableAudioDiTModel(),
            projection_model=StableAudioProjectionModel(768, 768, 0, 512),
            vae=AutoencoderOobleck(),
            text_encoder=T5EncoderModel(text),
        )
    tokenizer = tiny.tokenizer()
    tokenizer.model_max_length = TOKENS
    return StableAudio(networks, tokenizer, CosineDPMSolverMultistepScheduler(), "full size", steps=steps)


def memory_on_paper(generator: StableAudio) -> dict[str, float]:
    """GiB of the weights, and of each stage beside them."""
    context = Context(generator, seconds=SECONDS)
    cost, frames = generator.cost(SECONDS, TOKENS, GUIDANCE), generator.frames(SECONDS)
    neurons = [Unit(Location("denoiser", layer, "mlp"), index) for layer in range(20) for index in (0, 1)]
    whole = Location("denoiser", 0, "mlp")
    sizes = {
        "weights": sum(weight.numel() * weight.element_size() for weight in generator.model.parameters()),
        "playing one row": cost.row + cost.decoding,
        "attributing one take": cost.attribution,
        "40 neurons of a take, to be put in": source_bytes(generator, neurons, GUIDANCE, frames),
        "all neurons of a layer of a take, to be put in": source_bytes(generator, [whole], GUIDANCE, frames),
        "mean activations": sum(
            8 * generator.steps(place) * generator.features(place) for place in generator.locations("denoiser.mlp")
        ),
    }
    found = {name: round(size / memory.GIB, 3) for name, size in sizes.items()}
    beside = [size for name, size in found.items() if name not in ("weights", "mean activations")]
    rest = BUDGET_GIB - found["weights"] - found["mean activations"]
    # Of what is free a share is used; and while sources are kept, rows are played.
    together = found["all neurons of a layer of a take, to be put in"] + found["playing one row"]
    found["largest stage with weights"] = round(BUDGET_GIB - rest + max(*beside, together), 3)
    del context
    return found


def generations_on_paper(settings: Settings) -> dict[str, float]:
    """Generations of full length and steps that a diagnosis takes at most, by stage. Trials count by their steps."""
    cheap = max(FEWEST_STEPS, -(-STEPS // STEP_DIVISOR)) / STEPS
    followed = GENERATIONS_OF_A_GRADIENT * StableAudio.steps_followed / STEPS
    trials = 2 * settings.candidates + 4 * (1 + 8)  # every candidate in two takes; some groups in four
    return {
        "reference means, once a model": len(PROMPTS) * 2,
        "takes": settings.takes,
        "attribution": round(settings.takes * followed * 3, 1),  # and two more estimates of the screening
        "search, where a unit does it alone": round(trials * cheap + 4 * 8 + 4 * 3, 1),
        "the same with trials of all steps": trials + 4 * 8 + 4 * 3,
        "verification": rows_at_most(settings, STEPS),
    }


def agreement_of_trials() -> dict[str, float]:
    """Whether muting a unit does the same in fewer steps: Spearman's rank correlation over units of a tiny random model
    of their mean effects on a margin in all steps with those in a quarter of them; and with those of all steps in other
    takes, which is as much as can be expected."""
    generator = tiny_stable_audio.generator(steps=TINY_STEPS)
    means = mean_activations.measure(generator, 0.4, Sampling(), prompts=("jazz", "house", "a song", "fast techno"))
    context = Context(generator, ToyJudge(), means, seconds=0.4)
    steps = TINY_STEPS // STEP_DIVISOR
    fewer = replace(
        context, generator=generator.in_steps(steps), means=means.at_steps(generator.nearest_steps(steps), TINY_STEPS)
    )
    heads = [Unit(place, index) for place in generator.locations("denoiser.self", "denoiser.cross") for index in (0, 2)]
    neurons = [Unit(place, index) for place in generator.locations("denoiser.mlp") for index in range(0, 64, 4)]
    effects = [
        _effects(played, [*heads, *neurons], seeds)
        for played, seeds in ((context, range(4)), (fewer, range(4)), (context, range(4, 8)))
    ]
    whole, quarter, others = effects
    return {
        "all steps and a quarter of them": round(float(spearmanr(whole, quarter).statistic), 3),
        "all steps in other takes": round(float(spearmanr(whole, others).statistic), 3),
    }


def _effects(context: Context, units: list[Unit], seeds: range) -> list[float]:
    """The mean change of the toy judge's margin, by unit."""
    edits = [None, *(Edit((unit,)) for unit in units)]
    rows = [edit for edit in edits for _ in seeds]
    played = play(context, ["smooth jazz with piano"] * len(rows), [*seeds] * len(edits), rows, strict=False)
    logits = context.listener.logits(played.waveform, context.rate)
    margins = (logits[:, 0] - logits[:, 1]).unflatten(0, (len(edits), len(seeds)))
    return (margins[1:] - margins[:1]).mean(1).tolist()


def main() -> None:
    """Print and write all of it."""
    generator = full_size()
    result: dict[str, Any] = {
        "model": "Stable Audio Open 1.0, random, single precision",
        "seconds": SECONDS,
        "steps": STEPS,
        "budget_gib": BUDGET_GIB,
        "memory_gib": memory_on_paper(generator),
        "generations": generations_on_paper(Settings()),
        "agreement_of_trials": agreement_of_trials(),
    }
    result["fits"] = result["memory_gib"]["largest stage with weights"] <= BUDGET_GIB
    print(json.dumps(result, indent=1))
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
