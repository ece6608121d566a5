"""Attribution: an estimate of every unit's, word's and moment's effect from one forward and one backward pass.

Attribution patching (Nanda 2023; Kramár et al. 2024, arXiv 2403.00745): the effect of putting a unit back to its reference mean is
about (mean - activation) x gradient, summed over frames, with the gradient taken at a zero perturbation added to the activation. The
question is contrastive and differentiable end to end: guided logits, softmax, expected codec vectors (straight-through, so that the
gradient is taken at the audio that was heard), codec decoder, CLAP, margin between two labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..models.generator import Generator, Takes, Text
from ..models.hooks import Hook, hooked, write
from ..models.judge import Judge
from ..models.units import Location, Unit
from .reference import SITES, Reference

Metric = Callable[[Tensor], Tensor]
"""Waveform (takes, samples) to one number a take, differentiable."""


def margin(judge: Judge, rate: int, label: str, against: str) -> Metric:
    """The judge's margin between two labels as a metric."""
    return lambda waveform: judge.margin(waveform, rate, label, against)


@dataclass(frozen=True)
class Attribution:
    """Estimated effects on a metric of putting things back to reference.

    Attributes:
        units: per location, (takes, units): change of the metric if the unit is mean-ablated.
        activity: per location, (units,): mean absolute activation, to match controls by.
        frames: (takes, frames): the same change, summed over units, by the frame at which they act.
        tokens: (takes, tokens): change of the metric if a token's text state is blanked.
        metric: (takes,): the metric itself.
    """

    units: dict[Location, Tensor]
    activity: dict[Location, Tensor]
    frames: Tensor
    tokens: Tensor
    metric: Tensor

    def ranked(self, count: int) -> list[tuple[Unit, float]]:
        """The ``count`` units that drive the metric up most, strongest first, with the mean estimated effect of muting them."""
        locations = sorted(self.units)
        effects = torch.cat([self.units[location].mean(0) for location in locations])
        owners = [(location, index) for location in locations for index in range(self.units[location].shape[1])]
        order = effects.argsort()[:count].tolist()
        return [(Unit(*owners[position]), float(effects[position])) for position in order]

    def of(self, units: Sequence[Unit]) -> Tensor:
        """The summed estimate for a group of units: (takes,)."""
        return sum((self.units[unit.location][:, unit.index] for unit in units), torch.zeros(len(self.metric)))

    @property
    def count(self) -> int:
        """Units estimated."""
        return sum(effects.shape[1] for effects in self.units.values())


def _soft_sound(generator: Generator, logits: Tensor, codes: Tensor, guidance: float, temperature: float) -> Tensor:
    """The waveform that was heard, with the gradient of the one the logits expect."""
    weights = torch.softmax(generator.guided(logits, guidance) / max(temperature, 1e-3), dim=-1)
    sides = []
    for side in range(generator.channels):
        soft = generator.vectors(weights[:, side :: generator.channels])
        hard = generator.hard_vectors(codes[:, side :: generator.channels])
        sides.append(generator.sound(hard + soft - soft.detach()))
    return torch.stack(sides).mean(0)


def attribute(
    generator: Generator,
    takes: Takes,
    metric: Metric,
    reference: Reference,
    guidance: float = 3.0,
    temperature: float = 1.0,
    rows: int = 4,
    sites: Sequence[str] = SITES,
) -> Attribution:
    """Estimate the effect of every unit of ``sites``, every token and every frame on ``metric``, ``rows`` takes at a time.

    All takes must have the same prompt.
    """
    if len(set(takes.prompts)) != 1:
        raise ValueError("takes of one prompt are attributed together")
    text = generator.read_text(takes.prompts[:1])
    parts = [
        _attribute_rows(
            generator, takes.rows(start, start + rows), text, metric, reference, guidance, temperature, sites
        )
        for start in range(0, len(takes), rows)
    ]
    sizes = torch.tensor([len(part.metric) for part in parts], dtype=torch.float)
    weights = sizes / sizes.sum()
    return Attribution(
        units={location: torch.cat([part.units[location] for part in parts]) for location in parts[0].units},
        activity={
            location: sum(part.activity[location] * weight for part, weight in zip(parts, weights, strict=True))
            for location in parts[0].activity
        },  # type: ignore[misc]
        frames=torch.cat([part.frames for part in parts]),
        tokens=torch.cat([part.tokens for part in parts]),
        metric=torch.cat([part.metric for part in parts]),
    )


def _attribute_rows(
    generator: Generator,
    takes: Takes,
    text: Text,
    metric: Metric,
    reference: Reference,
    guidance: float,
    temperature: float,
    sites: Sequence[str],
) -> Attribution:
    count, frames = len(takes), takes.codes.shape[2]
    branches = 2 if guidance > 1 else 1
    device = generator.model.device
    units: dict[Location, Tensor] = {}
    activity: dict[Location, Tensor] = {}
    by_position = torch.zeros(count, takes.codes.shape[2] + max(generator.delay))
    zero = torch.zeros((), device=device, requires_grad=True)

    def tap(location: Location) -> Callable[[Tensor], Tensor]:
        width = generator.head_width(location)
        mean = reference.means[location].to(device)[:, None, None]

        def change(tensor: Tensor) -> Tensor:
            activity[location] = (
                tensor.detach()[:count].float().abs().mean((0, 1)).unflatten(0, (-1, width)).mean(1).cpu()
            )

            def reduce(gradient: Tensor) -> None:
                away = (mean - tensor.detach().unflatten(0, (branches, count))) * gradient.unflatten(
                    0, (branches, count)
                )
                units[location] = away.sum((0, 2)).unflatten(1, (-1, width)).sum(2).float().cpu()
                by_position.add_(away.sum((0, 3)).float().cpu())

            tapped = tensor + zero
            tapped.register_hook(reduce)
            return tapped

        return change

    states = text.states.detach().expand(count, -1, -1).clone().requires_grad_()
    rows = replace(text, states=states, mask=text.mask.expand(count, -1))
    hooks: list[Hook] = [write(generator.place(location), tap(location)) for location in generator.locations(*sites)]
    codes = takes.codes.to(device)
    with torch.enable_grad(), hooked(hooks):
        logits = generator.replay(codes, rows, guidance)
        value = metric(_soft_sound(generator, logits, codes, guidance, temperature))
        value.sum().backward()
    if not units or not all(torch.isfinite(effects).all() for effects in units.values()):
        from ..models.errors import TonescopeError

        raise TonescopeError(
            "the gradient is not a number, so nothing can be attributed; load the model in float32 (fp16 overflows in long passes)."
        )
    assert states.grad is not None
    tokens = -(states.detach() * states.grad).sum(2).float().cpu()
    return Attribution(units, activity, by_position[:, :frames], tokens, value.detach().float().cpu())
