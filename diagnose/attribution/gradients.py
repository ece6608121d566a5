"""Attribution: an estimate of every unit's, word's and moment's effect from one forward and one backward pass.

Attribution patching (Nanda 2023; Kramár et al. 2024, arXiv 2403.00745): the effect of putting a unit back to its reference mean is
about (mean - activation) x gradient, summed over frames, with the gradient taken at the activation as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tonescope.diagnose.attribution.metrics import Metric, Playback, boost_of
from tonescope.diagnose.intervene.interventions import Edit, edited
from tonescope.diagnose.intervene.mean_activations import MeanActivations, places
from tonescope.diagnose.store.traces import Trace, TraceSpec, about, check_size, joined, reduced
from tonescope.models.errors import TonescopeError
from tonescope.models.families.musicgen.musicgen import Generator, Sampling, Takes
from tonescope.models.hooks import hooked, write
from tonescope.models.units import Location, Unit


@dataclass(frozen=True)
class Attribution:
    """Estimated effects on a metric of putting things back to reference.

    Attributes:
        units: per location, (takes, units): change of the metric if the unit is mean-ablated.
        activity: per location, (units,): mean absolute activation, to match controls by.
        frames: (takes, frames): change of the metric if a frame is silent (or, for a sum over frames, if it is left out).
        tokens: (takes, tokens): change of the metric if a token's text state is blanked.
        metric: (takes,): the metric itself.
        trace: what the units did, recorded on the way, where that was asked for.
    """

    units: dict[Location, Tensor]
    activity: dict[Location, Tensor]
    frames: Tensor
    tokens: Tensor
    metric: Tensor
    trace: Trace | None = None

    def ranked(self, count: int) -> list[tuple[Unit, float]]:
        """The ``count`` units that drive the metric up most, strongest first, with the mean estimated effect of muting them."""
        locations = sorted(self.units)
        effects = torch.cat([self.units[location].mean(0) for location in locations])
        owners = [(location, index) for location in locations for index in range(self.units[location].shape[1])]
        order = effects.argsort()[:count].tolist()
        return [(Unit(*owners[position]), float(effects[position])) for position in order]

    def by_kind(self) -> list[Attribution]:
        """The same for the units of each kind alone: heads, neurons."""
        kinds = sorted({location.site.units for location in self.units})
        return [
            replace(self, units={place: effects for place, effects in self.units.items() if place.site.units == kind})
            for kind in kinds
        ]

    def of(self, units: Sequence[Unit]) -> Tensor:
        """The summed estimate for a group of units: (takes,)."""
        return sum((self.units[unit.location][:, unit.index] for unit in units), torch.zeros(len(self.metric)))

    @property
    def count(self) -> int:
        """Units estimated."""
        return sum(effects.shape[1] for effects in self.units.values())


def attribute(
    generator: Generator,
    takes: Takes,
    metric: Metric,
    means: MeanActivations,
    sampling: Sampling = Sampling(),
    rows: int = 4,
    sites: Sequence[str] | None = None,
    at: Edit | None = None,
    keep: TraceSpec | None = None,
    rollout_steps: int = 0,
) -> Attribution:
    """Estimate the effect of every unit of ``sites``, every token and every frame on ``metric``, ``rows`` takes at a time.

    All takes must have the same prompt. Without ``sites``, those of :data:`tonescope.diagnose.intervene.mean_activations.ATTRIBUTED` that the model has. With ``at``, gradients
    and distances are taken where that edit is in force instead of at the clean take. Decoder units are estimated over the positions of audio; where the prompt is a prefix, its positions are left out.
    With ``keep``, the same pass records what the units did: a trace that costs no replay of its own.

    A replay holds the past of every code fixed; a generation does not. ``rollout_steps`` is how many steps on the effect of a changed code
    on the codes after it is followed, each for one more backward pass through the decoder.

    Raises:
        TonescopeError: a gradient is not a number, a site is missing, or the trace would be too large.
    """
    if len(set(takes.prompts)) != 1:
        raise ValueError("takes of one prompt are attributed together")
    locations = places(generator, sites)
    if keep:
        check_size(generator, takes.prompts, takes.codes.shape[2], locations, keep, sampling.guidance)
    parts = [
        _Pass(generator, takes.rows(start, start + rows), means, sampling, locations, keep, rollout_steps).run(
            metric, at
        )
        for start in range(0, len(takes), rows)
    ]
    sizes = torch.tensor([len(part.metric) for part in parts], dtype=torch.float)
    weights = (sizes / sizes.sum()).tolist()
    return Attribution(
        units={location: torch.cat([part.units[location] for part in parts]) for location in parts[0].units},
        activity={
            location: sum(part.activity[location] * weight for part, weight in zip(parts, weights, strict=True))
            for location in parts[0].activity
        },  # type: ignore[misc]
        frames=torch.cat([part.frames for part in parts]),
        tokens=torch.cat([part.tokens for part in parts]),
        metric=torch.cat([part.metric for part in parts]),
        trace=_joined_trace([part.trace for part in parts], takes),
    )


def _joined_trace(parts: Sequence[Trace | None], takes: Takes) -> Trace | None:
    known = [part for part in parts if part]
    if not known:
        return None
    return Trace(
        takes,
        tuple(row for part in known for row in part.tokens),
        {location: joined([part.values[location] for part in known]) for location in known[0].values},
        {location: torch.cat([part.indices[location] for part in known]) for location in known[0].indices},
        known[0].about,
    )


class _Pass:
    """One forward and backward pass over a few takes. Everything is reduced on the device, as the gradients come by."""

    def __init__(
        self, generator: Generator, takes: Takes, means: MeanActivations, sampling: Sampling, locations: Sequence[Location],
        keep: TraceSpec | None = None, rollout_steps: int = 0,
    ) -> None:  # fmt: skip
        self.generator, self.takes, self.means, self.rollout_steps = generator, takes, means, rollout_steps
        self.codebook_input: dict[int, Tensor] = {}
        self.sampling, self.guidance, self.keep = sampling, sampling.guidance, keep
        self.boost = boost_of(generator.model.dtype)
        self.kept: dict[Location, Tensor] = {}
        self.indices: dict[Location, Tensor] = {}
        self.locations, self.device = locations, generator.model.device
        self.units: dict[Location, Tensor] = {}
        self.activity: dict[Location, Tensor] = {}

    def run(self, metric: Metric, at: Edit | None) -> Attribution:
        generator, takes = self.generator, self.takes
        hooks = [write(generator.place(location), self._tap(location)) for location in self.locations]
        if self.rollout_steps:
            hooks += [
                write(generator.codebook_input(book), self._tap_codebook_input(book))
                for book in range(generator.n_codebooks)
            ]
        codes = takes.codes.to(self.device)
        with torch.no_grad():  # what the edited replay moves away from
            clean = Playback(generator, codes, generator.read_text(takes.prompts), self.sampling) if at else None
            anchor = clean.expected() if clean else None
        with (
            torch.enable_grad(),
            # cuDNN's recurrent layers, the codec's among them, have no backward pass outside training mode.
            torch.backends.cudnn.flags(enabled=False),
            edited(generator, [at] * len(takes), self.guidance, self.means),
            hooked(hooks),
        ):
            text = generator.read_text(takes.prompts)
            states = text.states if text.states.requires_grad else text.states.detach().requires_grad_()
            states.retain_grad()
            playback = Playback(generator, codes, replace(text, states=states), self.sampling, anchor)
            value = metric(playback)
            for latents in playback.latents:
                latents.retain_grad()
            (value.sum() * self.boost).backward(retain_graph=self.rollout_steps > 0)
            for step in range(1, self.rollout_steps + 1):
                torch.autograd.backward(
                    playback.likely, [self._answered(playback)], retain_graph=step < self.rollout_steps
                )
        if states.grad is None:
            raise ValueError("the metric does not depend on the prompt of the takes")
        tokens = -(states.detach().float() * states.grad.float()).sum(2) / self.boost
        if not all(torch.isfinite(effects).all() for effects in (*self.units.values(), tokens, value)):
            raise TonescopeError(
                "the gradient is not a number, so nothing can be attributed; load the model in float32 (half precision overflows in long passes)."
            )
        return Attribution(
            {location: (effects / self.boost).cpu() for location, effects in self.units.items()},
            {location: level.float().cpu() for location, level in self.activity.items()},
            self._by_frame(playback),
            tokens.float().cpu(),
            value.detach().float().cpu(),
            Trace(takes, text.tokens, self.kept, self.indices, about(generator, self.guidance, self.keep))
            if self.keep
            else None,
        )

    def _tap_codebook_input(self, book: int) -> Callable[[Tensor], Tensor]:
        """Catch the gradient of what the decoder is fed of a codebook."""

        def change(tensor: Tensor) -> Tensor:
            self.codebook_input[book] = tensor.detach().requires_grad_()
            return self.codebook_input[book]

        return change

    @torch.no_grad()
    def _answered(self, playback: Playback) -> Tensor:
        """The gradient of the last pass, by what was fed, as a gradient by how likely each code was to be fed (as :attr:`Playback.likely`)."""
        if not playback.likely:
            raise ValueError("feedback is followed through what a metric listens to, and this one does not listen")
        gradient = torch.zeros_like(playback.likely[0])
        takes, _, frames, size = gradient.shape
        for book, codebook_input in self.codebook_input.items():
            if codebook_input.grad is None:
                continue
            moved, start = codebook_input.grad.unflatten(0, (-1, takes)).sum(0), self.generator.delay[book] + 1
            answered = moved[:, start : start + frames] @ self.generator.embedding(book)[:size].T
            gradient[:, book, : answered.shape[1]] = answered.to(gradient.dtype)  # the last codes are fed to nothing
            codebook_input.grad = None
        return gradient

    def _by_frame(self, playback: Playback) -> Tensor:
        """(takes, frames), at one cut through the whole: what the codec is given, on its way to the latent of silence."""
        if playback.by_frame:
            return -playback.by_frame[0].detach().float().cpu()
        found = torch.zeros(len(self.takes), self.takes.codes.shape[2])
        for latents in playback.latents:
            if latents.grad is not None:
                away = (self.generator.silence - latents.detach()).float() * latents.grad.float()
                found += away.sum(2).cpu() / self.boost
        return found

    def _record(self, location: Location, value: Tensor) -> None:
        """Keep what was asked for of (takes, branches, along, features)."""
        if self.keep is None:
            return
        self.kept[location], chosen = reduced(self.generator, location, value, self.keep)
        if chosen is not None:
            self.indices[location] = chosen

    def _tap(self, location: Location) -> Callable[[Tensor], Tensor]:
        """Catch the gradient, which is every unit's gradient, and reduce gradient times distance to the mean as it arrives."""
        generator, count, width = self.generator, len(self.takes), self.generator.head_width(location)
        branches = generator.branches(location, self.guidance)
        if location not in self.means.values:
            raise TonescopeError(
                f"no reference mean was measured at {location}; delete the kept reference so that it is measured again."
            )
        if len(self.means.values[location]) < branches:
            raise TonescopeError(
                f"the reference means were measured without guidance and the takes were made with it, so nothing is known of the unconditional half of {location}; measure them with guidance."
            )
        mean = self.means.values[location][:branches].to(self.device, generator.dtype(location))[:, None, None]

        def change(tensor: Tensor) -> Tensor:
            prefix = generator.clock.prefix if location.network == "decoder" else 0

            def split(value: Tensor) -> Tensor:
                """(rows, ...) as (branches, takes, along, features)."""
                body = value.transpose(1, 2) if location.site.axis == 1 else value
                return body.detach()[:, prefix:].unflatten(0, (branches, count))

            if location not in self.activity:
                self._record(location, split(tensor).transpose(0, 1))
                self.activity[location] = split(tensor)[0].abs().mean((0, 1)).unflatten(0, (-1, width)).mean(1)

            # What holds the tensor itself would keep it, and all that it was made of, alive.
            value, tapped = tensor.detach(), tensor if tensor.requires_grad else tensor.detach().requires_grad_()

            def reduce(gradient: Tensor) -> None:
                away = (mean - split(value)).float().mul_(split(gradient))
                effects = away.sum((0, 2)).unflatten(1, (-1, width)).sum(2)
                self.units[location] = self.units.get(location, 0) + effects

            tapped.register_hook(reduce)
            return tapped

        return change
