"""What an edit, or another prompt, will do to takes, predicted: a few parallel passes in place of playing them.

A take is a chain: every part is drawn by what came before. A replay holds that past fixed, so it sees what an edit
does directly and not what the changed parts do to the ones after them. Here every pass draws everything again, on the
noise of the take, from what the pass before gave (Jacobi's iteration: Song et al. 2021, arXiv 2002.03629).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.edit_hooks import edited
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.play import Advance
from tonescope.diagnose.intervene.verification import Variant
from tonescope.diagnose.schema import Contrast
from tonescope.models.generator import Takes
from tonescope.models.judges import listening

PASSES = 3


def jacobi_prediction(
    context: Context, takes: Takes, edits: Sequence[Edit | None] | None = None, *, passes: int = PASSES
) -> Takes:
    """``takes`` as they would about be with one edit each, and with their ``prompts`` where those are not the ones
    they were played from. Rows of one prompt and length may have edits.

    Raises:
        TonescopeError: an edit cannot be made here, did not fire, or changed nothing; or the model's logits are not
            numbers.
    """
    edits = [None] * len(takes) if edits is None else edits
    generator, rows, parts = context.generator, context.batches.attributed, []
    for start in range(0, len(takes), rows):
        with edited(generator, edits[start : start + rows], context.guidance, context.means):
            parts.append(generator.predict(takes.rows(start, start + rows), context.sampling, passes))
    return Takes.join(parts)


def predicted_changes(
    context: Context,
    takes: Takes,
    variants: Sequence[Variant],
    contrast: Contrast,
    *,
    passes: int = PASSES,
    advance: Advance | None = None,
) -> Tensor:
    """How far each variant will about move the judge's log-odds of a contrast: (variants, takes)."""
    judge = context.listener

    def heard(played: Takes) -> Tensor:
        logits = listening.listen(judge, played.waveform, context.rate)
        return listening.contrast(judge.labels, logits, contrast.target, contrast.foil)

    before, changes = heard(takes), []
    for done, variant in enumerate(variants, start=1):
        changed = takes.with_prompt(variant.prompt) if variant.prompt else takes
        predicted = jacobi_prediction(context, changed, variant.edits(len(takes)), passes=passes)
        changes.append(heard(predicted) - before)
        if advance:
            advance(done / len(variants))
    return torch.stack(changes)
