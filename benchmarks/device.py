"""The invariants of the seam on another device, in single and half precision, and one diagnosis at full size.

Random weights: what is asked is whether replay, hooks, batches and estimates hold there, and what they cost beside bare
generation.

    python -m benchmarks.device --device cuda
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch

from benchmarks.full_size import LABELS, PROMPT, full_size_generator, full_size_judge
from benchmarks.kept_results import keep
from benchmarks.parity import difference
from tests import tiny
from tonescope.diagnose.attribution.gradients import attribute
from tonescope.diagnose.attribution.metrics import margin
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import measure
from tonescope.diagnose.intervene.play import play
from tonescope.diagnose.jobs.diagnosis import diagnose
from tonescope.diagnose.jobs.request import Models, Request
from tonescope.diagnose.settings import Settings
from tonescope.diagnose.taxonomy import from_rows
from tonescope.models.families.musicgen.musicgen import MusicGen
from tonescope.models.generator import Sampling
from tonescope.models.hooks import write

PRECISIONS = (torch.float32, torch.bfloat16)
WORDS = "smooth jazz with piano"
SECONDS = 5.0


def invariants(generator: MusicGen) -> dict[str, Any]:
    """Replay against generation, a hook that changes nothing, batched edits against single ones, and an attribution."""
    measured = difference(generator, 3.0)
    plain = generator.generate([WORDS] * 2, [1, 2], 0.6)
    hooks = [write(generator.place(each), lambda tensor: tensor.clone()) for each in generator.locations("decoder.mlp")]
    hooked = generator.generate([WORDS] * 2, [1, 2], 0.6, hooks=hooks)
    means = measure(generator, 0.5, Sampling(), prompts=("jazz", "house"))
    context = Context(generator, means=means, seconds=0.6)
    units = generator.unit("decoder.1.mlp:5"), generator.unit("decoder.2.self:1")
    edits = [None, *(Edit((unit,), "scale", 0.0) for unit in units)]
    together = play(context, [WORDS] * 3, [1, 1, 1], edits)
    alone = [play(context, [WORDS], [1], [edit]) for edit in edits]
    judge = tiny.judge()
    judge.model.to(generator.device)
    judge._label_embeddings = judge._label_embeddings.to(generator.device)
    found = attribute(context, plain, margin(judge, "house"))
    return {
        "replay_difference": measured["unit_difference"],
        "replay_largest": measured["unit_largest"],
        "hook_changes_nothing": bool((plain.state["codes"] == hooked.state["codes"]).all()),
        "batched_codes_equal": sum(
            float((one.state["codes"][0] == together.state["codes"][row]).float().mean())
            for row, one in enumerate(alone)
        )
        / len(alone),
        "attribution_finite": all(bool(torch.isfinite(effects).all()) for effects in found.units.values()),
    }


def full_size(device: str) -> dict[str, Any]:
    """One diagnosis of the size of musicgen-small, and what bare generation of its takes costs."""
    generator, judge = full_size_generator(), full_size_judge()
    generator.model.to(device)
    judge.model.to(device)
    judge._label_embeddings = judge._label_embeddings.to(device)
    models = Models(generator, judge, from_rows([{"label": label, "family": label} for label in LABELS]))
    means = measure(generator, 2.0, Sampling(), prompts=(PROMPT, "w9 w10"))
    started = time.perf_counter()
    generator.generate([PROMPT] * 4, range(4), SECONDS)
    bare = time.perf_counter() - started
    started = time.perf_counter()
    settings = Settings(takes=4, seconds=SECONDS, rounds=2, tested_words=2)
    result, _ = diagnose(Request(PROMPT, settings), models, means)
    whole = time.perf_counter() - started
    return {
        "bare_generation_seconds": bare,
        "diagnosis_seconds": whole,
        "ratio": whole / bare,
        "units": result.estimated_units,
        "rows_together": result.cost.rows_generated_together,
        **{f"stage_{name}": seconds for name, seconds in result.timings.items()},
    }


def main() -> None:
    """Every tiny family in both precisions, and the full size in single precision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    device = parser.parse_args().device
    rows = []
    for precision in PRECISIONS:
        for family in tiny.FAMILIES:
            generator = MusicGen(tiny.generator(family).model.to(device, precision), tiny.tokenizer(), family)
            rows.append({"family": family, "precision": str(precision)[6:], **invariants(generator)})
    card = torch.cuda.get_device_name() if device.startswith("cuda") else device
    keep("device", rows, {"card": card, "full_size": [full_size(device)]})


if __name__ == "__main__":
    main()
