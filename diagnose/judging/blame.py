"""Where a confusion is made: already in the text encoder, in the decoder, or by the codec and the judge that listens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tonescope.diagnose.judging.verdict import Intent, Verdict
from tonescope.diagnose.schema import Blame, Contrast, ReferenceClips, Trial
from tonescope.diagnose.stats import Share, share
from tonescope.models.families.musicgen.musicgen import Generator
from tonescope.models.judges.clap import Judge

CLEARLY_CLOSER = 0.1  # of centred cosine similarity; states differ by less for reasons that no one hears
OFTEN = 0.3  # a listener that mishears a genre this often, at the least, may be the cause


def bare_word(intent: Intent, verdict: Verdict, prompt: str) -> str | None:
    """What to play in place of the prompt to place the blame: the genre word alone, where there is a drift and the prompt says more."""
    if intent.label is None or "drift" not in verdict.kind or prompt.strip().lower() == intent.label.lower():
        return None
    return intent.label


def blame(
    prompt: str, generator: Generator, judge: Judge, intent: Intent, contrast: Contrast, verdict: Verdict, bare: Trial | None,
    untouched: Sequence[str] = (), known: ReferenceClips | None = None,
) -> Blame:  # fmt: skip
    """Split the blame for a drift. Without one there is nothing to split, and that is what it says.

    Args:
        bare: what became of the tested takes when the genre word alone stood in place of the prompt.
        untouched: what the same takes are heard as under the prompt itself.
        known: what the judge hears in the user's own clips of the genre asked for, which count for more than its record; not so those that a
            judge of one sound world hears, to which they may be foreign.
    """
    asked, heard = intent.label, contrast.target
    if asked is None or "drift" not in verdict.kind:
        return Blame(where="nowhere", sentence="No confusion was found, so there is none to place.", known=known)
    telling = known if known and not judge.domain else None
    misheard = share(telling.reconstructed.get(heard, 0), telling.clips) if telling else _misheard(judge, asked, heard)
    labels = sorted({asked, heard, *judge.labels})
    closeness = text_similarities(generator, prompt, labels)
    nearest = labels[int(closeness.argmax())]
    to_asked, to_heard = float(closeness[labels.index(asked)]), float(closeness[labels.index(heard)])
    if misheard is None:
        listener = f"how often codec and judge mistake known {asked} for {heard} was not measured"
    elif telling:
        clean = share(telling.clean.get(heard, 0), telling.clips)
        listener = f"of the known clips of {asked} the judge hears {clean} as {heard} as they are, and {misheard} through the codec"
    else:
        listener = f"codec and judge mistake known {asked} for {heard} in {misheard} clips"
    reads = f"the text encoder’s states are closest to {nearest} of {len(labels)} genre words ({asked} {to_asked:+.2f}, {heard} {to_heard:+.2f})"
    facts: dict[str, Any] = dict(
        nearest=nearest, similarity=(to_asked, to_heard), misheard=misheard, known=known, bare=bare
    )
    if misheard is not None and misheard.low >= OFTEN:
        return Blame(where="codec and judge", sentence=f"The confusion may be the listener’s: {listener}.", **facts)
    count, total = (bare.heard.get(asked, 0), sum(bare.heard.values())) if bare else (0, 0)
    alone, before = share(count, total), share(list(untouched).count(asked), len(untouched))
    if bare and 2 * count > total and alone.low > (before.value if before.total else 0.0):
        sentence = f"The decoder makes it of the prompt’s other words: from “{asked}” alone, {alone} takes are heard as {asked}, from the prompt {before}; {reads}, and {listener}."
        return Blame(where="decoder", sentence=sentence, badge=bare.badge, **facts)
    if nearest == heard and to_heard - to_asked > CLEARLY_CLOSER:
        sentence = f"The confusion is there before a note is played: {reads}, and {listener}."
        return Blame(where="text encoder", sentence=sentence, **facts)
    if nearest != asked:
        sentence = f"Where it is made is unclear: {reads}, which does not clear the text encoder, and {listener}."
        return Blame(where="unclear", sentence=sentence, **facts)
    if misheard is None:
        sentence = f"The text encoder is not to blame ({reads}), but whether the decoder is, or the listener, is unclear: {listener}."
        return Blame(where="unclear", sentence=sentence, **facts)
    if bare is None:
        return Blame(where="decoder", sentence=f"That leaves the decoder: {reads}, and {listener}.", **facts)
    if alone.high >= 0.5:
        sentence = f"Where it is made is unclear: “{asked}” alone is heard as {asked} in {alone} takes and the prompt in {before}, too small a difference to tell; {reads}, and {listener}."
        return Blame(where="unclear", sentence=sentence, **facts)
    sentence = f"The confusion is made in the decoder: even “{asked}” alone is heard as {asked} in only {alone} takes; {reads}, and {listener}."
    return Blame(where="decoder", sentence=sentence, **facts)


@torch.no_grad()
def text_similarities(generator: Generator, prompt: str, labels: Sequence[str]) -> Tensor:
    """Cosine similarity (labels,) of a prompt's projected text states to those of genre words, the words' common part removed.

    States are averaged over the tokens that spell something. Without centring, all prompts look alike: the states share a large mean.
    """
    words, asked = torch.cat([_pooled(generator, label) for label in labels]), _pooled(generator, prompt)
    centre = words.mean(0, keepdim=True)
    return torch.nn.functional.cosine_similarity(asked - centre, words - centre).cpu()


def _pooled(generator: Generator, text: str) -> Tensor:
    """(1, width) of one text."""
    read = generator.read_text([text])
    keep = read.mask[0].bool()
    if read.spans:
        spelled = torch.tensor([end > start for start, end in read.spans[0]], device=keep.device)
        keep = keep & spelled if bool((keep & spelled).any()) else keep
    return read.states[0, keep].float().mean(0, keepdim=True)


def _misheard(judge: Judge, asked: str, heard: str) -> Share | None:
    if judge.record is None or asked not in judge.record.labels or heard not in judge.record.labels:
        return None
    row = judge.record.reconstructed[judge.record.labels.index(asked)]
    return share(row[judge.record.labels.index(heard)], sum(row))
