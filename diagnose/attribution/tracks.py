"""Tracks: what is known of the tested takes moment by moment, to be drawn under their sound.

What the judge hears in windows of each take, where the network looks in the prompt, and what the units in question do.
None of it is an effect: it says what happens when, and tests say what that does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tonescope.diagnose.attribution.time_occlusion import Timeline
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.recording import ROWS, batches, columns_of, source_bytes, watch
from tonescope.models.errors import TonescopeError
from tonescope.models.units import Location, Unit

if TYPE_CHECKING:
    from tonescope.diagnose.intervene.verification import Played
    from tonescope.diagnose.prompts.phrases import Phrase
    from tonescope.models.generator import Takes

MOST_POINTS = 128  # in time, of attention and activations
MOST_UNITS = 6  # that are followed one by one; more are followed as one
MOST_PHRASES = 8
Group = Sequence[Unit | Location]


@dataclass(frozen=True)
class Tracks:
    """What is known over time.

    Attributes:
        seconds: length of a take.
        labels: what the judge chooses between.
        heard: by the name of a set of takes, what is heard in windows of them.
        attention: by phrase of the prompt, the share of the attention to its words that goes there, in the untouched
            takes: (takes, points). Empty where the network has no such thing.
        activity: by unit, or under one name for many, how far they are from their mean in the untouched takes, where 1
            is the farthest of any take: (takes, points).
    """

    seconds: float
    labels: tuple[str, ...]
    heard: dict[str, Timeline]
    attention: dict[str, Tensor]
    activity: dict[str, Tensor]


@torch.no_grad()
def with_tracks(
    context: Context, played: Played, *, phrases: Sequence[Phrase] = (), targets: Group = (), shown: Sequence[str] = ()
) -> Played:
    """What was played, with its tracks.

    Args:
        phrases: of the prompt, with the tokens that spell them.
        targets: the units or locations in question.
        shown: the outcomes that people will listen to, beside the untouched takes.
    """
    judge, takes = context.listener, played.clean.takes
    seconds = takes.waveform.shape[-1] / context.rate
    sets = {played.clean.name: takes} | {name: played.outcomes[name].takes for name in shown if name in played.outcomes}
    heard = {name: Timeline.listen(judge, one, context.rate, seconds) for name, one in sets.items()}
    tracks = Tracks(
        seconds, judge.labels, heard, _attention(context, takes, phrases), _activity(context, takes, targets)
    )
    return replace(played, tracks=tracks)


def _attention(context: Context, takes: Takes, phrases: Sequence[Phrase]) -> dict[str, Tensor]:
    """Attention to each phrase, mean over layers, as a share of that to all of them."""
    spelled = [phrase for phrase in phrases if phrase.tokens]
    if not spelled:
        return {}
    rows: list[Tensor] = [torch.zeros(0)] * len(takes)
    try:
        for batch in batches(context.generator, takes):
            looks = context.generator.text_attention(takes.pick(batch), context.sampling).mean(1)
            for row, look in zip(batch, looks, strict=True):
                rows[row] = look.float()
    except TonescopeError:  # no cross-attention: the prompt is read as a prefix
        return {}
    frames = torch.stack(rows)  # (takes, frames, tokens)
    shares = torch.stack([frames[..., list(phrase.tokens)].sum(-1) for phrase in spelled])
    shares = pooled(shares / shares.sum(0).clamp_min(1e-9))
    most = shares.mean((1, 2)).topk(min(MOST_PHRASES, len(spelled))).indices.sort().values.tolist()
    return {name: shares[index] for name, index in _distinct([(spelled[index].name, index) for index in most])}


def _distinct(named: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """The same with names that come again numbered."""
    seen: dict[str, int] = {}
    found = []
    for name, index in named:
        seen[name] = seen.get(name, 0) + 1
        found.append((name if seen[name] == 1 else f"{name} ({seen[name]})", index))
    return found


def _activity(context: Context, takes: Takes, targets: Group) -> dict[str, Tensor]:
    """How far units are from their mean over time, in units of the farthest; nothing where what a whole place does in
    all denoising steps is more than may be kept."""
    means, generator = context.means, context.generator
    followed = {target: target.location if isinstance(target, Unit) else target for target in targets}
    followed = {
        target: place
        for target, place in followed.items()
        if place.site.along != "tokens" and means is not None and place in means.values
    }
    if not followed or means is None:
        return {}
    columns, frames = columns_of(generator, followed), generator.frames_of(takes)
    if ROWS * source_bytes(generator, followed, context.guidance, frames) > context.batches.source_bytes:
        return {}
    many = len(followed) > MOST_UNITS
    found: dict[Unit | Location, list[Tensor]] = {target: [torch.zeros(0)] * len(takes) for target in followed}

    def away(location: Location, tensor: Tensor) -> Tensor:
        """(takes, points, features) of the prompted branch, less the mean, on the CPU."""
        mean = _chosen(means.values[location][0].float(), columns[location]).to(tensor.device)  # (steps, features)
        change = (tensor[:, 0].float() - mean[None, : tensor.shape[2], None]).mean(1)
        at = generator.layout(location, context.guidance).times(tensor.shape[3], tensor.device)
        return _by_frame(change, at, frames).cpu()

    def piece(location: Location, tensor: Tensor) -> Tensor:
        return _chosen(tensor, columns[location])

    locations = sorted(set(followed.values()))
    for batch in batches(generator, takes):
        seen, _ = watch(context, takes.pick(batch), batch, locations, away, piece=piece)
        for target, place in followed.items():
            width = generator.head_width(place)
            for row, change in zip(batch, _of_target(seen[place], target, width, columns[place]), strict=True):
                found[target][row] = change
    rows = {target: torch.stack(parts) for target, parts in found.items()}
    scaled = {target: row / row.abs().max().clamp_min(1e-9) for target, row in rows.items()}
    if many:
        together = torch.stack([row.abs() for row in scaled.values()]).mean(0)
        return {f"all {len(scaled)} together": together / together.max().clamp_min(1e-9)}
    return {str(target): row for target, row in scaled.items()}


def _chosen(tensor: Tensor, columns: Tensor | None) -> Tensor:
    """Of the last axis those that are asked for, or all."""
    return tensor if columns is None else tensor[..., columns.to(tensor.device)]


def _of_target(change: Tensor, target: Unit | Location, width: int, columns: Tensor | None) -> Tensor:
    """(takes, points): a neuron's own value with its sign; of what is several features wide, the length. ``columns``
    are the features that ``change`` is of."""
    if isinstance(target, Unit):
        first = target.index * width
        first = first if columns is None else int(torch.searchsorted(columns, first))
        change = change[..., first : first + width]
    return change[..., 0] if change.shape[-1] == 1 else change.norm(dim=-1)


def _by_frame(values: Tensor, at: Tensor, frames: int) -> Tensor:
    """Positions (takes, along, features) as points in time (takes, points, features): the mean of those that fall
    together; what lies outside the take is left out."""
    points = min(frames, MOST_POINTS)
    inside = (at >= 0) & (at < frames)
    place = at[inside] * points // frames
    total = values.new_zeros(len(values), points, values.shape[2]).index_add_(1, place, values[:, inside])
    count = torch.bincount(place, minlength=points).clamp_min(1)
    return total / count[None, :, None]


def pooled(values: Tensor) -> Tensor:
    """(..., frames) as (..., points), no more than :data:`MOST_POINTS`."""
    if values.shape[-1] <= MOST_POINTS:
        return values
    flat = values.flatten(0, -2)[:, None]
    return torch.nn.functional.adaptive_avg_pool1d(flat, MOST_POINTS)[:, 0].unflatten(0, values.shape[:-1])
