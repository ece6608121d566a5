"""What an edit, or another prompt, will do to takes, predicted: a few parallel passes in place of a step for every code.

A take is a chain: every code is drawn by what came before. A replay holds that past fixed, so it sees what an edit does directly and not
what the changed codes do to the codes after them. Here every pass draws all codes again, on the
noise of the take, from the codes of the pass before (Jacobi's iteration: Song et al. 2021, arXiv 2002.03629). The takes untouched are the start,
and as many passes as there are positions would give the edited generation itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from tonescope.diagnose.intervene.interventions import Edit, edited
from tonescope.diagnose.intervene.mean_activations import MeanActivations
from tonescope.diagnose.intervene.verification import Variant
from tonescope.models.families.musicgen import delay
from tonescope.models.families.musicgen.musicgen import Generator, Sampling, Takes
from tonescope.models.families.musicgen.paired_sampling import gumbel, perturbed
from tonescope.models.judges import listening
from tonescope.models.judges.judge import Judge

PASSES = 3


@torch.no_grad()
def jacobi_prediction(
    generator: Generator, takes: Takes, edits: Sequence[Edit | None], means: MeanActivations | None, sampling: Sampling = Sampling(),
    passes: int = PASSES, rows: int = 4,
) -> Takes:  # fmt: skip
    """``takes``, made by this sampling, as they would about be with one edit each, and with their ``prompts`` where those are not the ones
    that the codes came from; ``rows`` at a time. Rows of one prompt and length may have edits.

    Raises:
        TonescopeError: an edit cannot be made here, did not fire, or changed nothing; or the model's logits are not numbers.
    """
    codes, sounds = [], []
    for start in range(0, len(takes), rows):
        part = takes.rows(start, start + rows)
        noise, found = _noise(generator, part) if sampling.temperature > 0 else None, part.codes
        with edited(generator, edits[start : start + rows], sampling.guidance, means):
            text = generator.read_text(part.prompts)
            for _ in range(passes):
                logits = generator.guided(generator.replay(found, text, sampling.guidance).float(), sampling.guidance)
                found = perturbed(logits, sampling.temperature, sampling.top_k, noise, "in a replay").argmax(-1)
            sounds.append(generator.decode(found).float().cpu())
        codes.append(found.cpu())
    return replace(takes, codes=torch.cat(codes), waveform=torch.cat(sounds))


def predicted_changes(
    generator: Generator, judge: Judge, takes: Takes, variants: Sequence[Variant], label: str, foil: str | None, means: MeanActivations | None,
    sampling: Sampling = Sampling(), passes: int = PASSES, rows: int = 4, advance: Callable[[float], None] | None = None,
) -> Tensor:  # fmt: skip
    """How far each variant will about move the judge's log-odds of a label over another (or over all others): (variants, takes); ``advance``
    is told the share that is done."""

    def heard(played: Takes) -> Tensor:
        return listening.contrast(
            judge.labels, listening.listen(judge, played.waveform, generator.sample_rate), label, foil
        )

    before, changes = heard(takes), []
    for done, variant in enumerate(variants, start=1):
        changed = replace(takes, prompts=(variant.prompt,) * len(takes)) if variant.prompt else takes
        changes.append(
            heard(jacobi_prediction(generator, changed, variant.edits(len(takes)), means, sampling, passes, rows))
            - before
        )
        if advance:
            advance(done / len(variants))
    return torch.stack(changes)


def _noise(generator: Generator, takes: Takes) -> Tensor:
    """The noise that every code of the takes was drawn on: (takes, codebooks, frames, vocabulary)."""
    n_codebooks, frames = takes.codes.shape[1:]
    steps = range(delay.positions_for(frames, generator.delay))
    found = []
    for seed in takes.seeds:
        by_step = torch.stack([gumbel(seed, step, n_codebooks, generator.size) for step in steps], 1)
        found.append(torch.stack([by_step[book, start : start + frames] for book, start in enumerate(generator.delay)]))
    return torch.stack(found)
