"""Attribution: an estimate of every unit's, word's and moment's effect from one forward and one backward pass.

Attribution patching (Nanda 2023; Kramár et al. 2024, arXiv 2403.00745): the effect of putting a unit back to its
mean is about (mean - activation) x gradient, summed over time, with the gradient taken at the activation as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from tonescope.diagnose.attribution.metrics import Metric, Playback, loss_scale
from tonescope.diagnose.context import Context
from tonescope.diagnose.intervene.edit_hooks import edited
from tonescope.diagnose.intervene.interventions import Edit
from tonescope.diagnose.intervene.mean_activations import MeanActivations, places
from tonescope.diagnose.runtime.workers import on_threads, threads_now
from tonescope.diagnose.store.traces import Extent, Trace, TraceSpec, about, check_size, joined, kept, reduced
from tonescope.models.errors import TonescopeError
from tonescope.models.generator import Takes, read_takes
from tonescope.models.hooks import hooked, write
from tonescope.models.layout import Layout, Pieces
from tonescope.models.units import Location, Unit

ALL_PIECES = 1 - 1e-6  # shares of steps are added up


@dataclass(frozen=True)
class Attribution:
    """Estimated effects on a metric of ablating units, frames and tokens, in units of the metric, on the CPU.

    Attributes:
        units: per location, (takes, units): change of the metric if the unit is mean-ablated.
        activity: per location, (units,): mean absolute activation of the conditional branch, to match controls by.
        frames: (takes, frames): change of the metric if the latent of a frame is replaced by that of silence; for a
            metric that is a sum over frames, if its summand is left out.
        tokens: (takes, tokens): change of the metric if the text state of a token is set to zero.
        metric: (takes,): the metric itself.
        trace: the activations, recorded in the same pass, where that was asked for.
    """

    units: dict[Location, Tensor]
    activity: dict[Location, Tensor]
    frames: Tensor
    tokens: Tensor
    metric: Tensor
    trace: Trace | None = None

    def ranked(self, count: int) -> list[tuple[Unit, float]]:
        """The ``count`` units that drive the metric up most, strongest first, each with the estimated effect of muting
        it, mean over takes: the most negative effects."""
        locations = sorted(self.units)
        effects = torch.cat([self.units[location].mean(0) for location in locations])
        owners = [(location, index) for location in locations for index in range(self.units[location].shape[1])]
        order = effects.argsort()[:count].tolist()
        return [(Unit(*owners[position]), float(effects[position])) for position in order]

    def by_kind(self) -> list[Attribution]:
        """One attribution for each kind of unit (heads, neurons), with the effects of that kind alone."""
        kinds = sorted({location.site.units for location in self.units})
        return [
            replace(self, units={place: effects for place, effects in self.units.items() if place.site.units == kind})
            for kind in kinds
        ]

    def of(self, units: Sequence[Unit]) -> Tensor:
        """The sum of the estimates of some units (takes,). What a group does when muted together is another number:
        :mod:`.jacobi_prediction`."""
        return sum((self.units[unit.location][:, unit.index] for unit in units), torch.zeros(len(self.metric)))

    @property
    def count(self) -> int:
        """Units estimated."""
        return sum(effects.shape[1] for effects in self.units.values())


def attribute(
    context: Context,
    takes: Takes,
    metric: Metric,
    *,
    sites: Sequence[str] | None = None,
    at: Edit | None = None,
    trace: TraceSpec | None = None,
    rollout_steps: int = 0,
    few_steps: bool = False,
) -> Attribution:
    """Estimate the effect of every unit, every token and every frame on ``metric``, ``context.batches.attributed``
    takes at a time.

    Effects of units of what plays are summed over the positions of audio; where the prompt is a prefix, its positions
    are left out.

    Args:
        context: with means at every location of ``sites``.
        takes: all of one prompt.
        metric: the number to explain, of :mod:`.metrics`.
        sites: those whose units are estimated; absent, :data:`tonescope.models.sites.ATTRIBUTED`.
        at: an edit under which activations and gradients are taken; absent, those of the clean take.
        trace: which activations to record in the same pass.
        rollout_steps: for how many steps to follow what a changed prediction does to later ones, which a replay holds
            fixed and a generation does not. Each step costs one more backward pass.
        few_steps: whether of a model that denoises a few steps stand for all, where nothing is edited, traced or rolled
            out. Not for a metric that replays under a second prompt.

    Raises:
        TonescopeError: the context has no means of these sites or guidance branches, a gradient is not a number, a
            site is missing, or the trace would be too large.
        ValueError: the takes are of several prompts, or the metric does not depend on what it would have to: the
            prompt, or with ``rollout_steps`` the sound.
    """
    if len(set(takes.prompts)) != 1:
        raise ValueError("takes of one prompt are attributed together")
    generator, rows = context.generator, context.batches.attributed
    locations = places(generator, sites)
    if trace:
        check_size(context, Extent.of(generator, takes.prompts, generator.frames_of(takes)), locations, trace)
    with on_threads(threads_now()):
        parts = [
            _Pass(context, takes.rows(start, start + rows), locations, trace, rollout_steps).run(metric, at, few_steps)
            for start in range(0, len(takes), rows)
        ]
    sizes = torch.tensor([len(part.metric) for part in parts], dtype=torch.float)
    weights = (sizes / sizes.sum()).tolist()
    return Attribution(
        units={location: torch.cat([part.units[location] for part in parts]) for location in parts[0].units},
        activity={
            location: torch.stack(
                [part.activity[location] * weight for part, weight in zip(parts, weights, strict=True)]
            ).sum(0)
            for location in parts[0].activity
        },
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
    """One forward and backward pass over a few takes. Gradients are reduced on the device, as they arrive."""

    def __init__(
        self,
        context: Context,
        takes: Takes,
        locations: Sequence[Location],
        trace: TraceSpec | None,
        rollout_steps: int,
    ) -> None:
        if context.means is None:
            raise TonescopeError("effects are estimated against reference means; give the context some.")
        self.context, self.generator, self.takes, self.locations = context, context.generator, takes, locations
        self.means: MeanActivations = context.means
        self.trace, self.rollout_steps = trace, rollout_steps
        self.loss_scale = loss_scale(self.generator.dtype)
        self.recorded: dict[Location, Tensor] = {}
        self.indices: dict[Location, Tensor] = {}
        self.units: dict[Location, Tensor] = {}
        self.activity: dict[Location, Tensor] = {}
        self.mask = self.generator.token_mask(takes.prompts) if trace else None
        self.noted: dict[Location, float] = {}  # the share of the takes that :attr:`activity` is of
        self.followed = 1.0  # the share of the denoising steps that gradients pass through

    def run(self, metric: Metric, at: Edit | None, few_steps: bool) -> Attribution:
        generator, takes, context = self.generator, self.takes, self.context
        hooks = [write(generator.place(location), self._tap(location)) for location in self.locations]
        anchor = self._clean_latents() if at else None
        with (
            torch.enable_grad(),
            # cuDNN's recurrent layers, the codec's among them, have no backward pass outside training mode.
            torch.backends.cudnn.flags(enabled=False),
            edited(generator, [at] * len(takes), context.guidance, context.means),
            hooked(hooks),
        ):
            text = read_takes(generator, takes)
            states = text.states if text.states.requires_grad else text.states.detach().requires_grad_()
            states.retain_grad()
            rollout = self.rollout_steps > 0
            few = few_steps and at is None and self.trace is None
            given = takes, replace(text, states=states), context.sampling
            replay = generator.replay(*given, follow_inputs=rollout, few_steps=few)
            self.followed = replay.followed
            playback = Playback(generator, replay, anchor)
            value = metric(playback)
            for latents in playback.latents:
                latents.retain_grad()
            (value.sum() * self.loss_scale).backward(retain_graph=rollout)
            if rollout and not playback.latents:
                raise ValueError("a rollout is followed through what a metric listens to, and this one does not listen")
            for step in range(1, self.rollout_steps + 1):
                gradient = generator.rollout(replay)
                torch.autograd.backward([replay.predicted], [gradient], retain_graph=step < self.rollout_steps)
        if states.grad is None:
            raise ValueError("the metric does not depend on the prompt of the takes")
        tokens = -(states.detach().float() * states.grad.float()).sum(2) / (self.loss_scale * self.followed)
        if not all(torch.isfinite(effects).all() for effects in (*self.units.values(), tokens, value)):
            raise TonescopeError(
                "the gradient is not a number, so nothing can be attributed; "
                "load the model in float32 (half precision overflows in long passes)."
            )
        spec = self.trace
        facts = about(context, spec) if spec else None
        return Attribution(
            {place: (effects / (self.loss_scale * self._seen(place))).cpu() for place, effects in self.units.items()},
            {place: (level / self._seen(place, "denoiser")).float().cpu() for place, level in self.activity.items()},
            self._by_frame(playback),
            tokens.float().cpu(),
            value.detach().float().cpu(),
            Trace(takes, text.tokens, self.recorded, self.indices, facts) if facts else None,
        )

    def _seen(self, location: Location, *networks: str) -> float:
        """The share of what happens at a location that was seen, where gradients pass through some denoising steps:
        all in the codec, which comes after them."""
        return self.followed if location.network in (networks or ("denoiser", "text")) else 1.0

    @torch.no_grad()
    def _clean_latents(self) -> tuple[Tensor, ...]:
        """The latents that the replay expects without the edit: (takes, frames, width), one a run of the codec."""
        generator, takes = self.generator, self.takes
        text = read_takes(generator, takes)
        return generator.expected(generator.replay(takes, text, self.context.sampling))

    def _by_frame(self, playback: Playback) -> Tensor:
        """Effects of frames (takes, frames): (silence - latents) x gradient at the codec's input, summed over versions
        and runs of the codec; or the summands of a metric that is a sum over frames."""
        if playback.by_frame:
            return -playback.by_frame[0].detach().float().cpu()
        effects = torch.zeros(len(self.takes), self.generator.frames_of(self.takes))
        for latents in playback.latents:
            if latents.grad is not None:
                change = (self.generator.silence - latents.detach()).float() * latents.grad.float()
                # A codec that looks ahead is given some frames more than the take has.
                effects += change.sum(2)[:, : effects.shape[1]].cpu() / self.loss_scale
        return effects

    def _note(self, pieces: Pieces, location: Location, layout: Layout, tensor: Tensor) -> None:
        """Activity of units, and what the trace asks for, of a piece of the takes."""
        share = layout.steps / (self.generator.steps(location) * layout.parts)
        level = layout.split(tensor)[0].abs().mean((0, 1, 2))
        level = level.unflatten(0, (-1, self.generator.head_width(location))).mean(1)
        self.activity[location] = self.activity.get(location, 0) + share * level
        self.noted[location] = self.noted.get(location, 0) + share
        whole = pieces.add(layout, tensor) if self.trace else None
        if whole is not None and self.trace:
            self.recorded[location], chosen = kept(location, whole, self.trace)
            if chosen is not None:
                self.indices[location] = chosen

    def _tap(self, location: Location) -> Callable[[Tensor], Tensor]:
        """A write hook that changes nothing: it sums (mean - activation) x gradient of every unit into :attr:`units`
        when the gradient arrives, and records the activations."""
        generator, guidance, width = self.generator, self.context.guidance, self.generator.head_width(location)
        branches = len(generator.branches(location, guidance))
        if location not in self.means.values:
            raise TonescopeError(
                f"no reference mean was measured at {location}; delete the kept reference so that it is measured again."
            )
        if len(self.means.values[location]) < branches:
            raise TonescopeError(
                "the reference means were measured without guidance and the takes were made with it, so nothing is "
                f"known of the unconditional half of {location}; measure them with guidance."
            )
        mean = self.means.values[location][:branches].to(generator.device, generator.activation_dtype(location))
        reduce_piece = partial(reduced, generator, location, spec=self.trace, mask=self.mask) if self.trace else None
        pieces = Pieces(generator.steps(location), reduce_piece)

        def tap(tensor: Tensor) -> Tensor:
            layout = generator.layout(location, guidance)
            steps = slice(layout.first_step, layout.first_step + layout.steps)
            baseline = mean[:, None, steps, None]  # (branches, 1, steps, 1, features)
            # A metric may replay under a second prompt as well; the takes' own comes first.
            if self.noted.get(location, 0) < ALL_PIECES * self._seen(location, "denoiser"):
                self._note(pieces, location, layout, tensor.detach())
            # The gradient hook holds a detached tensor: the tensor itself would keep its whole graph alive.
            activation, tapped = tensor.detach(), tensor if tensor.requires_grad else tensor.detach().requires_grad_()

            def reduce(gradient: Tensor) -> None:
                change = (baseline - layout.split(activation)).float().mul_(layout.split(gradient))
                effects = layout.counted(change).sum((0, 2, 3)).unflatten(1, (-1, width)).sum(2)
                self.units[location] = self.units.get(location, 0) + effects

            tapped.register_hook(reduce)
            return tapped

        return tap
