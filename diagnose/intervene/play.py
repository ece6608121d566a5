"""Playing many rows: prompts, seeds and edits, one of each a take, in as few batches as fit and keep the cores busy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.edit_hooks import edited
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.runtime.workers import in_parallel, split, threads_for, workers_now
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes

Advance = Callable[[float], None]
"""Told the share that is done."""


def play(
    context: Context,
    prompts: Sequence[str],
    seeds: Sequence[int],
    edits: Sequence[Edit | None] | None = None,
    *,
    strict: bool = True,
    advance: Advance | None = None,
) -> Takes:
    """Generate with one edit a row (none, if absent), on the noise of ``seeds``.

    Raises:
        TonescopeError: an edit cannot be made here, did not fire, reaches beyond the take, or (``strict``) changed
            nothing.
    """
    edits = [None] * len(seeds) if edits is None else edits
    if not len(prompts) == len(seeds) == len(edits):
        raise ValueError(
            f"{len(prompts)} prompts, {len(seeds)} seeds and {len(edits)} edits are not one of each a take"
        )
    generator, seconds, batches = context.generator, context.seconds, context.batches
    for late in (edit.seconds[1] for edit in edits if edit and edit.seconds and edit.seconds[1] > seconds + 1e-6):
        raise TonescopeError(
            f"an edit up to {late:g} s reaches beyond the {seconds:g} s of the take; choose earlier seconds."
        )

    def played(part: slice) -> Takes:
        with edited(generator, edits[part], context.guidance, context.means, strict=strict):
            return generator.generate(prompts[part], seeds[part], seconds, context.sampling)

    workers = min(workers_now(generator, len(seeds), batches.workers), batches.played)
    parts = split(len(seeds), batches.played, workers)

    def done(count: int) -> None:
        if advance:
            advance(parts[count - 1].stop / len(seeds))

    tasks = [partial(played, part) for part in parts]
    return Takes.join(in_parallel(tasks, workers, threads=threads_for(generator, parts, workers), done=done))
